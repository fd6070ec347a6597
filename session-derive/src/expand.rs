use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Ident, parse_quote};

use crate::accessor::Accessor;
use crate::ast::{Field, Kind, Schema};
use crate::attr::{Fallback, Lifetime};
use crate::ty::is_string;

mod keys;

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

/// What only a schema without a mistake needs: more errors would but echo the first.
pub(crate) fn checks(schema: &Schema) -> TokenStream {
    keys::duplicate_check(schema)
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
        ..
    } = schema;
    let generics = static_generics(schema.generics);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let constants = keys::constants(schema);
    let privilege = privilege(schema);
    let check = check(schema);
    let allow = allow();
    quote! {
        #allow
        #[automatically_derived]
        impl #impl_generics #krate::SessionSchema for #ident #ty_generics #where_clause {
            type Accessors = #accessors;
            type __Privilege = #privilege;

            #constants

            fn __accessors(handle: #krate::__private::Handle) -> #accessors {
                #accessors { __handle: handle }
            }

            fn __handle(accessors: &#accessors) -> &#krate::__private::Handle {
                &accessors.__handle
            }

            #check
        }
    }
}

/// Whether a field is privileged: one of the schema's own, or one of a flattened schema, which the compiler knows and this derive
/// does not.
fn privilege(schema: &Schema) -> TokenStream {
    let krate = &schema.krate;
    let runtime = quote!(#krate::__private);
    if schema.fields.iter().any(|field| field.privileged) {
        return quote!(#runtime::Privileged);
    }
    let nested = schema.fields.iter().filter(|field| field.is_nested());
    nested
        .map(|field| {
            let ty = keys::nested_type(field);
            quote_spanned! {located(field.value)=>
                <#ty as #krate::SessionSchema>::__Privilege
            }
        })
        .reduce(|one, other| quote!(#runtime::Either<#one, #other>))
        .unwrap_or_else(|| quote!(#runtime::NotPrivileged))
}

/// The values that have to fit: those of a strict schema, and of whatever strict one is flattened into it.
fn check(schema: &Schema) -> Option<TokenStream> {
    let Schema {
        accessors, krate, ..
    } = schema;
    let checks = schema.fields.iter().filter(|field| !field.faulty);
    let checks: Vec<_> = checks
        .filter_map(|field| {
            if field.is_nested() {
                let (ty, prefix) = (keys::nested_type(field), keys::prefix(field));
                return Some(quote_spanned! {located(field.value)=>
                    <#ty as #krate::SessionSchema>::__check(&handle.under(#prefix))?;
                });
            }
            let constant = constant_name(field);
            schema
                .strict
                .then(|| quote!(#accessors::#constant.check(handle)?;))
        })
        .collect();
    (!checks.is_empty()).then(|| {
        quote! {
            fn __check(
                handle: &#krate::__private::Handle,
            ) -> ::core::result::Result<(), #krate::Error> {
                #(#checks)*
                ::core::result::Result::Ok(())
            }
        }
    })
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
    let Schema {
        ident, declared, ..
    } = schema;
    if declared.is_empty() {
        return TokenStream::new();
    }
    let allow = allow();
    quote! {
        #allow
        const _: fn(&#ident) = |schema| {
            #(let _ = &schema.#declared;)*
        };
    }
}

fn methods(schema: &Schema, field: &Field) -> TokenStream {
    let constant = (!field.faulty && !field.is_nested()).then(|| constant(schema, field));
    let methods = field
        .methods
        .iter()
        .map(|accessor| method(schema, field, *accessor));
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
    let span = located(value);
    let runtime = quote_spanned!(span=> #krate::__private);
    let place = place(field, &runtime);
    let codec = field.with.as_ref().map(|module| {
        quote_spanned! {located(module)=>
            , #runtime::with::<#value>(
                |value, writer| #module::serialize(value, writer),
                |reader| #module::deserialize(reader),
            )
        }
    });
    let (of, function, fallback) = match &field.kind {
        // The others do not come here: `Plain` is a mistake, and `Nested` has no value of its own.
        Kind::Optional | Kind::Plain | Kind::Nested => ("Optional", "optional", None),
        Kind::Defaulted(fallback) => ("Defaulted", "defaulted", Some(fallback)),
        Kind::Flash(_) => ("Flash", "flash", None),
    };
    let of = Ident::new(of, span);
    let function = match codec {
        Some(_) => Ident::new(&format!("{function}_with"), span),
        None => Ident::new(function, span),
    };
    let fallback = fallback.map(|fallback| match fallback {
        Fallback::Trait => {
            quote_spanned!(span=> , <#value as ::core::default::Default>::default)
        }
        Fallback::Expr(expression) => quote_spanned!(span=> , || #expression),
    });
    quote_spanned! {span=>
        const #name: #runtime::#of<#value> = #runtime::#function::<#value>(#place #codec #fallback);
    }
}

fn place(field: &Field, runtime: &TokenStream) -> TokenStream {
    let key = &field.key.text;
    let aliases = field.aliases.iter().map(|alias| &alias.text);
    let aliases = (!field.aliases.is_empty()).then(|| quote!(.aliases(&[#(#aliases),*])));
    let expires_in = field
        .expires_in
        .map(|seconds| quote!(.expires_in(#seconds)));
    let secret = field.secret.then(|| quote!(.secret()));
    let privileged = field.privileged.then(|| quote!(.privileged()));
    let lifetime = matches!(field.kind, Kind::Flash(Lifetime::NextRequest))
        .then(|| quote!(.for_next_request()));
    quote!(#runtime::key(#key) #aliases #expires_in #secret #privileged #lifetime)
}

fn method(schema: &Schema, field: &Field, accessor: Accessor) -> TokenStream {
    let Field { vis, attrs, .. } = field;
    let summary = accessor.summary(&field.base.unraw().to_string(), &field.kind);
    let gap = (!attrs.is_empty()).then(|| quote!(#[doc = ""]));
    let must_use = accessor.only_reads().then(|| quote!(#[must_use]));
    let signature = signature(schema, field, accessor);
    let body = if field.faulty {
        quote!(::core::unreachable!())
    } else {
        body(schema, field, accessor)
    };
    quote! {
        #[doc = #summary]
        #gap
        #(#attrs)*
        #must_use
        #vis #signature {
            #body
        }
    }
}

fn signature(schema: &Schema, field: &Field, accessor: Accessor) -> TokenStream {
    let Field {
        declared, value, ..
    } = field;
    let name = accessor.name(&field.base);
    // Located at the field, so that the compiler shows it wherever it speaks of the method.
    let span = located(field.ident);
    match accessor {
        Accessor::View => {
            let (krate, ty) = (&schema.krate, keys::nested_type(field));
            // At one place with the type, for the same reason.
            let span = ty.span();
            quote_spanned!(span=> fn #name(&self) -> <#ty as #krate::SessionSchema>::Accessors)
        }
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

fn body(schema: &Schema, field: &Field, accessor: Accessor) -> TokenStream {
    let Field { value, .. } = field;
    if accessor == Accessor::View {
        let (krate, prefix) = (&schema.krate, keys::prefix(field));
        let ty = keys::nested_type(field);
        return quote_spanned! {ty.span()=>
            <#ty as #krate::SessionSchema>::__accessors(self.__handle.under(#prefix))
        };
    }
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
