use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Ident, parse_quote};

use crate::accessor::Accessor;
use crate::ast::{Field, Kind, Schema};
use crate::attr::{Fallback, Lifetime};
use crate::ty::is_string;

pub(crate) fn schema(schema: &Schema) -> TokenStream {
    let accessors = accessors(schema);
    let implementation = implementation(schema);
    let field_use = field_use(schema);
    quote! {
        #accessors
        #implementation
        #field_use
    }
}

/// The type that `Session<Visitor>` dereferences to, and its methods.
fn accessors(schema: &Schema) -> TokenStream {
    let Schema {
        ident,
        vis,
        accessors,
        krate,
        ..
    } = schema;
    let doc = format!("The accessors of a `Session<{}>`.", ident.unraw());
    let allow = allow();
    let methods = schema.fields.iter().map(|field| methods(schema, field));
    quote! {
        #[doc = #doc]
        #allow
        #[derive(::core::clone::Clone)]
        #vis struct #accessors {
            __handle: #krate::__private::Handle,
        }

        #allow
        #[automatically_derived]
        impl #accessors {
            #(#methods)*
        }
    }
}

fn implementation(schema: &Schema) -> TokenStream {
    let Schema {
        ident,
        accessors,
        krate,
        fields,
        ..
    } = schema;
    let generics = static_generics(schema.generics);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let keys = fields.iter().map(|field| &field.key.text);
    let allow = allow();
    quote! {
        #allow
        #[automatically_derived]
        impl #impl_generics #krate::SessionSchema for #ident #ty_generics #where_clause {
            type Accessors = #accessors;

            const KEYS: &'static [&'static ::core::primitive::str] = &[#(#keys),*];

            fn __accessors(handle: #krate::__private::Handle) -> #accessors {
                #accessors { __handle: handle }
            }

            fn __handle(accessors: &#accessors) -> &#krate::__private::Handle {
                &accessors.__handle
            }
        }
    }
}

