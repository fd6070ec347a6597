//! Sessions in a table of the application's own database, over its own pool, and a task that removes the expired ones.
//!
//! `cargo run --bin storage-sql` uses a file, `example.db`. With `DATABASE_URL=postgres://…` it uses PostgreSQL.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use session::storage::{BoxStorage, SessionStorage, Sweep};
use session::{
    KeyRing, PostgresStorage, Session, SessionCookie, SessionLayer, SessionSchema, SqliteStorage,
};
use sqlx::PgPool;

#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    visits: u32,
}

async fn visit(session: Session<Visitor>) -> String {
    session.update_visits(|visits| *visits += 1);
    format!("visit {}\n", session.visits())
}

async fn storage() -> Result<BoxStorage, Box<dyn Error>> {
    const A_MINUTE: Duration = Duration::from_mins(1);
    if let Ok(url) = env::var("DATABASE_URL") {
        let pool = PgPool::connect(&url).await?;
        let storage = PostgresStorage::new(pool).table("example_sessions")?;
        storage.migrate().await?;
        tokio::spawn(storage.clone().sweep_every(A_MINUTE));
        return Ok(storage.boxed());
    }
    let storage = SqliteStorage::open("example.db").await?;
    storage.migrate().await?;
    tokio::spawn(storage.clone().sweep_every(A_MINUTE));
    Ok(storage.boxed())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let app = Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::new(cookie, storage().await?));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
