use std::collections::HashMap;

use syn::ext::IdentExt;

use crate::accessor::Accessor;
use crate::ast::{Field, Kind, Schema};
use crate::ctxt::Ctxt;
use crate::ty::{option_value, owned, reference, text};

/// What hides an accessor of the same name, since a method call looks at `Session` before it dereferences.
const METHODS_OF_SESSION: [&str; 20] = [
    // Its own.
    "clear",
    "commit",
    "created_at",
    "destroy",
    "expires_at",
    "id",
    "is_destroyed",
    "is_dirty",
    "is_empty",
    "is_new",
    "regenerate_id",
    "regenerate_id_keeping_old",
    "schema",
    "untyped",
    // Of the traits that it implements.
    "clone",
    "clone_from",
    "deref",
    "into",
    "to_owned",
    "try_into",
];

/// Finds the mistakes that a field or an attribute alone does not show.
pub(crate) fn check(cx: &mut Ctxt, schema: &mut Schema) {
    check_name(cx, schema);
    for field in &mut schema.fields {
        let (known_mistakes, is_misread) = (cx.len(), field.faulty);
        check_type(cx, field);
        field.faulty |= cx.len() > known_mistakes;
        check_key(cx, field);
        // An attribute that was not understood may have been the other name.
        if !is_misread {
            check_hidden(cx, field);
        }
    }
    check_duplicate_keys(cx, &schema.fields);
    check_clashes(cx, &mut schema.fields);
}

fn check_name(cx: &mut Ctxt, schema: &mut Schema) {
    if schema.accessors.unraw() == schema.ident.unraw() {
        let name = schema.ident;
        cx.error(
            &schema.accessors,
            format!("`{name}` is the schema itself; give its accessors another name"),
        );
        schema.accessors = Schema::default_accessors(name);
    }
}

/// One mistake at most: the first answer often settles the others.
fn check_type(cx: &mut Ctxt, field: &Field) {
    let name = field.name();
    let ty = text(field.declared);
    if let Some(reference) = reference(field.declared) {
        let owned = owned(reference);
        cx.error(
            reference,
            format!("a session owns what it holds, and this is borrowed; write `{owned}`"),
        );
        return;
    }
    let optional = option_value(field.declared).is_some();
    match &field.kind {
        // An attribute that was not understood may have been the missing one.
        Kind::Plain if !field.faulty => cx.error(
            field.declared,
            format!(
                "`{name}` may be absent from a session; write `Option<{ty}>`, or say what it reads as then: \
                 `#[session(default)]` or `#[session(default = …)]`"
            ),
        ),
        Kind::Flash(_) if !optional => cx.error(
            field.declared,
            format!("a flash value is absent once it is read; write `Option<{ty}>`"),
        ),
        Kind::Optional | Kind::Flash(_) if option_value(field.value).is_some() => {
            let once = text(field.value);
            cx.error(
                field.declared,
                format!("`{name}` would be absent in two ways; write `{once}`"),
            );
        }
        Kind::Nested if optional => {
            let schema = option_value(field.declared).map(text).unwrap_or_default();
            cx.error(
                field.declared,
                format!("a flattened schema is always there, each of its values may be absent; write `{schema}`"),
            );
        }
        _ => {}
    }
}

fn check_key(cx: &mut Ctxt, field: &Field) {
    for key in field.keys().filter(|key| key.text.is_empty()) {
        cx.push(syn::Error::new(
            key.span,
            "a key is not empty; write the name under which the value is stored",
        ));
    }
}

fn check_hidden(cx: &mut Ctxt, field: &Field) {
    let hidden = field
        .methods
        .iter()
        .map(|method| method.name(&field.base))
        .find(|name| METHODS_OF_SESSION.contains(&name.unraw().to_string().as_str()));
    if let Some(hidden) = hidden {
        cx.push(syn::Error::new(
            field.base.span(),
            format!(
                "`{hidden}` is a method of `Session` already and would hide this one; \
                 give the accessors another name: `#[session(accessor = \"…\")]`"
            ),
        ));
    }
}

fn check_duplicate_keys(cx: &mut Ctxt, fields: &[Field]) {
    let mut owners: HashMap<&str, &Field> = HashMap::new();
    let keys = fields
        .iter()
        .filter(|field| !field.is_nested())
        .map(|field| (field, &field.key, false));
    let aliases = fields
        .iter()
        .flat_map(|field| field.aliases.iter().map(move |key| (field, key, true)));
    // A key of today is never the mistake when it meets a former one.
    for (field, key, former) in keys
        .chain(aliases)
        .filter(|(_, key, _)| !key.text.is_empty())
    {
        let (text, span) = (key.text.as_str(), key.span);
        let Some(owner) = owners.get(text) else {
            owners.insert(text, field);
            continue;
        };
        let message = if std::ptr::eq(*owner, field) {
            format!("the key \"{text}\" is this field's already; remove the alias")
        } else if former {
            let owner = owner.name();
            format!("the key \"{text}\" is taken by the field `{owner}`; remove the alias")
        } else {
            let owner = owner.name();
            format!(
                "the key \"{text}\" is taken by the field `{owner}`; \
                 give this field another: `#[session(rename = \"…\")]`"
            )
        };
        cx.push(syn::Error::new(span, message));
    }
}

/// Two fields that would make a method of one name. The first one keeps it, so that the compiler does not
/// complain about the second as well.
fn check_clashes(cx: &mut Ctxt, fields: &mut [Field]) {
    let mut owners: HashMap<String, String> = HashMap::new();
    for field in fields {
        let (name, base) = (field.name(), &field.base);
        let mut taken = None;
        field.methods.retain(|method: &Accessor| {
            let made = method.name(base).unraw().to_string();
            if let Some(owner) = owners.get(&made) {
                taken.get_or_insert((made, owner.clone()));
                return false;
            }
            owners.insert(made, name.clone());
            true
        });
        if let Some((method, owner)) = taken {
            cx.push(syn::Error::new(
                field.base.span(),
                format!(
                    "`{owner}` and `{name}` both make a method `{method}`; \
                     give the accessors of one another name: `#[session(accessor = \"…\")]`"
                ),
            ));
        }
    }
}
