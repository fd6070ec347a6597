//! The bookshop without a web framework: what its pages show and what its forms do, to a `Session<Visitor>`.

pub mod account;
pub mod books;
pub mod cart;
mod form;
pub mod home;
pub mod html;
pub mod shelf;
pub mod theme;
pub mod visitor;
