//! How a web framework's requests reach [`Sessions`](crate::Sessions). An integration adds no rules of its own.

#[cfg(feature = "axum")]
mod axum;
#[cfg_attr(
    not(feature = "axum"),
    allow(dead_code, reason = "the frameworks' extractors answer with it")
)]
mod rejection;
#[cfg_attr(
    not(feature = "tower"),
    allow(dead_code, reason = "the frameworks' middleware calls it")
)]
mod request;
#[cfg(feature = "tower")]
mod tower;

pub use self::rejection::Rejection;
#[cfg(feature = "tower")]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService, session_of};
