use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Fields, Generics, Ident, Path, Type, Visibility, parse_quote,
};

use crate::accessor::Accessor;
use crate::attr::{Fallback, FieldAttrs, Lifetime, StructAttrs};
use crate::case::Case;
use crate::ctxt::Ctxt;
use crate::ty::option_value;

/// A schema, as the user declared it.
pub(crate) struct Schema<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    pub(crate) generics: &'a Generics,
    /// The name of the type that the accessors are methods of.
    pub(crate) accessors: Ident,
    /// Where the generated code finds the session crate.
    pub(crate) krate: Path,
    pub(crate) fields: Vec<Field<'a>>,
}

pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) vis: &'a Visibility,
    /// What the methods take over from the field: its documentation and `deprecated`.
    ///
    /// `cfg` is not among them: the compiler drops a field that is configured out before the derive sees it.
    pub(crate) attrs: Vec<&'a Attribute>,
    /// The type that the user wrote.
    pub(crate) declared: &'a Type,
    /// The type of the value that is stored: `T` of an `Option<T>` that is absent or there.
    pub(crate) value: &'a Type,
    pub(crate) kind: Kind,
    pub(crate) key: Key,
    pub(crate) into: bool,
    pub(crate) methods: Vec<Accessor>,
    /// A mistake was reported here. The methods are made, so that their callers compile, but do nothing.
    pub(crate) faulty: bool,
}

pub(crate) enum Kind {
    /// Absent or there.
    Optional,
    /// Reads as something else when it is absent.
    Defaulted(Fallback),
    Flash(Lifetime),
    /// None of these: refused by the check, which needs to see it.
    Plain,
}

/// The key under which a field is stored, and where the user wrote it.
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Span,
}

impl<'a> Schema<'a> {
    pub(crate) fn parse(cx: &mut Ctxt, input: &'a DeriveInput) -> Self {
        let attrs = StructAttrs::parse(cx, &input.attrs);
        let case = attrs.rename_all.unwrap_or(Case::Snake);
        let fields = named_fields(cx, input)
            .filter_map(|field| Field::parse(cx, field, case))
            .collect();
        Self {
            ident: &input.ident,
            vis: &input.vis,
            generics: &input.generics,
            accessors: attrs
                .accessors
                .unwrap_or_else(|| Self::default_accessors(&input.ident)),
            krate: attrs.krate.unwrap_or_else(|| parse_quote!(::session)),
            fields,
        }
    }

    pub(crate) fn default_accessors(schema: &Ident) -> Ident {
        format_ident!("{}Session", schema)
    }
}

impl<'a> Field<'a> {
    /// `None` only for the field of a tuple struct, which has been refused already.
    fn parse(cx: &mut Ctxt, field: &'a syn::Field, case: Case) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let known_mistakes = cx.len();
        let attrs = FieldAttrs::parse(cx, &field.attrs);
        let key = match &attrs.rename {
            Some(key) => Key {
                text: key.value(),
                span: key.span(),
            },
            None => Key {
                text: case.apply(&ident.unraw().to_string()),
                span: ident.span(),
            },
        };
        let into = attrs.into;
        let (kind, value) = meaning(attrs, &field.ty);
        Some(Self {
            ident,
            vis: &field.vis,
            attrs: inherited(&field.attrs),
            declared: &field.ty,
            value,
            methods: Accessor::all_of(&kind).to_vec(),
            kind,
            key,
            into,
            faulty: cx.len() > known_mistakes,
        })
    }

    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }
}

/// The fields, or none when the item is nothing that can be a schema.
fn named_fields<'a>(
    cx: &mut Ctxt,
    input: &'a DeriveInput,
) -> impl Iterator<Item = &'a syn::Field> + use<'a> {
    let name = &input.ident;
    let write = format!("write `struct {name} {{ … }}` with one named field for each value");
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            Fields::Unnamed(fields) => {
                cx.error(
                    fields,
                    format!("the values of a session have names; {write}"),
                );
                None
            }
            Fields::Unit => {
                cx.error(name, format!("this schema has no fields; {write}"));
                None
            }
        },
        Data::Enum(data) => {
            cx.error(data.enum_token, format!("an enum is not a schema; {write}"));
            None
        }
        Data::Union(data) => {
            cx.error(
                data.union_token,
                format!("a union is not a schema; {write}"),
            );
            None
        }
    };
    let generics = &input.generics;
    if !generics.params.is_empty() {
        cx.error(
            generics,
            format!("one schema stores one set of types; remove the parameters of `{name}` and write the types that are stored"),
        );
    }
    fields
        .filter(|_| generics.params.is_empty())
        .into_iter()
        .flatten()
}

/// What a field is, and the type of the value that is stored for it.
fn meaning(attrs: FieldAttrs, ty: &Type) -> (Kind, &Type) {
    let optional = option_value(ty);
    match (attrs.flash, attrs.default, optional) {
        (Some(lifetime), _, value) => (Kind::Flash(lifetime), value.unwrap_or(ty)),
        (None, Some(fallback), _) => (Kind::Defaulted(fallback), ty),
        (None, None, Some(value)) => (Kind::Optional, value),
        (None, None, None) => (Kind::Plain, ty),
    }
}

fn inherited(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("doc") || attr.path().is_ident("deprecated"))
        .collect()
}
