//! What the tests stand on: real servers, a real browser, a small HTTP client.

pub(crate) mod bookshop;
pub(crate) mod browser;
pub(crate) mod client;
pub(crate) mod example;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod node;
pub(crate) mod process;
pub(crate) mod proxy;
#[clippy::msrv = "1.89"]
pub(crate) mod servers;
