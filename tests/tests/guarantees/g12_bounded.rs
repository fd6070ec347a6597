//! G12: sizes, depths and retries have limits, and what passes them is an error that says what to look at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::StatusCode;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use session::storage::{Backend, Created, Loaded, Touched, Updated};
use session::testing::Calls;
use session::{Error, Record, Session, SessionLayer, Sessions, StorageError, StorageKey};

use super::app;
use super::stage::{Stage, Storage};
use crate::support::client::{Client, SetCookie};

on_backends!(
    a_value_that_cannot_be_stored_fails_the_commit_and_names_its_key,
    a_value_that_is_replaced_before_the_commit_does_no_harm,
    json_that_nests_too_deep_fails_the_commit_and_names_its_key,
    a_record_over_its_limit_fails_the_commit_and_names_the_largest_keys,
    an_endless_conflict_ends_in_an_error,
    an_update_that_writes_to_its_own_session_ends,
);
in_the_cookie!(
    a_value_that_cannot_be_stored_fails_the_commit_and_names_its_key,
    a_value_that_is_replaced_before_the_commit_does_no_harm,
    json_that_nests_too_deep_fails_the_commit_and_names_its_key,
    a_cookie_over_4096_bytes_fails_the_commit_and_names_the_largest_keys,
);

/// A type whose serialisation fails, as that of a poisoned lock does.
struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("hunter2"))
    }
}

fn nested(levels: usize) -> serde_json::Value {
    (0..levels).fold(serde_json::Value::Null, |inner, _| vec![inner].into())
}

/// `/bad/{how}`: sets a good value and one that cannot be stored.
fn bad() -> Router {
    async fn bad(session: Session, Path(how): Path<String>) {
        session.set("good", 1);
        match how.as_str() {
            "map" => session.set("culprit", BTreeMap::from([((1, 2), 3)])),
            "error" => session.set("culprit", Unwritable),
            "flash" => session.flash("culprit", Unwritable),
            "update" => session.update("culprit", |value: &mut Option<serde_json::Value>| {
                *value = Some(nested(200));
            }),
            "deep" => session.set("culprit", nested(121)),
            "very-deep" => session.set("culprit", nested(500)),
            "deep-enough" => session.set("culprit", nested(120)),
            "replaced" => {
                session.set("culprit", Unwritable);
                session.set("culprit", 2);
            }
            "removed" => {
                session.set("culprit", Unwritable);
                session.flash("culprit", Unwritable);
                session.unset("culprit");
            }
            other => panic!("{other}"),
        }
    }
    app::routes().route("/bad/{how}", get(bad))
}

