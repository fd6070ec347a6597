//! The tests of the library as its users meet it: one binary, a module a subject.

mod bookshop;
mod browser;
mod manifest;
mod support;
