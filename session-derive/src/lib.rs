//! The derive of the `session` crate, which re-exports it: use it from there.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod accessor;
mod ast;
mod attr;
mod case;
mod ctxt;
mod expand;
#[cfg(test)]
mod snapshot;
mod suggest;
mod ty;
mod valid;

#[doc = include_str!("../docs/schema.md")]
#[proc_macro_derive(SessionSchema, attributes(session))]
pub fn derive_session_schema(input: TokenStream) -> TokenStream {
    derive(&parse_macro_input!(input as DeriveInput)).into()
}

fn derive(input: &DeriveInput) -> proc_macro2::TokenStream {
    let mut cx = ctxt::Ctxt::default();
    let mut schema = ast::Schema::parse(&mut cx, input);
    valid::check(&mut cx, &mut schema);
    // A schema with mistakes is expanded all the same: its users then see the mistakes, and no echo of them.
    let mut output = expand::schema(&schema);
    if cx.len() == 0 {
        output.extend(expand::checks(&schema));
    }
    output.extend(cx.into_compile_errors());
    output
}
