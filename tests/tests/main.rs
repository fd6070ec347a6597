//! The tests of the library as its users meet it: one binary, a module a subject.

mod bookshop;
mod browser;
mod cookies;
mod files;
mod frameworks;
mod guarantees;
mod manifest;
mod property;
mod secrets;
mod storages;
mod streams;
mod support;
mod websocket;
