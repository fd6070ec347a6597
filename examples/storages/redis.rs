//! Sessions in Redis, over a connection that the rest of the application uses, too.
//!
//! `redis-server &` and `cargo run --bin storage-redis`; `REDIS_URL` names another server.

use std::env;
use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use redis::Client;
use session::{KeyRing, RedisStorage, Session, SessionCookie, SessionLayer, SessionSchema};

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
    let url = env::var("REDIS_URL").unwrap_or("redis://127.0.0.1:6379".to_owned());
    // It connects anew by itself when the server was away. For a cluster: `RedisStorage::connect_cluster`.
    let connection = Client::open(url)?.get_connection_manager().await?;
    let storage = RedisStorage::new(connection.clone())
        .prefix("example:session:")
        .timeout(Duration::from_secs(2));

    let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
    let app = Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::new(cookie, storage));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
