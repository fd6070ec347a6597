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
    let constant = (!field.faulty).then(|| constant(schema, field));
    let methods = field
        .methods
        .iter()
        .map(|accessor| method(field, *accessor));
    quote! {
        #constant
        #(#methods)*
    }
}

/// What the methods of a field share. It is the one place that needs a value which can be stored, and it is located
/// at the type, so a type that cannot be is reported once and where it is written.
fn constant(schema: &Schema, field: &Field) -> TokenStream {
    let Field { value, .. } = field;
    let (krate, name) = (&schema.krate, constant_name(field));
    let key = &field.key.text;
    let span = located(value);
    let runtime = quote_spanned!(span=> #krate::__private);
    match &field.kind {
        // `Plain` does not come here: it is a mistake.
        Kind::Optional | Kind::Plain => quote_spanned! {span=>
            const #name: #runtime::Optional<#value> = #runtime::optional::<#value>(#key);
        },
        Kind::Defaulted(fallback) => {
            let fallback = match fallback {
                Fallback::Trait => {
                    quote_spanned!(span=> <#value as ::core::default::Default>::default)
                }
                Fallback::Expr(expression) => quote_spanned!(span=> || #expression),
            };
            quote_spanned! {span=>
                const #name: #runtime::Defaulted<#value> =
                    #runtime::defaulted::<#value>(#key, #fallback);
            }
        }
        Kind::Flash(lifetime) => {
            let flash = match lifetime {
                Lifetime::UntilRead => quote_spanned!(span=> flash),
                Lifetime::NextRequest => quote_spanned!(span=> flash_next_request),
            };
            quote_spanned! {span=>
                const #name: #runtime::Flash<#value> = #runtime::#flash::<#value>(#key);
            }
        }
    }
}

fn method(field: &Field, accessor: Accessor) -> TokenStream {
    let Field { vis, attrs, .. } = field;
    let summary = accessor.summary(&field.name(), &field.kind);
    let must_use = accessor.only_reads().then(|| quote!(#[must_use]));
    let signature = signature(field, accessor);
    let body = if field.faulty {
        quote!(::core::unreachable!())
    } else {
        body(field, accessor)
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
    let span = located(field.ident);
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

fn body(field: &Field, accessor: Accessor) -> TokenStream {
    let Field { value, .. } = field;
    let constant = constant_name(field);
    let verb = format_ident!("{}", accessor.verb());
    let argument = match accessor {
        Accessor::Set | Accessor::Flash if takes_into(field) => {
            quote!(, &::core::convert::Into::<#value>::into(value))
        }
        Accessor::Set | Accessor::Flash => quote!(, &value),
        Accessor::Update => quote!(, change),
        _ => TokenStream::new(),
    };
    quote!(Self::#constant.#verb(&self.__handle #argument))
}

fn takes_into(field: &Field) -> bool {
    field.into || is_string(field.value)
}

fn constant_name(field: &Field) -> Ident {
    format_ident!("__{}", field.ident, span = Span::call_site())
}

/// The place of the user's tokens, with the names of the derive: `self` of a `macro_rules!` is another `self`.
fn located(tokens: &impl Spanned) -> Span {
    tokens.span().resolved_at(Span::call_site())
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
