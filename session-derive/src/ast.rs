use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{
    Attribute, Data, DeriveInput, Fields, Generics, Ident, LitStr, Path, Type, Visibility,
    parse_quote,
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
    /// The extractor refuses a session with a value that does not fit.
    pub(crate) strict: bool,
    pub(crate) fields: Vec<Field<'a>>,
    /// Every field of the struct, also what is no value of the session.
    pub(crate) declared: Vec<&'a Ident>,
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "attributes are there or not, independently of each other"
)]
pub(crate) struct Field<'a> {
    pub(crate) ident: &'a Ident,
    /// What the methods are named after: the field, or what `accessor` says.
    pub(crate) base: Ident,
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
    pub(crate) aliases: Vec<Key>,
    /// Of a nested schema's keys.
    pub(crate) prefix: Option<LitStr>,
    pub(crate) into: bool,
    /// The module that writes and reads the value.
    pub(crate) with: Option<Path>,
    /// In seconds.
    pub(crate) expires_in: Option<u64>,
    pub(crate) secret: bool,
    pub(crate) privileged: bool,
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
    /// The fields of another schema.
    Nested,
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
        let naming = Naming {
            prefix: attrs
                .prefix
                .map(|prefix| prefix.value())
                .unwrap_or_default(),
            case: attrs.rename_all.unwrap_or(Case::Snake),
        };
        let declared: Vec<_> = named_fields(cx, input).collect();
        let fields = declared
            .iter()
            .filter_map(|field| Field::parse(cx, field, &naming))
            .collect();
        Self {
            ident: &input.ident,
            vis: &input.vis,
            generics: &input.generics,
            accessors: attrs
                .accessors
                .unwrap_or_else(|| Self::default_accessors(&input.ident)),
            krate: attrs.krate.unwrap_or_else(|| parse_quote!(::session)),
            strict: attrs.strict,
            fields,
            declared: declared
                .iter()
                .filter_map(|field| field.ident.as_ref())
                .collect(),
        }
    }

    pub(crate) fn default_accessors(schema: &Ident) -> Ident {
        format_ident!("{}Session", schema)
    }
}

impl<'a> Field<'a> {
    /// `None` for a field that is skipped, and for one of a tuple struct, which has been refused already.
    fn parse(cx: &mut Ctxt, field: &'a syn::Field, naming: &Naming) -> Option<Self> {
        let ident = field.ident.as_ref()?;
        let known_mistakes = cx.len();
        let mut attrs = FieldAttrs::parse(cx, &field.attrs);
        if attrs.skip {
            return None;
        }
        let base = attrs.accessor.take().unwrap_or_else(|| ident.clone());
        let (kind, value) = meaning(&mut attrs, &field.ty);
        Some(Self {
            ident,
            base,
            vis: &field.vis,
            attrs: inherited(&field.attrs),
            declared: &field.ty,
            value,
            methods: Accessor::all_of(&kind).to_vec(),
            kind,
            key: naming.key(ident, attrs.rename.as_ref()),
            aliases: attrs.aliases.iter().map(Key::written).collect(),
            prefix: attrs.prefix,
            into: attrs.into,
            with: attrs.with,
            expires_in: attrs.expires_in,
            secret: attrs.secret,
            privileged: attrs.privileged,
            faulty: cx.len() > known_mistakes,
        })
    }

    pub(crate) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// The keys that this struct itself gives: those of a nested schema are not among them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let own = (!self.is_nested()).then_some(&self.key);
        own.into_iter().chain(&self.aliases)
    }

    pub(crate) fn is_nested(&self) -> bool {
        matches!(self.kind, Kind::Nested)
    }
}

impl Key {
    fn written(literal: &LitStr) -> Self {
        Self {
            text: literal.value(),
            span: literal.span(),
        }
    }
}

/// How the fields of a struct become keys.
struct Naming {
    prefix: String,
    case: Case,
}

impl Naming {
    fn key(&self, field: &Ident, rename: Option<&LitStr>) -> Key {
        let (name, span) = match rename {
            Some(name) => (name.value(), name.span()),
            None => (self.case.apply(&field.unraw().to_string()), field.span()),
        };
        let text = match &*name {
            // A mistake, which the check is to see.
            "" => name,
            name => format!("{}{name}", self.prefix),
        };
        Key { text, span }
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
fn meaning<'a>(attrs: &mut FieldAttrs, ty: &'a Type) -> (Kind, &'a Type) {
    let optional = option_value(ty);
    match (attrs.flash, attrs.default.take(), optional) {
        // With `Option` it is a mistake, but the schema is known all the same.
        (_, _, value) if attrs.flatten => (Kind::Nested, value.unwrap_or(ty)),
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
