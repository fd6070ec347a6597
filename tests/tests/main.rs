//! The tests of the library as its users meet it: one binary, a module a subject.

mod allocations;
mod bookshop;
mod browser;
mod guarantees;
mod manifest;
mod secrets;
mod support;
