use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::keys::KeyRing;
use crate::manager::Sessions;
use crate::session::Session;
use crate::storage::Backend;
use crate::testing::{Counting, Faulty, TestClock};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Opens, changes and commits sessions as requests of browsers do.
pub(super) struct Site<B> {
    pub(super) storage: Faulty<Counting<B>>,
    pub(super) counts: Counting<B>,
    pub(super) sessions: Sessions,
    pub(super) cookie: SessionCookie,
    pub(super) clock: TestClock,
}

/// What a browser sends: `name=value`, or nothing.
pub(super) type Jar = Option<String>;

impl<B: Backend + Clone> Site<B> {
    pub(super) fn new(backend: B) -> Self {
        let keys = KeyRing::generate().expect("random bytes");
        let cookie = SessionCookie::new("session", keys);
        let counts = Counting::new(backend);
        let storage = Faulty::new(counts.clone());
        let clock = TestClock::new();
        let sessions = Self::sessions(&cookie, &storage, &clock);
        Self {
            storage,
            counts,
            sessions,
            cookie,
            clock,
        }
    }

    pub(super) fn sessions(
        cookie: &SessionCookie,
        storage: &Faulty<Counting<B>>,
        clock: &TestClock,
    ) -> Sessions {
        Sessions::new(cookie.clone(), storage.clone())
            .clock(clock.clone())
            .expiry(Expiry {
                idle: 100 * MINUTE,
                absolute: 250 * MINUTE,
            })
    }

    /// The same site in a storage that waits by orders of its own.
    pub(super) fn held(&self) -> (Faulty<Counting<B>>, Sessions) {
        let storage = self.storage.another();
        let sessions = Self::sessions(&self.cookie, &storage, &self.clock);
        (storage, sessions)
    }

    pub(super) async fn open(&self, jar: &Jar) -> Session {
        open(&self.sessions, jar).await
    }

    pub(super) async fn commit(&self, session: &Session) -> Jar {
        commit(&self.sessions, session).await
    }

    /// A stored session with one key, and the cookie that opens it.
    pub(super) async fn visitor(&self) -> Jar {
        let session = self.open(&None).await;
        session.set("visitor", true);
        let jar = self.commit(&session).await;
        assert!(jar.is_some(), "a new session sets a cookie");
        jar
    }

    pub(super) async fn opens_nothing(&self, jar: &Jar) -> bool {
        let session = self.open(jar).await;
        session.is_new() && session.is_empty()
    }
}

pub(super) async fn open(sessions: &Sessions, jar: &Jar) -> Session {
    sessions.open(jar).await.expect("open")
}

/// Commits, and gives what a Set-Cookie puts into the jar. A removal is an empty value.
pub(super) async fn commit(sessions: &Sessions, session: &Session) -> Jar {
    let field = sessions.commit(session).await.expect("commit")?;
    let pair = field.to_str().expect("visible ASCII").split(';').next()?;
    Some(pair.to_owned())
}

pub(super) fn get<T: DeserializeOwned>(session: &Session, key: &str) -> Option<T> {
    session.get(key).expect("the value has this type")
}
