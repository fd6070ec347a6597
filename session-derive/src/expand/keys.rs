//! `KEYS` and what stands behind it: the keys and types of a schema, for the comparison with others.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;

use super::located;
use crate::ast::{Field, Kind, Schema};
use crate::ty::short;

pub(super) fn constants(schema: &Schema) -> TokenStream {
    if schema.fields.iter().any(Field::is_nested) {
        composed(schema)
    } else {
        plain(schema)
    }
}

fn plain(schema: &Schema) -> TokenStream {
    let runtime = runtime(schema);
    let keys = schema.fields.iter().map(|field| &field.key.text);
    let fields = own_fields(schema, &schema.fields);
    quote! {
        const KEYS: &'static [&'static ::core::primitive::str] = &[#(#keys),*];
        const __FIELDS: &'static [#runtime::Field] = &[#fields];
    }
}

/// With the keys of flattened schemas, which their derive knows and this one does not: the compiler puts them together.
fn composed(schema: &Schema) -> TokenStream {
    let (ident, krate, runtime) = (schema.ident, &schema.krate, runtime(schema));
    let parts = schema
        .fields
        .chunk_by(|a, b| !a.is_nested() && !b.is_nested())
        .map(|part| match part {
            [nested] if nested.is_nested() => {
                let (ty, prefix) = (nested_type(nested), prefix(nested));
                quote_spanned! {located(nested.value)=>
                    #runtime::part(#prefix, <#ty as #krate::SessionSchema>::__FIELDS)
                }
            }
            own => {
                let fields = own_fields(schema, own);
                quote!(#runtime::part("", &[#fields]))
            }
        });
    quote! {
        const KEYS: &'static [&'static ::core::primitive::str] = {
            const FIELDS: &[#runtime::Field] = <#ident as #krate::SessionSchema>::__FIELDS;
            &#runtime::keys::<{ #runtime::count_keys(FIELDS) }>(FIELDS)
        };
        const __FIELDS: &'static [#runtime::Field] = {
            const PARTS: &[#runtime::Part] = &[#(#parts),*];
            const TEXT: &[::core::primitive::u8] = &#runtime::text::<{ #runtime::size(PARTS) }>(PARTS);
            &#runtime::fields::<{ #runtime::count(PARTS) }>(PARTS, TEXT)
        };
    }
}

/// Stops the compiler when a flattened schema brings a key that is there already.
pub(super) fn duplicate_check(schema: &Schema) -> TokenStream {
    let Some(nested) = schema.fields.iter().find(|field| field.is_nested()) else {
        return TokenStream::new();
    };
    let (ident, krate) = (schema.ident, &schema.krate);
    quote_spanned! {located(nested.ident)=>
        const _: () = if let ::core::option::Option::Some(clash) =
            #krate::__private::duplicate(<#ident as #krate::SessionSchema>::__FIELDS)
        {
            ::core::panic!("{}", clash.as_str())
        };
    }
}

fn own_fields(schema: &Schema, fields: &[Field]) -> TokenStream {
    let runtime = runtime(schema);
    let name = schema.ident.unraw().to_string();
    let usable = fields.iter().filter(|field| !field.faulty);
    let entries = usable.flat_map(|field| {
        let (value, ty) = (field.value, stored_as(field));
        let flash = matches!(field.kind, Kind::Flash(_)).then(|| quote!(.flash()));
        let entry = |key: &str, former: Option<TokenStream>| {
            quote_spanned!(located(value)=> #runtime::field::<#value>(#name, #key, #ty) #flash #former)
        };
        let own = entry(&field.key.text, None);
        let former: Vec<_> = field
            .aliases
            .iter()
            .map(|alias| entry(&alias.text, Some(quote!(.former()))))
            .collect();
        [own].into_iter().chain(former)
    });
    quote!(#(#entries),*)
}

/// The name of what is stored: by another module it would be something else.
fn stored_as(field: &Field) -> String {
    let ty = short(field.value);
    match &field.with {
        Some(module) => {
            let module = quote!(#module).to_string().replace(' ', "");
            format!("{ty} with {module}")
        }
        None => ty,
    }
}

/// A flattened schema's type, all of it at the place of its last name: what is no schema is then one error and not one for
/// each use. A `$crate` leads to its crate by its place, so a path with one stays as it is.
pub(super) fn nested_type(field: &Field) -> TokenStream {
    let tokens = field.value.to_token_stream();
    let is_name = |token: &TokenTree| matches!(token, TokenTree::Ident(_));
    let last = tokens.clone().into_iter().filter(is_name).last();
    match last {
        Some(last) if !tokens.to_string().contains('$') => {
            let span = located(&last);
            let place = |mut token: TokenTree| {
                token.set_span(span);
                token
            };
            tokens.into_iter().map(place).collect()
        }
        _ => tokens,
    }
}

pub(super) fn prefix(field: &Field) -> String {
    field
        .prefix
        .as_ref()
        .map(syn::LitStr::value)
        .unwrap_or_default()
}

fn runtime(schema: &Schema) -> TokenStream {
    let krate = &schema.krate;
    quote!(#krate::__private)
}