async fn fails(stage: &Stage, how: &str) {
    let mut client = stage.client(bad());
    client.get("/do/set-first").await.ok();
    stage.calls();
    let answer = client.get(&format!("/bad/{how}")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{how}");
    answer.sets_no_cookie();
    assert_eq!(
        Calls {
            load: 0,
            ..stage.calls()
        },
        Calls::default(),
        "{how}"
    );
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first"}"#,
        "{how}"
    );
    // Of a new session nothing is stored either.
    let records = stage.records();
    let answer = client.anonymous().peek(&format!("/bad/{how}")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{how}");
    answer.sets_no_cookie();
    assert_eq!(stage.records(), records, "{how}");
}

async fn a_value_that_cannot_be_stored_fails_the_commit_and_names_its_key(stage: Stage) {
    for how in ["map", "error", "flash"] {
        fails(&stage, how).await;
    }
    let session = Session::new();
    session.set("culprit", Unwritable);
    let error = stage.sessions().commit(&session).await.unwrap_err();
    assert!(matches!(&error, Error::Unserializable { key, .. } if key == "culprit"));
    assert!(error.to_string().contains("`culprit`"), "{error}");
    assert!(
        !format!("{error} {error:?}").contains("hunter2"),
        "the serialiser may quote the value"
    );
}

async fn a_value_that_is_replaced_before_the_commit_does_no_harm(stage: Stage) {
    for (how, expected) in [
        ("replaced", r#"{"culprit":2,"good":1}"#),
        ("removed", r#"{"good":1}"#),
    ] {
        let mut client = stage.client(bad());
        client.get(&format!("/bad/{how}")).await.ok();
        assert_eq!(client.peek("/show").await.ok(), expected);
    }
}

async fn json_that_nests_too_deep_fails_the_commit_and_names_its_key(stage: Stage) {
    for how in ["deep", "very-deep", "update"] {
        fails(&stage, how).await;
    }
    let session = Session::new();
    session.set("culprit", nested(121));
    let error = stage.sessions().commit(&session).await.unwrap_err();
    assert!(matches!(&error, Error::TooDeep { key, limit: 120, .. } if key == "culprit"));
    // What is just not too deep comes back.
    let mut client = stage.client(bad());
    client.get("/bad/deep-enough").await.ok();
    let expected = format!(r#"{{"culprit":{},"good":1}}"#, nested(120));
    assert_eq!(client.peek("/show").await.ok(), expected);
}

fn filled(sizes: &[(&str, usize)]) -> Session {
    let session = Session::new();
    for (key, bytes) in sizes {
        // With its quotes, so many bytes.
        session.set(key, "x".repeat(bytes - 2));
    }
    session
}

fn largest(error: &Error) -> &[(String, usize)] {
    match error {
        Error::TooLarge { largest, .. } => largest,
        other => panic!("{other}"),
    }
}

async fn a_record_over_its_limit_fails_the_commit_and_names_the_largest_keys(stage: Stage) {
    let sessions = stage.sessions().max_record_bytes(1000);
    let sizes = [("cart", 500), ("notes", 300), ("a", 10), ("log", 250)];
    let error = sessions.commit(&filled(&sizes)).await.unwrap_err();
    let expected = [
        ("cart".into(), 500),
        ("notes".into(), 300),
        ("log".into(), 250),
    ];
    assert_eq!(largest(&error), expected);
    assert!(error.to_string().ends_with(
        "its largest keys are `cart` (500 bytes), `notes` (300 bytes), `log` (250 bytes)"
    ));
    assert_eq!((stage.calls(), stage.records()), (Calls::default(), 0));

    // A key of one byte and what goes around it: five bytes.
    assert!(sessions.commit(&filled(&[("a", 996)])).await.is_err());
    assert!(sessions.commit(&filled(&[("a", 995)])).await.is_ok());

    let fill =
        async |session: Session, Path(bytes): Path<usize>| session.set("a", "x".repeat(bytes));
    let routes = app::routes().route("/fill/{bytes}", get(fill));
    let mut client = Client::new(routes.layer(SessionLayer::from(sessions)));
    client.get("/fill/500").await.ok();
    let before = client.peek("/show").await;
    let answer = client.get("/fill/1000").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    assert_eq!(client.peek("/show").await, before);
}

async fn a_cookie_over_4096_bytes_fails_the_commit_and_names_the_largest_keys(stage: Stage) {
    let sessions = stage.sessions();
    let sizes = [("cart", 2500), ("notes", 1500), ("a", 10), ("log", 250)];
    let error = sessions.commit(&filled(&sizes)).await.unwrap_err();
    let expected = [
        ("cart".into(), 2500),
        ("notes".into(), 1500),
        ("log".into(), 250),
    ];
    assert_eq!(largest(&error), expected);
    assert!(matches!(error, Error::TooLarge { limit: 4096, bytes, .. } if bytes > 4096));

    // To the byte: the largest that goes is the one whose cookie is at most 4096 bytes long.
    let mut fits = 0;
    for bytes in 2700..4096 {
        match sessions.commit(&filled(&[("a", bytes)])).await {
            Ok(set_cookie) => {
                let field = set_cookie.unwrap();
                let (pair, _) = field.to_str().unwrap().split_once(';').unwrap();
                assert!(pair.len() - 1 <= 4096, "name and value, without the `=`");
                fits = bytes;
            }
            Err(Error::TooLarge { bytes, .. }) => {
                assert!(bytes > 4096);
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!((2800..3000).contains(&fits), "{fits}");

    let fill =
        async |session: Session, Path(bytes): Path<usize>| session.set("a", "x".repeat(bytes));
    let mut client = stage.client(app::routes().route("/fill/{bytes}", get(fill)));
    client.get("/fill/2000").await.ok();
    let before = client.peek("/show").await;
    let answer = client.get("/fill/4000").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    assert_eq!(client.peek("/show").await, before);
    assert_eq!(client.get("/do/logout").await.cookie(), SetCookie::Removed);
}

/// A backend in which somebody else is always faster.
#[derive(Clone)]
struct AlwaysLate {
    inner: Storage,
    conflicts: Arc<AtomicU32>,
}

impl Backend for AlwaysLate {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        self.inner.load(key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        self.inner.create(key, record, expires_at).await
    }

    async fn update(
        &self,
        _: &StorageKey,
        _: &Record,
        _: u64,
        _: SystemTime,
    ) -> Result<Updated, StorageError> {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
        Ok(Updated::Conflict)
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        self.inner.touch(key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.inner.delete(key).await
    }
}

async fn an_endless_conflict_ends_in_an_error(stage: Stage) {
    let backend = AlwaysLate {
        inner: stage.storage.clone(),
        conflicts: Arc::default(),
    };
    let conflicts = Arc::clone(&backend.conflicts);
    let sessions = Sessions::new(super::stage::cookie(), backend.clone());
    let session = Session::new();
    session.set("first", 1);
    sessions.commit(&session).await.unwrap();
    session.set("first", 2);
    let error = sessions.commit(&session).await.unwrap_err();
    let Error::Contended { tries, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(conflicts.load(Ordering::Relaxed), tries);

    let mut client = stage.client_through(backend, app::routes());
    client.get("/do/set-first").await.ok();
    let answer = client.get("/do/login").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    assert_eq!(client.peek("/show").await.ok(), r#"{"first":"first"}"#);
}

async fn an_update_that_writes_to_its_own_session_ends(stage: Stage) {
    let strange = async |session: Session| {
        let (inner, runs) = (session.clone(), AtomicU32::new(0));
        session.update("count", move |count: &mut Option<u32>| {
            assert!(
                runs.fetch_add(1, Ordering::Relaxed) < 1000,
                "it is run again and again"
            );
            inner.set("other", 1);
            *count = Some(1);
        });
    };
    let mut client = stage.client(app::routes().route("/strange", get(strange)));
    let request = client.start("/strange").await;
    client.take_in(&request.expect("no panic"));
    assert_eq!(client.peek("/show").await.ok(), r#"{"count":1,"other":1}"#);
}
