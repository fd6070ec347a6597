//! actix-session, with its defaults, which encrypt the cookie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_session::storage::{
    CookieSessionStore, LoadError, RedisSessionStore, SaveError, SessionKey, SessionStore,
    UpdateError, generate_session_key,
};
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::cookie::time::Duration;
use actix_web::web::{self, Path};
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::future::LocalBoxFuture;

use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

pub(super) struct ActixSession;

impl Peer for ActixSession {
    fn name(&self) -> &'static str {
        "actix-session"
    }

    fn framework(&self) -> Framework {
        Framework::Actix
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            let app = match storage {
                Storage::Memory { .. } => app(Memory::default()).await,
                Storage::Cookie => app(CookieSessionStore::default()).await,
                Storage::Redis(url) => {
                    let store = RedisSessionStore::new(url).await;
                    app(store.expect("the server was just started")).await
                }
            };
            Some(app)
        })
    }

    fn has_memory(&self) -> bool {
        false
    }
}

async fn app(store: impl SessionStore + 'static) -> App {
    let routes = |config: &mut web::ServiceConfig| {
        config
            .route("/untouched", web::get().to(async || ""))
            .route("/read", web::get().to(read))
            .route("/write", web::get().to(write))
            .route("/login", web::get().to(log_in))
            .route("/seed/{keys}", web::get().to(seed))
            .route("/add/{number}", web::get().to(add))
            .route("/count", web::get().to(count));
    };
    let layer = SessionMiddleware::new(store, Key::generate());
    App::actix(actix_web::App::new().wrap(layer).configure(routes)).await
}

fn user(session: &Session) -> Option<u64> {
    session.get(USER).expect("a number")
}

fn insert(session: &Session, key: &str, value: impl serde::Serialize) {
    session
        .insert(key, value)
        .expect("what is set can be serialised");
}

async fn read(session: Session) -> &'static str {
    assert!(user(&session).is_some());
    ""
}

async fn write(session: Session) -> &'static str {
    insert(&session, USER, next_user());
    ""
}

async fn log_in(session: Session) -> &'static str {
    insert(&session, USER, next_user());
    insert(&session, "name", "Ferris");
    insert(&session, "role", "reader");
    ""
}

async fn seed(keys: Path<usize>, session: Session) -> &'static str {
    insert(&session, USER, FIRST_USER);
    for (key, text) in texts(*keys) {
        insert(&session, &key, text);
    }
    ""
}

async fn add(number: Path<usize>, session: Session) -> &'static str {
    assert!(user(&session).is_some());
    tokio::time::sleep(WAIT).await;
    insert(&session, &added(*number), *number);
    ""
}

async fn count(session: Session) -> HttpResponseBuilder {
    let kept = (0..AT_ONCE).filter(|&number| session.contains_key(&added(number)));
    let mut response = HttpResponse::Ok();
    response.insert_header((COUNT, kept.count().to_string()));
    response
}

type State = HashMap<String, String>;

/// What the library lacks: a plain map behind a lock. It checks no expiry, so it is a little cheaper than one for use.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<String, State>>>);

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, State>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SessionStore for Memory {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.with(|sessions| sessions.get(key.as_ref()).cloned()))
    }

    async fn save(&self, state: State, _life: &Duration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        self.with(|sessions| sessions.insert(key.as_ref().to_owned(), state));
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        _life: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        self.with(|sessions| sessions.insert(key.as_ref().to_owned(), state));
        Ok(key)
    }

    async fn update_ttl(&self, _key: &SessionKey, _life: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.with(|sessions| sessions.remove(key.as_ref()));
        Ok(())
    }
}
