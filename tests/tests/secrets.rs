//! No secret, no id and no value shows in `Debug`, in an error or in what is logged at any level (G8).

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};
use std::fs;
use std::io;

use axum::response::IntoResponse as _;
use http::HeaderValue;
use serde::de::DeserializeOwned;
use session::storage::{BoxStorage, CookieUpdate, Sweep as _, from_url};
use session::testing::{Counting, Faulty, TestClock};
use session::web::Rejection;
use session::{
    Backend, CookieStorage, Expiry, FsStorage, KeyRing, MemoryStorage, ParseKeyError, Record,
    Session, SessionCookie, SessionId, SessionLayer, SessionStorage, Sessions, StorageError,
};
use tower::Layer as _;

use self::scenario::{Visitor, routes, scenario};
use self::watch::Watch;
use crate::support::client::Client;

mod scenario;
mod watch;

const SECRET: &str = "sesame-sesame-sesame-sesame-sesame-sesame";
const OLD_SECRET: &str = "abracadabra-abracadabra-abracadabra-abra";
const SHORT_SECRET: &str = "too-short-a-secret";
/// Stored values, and parts of them: none may be seen.
const VALUE: &str = "hunter2";
const PASSWORD: &str = "correct-horse-battery";

fn watch() -> Watch {
    Watch::over_these(&[SECRET, OLD_SECRET, SHORT_SECRET, VALUE, PASSWORD])
}

fn keys() -> KeyRing {
    KeyRing::new(SECRET).unwrap().accept(OLD_SECRET).unwrap()
}

fn cookie() -> SessionCookie {
    SessionCookie::new("session", keys())
}

