//! What stands behind an attribute's name.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Expr, Ident, LitStr, Path, Result, Token, token};

use super::{Fallback, Lifetime, listed, shown, wrong};
use crate::case::Case;

pub(super) fn at_end(input: ParseStream) -> Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error("attributes are separated; write a `,` before this one"))
}

pub(super) fn fallback(meta: &ParseNestedMeta) -> Result<Fallback> {
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

pub(super) fn lifetime(meta: &ParseNestedMeta) -> Result<Lifetime> {
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

pub(super) fn flag(meta: &ParseNestedMeta) -> Result<()> {
    if at_end(meta.input).is_ok() {
        return Ok(());
    }
    let name = shown(&meta.path);
    Err(wrong(
        &meta.path,
        format!("`{name}` takes no value; write `{name}` alone"),
    ))
}

pub(super) fn case(meta: &ParseNestedMeta) -> Result<Case> {
    let name = string(meta, "camelCase")?;
    Case::from_name(&name.value()).ok_or_else(|| {
        let known = listed("or", &Case::names());
        wrong(&name, format!("unknown case; write one of {known}"))
    })
}

pub(super) fn type_name(meta: &ParseNestedMeta) -> Result<Ident> {
    let name = string(meta, "TypeName")?;
    name.parse().map_err(|_| {
        wrong(
            &name,
            "not the name of a type; write `accessors = \"TypeName\"`",
        )
    })
}

/// The name that the accessors have in place of the field's.
pub(super) fn method_name(meta: &ParseNestedMeta) -> Result<Ident> {
    let name = string(meta, "name")?;
    name.parse().map_err(|_| {
        wrong(
            &name,
            "not the name of a method; write `accessor = \"name\"`",
        )
    })
}

pub(super) fn crate_path(meta: &ParseNestedMeta) -> Result<Path> {
    path(
        meta,
        "write the path of the session crate, as in `crate = my::session`",
    )
}

pub(super) fn module(meta: &ParseNestedMeta) -> Result<Path> {
    path(
        meta,
        "write that of a module with serde's functions `serialize` and `deserialize`, as in `with = \"my::hex\"`",
    )
}

/// `name = path`, and with quotes, as serde has it.
fn path(meta: &ParseNestedMeta, how: &str) -> Result<Path> {
    if !meta.input.peek(Token![=]) {
        let name = shown(&meta.path);
        return Err(wrong(&meta.path, format!("`{name}` takes a path; {how}")));
    }
    let input = meta.value()?;
    let start = input.fork();
    let path = match literal_of(input) {
        Some(literal) => literal.parse_with(Path::parse_mod_style),
        None => input.call(Path::parse_mod_style),
    };
    path.ok().filter(|_| at_end(input).is_ok()).ok_or_else(|| {
        let written = tokens_until_comma(&start).unwrap_or_default();
        wrong(written, format!("not a path; {how}"))
    })
}

/// A time such as `"10m"`, in seconds.
pub(super) fn seconds(meta: &ParseNestedMeta) -> Result<u64> {
    let time = string(meta, "10m")?;
    let text = time.value();
    let seconds = parse_seconds(&text).ok_or_else(|| {
        wrong(
            &time,
            "not a time; write a whole number and its unit, `s`, `m`, `h` or `d`, as in `expires_in = \"10m\"`",
        )
    })?;
    if seconds == 0 {
        return Err(wrong(
            &time,
            "a value that expires at once is never there; write a longer time",
        ));
    }
    Ok(seconds)
}

fn parse_seconds(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    let unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    // `parse` alone would take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// The value of `name = "text"`.
pub(super) fn string(meta: &ParseNestedMeta, example: &str) -> Result<LitStr> {
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

pub(super) fn tokens_until_comma(input: ParseStream) -> Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::parse_seconds;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("1h", 3600),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(parse_seconds(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "s",
            "10",
            "10 m",
            "-1s",
            "+1s",
            "1.5h",
            "10min",
            "10ü",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_seconds(text), None, "{text}");
        }
    }
}
