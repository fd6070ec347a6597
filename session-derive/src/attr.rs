use std::fmt::Display;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Attribute, Error, Expr, Ident, LitStr, Meta, Path, Result, Token, token};

use crate::case::Case;
use crate::ctxt::Ctxt;
use crate::suggest::nearest;

/// `#[session(…)]` above the struct.
pub(crate) struct StructAttrs {
    pub(crate) accessors: Option<Ident>,
    pub(crate) krate: Option<Path>,
    pub(crate) rename_all: Option<Case>,
}

/// `#[session(…)]` above a field.
pub(crate) struct FieldAttrs {
    pub(crate) default: Option<Fallback>,
    pub(crate) flash: Option<Lifetime>,
    pub(crate) into: bool,
    pub(crate) rename: Option<LitStr>,
}

/// What a field reads as when the session has nothing under its key.
pub(crate) enum Fallback {
    /// `default`: what `Default` makes.
    Trait,
    /// `default = …`: an expression, as the user wrote it.
    Expr(TokenStream),
}

/// How long a flash value stays when nobody reads it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    UntilRead,
    NextRequest,
}

impl StructAttrs {
    pub(crate) fn parse(cx: &mut Ctxt, attrs: &[Attribute]) -> Self {
        let (mut accessors, mut krate, mut rename_all) = (Once::new(), Once::new(), Once::new());
        for_each_session_attr(cx, attrs, Place::Struct, |name, meta| match name {
            "accessors" => accessors.set(meta, type_name),
            "crate" => krate.set(meta, crate_path),
            "rename_all" => rename_all.set(meta, case),
            _ => Err(unknown(Place::Struct, name, meta)),
        });
        Self {
            accessors: accessors.value,
            krate: krate.value,
            rename_all: rename_all.value,
        }
    }
}

impl FieldAttrs {
    pub(crate) fn parse(cx: &mut Ctxt, attrs: &[Attribute]) -> Self {
        let (mut default, mut flash, mut into, mut rename) =
            (Once::new(), Once::new(), Once::new(), Once::new());
        for_each_session_attr(cx, attrs, Place::Field, |name, meta| match name {
            "default" => default.set(meta, |meta| Ok((meta.path.clone(), fallback(meta)?))),
            "flash" => flash.set(meta, lifetime),
            "into" => into.set(meta, flag),
            "rename" => rename.set(meta, |meta| string(meta, "key")),
            _ => Err(unknown(Place::Field, name, meta)),
        });
        if let (Some((default, _)), Some(_)) = (&default.value, &flash.value) {
            cx.error(
                default,
                "a flash value has no default: it is absent once it is read; remove `default`",
            );
        }
        Self {
            default: default.value.map(|(_, fallback)| fallback),
            flash: flash.value,
            into: into.value.is_some(),
            rename: rename.value,
        }
    }
}

/// Where an attribute is written.
#[derive(Clone, Copy)]
enum Place {
    Struct,
    Field,
}

impl Place {
    fn known(self) -> &'static [&'static str] {
        match self {
            Place::Struct => &["accessors", "crate", "rename_all"],
            Place::Field => &["default", "flash", "into", "rename"],
        }
    }
}

/// An attribute that may be given once.
struct Once<T> {
    value: Option<T>,
}

impl<T> Once<T> {
    fn new() -> Self {
        Self { value: None }
    }

    fn set(
        &mut self,
        meta: &ParseNestedMeta,
        read: impl FnOnce(&ParseNestedMeta) -> Result<T>,
    ) -> Result<()> {
        if self.value.is_some() {
            let name = shown(&meta.path);
            return Err(wrong(
                &meta.path,
                format!("`{name}` is given twice; keep one"),
            ));
        }
        self.value = Some(read(meta)?);
        Ok(())
    }
}

/// Reads every `#[session(…)]`, and goes on behind a mistake.
fn for_each_session_attr(
    cx: &mut Ctxt,
    attrs: &[Attribute],
    place: Place,
    mut read: impl FnMut(&str, &ParseNestedMeta) -> Result<()>,
) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("session")) {
        if !matches!(attr.meta, Meta::List(_)) {
            cx.error(
                attr,
                "the attributes of a session go in parentheses; write `#[session(…)]`",
            );
            continue;
        }
        let outcome = attr.parse_nested_meta(|meta| {
            let outcome = read(&shown(&meta.path), &meta).and_then(|()| at_end(meta.input));
            if let Err(error) = outcome {
                cx.push(error);
                tokens_until_comma(meta.input)?;
            }
            Ok(())
        });
        if let Err(error) = outcome {
            let known = listed("and", place.known());
            let message = format!("expected the name of an attribute; known here are {known}");
            cx.push(Error::new(error.span(), message));
        }
    }
}

fn at_end(input: ParseStream) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error("attributes are separated; write a `,` before this one"))
}

