use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use session::Session;
use tokio::sync::Semaphore;

/// An application that does one thing to its session on each route.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/untouched", get(|| async { "nothing" }))
        .route("/show", get(show))
        .route("/do/{what}", get(run))
}

async fn show(session: Session) -> Json<serde_json::Value> {
    Json(session.data())
}

async fn run(session: Session, Path(what): Path<String>) -> Response {
    act(&session, &what)
}

/// Does what a word of a path says: `set-key` sets `key` to `"key"`, and so on.
pub(super) fn act(session: &Session, what: &str) -> Response {
    let (verb, key) = what.split_once('-').unwrap_or((what, ""));
    match verb {
        "look" => (),
        "set" => session.set(key, key),
        "unset" => session.unset(key),
        "add" => session.update(key, |count: &mut Option<u64>| {
            *count.get_or_insert(0) += 1;
        }),
        "flash" => session.flash(key, key),
        "again" => session.flash(key, "again"),
        "flashnext" => session.flash_next(key, key),
        "take" => {
            let value: Option<String> = session.get(key).unwrap();
            return value.unwrap_or_default().into_response();
        }
        "login" => {
            session.regenerate_id();
            session.set("user", "Ada");
        }
        "rotate" => session.regenerate_id(),
        "grace" => session.regenerate_id_keeping_old(Duration::from_secs(key.parse().unwrap())),
        "logout" => session.destroy(),
        "goodbye" => {
            session.destroy();
            session.flash("notice", "Goodbye.");
        }
        "clear" => session.clear(),
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    what.to_owned().into_response()
}

/// Where handlers wait, each with its session, after they have done to it what they do.
#[derive(Clone)]
pub(super) struct Door {
    inside: Arc<Semaphore>,
    leave: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            inside: closed(),
            leave: closed(),
        }
    }

    /// `/slow/{what}`, which waits at this door.
    pub(super) fn routes(&self) -> Router {
        let door = self.clone();
        let slow = async move |session: Session, Path(what): Path<String>| {
            let response = act(&session, &what);
            door.pass().await;
            response
        };
        Router::new().route("/slow/{what}", get(slow))
    }

    pub(super) async fn pass(&self) {
        self.inside.add_permits(1);
        self.leave.acquire().await.unwrap().forget();
    }

    /// Waits until so many handlers are at the door.
    pub(super) async fn entered(&self, handlers: u32) {
        self.inside.acquire_many(handlers).await.unwrap().forget();
    }

    /// Lets so many handlers go on.
    pub(super) fn open(&self, handlers: usize) {
        self.leave.add_permits(handlers);
    }
}
