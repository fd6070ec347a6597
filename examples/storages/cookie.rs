//! Sessions in the cookie itself, encrypted: nothing is kept on the server.
//!
//! `cargo run --bin storage-cookie`. A session is at most what fits into a cookie of 4096 bytes, and a copied cookie works until it
//! expires, also after a log-out.

use std::error::Error;

use axum::Router;
use axum::routing::get;
use session::{CookieStorage, KeyRing, Session, SessionCookie, SessionLayer, SessionSchema};

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    visits: u32,
}

async fn visit(session: Session<Visitor>) -> String {
    session.update_visits(|visits| *visits += 1);
    format!("visit {}\n", session.visits())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // One secret for all processes and all restarts: `KeyRing::from_env("SESSION_SECRET")`. This one ends with the process.
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let app = Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::new(cookie, CookieStorage::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
