//! The bookshop without a web framework: what its pages show and what its forms do, to a `Session<Visitor>`.
//!
//! `main.rs` beside it puts them on axum. The programs in `examples/frameworks` put the same pages on other frameworks.

pub mod account;
pub mod books;
pub mod cart;
pub mod config;
mod form;
pub mod home;
pub mod html;
pub mod program;
pub mod shelf;
mod shutdown;
pub mod visitor;
