//! What a field's type says about itself, read from its tokens: a derive knows no more.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type, TypeReference};

/// `T` of `Option<T>`, also when it is written by a longer path.
pub(crate) fn option_value(ty: &Type) -> Option<&Type> {
    let option = last_segment(ty).filter(|segment| segment.ident == "Option")?;
    let mut arguments = arguments(option);
    arguments.next().filter(|_| arguments.next().is_none())
}

pub(crate) fn is_string(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "String" && segment.arguments.is_none())
}

/// The first reference in a type: the type itself, or one inside it.
pub(crate) fn reference(ty: &Type) -> Option<&TypeReference> {
    match ungrouped(ty) {
        Type::Reference(reference) => Some(reference),
        Type::Array(array) => reference(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(reference),
        Type::Path(path) => path
            .path
            .segments
            .iter()
            .flat_map(arguments)
            .find_map(reference),
        _ => None,
    }
}

/// What to write in place of a reference.
pub(crate) fn owned(reference: &TypeReference) -> String {
    match ungrouped(&reference.elem) {
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        owned => text(owned),
    }
}

/// A type as a person would write it: its tokens, without the spaces that `quote` puts between them.
pub(crate) fn text(ty: &Type) -> String {
    [
        (" :: ", "::"),
        (":: ", "::"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
    ]
    .iter()
    .fold(ty.to_token_stream().to_string(), |text, (spaced, tight)| {
        text.replace(spaced, tight)
    })
}

/// A type's name without the modules before it, so that `model::Cart` and `Cart` are one.
pub(crate) fn short(ty: &Type) -> String {
    unqualified(ty.to_token_stream())
}

fn unqualified(tokens: TokenStream) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                let inner = unqualified(group.stream());
                words.push(match group.delimiter() {
                    Delimiter::Parenthesis => format!("({inner})"),
                    Delimiter::Bracket => format!("[{inner}]"),
                    Delimiter::Brace => format!("{{{inner}}}"),
                    Delimiter::None => inner,
                });
            }
            // The first of two colons: what stands before them is where to look, not what.
            TokenTree::Punct(colon)
                if colon.as_char() == ':' && colon.spacing() == Spacing::Joint =>
            {
                tokens.next();
                if words.last().is_some_and(|word| is_name(word)) {
                    words.pop();
                }
            }
            other => words.push(other.to_string()),
        }
    }
    let mut text = String::new();
    for word in words {
        if text.ends_with([',', ';']) || (text.ends_with(is_of_name) && is_name(&word)) {
            text.push(' ');
        }
        text.push_str(&word);
    }
    text
}

fn is_name(word: &str) -> bool {
    word.chars().all(is_of_name)
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '#'
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The types in the angle brackets of a path.
fn arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

/// A type without the invisible group that `macro_rules!` puts around `$ty:ty`.
fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        Type::Paren(paren) => ungrouped(&paren.elem),
        _ => ty,
    }
}

#[cfg(test)]
mod tests {
    use syn::{Type, parse_str};

    use super::{is_string, option_value, owned, reference, short, text};

    fn ty(source: &str) -> Type {
        parse_str(source).expect("a type")
    }

    #[test]
    fn an_option_is_seen_through_its_path() {
        for source in [
            "Option<u64>",
            "std::option::Option<u64>",
            "::core::option::Option<u64>",
            "(Option<u64>)",
        ] {
            assert_eq!(option_value(&ty(source)).map(text).as_deref(), Some("u64"));
        }
        for source in [
            "Option",
            "Vec<u64>",
            "Option<u64, u64>",
            "<T as U>::Option<u64>",
        ] {
            assert!(option_value(&ty(source)).is_none(), "{source}");
        }
    }

    #[test]
    fn a_string_is_seen_through_its_path() {
        assert!(is_string(&ty("String")));
        assert!(is_string(&ty("std::string::String")));
        assert!(!is_string(&ty("str")));
        assert!(!is_string(&ty("String<u8>")));
    }

    #[test]
    fn a_reference_is_found_inside_and_has_an_owned_form() {
        for (source, expected) in [
            ("&'static str", "String"),
            ("Vec<&'static [u8]>", "Vec<u8>"),
            ("HashMap<u8, (u8, [&'static Cart; 2])>", "Cart"),
        ] {
            let ty = ty(source);
            assert_eq!(
                reference(&ty).map(owned).as_deref(),
                Some(expected),
                "{source}"
            );
        }
        for source in ["String", "Cow<'static, str>", "fn(&u8)"] {
            assert!(reference(&ty(source)).is_none(), "{source}");
        }
    }

    #[test]
    fn a_short_name_is_without_the_modules() {
        for (source, expected) in [
            ("u64", "u64"),
            (
                "::std::collections::HashMap<my::Key, Vec<self::Item>>",
                "HashMap<Key, Vec<Item>>",
            ),
            ("[crate::Item; 4]", "[Item; 4]"),
            ("(a::B, C)", "(B, C)"),
            ("Box<dyn a::B + Send>", "Box<dyn B+Send>"),
        ] {
            assert_eq!(short(&ty(source)), expected, "{source}");
        }
    }

    #[test]
    fn a_type_is_shown_as_it_is_written() {
        for source in [
            "Vec<u64>",
            "std::collections::HashMap<String, Vec<Item>>",
            "::core::option::Option<u64>",
            "&'static str",
            "[u8; 4]",
        ] {
            assert_eq!(text(&ty(source)), source);
        }
    }
}
