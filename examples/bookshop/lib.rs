//! The bookshop without a web framework: its pages, what its environment says, and what it is as a program.
//!
//! `main.rs` and `routes.rs` beside it put them on axum. The programs in `examples/frameworks` put the same pages on other frameworks, and
//! `examples/worker` has them, without the rest, on Cloudflare Workers.

pub mod config;
pub mod program;
mod shutdown;

pub use bookshop_pages::{account, books, cart, home, html, shelf, theme, visitor};
