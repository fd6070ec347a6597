//! A small bookshop whose visitors have sessions: the application that the documentation walks through.
//!
//! `cargo run --bin bookshop`, then open the address that it prints. Three environment variables change it:
//!
//! - `SESSION_STORAGE`: where sessions are kept. `memory:`, `cookie:`, `file:PATH`, `sqlite:PATH`, `redis://…`,
//!   `redis-cluster://…`, `memcached://…`, `postgres://…` or `mysql://…`; by default `file:./sessions`.
//! - `SESSION_SECRET`: the secret of the session cookie, 32 bytes or more. By default one is made and kept in
//!   `.session-secret`.
//! - `PORT`: the port on 127.0.0.1, by default 3000. With 0 the system picks a free one.

mod account;
mod books;
mod cart;
mod config;
mod form;
mod home;
mod html;
mod shelf;
mod shutdown;
mod visitor;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use axum::Router;
use axum::routing::{get, post};
use session::storage::{self, BoxStorage};
use session::{SessionCookie, SessionLayer};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, causes};
use crate::shelf::Shelf;

#[tokio::main]
async fn main() -> ExitCode {
    // The library reports what an operator should know, such as a storage that is down, through `tracing`.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();

    match open_the_shop().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bookshop: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until the process is asked to stop. An error is one sentence for whoever started the shop.
async fn open_the_shop() -> Result<(), String> {
    let config = Config::from_env()?;

    let storage = storage_of(&config.storage_url).await?;
    let cookie = SessionCookie::new("__Host-session", config.keys);
    let app = routes(Shelf::stocked()).layer(SessionLayer::new(cookie, storage));

    let stop = shutdown::requested()
        .map_err(|error| format!("cannot listen for signals: {}", causes(&error)))?;
    let listener = listen(config.port).await?;
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await
        .map_err(|error| format!("the server stopped: {}", causes(&error)))
}

async fn storage_of(url: &str) -> Result<BoxStorage, String> {
    let storage = storage::from_url(url).await;
    storage.map_err(|error| format!("SESSION_STORAGE: {}", causes(&error)))
}

fn routes(shelf: Shelf) -> Router {
    Router::new()
        .route("/", get(home::page))
        .route("/set-theme", post(home::set_theme))
        .route("/books", get(books::page))
        .route("/books/create", get(books::form).post(books::create))
        .route("/cart", get(cart::page))
        .route("/cart/add", post(cart::add))
        .route("/login", get(account::form).post(account::login))
        .route("/logout", post(account::logout))
        .route("/forget", post(account::forget))
        .route("/session", get(account::look_inside))
        .route("/style.css", get(html::style))
        .fallback(html::not_found)
        .method_not_allowed_fallback(html::method_not_allowed)
        .with_state(shelf)
}

/// Binds to 127.0.0.1, so that the example is reachable from this computer only, and prints the address.
async fn listen(port: u16) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    match bound {
        Ok((address, listener)) => {
            println!("bookshop listens on http://{address}");
            Ok(listener)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(format!(
            "port {port} is taken: stop the program that listens there, or choose another port, as in PORT=3001"
        )),
        Err(error) => Err(format!("cannot listen on port {port}: {}", causes(&error))),
    }
}