/// The parameters of a schema, which has been refused for them: this only keeps it from being refused twice.
fn static_generics(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        match parameter {
            GenericParam::Lifetime(lifetime) => lifetime.bounds.push(parse_quote!('static)),
            GenericParam::Type(ty) => ty.bounds.push(parse_quote!('static)),
            GenericParam::Const(_) => {}
        }
    }
    generics
}

/// A use of every field: nobody builds a schema or reads from one, and the compiler shall not warn about that.
fn field_use(schema: &Schema) -> TokenStream {
    let Schema { ident, fields, .. } = schema;
    if fields.is_empty() {
        return TokenStream::new();
    }
    let names = fields.iter().map(|field| field.ident);
    let allow = allow();
    quote! {
        #allow
        const _: fn(&#ident) = |schema| {
            #(let _ = &schema.#names;)*
        };
    }
}

fn methods(schema: &Schema, field: &Field) -> TokenStream {
    let fallback = fallback_fn(field);
    let methods = field
        .methods
        .iter()
        .map(|accessor| method(schema, field, *accessor));
    quote! {
        #fallback
        #(#methods)*
    }
}

fn method(schema: &Schema, field: &Field, accessor: Accessor) -> TokenStream {
    let Field { vis, attrs, .. } = field;
    let summary = accessor.summary(&field.name(), &field.kind);
    let must_use = accessor.only_reads().then(|| quote!(#[must_use]));
    let signature = signature(field, accessor);
    let body = if field.faulty {
        quote!(::core::unreachable!())
    } else {
        body(schema, field, accessor)
    };
    quote! {
        #[doc = #summary]
        #[doc = ""]
        #(#attrs)*
        #must_use
        #vis #signature {
            #body
        }
    }
}

fn signature(field: &Field, accessor: Accessor) -> TokenStream {
    let Field {
        declared, value, ..
    } = field;
    let name = accessor.name(field.ident);
    // Located at the field, so that the compiler shows it wherever it speaks of the method.
    let span = field.ident.span().resolved_at(Span::call_site());
    match accessor {
        Accessor::Get => quote_spanned!(span=> fn #name(&self) -> #declared),
        Accessor::Set | Accessor::Flash if takes_into(field) => {
            quote_spanned!(span=> fn #name(&self, value: impl ::core::convert::Into<#value>))
        }
        Accessor::Set | Accessor::Flash => quote_spanned!(span=> fn #name(&self, value: #value)),
        Accessor::Update => quote_spanned! {span=>
            fn #name(
                &self,
                change: impl ::core::ops::Fn(&mut #declared) + ::core::marker::Send + 'static,
            )
        },
        Accessor::Unset | Accessor::Keep => quote_spanned!(span=> fn #name(&self)),
        Accessor::Has => quote_spanned!(span=> fn #name(&self) -> ::core::primitive::bool),
        Accessor::Take | Accessor::Peek => {
            quote_spanned!(span=> fn #name(&self) -> ::core::option::Option<#value>)
        }
    }
}

fn takes_into(field: &Field) -> bool {
    field.into || is_string(field.value)
}

/// One call into the runtime. It carries the span of the type, so that a type that cannot be stored is reported
/// where it is written.
fn body(schema: &Schema, field: &Field, accessor: Accessor) -> TokenStream {
    let Field { value, kind, .. } = field;
    let key = &field.key.text;
    // Located at the type, but with the names of the derive: `self` of a `macro_rules!` is another `self`.
    let span = value.span().resolved_at(Span::call_site());
    let runtime = runtime(schema, span);
    let handle = quote_spanned!(span=> &self.__handle, #key);
    let given = if takes_into(field) {
        quote!(&::core::convert::Into::<#value>::into(value))
    } else {
        quote!(&value)
    };
    match (accessor, kind) {
        (Accessor::Get, Kind::Defaulted(fallback)) => {
            let fallback = fallback_path(field, fallback, span);
            quote_spanned!(span=> #runtime::get_or::<#value>(#handle, #fallback))
        }
        (Accessor::Get, _) => quote_spanned!(span=> #runtime::get::<#value>(#handle)),
        (Accessor::Set, _) => quote_spanned!(span=> #runtime::set::<#value>(#handle, #given);),
        (Accessor::Update, Kind::Defaulted(fallback)) => {
            let fallback = fallback_path(field, fallback, span);
            quote_spanned!(span=> #runtime::update_or::<#value>(#handle, #fallback, change);)
        }
        (Accessor::Update, _) => {
            quote_spanned!(span=> #runtime::update::<#value>(#handle, change);)
        }
        (Accessor::Unset, _) => quote!(#runtime::unset(#handle);),
        (Accessor::Has, Kind::Flash(_)) => quote!(#runtime::has_flash(#handle)),
        (Accessor::Has, _) => quote!(#runtime::has(#handle)),
        (Accessor::Flash, kind) => {
            let lifetime = if let Kind::Flash(Lifetime::NextRequest) = kind {
                quote!(NextRequest)
            } else {
                quote!(UntilRead)
            };
            let lifetime = quote!(#runtime::FlashLifetime::#lifetime);
            quote_spanned!(span=> #runtime::flash::<#value>(#handle, #lifetime, #given);)
        }
        (Accessor::Take, _) => quote_spanned!(span=> #runtime::take::<#value>(#handle)),
        (Accessor::Peek, _) => quote_spanned!(span=> #runtime::peek::<#value>(#handle)),
        (Accessor::Keep, _) => quote!(#runtime::keep(#handle);),
    }
}

fn runtime(schema: &Schema, span: Span) -> TokenStream {
    let krate = &schema.krate;
    quote_spanned!(span=> #krate::__private)
}

/// The user's expression, in one function, so that a mistake in it is reported once.
fn fallback_fn(field: &Field) -> Option<TokenStream> {
    let Kind::Defaulted(Fallback::Expr(expression)) = &field.kind else {
        return None;
    };
    let name = fallback_name(field);
    let value = field.value;
    (!field.faulty).then(|| quote!(fn #name() -> #value { #expression }))
}

fn fallback_path(field: &Field, fallback: &Fallback, span: Span) -> TokenStream {
    match fallback {
        Fallback::Trait => {
            let value = field.value;
            quote_spanned!(span=> <#value as ::core::default::Default>::default)
        }
        Fallback::Expr(_) => {
            let name = fallback_name(field);
            quote!(Self::#name)
        }
    }
}

fn fallback_name(field: &Field) -> Ident {
    format_ident!("__default_{}", field.ident)
}

/// No lint is for code that the user did not write, nor twice for what they did.
fn allow() -> TokenStream {
    quote! {
        #[allow(
            clippy::all,
            clippy::nursery,
            clippy::pedantic,
            clippy::restriction,
            dead_code,
            deprecated,
            nonstandard_style
        )]
    }
}
