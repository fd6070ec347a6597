//! What the attributes of a schema do to a session that is stored and opened again.
#![cfg(all(
    feature = "axum",
    feature = "cookie",
    feature = "derive",
    feature = "memory",
    feature = "testing"
))]

mod evolution;
mod expires_in;
mod flatten;
mod privileged;
mod secret;
mod strict;
mod with;

use session::testing::{Counting, TestClock};
use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionSchema, Sessions};

/// A visitor with a browser, and the storage and the clock behind the application.
struct World {
    sessions: Sessions,
    storage: Counting<MemoryStorage>,
    clock: TestClock,
    cookie: Option<String>,
}

impl World {
    fn new() -> Self {
        let storage = Counting::new(MemoryStorage::new());
        let clock = TestClock::new();
        let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
        let sessions = Sessions::new(cookie, storage.clone()).clock(clock.clone());
        Self {
            sessions,
            storage,
            clock,
            cookie: None,
        }
    }

    async fn open<S: SessionSchema>(&self) -> Session<S> {
        self.sessions.open(&self.cookie).await.unwrap().schema()
    }

    /// Commits, and says whether there was a Set-Cookie.
    async fn commit<S: SessionSchema>(&mut self, session: &Session<S>) -> bool {
        let set_cookie = self.sessions.commit(session).await.unwrap();
        if let Some(field) = &set_cookie {
            let pair = field.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
        }
        set_cookie.is_some()
    }

    /// One request.
    async fn request<S: SessionSchema, T>(&mut self, handler: impl FnOnce(&Session<S>) -> T) -> T {
        let session = self.open().await;
        let outcome = handler(&session);
        self.commit(&session).await;
        outcome
    }
}
