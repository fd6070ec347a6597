//! This library, with its defaults: signed cookies, hashed ids, expiry checked on each read.

use std::cell::RefCell;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use futures_util::future::LocalBoxFuture;
use session::storage::Sweep as _;
use session::{
    CookieStorage, Expiry, KeyRing, MemoryStorage, RedisStorage, SessionCookie, SessionLayer,
    SessionSchema,
};

use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    name: Option<String>,
    role: Option<String>,
}

type Session = session::Session<Visitor>;

#[derive(Default)]
pub(super) struct Ours {
    memory: RefCell<MemoryStorage>,
}

impl Peer for Ours {
    fn name(&self) -> &'static str {
        "session"
    }

    fn framework(&self) -> Framework {
        Framework::Axum
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            let keys = KeyRing::generate().expect("the system has random numbers");
            let cookie = SessionCookie::new("__Host-session", keys);
            let layer = match storage {
                Storage::Memory { life } => {
                    // Room for what the memory case puts in.
                    let memory = MemoryStorage::new().capacity(4_000_000);
                    self.memory.replace(memory.clone());
                    let expiry = Expiry::default();
                    let idle = life.unwrap_or(expiry.idle);
                    SessionLayer::new(cookie, memory).expiry(Expiry { idle, ..expiry })
                }
                Storage::Cookie => SessionLayer::new(cookie, CookieStorage::new()),
                Storage::Redis(url) => {
                    let storage = RedisStorage::connect(url).await;
                    SessionLayer::new(cookie, storage.expect("the server was just started"))
                }
            };
            Some(App::axum(router().layer(layer)))
        })
    }

    fn sweep(&self) -> LocalBoxFuture<'_, bool> {
        let memory = self.memory.borrow().clone();
        Box::pin(async move { memory.delete_expired().await.is_ok() })
    }
}

fn router() -> Router {
    Router::new()
        .route("/untouched", get(async || ()))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/login", get(log_in))
        .route("/seed/{keys}", get(seed))
        .route("/add/{number}", get(add))
        .route("/count", get(count))
}

async fn read(session: Session) {
    assert!(session.user_id().is_some());
}

async fn write(session: Session) {
    session.set_user_id(next_user());
}

async fn log_in(session: Session) {
    session.set_user_id(next_user());
    session.set_name("Ferris");
    session.set_role("reader");
}

async fn seed(Path(keys): Path<usize>, session: session::Session) {
    session.set(USER, FIRST_USER);
    for (key, text) in texts(keys) {
        session.set(&key, text);
    }
}

async fn add(Path(number): Path<usize>, session: Session) {
    assert!(session.user_id().is_some());
    tokio::time::sleep(WAIT).await;
    session.untyped().set(&added(number), number);
}

async fn count(session: session::Session) -> [(&'static str, String); 1] {
    let kept = (0..AT_ONCE).filter(|&number| session.has(&added(number)));
    [(COUNT, kept.count().to_string())]
}
