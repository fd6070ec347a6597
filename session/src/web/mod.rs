//! How a web framework's requests reach [`Sessions`](crate::Sessions). An integration adds no rules of its own.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "axum")]
pub use self::axum::Rejection;
#[cfg(feature = "tower")]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService};
