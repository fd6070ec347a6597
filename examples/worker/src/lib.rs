//! The bookshop on Cloudflare Workers, its sessions in Workers KV.
//!
//! The README beside it says how to run it. What its pages show and what its forms do is the same library as on a server,
//! [`bookshop`], and so are its routes, for axum. Three bindings change it:
//!
//! - `SESSION_SECRET`, a secret: the secret of the session cookie, 32 bytes or more.
//! - `SESSIONS`, a KV namespace: where sessions are kept.
//! - `SESSION_STORAGE`, a variable: `kv`, the default, or `cookie` for sessions in the cookie itself.

#[path = "../../bookshop/routes.rs"]
mod routes;

use std::error::Error;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Response;
use bookshop::shelf::Shelf;
use session::storage::{BoxStorage, CookieStorage, SessionStorage as _, WorkersKvStorage};
use session::{KeyRing, SessionCookie, SessionLayer};
use tower_service::Service as _;
use worker::{Context, Env, HttpRequest, event};

use crate::routes::routes;

/// Cloudflare starts and ends instances of a Worker as it likes, and each has a shelf of its own: what all visitors are to see
/// belongs into a database.
static SHELF: LazyLock<Shelf> = LazyLock::new(Shelf::stocked);

#[event(fetch)]
async fn fetch(
    request: HttpRequest,
    env: Env,
    _: Context,
) -> Result<Response<Body>, Box<dyn Error>> {
    // An error here is a 500, and a line in the Worker's log.
    let secret = env.secret("SESSION_SECRET")?.to_string();
    let cookie = SessionCookie::new("__Host-session", KeyRing::new(secret)?);
    let mut shop = routes(SHELF.clone()).layer(SessionLayer::new(cookie, storage(&env)?));
    Ok(shop.call(request).await?)
}

fn storage(env: &Env) -> Result<BoxStorage, Box<dyn Error>> {
    let choice = env.var("SESSION_STORAGE");
    match &*choice.map_or("kv".to_owned(), |choice| choice.to_string()) {
        "kv" => {
            // The schema has a `privileged` field, so this is to be said: for a minute or longer, another place of the world may
            // still take the id of before a login, or of a session that was logged out.
            let storage = WorkersKvStorage::accepting_eventual_consistency(env.kv("SESSIONS")?);
            Ok(storage.boxed())
        }
        "cookie" => Ok(CookieStorage::new().boxed()),
        other => Err(format!("SESSION_STORAGE is `kv` or `cookie`, not `{other}`").into()),
    }
}
