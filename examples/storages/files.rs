//! Sessions as files in a folder, with memory in front of them for reads: for one machine.
//!
//! `cargo run --bin storage-files` keeps them in `./example-sessions`.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use session::{
    CachedStorage, FsStorage, KeyRing, Session, SessionCookie, SessionLayer, SessionSchema,
};

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
    let files = FsStorage::new("example-sessions")?;
    // A page with many requests reads the file once in two seconds. Where several processes share the folder, a log-out in
    // one is seen in the others two seconds later at the latest.
    let storage = CachedStorage::new(files, Duration::from_secs(2));

    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let app = Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::new(cookie, storage));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
