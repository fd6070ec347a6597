use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Ident, LitStr, Meta, Path, Result};

use crate::case::Case;
use crate::ctxt::Ctxt;
use crate::suggest::nearest;

mod value;

/// `#[session(…)]` above the struct.
pub(crate) struct StructAttrs {
    pub(crate) accessors: Option<Ident>,
    pub(crate) krate: Option<Path>,
    pub(crate) prefix: Option<LitStr>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) strict: bool,
}

/// `#[session(…)]` above a field.
#[allow(
    clippy::struct_excessive_bools,
    reason = "attributes are there or not, independently of each other"
)]
pub(crate) struct FieldAttrs {
    pub(crate) accessor: Option<Ident>,
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) default: Option<Fallback>,
    /// In seconds.
    pub(crate) expires_in: Option<u64>,
    pub(crate) flash: Option<Lifetime>,
    pub(crate) flatten: bool,
    pub(crate) into: bool,
    pub(crate) prefix: Option<LitStr>,
    pub(crate) privileged: bool,
    pub(crate) rename: Option<LitStr>,
    pub(crate) secret: bool,
    pub(crate) skip: bool,
    pub(crate) with: Option<Path>,
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
        let (mut accessors, mut krate, mut prefix, mut rename_all, mut strict) = (
            Once::new(),
            Once::new(),
            Once::new(),
            Once::new(),
            Once::new(),
        );
        for_each_session_attr(cx, attrs, Place::Struct, |name, meta| match name {
            "accessors" => accessors.set(meta, value::type_name),
            "crate" => krate.set(meta, value::crate_path),
            "prefix" => prefix.set(meta, |meta| value::string(meta, "cart_")),
            "rename_all" => rename_all.set(meta, value::case),
            "strict" => strict.set(meta, value::flag),
            _ => Err(unknown(Place::Struct, name, meta)),
        });
        Self {
            accessors: accessors.value,
            krate: krate.value,
            prefix: prefix.value,
            rename_all: rename_all.value,
            strict: strict.value.is_some(),
        }
    }
}

impl FieldAttrs {
    pub(crate) fn parse(cx: &mut Ctxt, attrs: &[Attribute]) -> Self {
        let mut given = Vec::new();
        let mut aliases = Vec::new();
        let (mut accessor, mut rename, mut prefix) = (Once::new(), Once::new(), Once::new());
        let (mut default, mut flash, mut expires_in) = (Once::new(), Once::new(), Once::new());
        let (mut into, mut with) = (Once::new(), Once::new());
        let (mut privileged, mut secret) = (Once::new(), Once::new());
        let (mut flatten, mut skip) = (Once::new(), Once::new());
        for_each_session_attr(cx, attrs, Place::Field, |name, meta| {
            given.push(meta.path.clone());
            match name {
                "accessor" => accessor.set(meta, value::method_name),
                "alias" => value::string(meta, "old_key").map(|key| aliases.push(key)),
                "default" => default.set(meta, value::fallback),
                "expires_in" => expires_in.set(meta, value::seconds),
                "flash" => flash.set(meta, value::lifetime),
                "flatten" => flatten.set(meta, value::flag),
                "into" => into.set(meta, value::flag),
                "prefix" => prefix.set(meta, |meta| value::string(meta, "auth_")),
                "privileged" => privileged.set(meta, value::flag),
                "rename" => rename.set(meta, |meta| value::string(meta, "key")),
                "secret" => secret.set(meta, value::flag),
                "skip" => skip.set(meta, value::flag),
                "with" => with.set(meta, value::module),
                _ => Err(unknown(Place::Field, name, meta)),
            }
        });
        exclude(cx, &given);
        Self {
            accessor: accessor.value,
            aliases,
            default: default.value,
            expires_in: expires_in.value,
            flash: flash.value,
            flatten: flatten.value.is_some(),
            into: into.value.is_some(),
            prefix: prefix.value,
            privileged: privileged.value.is_some(),
            rename: rename.value,
            secret: secret.value.is_some(),
            skip: skip.value.is_some(),
            with: with.value,
        }
    }
}

/// Reports an attribute that makes no sense beside another one: one for a field, since one answer often settles the rest.
fn exclude(cx: &mut Ctxt, given: &[Path]) {
    let find = |name: &str| given.iter().find(|path| path.is_ident(name));
    let beside = |allowed: &[&str]| {
        let is_allowed = |path: &Path| allowed.iter().any(|name| path.is_ident(name));
        // What is unknown was reported as that.
        let is_known = |path: &Path| Place::Field.known().contains(&shown(path).as_str());
        given
            .iter()
            .find(|path| is_known(path) && !is_allowed(path))
    };
    let mistake = if find("skip").is_some() {
        beside(&["skip"]).map(|other| {
            let name = shown(other);
            (other, format!("a field that is skipped is not stored, so `{name}` says nothing; remove one of them"))
        })
    } else if find("flatten").is_some() {
        beside(&["flatten", "prefix", "accessor"]).map(|other| {
            let name = shown(other);
            (other, format!("a flattened field is not a value but the schema of several; write `{name}` above their fields"))
        })
    } else if find("flash").is_some() {
        let reasons = [
            (
                "default",
                "a flash value has no default: it is absent once it is read",
            ),
            (
                "expires_in",
                "a flash value goes when it is read, or after the next request",
            ),
            (
                "privileged",
                "a flash value is for a message, and grants nothing",
            ),
        ];
        reasons
            .iter()
            .find_map(|(name, reason)| Some((find(name)?, format!("{reason}; remove `{name}`"))))
    } else {
        None
    };
    let misplaced = find("prefix").filter(|_| find("flatten").is_none() && find("skip").is_none());
    if let Some((path, message)) = mistake {
        cx.error(path, message);
    } else if let Some(path) = misplaced {
        cx.error(
            path,
            "`prefix` goes with `flatten`, or above `struct`; a field's own key is given by `rename`",
        );
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
            Place::Struct => &["accessors", "crate", "prefix", "rename_all", "strict"],
            Place::Field => &[
                "accessor",
                "alias",
                "default",
                "expires_in",
                "flash",
                "flatten",
                "into",
                "prefix",
                "privileged",
                "rename",
                "secret",
                "skip",
                "with",
            ],
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
            let outcome = read(&shown(&meta.path), &meta).and_then(|()| value::at_end(meta.input));
            if let Err(error) = outcome {
                cx.push(error);
                value::tokens_until_comma(meta.input)?;
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