fn fallback(meta: &ParseNestedMeta) -> Result<Fallback> {
    if meta.input.peek(token::Paren) {
        return Err(wrong(
            &meta.path,
            "`default` takes an expression; write `default` or `default = …`",
        ));
    }
    if !meta.input.peek(Token![=]) {
        return Ok(Fallback::Trait);
    }
    let expression = expression(meta.value()?)?;
    if expression.is_empty() {
        return Err(wrong(
            &meta.path,
            "the expression of `default` is missing; write `default = …`, or `default` alone",
        ));
    }
    Ok(Fallback::Expr(expression))
}

fn lifetime(meta: &ParseNestedMeta) -> Result<Lifetime> {
    const KNOWN: &str = "write `flash` (until it is read) or `flash = \"next_request\"`";
    if !meta.input.peek(Token![=]) && !meta.input.peek(token::Paren) {
        return Ok(Lifetime::UntilRead);
    }
    let value = literal(meta)
        .ok_or_else(|| wrong(&meta.path, format!("`flash` takes no such value; {KNOWN}")))?;
    if value.value() == "next_request" {
        return Ok(Lifetime::NextRequest);
    }
    Err(wrong(
        &value,
        format!("unknown lifetime of a flash value; {KNOWN}"),
    ))
}

fn flag(meta: &ParseNestedMeta) -> Result<()> {
    if at_end(meta.input).is_ok() {
        return Ok(());
    }
    let name = shown(&meta.path);
    Err(wrong(
        &meta.path,
        format!("`{name}` takes no value; write `{name}` alone"),
    ))
}

fn case(meta: &ParseNestedMeta) -> Result<Case> {
    let name = string(meta, "camelCase")?;
    Case::from_name(&name.value()).ok_or_else(|| {
        let known = listed("or", &Case::names());
        wrong(&name, format!("unknown case; write one of {known}"))
    })
}

fn type_name(meta: &ParseNestedMeta) -> Result<Ident> {
    let name = string(meta, "TypeName")?;
    name.parse().map_err(|_| {
        wrong(
            &name,
            "not the name of a type; write `accessors = \"TypeName\"`",
        )
    })
}

/// `crate = path`, and serde's `crate = "path"` too.
fn crate_path(meta: &ParseNestedMeta) -> Result<Path> {
    const HOW: &str = "write the path of the session crate, as in `crate = my::session`";
    if !meta.input.peek(Token![=]) {
        return Err(wrong(&meta.path, format!("`crate` takes a path; {HOW}")));
    }
    let input = meta.value()?;
    let start = input.fork();
    let path = match literal_of(input) {
        Some(literal) => literal.parse_with(Path::parse_mod_style),
        None => input.call(Path::parse_mod_style),
    };
    path.ok().filter(|_| at_end(input).is_ok()).ok_or_else(|| {
        let written = tokens_until_comma(&start).unwrap_or_default();
        wrong(written, format!("not a path; {HOW}"))
    })
}

/// The value of `name = "text"`.
fn string(meta: &ParseNestedMeta, example: &str) -> Result<LitStr> {
    literal(meta).ok_or_else(|| {
        let name = shown(&meta.path);
        wrong(
            &meta.path,
            format!("`{name}` takes a string; write `{name} = \"{example}\"`"),
        )
    })
}

fn literal(meta: &ParseNestedMeta) -> Option<LitStr> {
    literal_of(meta.value().ok()?)
}

fn literal_of(input: ParseStream) -> Option<LitStr> {
    let ahead = input.fork();
    let literal = ahead.parse().ok()?;
    input.advance_to(&ahead);
    Some(literal)
}

/// An expression, of which syn without `full` understands the commonest forms only.
///
/// The rest (arrays, blocks, `match`, …) keep their commas inside brackets, so they end at the next comma outside.
fn expression(input: ParseStream) -> Result<TokenStream> {
    let ahead = input.fork();
    if let Ok(expression) = ahead.parse::<Expr>()
        && at_end(&ahead).is_ok()
    {
        input.advance_to(&ahead);
        return Ok(expression.into_token_stream());
    }
    tokens_until_comma(input)
}

fn tokens_until_comma(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

/// An attribute that is not known where it is written.
fn unknown(place: Place, name: &str, meta: &ParseNestedMeta) -> Error {
    let message = match place {
        Place::Struct if Place::Field.known().contains(&name) => {
            format!("`{name}` is an attribute of a field; write it above the field")
        }
        Place::Field if Place::Struct.known().contains(&name) => {
            format!("`{name}` is an attribute of the struct; write it above `struct`")
        }
        _ => {
            let near = nearest(name, place.known().iter().copied());
            let advice = near.map(|near| format!("did you mean `{near}`? "));
            let advice = advice.unwrap_or_default();
            let known = listed("and", place.known());
            format!("unknown attribute `{name}`; {advice}known here are {known}")
        }
    };
    wrong(&meta.path, message)
}

/// `a`, `b` and `c`.
fn listed(conjunction: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            format!("{} {conjunction} {last}", rest.join(", "))
        }
        _ => names.concat(),
    }
}

fn shown(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

fn wrong(tokens: impl ToTokens, message: impl Display) -> Error {
    Error::new_spanned(tokens, message)
}
