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
        let known_mistakes = cx.len();
        check_type(cx, field);
        field.faulty |= cx.len() > known_mistakes;
        check_key(cx, field);
        check_hidden(cx, field);
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
        _ => {}
    }
}

fn check_key(cx: &mut Ctxt, field: &Field) {
    if field.key.text.is_empty() {
        cx.push(syn::Error::new(
            field.key.span,
            "a key is not empty; write the name under which the value is stored",
        ));
    }
}

fn check_hidden(cx: &mut Ctxt, field: &Field) {
    let hidden = field
        .methods
        .iter()
        .map(|method| method.name(field.ident))
        .find(|name| METHODS_OF_SESSION.contains(&name.unraw().to_string().as_str()));
    if let Some(hidden) = hidden {
        let key = &field.key.text;
        cx.error(
            field.ident,
            format!(
                "`{hidden}` is a method of `Session` already and would hide this one; \
                 rename the field and keep its key by `#[session(rename = \"{key}\")]`"
            ),
        );
    }
}

fn check_duplicate_keys(cx: &mut Ctxt, fields: &[Field]) {
    let mut owners: HashMap<&str, &Field> = HashMap::new();
    for field in fields.iter().filter(|field| !field.key.text.is_empty()) {
        let key = field.key.text.as_str();
        if let Some(owner) = owners.get(key) {
            let owner = owner.name();
            cx.push(syn::Error::new(
                field.key.span,
                format!("the key \"{key}\" is taken by the field `{owner}`; give this field another: `#[session(rename = \"…\")]`"),
            ));
        } else {
            owners.insert(key, field);
        }
    }
}

/// Two fields that would make a method of one name. The first one keeps it, so that the compiler does not
/// complain about the second as well.
fn check_clashes(cx: &mut Ctxt, fields: &mut [Field]) {
    let mut owners: HashMap<String, String> = HashMap::new();
    for field in fields {
        let (name, ident) = (field.name(), field.ident);
        let mut taken = None;
        field.methods.retain(|method: &Accessor| {
            let made = method.name(ident).unraw().to_string();
            if let Some(owner) = owners.get(&made) {
                taken.get_or_insert((made, owner.clone()));
                return false;
            }
            owners.insert(made, name.clone());
            true
        });
        if let Some((method, owner)) = taken {
            let key = &field.key.text;
            cx.error(
                ident,
                format!(
                    "`{owner}` and `{name}` both make a method `{method}`; \
                     rename one of them and keep its key, here by `#[session(rename = \"{key}\")]`"
                ),
            );
        }
    }
}
