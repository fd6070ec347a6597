//! What the tests stand on: real servers, a real browser, a small HTTP client.

pub(crate) mod bookshop;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod process;
