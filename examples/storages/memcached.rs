//! Sessions in memcached, spread over several servers.
//!
//! `memcached -p 11211 &`, `memcached -p 11212 &` and `cargo run --bin storage-memcached`; `MEMCACHED_SERVERS` names others,
//! with commas between them.

use std::env;
use std::error::Error;

use axum::Router;
use axum::routing::get;
use session::{KeyRing, MemcachedStorage, Session, SessionCookie, SessionLayer, SessionSchema};

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
    let servers =
        env::var("MEMCACHED_SERVERS").unwrap_or("127.0.0.1:11211,127.0.0.1:11212".to_owned());
    // Every process has to name the same servers: the key of a session chooses one of them.
    let storage = MemcachedStorage::connect(servers.split(','))
        .await?
        .prefix("example:session:")?;

    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let app = Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::new(cookie, storage));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