fn storage_errors() -> Vec<StorageError> {
    vec![
        StorageError::unavailable(io::Error::other("refused")),
        Record::from_json(format!(r#"{{"format":1,"created_at":"{VALUE}"}}"#).as_bytes())
            .unwrap_err(),
        Record::from_json(VALUE.as_bytes()).unwrap_err(),
        Record::from_json(
            format!(r#"{{"format":9,"created_at":1,"values":{{"a":"{VALUE}"}}}}"#).as_bytes(),
        )
        .unwrap_err(),
    ]
}

#[tokio::test]
async fn nothing_shows_in_logs_and_errors_over_any_storage() {
    let watch = watch();
    let scenarios = async {
        let memory = Faulty::new(MemoryStorage::new());
        scenario(&watch, memory.clone(), Some(&memory)).await;
        scenario(&watch, CookieStorage::new(), None).await;
        let folder = tempfile::tempdir().unwrap();
        scenario(&watch, FsStorage::new(folder.path()).unwrap(), None).await;
        watch.debug(&memory);
        watch.debug(&Counting::new(memory));
    };
    watch.over(scenarios).await;
    let events = watch.events();
    assert!(events > 20, "the failures were logged: {events}");
    watch.finds_nothing();
}

#[tokio::test]
async fn nothing_of_a_corrupt_file_shows() {
    let watch = watch();
    let folder = tempfile::tempdir().unwrap();
    let requests = async {
        let layer = SessionLayer::new(cookie(), FsStorage::new(folder.path()).unwrap());
        let mut client = Client::new(routes(&watch).layer(layer));
        let garbage = [
            VALUE.to_owned(),
            format!(r#"{{"version":"{VALUE}"}}"#),
            format!(r#"{{"version":1,"record":{{"format":1,"created_at":1,"values":"{VALUE}"}}}}"#),
            format!(
                r#"{{"version":1,"record":{{"format":7,"created_at":1,"values":{{"a":"{VALUE}"}}}}}}"#
            ),
        ];
        for garbage in garbage {
            client = client.anonymous();
            client.get("/set").await.ok();
            watch.keep_cookie(&client);
            for shard in fs::read_dir(folder.path()).unwrap() {
                for file in fs::read_dir(shard.unwrap().path()).unwrap() {
                    fs::write(file.unwrap().path(), &garbage).unwrap();
                }
            }
            for path in ["/look", "/set", "/logout"] {
                watch.show(client.peek(path).await.body);
            }
        }
    };
    watch.over(requests).await;
    assert!(watch.events() >= 3, "corrupt files are reported");
    watch.finds_nothing();
}

#[tokio::test]
async fn nothing_shows_in_the_debug_output_and_the_errors_of_public_types() {
    let watch = watch();
    let clock = TestClock::new();
    let folder = tempfile::tempdir().unwrap();
    let files = FsStorage::new(folder.path()).unwrap();
    let storage = MemoryStorage::new().clock(clock.clone());
    let sessions = Sessions::new(cookie(), storage.clone()).clock(clock.clone());
    let session = Session::with_data(BTreeMap::from([("password", VALUE)])).unwrap();
    let set_cookie = sessions.commit(&session).await.unwrap().unwrap();
    let pair = set_cookie
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    for part in pair.split(['=', '.']).skip(1) {
        watch.keep_secret(part);
    }

    watch.debug(&(
        &keys(),
        &cookie(),
        &sessions,
        &storage,
        &files,
        &clock,
        Expiry::default(),
    ));
    watch.debug(&(
        CookieStorage::new(),
        SessionId::generate().unwrap(),
        session.id(),
    ));
    watch.debug(&(
        Backend::boxed(storage.clone()),
        BoxStorage::clone(&SessionStorage::boxed(storage.clone())),
    ));
    let loaded = storage
        .load(&session.id().storage_key())
        .await
        .unwrap()
        .unwrap();
    watch.debug(&(&loaded, &loaded.record, session.id().storage_key()));
    watch.debug(&CookieUpdate::Set {
        value: pair.clone(),
        max_age: 1,
    });
    watch.debug(&SessionLayer::from(sessions.clone()).layer(()));
    let opened = sessions.open([&pair]).await.unwrap();
    watch.debug(&(&opened, &opened.schema::<Visitor>(), opened.clone()));
    watch.debug(&storage.delete_expired().await);

    watch.error(&ParseKeyError);
    watch.error(&pair.parse::<session::StorageKey>().unwrap_err());
    watch.error(&KeyRing::new(SHORT_SECRET).unwrap_err());
    watch.error(&keys().accept(SECRET).unwrap_err());
    watch.error(&keys().accept(SHORT_SECRET).unwrap_err());
    watch.error(&Session::with_data(VALUE).unwrap_err());
    watch.error(&Session::new().commit().await.unwrap_err());
    watch.error(&mismatch::<u64>(&session));
    watch.error(&mismatch::<Vec<String>>(&session));
    for error in storage_errors() {
        let rejection = Rejection::Unavailable(error.into());
        watch.error(&rejection);
        watch.show(format_args!("{:?}", rejection.into_response()));
    }
    watch.finds_nothing();
}

fn mismatch<T: DeserializeOwned + Debug>(session: &Session) -> session::Error {
    session.peek::<T>("password").unwrap_err()
}

/// A response's fields are logged by many a middleware, in `Debug`: there the cookie is marked as sensitive.
#[tokio::test]
async fn a_set_cookie_field_does_not_show_in_debug() {
    for storage in [
        SessionStorage::boxed(MemoryStorage::new()),
        CookieStorage::new().boxed(),
    ] {
        let watch = watch();
        let sessions = Sessions::new(cookie(), storage);
        let session = Session::new();
        session.set("password", VALUE);
        let set_cookie: HeaderValue = sessions.commit(&session).await.unwrap().unwrap();
        let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
        for part in pair.split(['=', '.']).skip(1) {
            watch.keep_secret(part);
        }
        watch.debug(&set_cookie);
        watch.finds_nothing();
    }
}

#[tokio::test]
async fn nothing_of_a_url_shows_but_its_scheme() {
    let watch = watch();
    for url in [
        // Nobody listens on port 1.
        format!("redis://user:{PASSWORD}@127.0.0.1:1/0"),
        format!("redis://user:{PASSWORD}@127.0.0.1:1/{PASSWORD}"),
        format!("rediss://user:{PASSWORD}@127.0.0.1:1"),
        format!("redis-cluster://user:{PASSWORD}@127.0.0.1:1,127.0.0.1:1"),
        format!("memcached://user:{PASSWORD}@127.0.0.1:1"),
        format!("memcached://127.0.0.1:1?prefix={PASSWORD} "),
        format!("postgres://user:{PASSWORD}@127.0.0.1:1/app"),
        format!("postgres://user:{PASSWORD}@127.0.0.1:{PASSWORD}/app?sslmode=require"),
        format!("mysql://user:{PASSWORD}@127.0.0.1:1/app?table={PASSWORD}"),
        format!("mariadb://user:{PASSWORD}@127.0.0.1:1/app?timeout_ms={PASSWORD}"),
        format!("floppy://user:{PASSWORD}@localhost"),
        format!("memory:{PASSWORD}"),
        format!("cookie://{PASSWORD}"),
        PASSWORD.to_owned(),
        format!("{PASSWORD}@localhost:6379"),
        format!("user:{PASSWORD}@localhost:6379"),
        format!(":{PASSWORD}@localhost:6379"),
    ] {
        let Err(error) = from_url(&url).await else {
            panic!("it is no storage");
        };
        watch.error(&error);
    }
    watch.finds_nothing();
}

/// The positive control: what is searched for is found, wherever it is shown.
#[tokio::test]
async fn the_search_finds_what_is_shown() {
    struct Talkative(&'static str);

    impl Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("Talkative").field(&self.0).finish()
        }
    }

    impl Display for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("all is well")
        }
    }

    impl StdError for Talkative {}

    let leaks = async |show: fn(&Watch)| {
        let watch = watch();
        watch.over(async { show(&watch) }).await;
        watch.leaks()
    };
    assert_eq!(leaks(|watch| watch.debug(&VALUE)).await, [VALUE]);
    assert_eq!(leaks(|watch| watch.error(&Talkative(VALUE))).await, [VALUE]);
    let deep = |watch: &Watch| watch.error(&StorageError::unavailable(Talkative(SECRET)));
    assert_eq!(leaks(deep).await, [SECRET]);
    assert_eq!(leaks(|_| tracing::trace!(password = VALUE)).await, [VALUE]);
    assert_eq!(leaks(|_| tracing::trace!("it is {VALUE}")).await, [VALUE]);
    assert_eq!(
        leaks(|_| tracing::trace!(error = ?Talkative(VALUE))).await,
        [VALUE]
    );
    assert_eq!(
        leaks(|_| drop(tracing::trace_span!("login", password = VALUE))).await,
        [VALUE]
    );
    assert!(leaks(|_| tracing::trace!("all is well")).await.is_empty());
}
