//! A small bookshop whose visitors have sessions: the application that the documentation walks through.
//!
//! `cargo run --bin bookshop`, then open the address that it prints. Three environment variables change it:
//!
//! - `SESSION_STORAGE`: where sessions are kept. `memory:`, `cookie:`, `file:PATH`, `sqlite:PATH`, `redis://…`,
//!   `redis-cluster://…`, `memcached://…`, `postgres://…` or `mysql://…`; by default `file:./sessions`.
//! - `SESSION_SECRET`: the secret of the session cookie, 32 bytes or more. By default one is made and kept in
//!   `.session-secret`.
//! - `PORT`: the port on 127.0.0.1, by default 3000. With 0 the system picks a free one.
//!
//! `routes.rs` has its routes, for axum. What its pages show and what its forms do is in the package `pages`: whoever reads a
//! session there, or writes to one, needs no framework for it. `tests.rs` tries them without a server.

mod routes;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use bookshop::config::Config;
use bookshop::program;
use bookshop::shelf::Shelf;
use session::{SessionCookie, SessionLayer};

use crate::routes::routes;

#[tokio::main]
async fn main() -> ExitCode {
    program::run(open_the_shop).await
}

async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = program::storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let app = routes(Shelf::stocked()).layer(SessionLayer::new(cookie, storage));

    let closing_time = program::closing_time()?;
    let listener = program::listen(config.port).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(closing_time)
        .await
        .map_err(|error| program::stopped(&error))
}
