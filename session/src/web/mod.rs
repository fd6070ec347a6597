//! How a web framework's requests reach [`Sessions`](crate::Sessions). An integration adds no rules of its own.

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg_attr(
    not(any(
        feature = "actix-web",
        feature = "axum",
        feature = "poem",
        feature = "rocket",
        feature = "salvo"
    )),
    allow(dead_code, reason = "the frameworks' extractors answer with it")
)]
mod rejection;
#[cfg_attr(
    not(any(
        feature = "actix-web",
        feature = "poem",
        feature = "rocket",
        feature = "salvo",
        feature = "tower"
    )),
    allow(dead_code, reason = "the frameworks' middleware calls it")
)]
mod request;
#[cfg(feature = "rocket")]
pub mod rocket;
#[cfg(feature = "salvo")]
pub mod salvo;
#[cfg(feature = "tower")]
mod tower;
#[cfg(any(feature = "actix-web", feature = "poem", feature = "salvo"))]
mod unwind;

pub use self::rejection::Rejection;
#[cfg(feature = "tower")]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService, session_of};
