//! G5: a handler that fails stores nothing and consumes no flash value; what is stored is all of a commit or none of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use axum::extract::{FromRequestParts as _, Path, Request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, body::Body};
use http::StatusCode;
use http::header::COOKIE;
use session::storage::{Backend, Created, Loaded, Touched, Updated};
use session::testing::Calls;
use session::{Record, Session, StorageError, StorageKey, Untyped};
use tokio::task::yield_now;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use super::app::{self, act};
use super::stage::{Stage, Storage};
use crate::support::client::{Client, SetCookie};

on_backends!(
    a_response_of_a_failing_handler_changes_nothing,
    a_failing_handler_of_a_new_session_stores_nothing,
    a_panic_that_is_caught_outside_of_the_layer_changes_nothing,
    an_error_of_the_inner_service_changes_nothing,
    an_error_of_the_inner_service_carries_out_a_destruction,
    a_destruction_is_carried_out_whatever_the_response,
    a_destruction_is_carried_out_when_the_panic_is_caught_outside_of_the_layer,
    a_goodbye_under_a_server_error_destroys_and_stores_nothing,
    a_client_error_is_an_answer_and_is_committed,
    commit_on_server_error_commits,
    a_commit_by_hand_stays_when_the_handler_fails_afterwards,
    a_request_dropped_at_any_await_leaves_all_of_a_commit_or_none,
);
in_the_cookie!(
    a_response_of_a_failing_handler_changes_nothing,
    a_failing_handler_of_a_new_session_stores_nothing,
    a_panic_that_is_caught_outside_of_the_layer_changes_nothing,
    a_logout_under_a_server_error_removes_the_cookie,
    a_client_error_is_an_answer_and_is_committed,
    commit_on_server_error_commits,
);

const OPERATIONS: [&str; 8] = [
    "set-key",
    "unset-first",
    "add-count",
    "flash-other",
    "take-notice",
    "login",
    "clear",
    "look",
];
const STORED: &str = r#"{"first":"first","next":"next","notice":"notice"}"#;

/// `/fail/{how}/{what}`: does it, then fails.
fn failing() -> Router {
    async fn fail(session: Session, Path((how, what)): Path<(String, String)>) -> Response {
        act(&session, &what);
        match how.as_str() {
            "panic" => panic!("told to"),
            status => status.parse::<StatusCode>().unwrap().into_response(),
        }
    }
    app::routes().route("/fail/{how}/{what}", get(fail))
}

async fn with_session(stage: &Stage, routes: Router) -> Client {
    let mut client = stage.client(routes);
    client.get("/do/set-first").await.ok();
    client.get("/do/flash-notice").await.ok();
    client.get("/do/flashnext-next").await.ok();
    stage.calls();
    client
}

/// The session is as it was, and the flash values are still to be read.
async fn is_unchanged(client: &Client, context: &str) {
    assert_eq!(client.peek("/peek").await.body, STORED, "{context}");
}

/// `/peek`: what the session holds, told under a server error so that looking changes nothing.
fn peeking() -> Router {
    let peek = async |session: Session| {
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            session.data().to_string(),
        )
    };
    Router::new().route("/peek", get(peek))
}

async fn a_response_of_a_failing_handler_changes_nothing(stage: Stage) {
    let routes = failing().merge(peeking()).layer(CatchPanicLayer::new());
    let client = with_session(&stage, routes).await;
    for how in ["500", "503", "599", "panic"] {
        for what in OPERATIONS {
            stage.calls();
            let answer = client.peek(&format!("/fail/{how}/{what}")).await;
            assert!(answer.status.is_server_error());
            answer.sets_no_cookie();
            let loads = stage.calls();
            assert_eq!(
                Calls { load: 0, ..loads },
                Calls::default(),
                "{how} after {what}"
            );
            is_unchanged(&client, &format!("{how} after {what}")).await;
        }
    }
}

async fn a_failing_handler_of_a_new_session_stores_nothing(stage: Stage) {
    let client = stage.client(failing().layer(CatchPanicLayer::new()));
    for how in ["500", "panic"] {
        for what in OPERATIONS {
            client
                .peek(&format!("/fail/{how}/{what}"))
                .await
                .sets_no_cookie();
        }
    }
    assert_eq!((stage.calls(), stage.records()), (Calls::default(), 0));
}

async fn a_panic_that_is_caught_outside_of_the_layer_changes_nothing(stage: Stage) {
    let client = with_session(&stage, failing().merge(peeking())).await;
    for what in OPERATIONS {
        let panicked = client.start(&format!("/fail/panic/{what}")).await;
        assert!(panicked.unwrap_err().is_panic());
        is_unchanged(&client, what).await;
    }
}

/// A service that does what a request's path says to its session, and then fails as services do.
async fn erring(request: Request) -> Result<Response, &'static str> {
    let (mut parts, _) = request.into_parts();
    let session = Session::<Untyped>::from_request_parts(&mut parts, &())
        .await
        .unwrap();
    act(&session, parts.uri.path().trim_start_matches('/'));
    Err("told to")
}

async fn err(stage: &Stage, client: &Client, what: &str) {
    let request = Request::get(format!("/{what}")).header(COOKIE, client.cookie().unwrap());
    let service = stage.layer().layer(service_fn(erring));
    let outcome = service.oneshot(request.body(Body::empty()).unwrap()).await;
    assert_eq!(outcome.unwrap_err(), "told to");
}

async fn an_error_of_the_inner_service_changes_nothing(stage: Stage) {
    let client = with_session(&stage, failing().merge(peeking())).await;
    for what in OPERATIONS {
        err(&stage, &client, what).await;
        is_unchanged(&client, what).await;
    }
}

async fn an_error_of_the_inner_service_carries_out_a_destruction(stage: Stage) {
    let client = with_session(&stage, failing()).await;
    err(&stage, &client, "logout").await;
    assert_eq!(client.peek("/show").await.ok(), "{}");
    assert_eq!(stage.records(), 0);
}

async fn a_destruction_is_carried_out_whatever_the_response(stage: Stage) {
    for how in ["500", "503", "panic", "400", "200"] {
        let client = with_session(&stage, failing().layer(CatchPanicLayer::new())).await;
        let answer = client.peek(&format!("/fail/{how}/logout")).await;
        assert_eq!(answer.cookie(), SetCookie::Removed, "{how}");
        let calls = Calls {
            load: 1,
            update: 1,
            delete: 1,
            ..Calls::default()
        };
        assert_eq!(stage.calls(), calls, "{how}");
        assert_eq!(client.peek("/show").await.ok(), "{}");
        assert_eq!(stage.records(), 0);
    }
}

/// The order that applications have most often: what turns panics into responses is the outermost layer.
async fn a_destruction_is_carried_out_when_the_panic_is_caught_outside_of_the_layer(stage: Stage) {
    let client = with_session(&stage, failing()).await;
    let app = failing().layer(stage.layer()).layer(CatchPanicLayer::new());
    let answer = client.moved_to(app).peek("/fail/panic/logout").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(client.peek("/show").await.ok(), "{}");
    assert_eq!(stage.records(), 0);
}

async fn a_goodbye_under_a_server_error_destroys_and_stores_nothing(stage: Stage) {
    let client = with_session(&stage, failing()).await;
    let answer = client.peek("/fail/500/goodbye").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.cookie(), SetCookie::Removed);
    assert_eq!(client.peek("/show").await.ok(), "{}");
    assert_eq!(stage.records(), 0);
}

async fn a_logout_under_a_server_error_removes_the_cookie(stage: Stage) {
    let client = with_session(&stage, failing().layer(CatchPanicLayer::new())).await;
    for path in [
        "/fail/500/logout",
        "/fail/500/goodbye",
        "/fail/panic/logout",
    ] {
        assert_eq!(
            client.peek(path).await.cookie(),
            SetCookie::Removed,
            "{path}"
        );
    }
}

async fn a_client_error_is_an_answer_and_is_committed(stage: Stage) {
    let mut client = with_session(&stage, failing()).await;
    client.get("/fail/422/take-notice").await;
    client.get("/fail/404/set-key").await;
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first","key":"key"}"#
    );
}

async fn commit_on_server_error_commits(stage: Stage) {
    let layer = stage.layer().commit_on_server_error(true);
    let mut client = Client::new(failing().layer(CatchPanicLayer::new()).layer(layer));
    for how in ["500", "panic"] {
        let answer = client.get(&format!("/fail/{how}/add-count")).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(client.peek("/show").await.ok(), r#"{"count":2}"#);
}

async fn a_commit_by_hand_stays_when_the_handler_fails_afterwards(stage: Stage) {
    let half = async |session: Session| {
        session.regenerate_id();
        session.set("kept", 1);
        session.commit().await.unwrap();
        session.set("lost", 1);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let mut client = stage.client(app::routes().route("/half", get(half)));
    client.get("/do/set-first").await.ok();
    let before = client.clone();
    let answer = client.get("/half").await;
    assert!(
        matches!(answer.cookie(), SetCookie::Set { .. }),
        "also a failed answer brings the new id"
    );
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first","kept":1}"#
    );
    assert_eq!(before.peek("/show").await.ok(), "{}");
}

/// A backend that gives way before and after each step, so that a request can be dropped there.
#[derive(Clone)]
struct Yielding(Storage);

impl Yielding {
    async fn around<T>(step: impl Future<Output = T>) -> T {
        yield_now().await;
        let outcome = step.await;
        yield_now().await;
        outcome
    }
}

impl Backend for Yielding {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        Self::around(self.0.load(key)).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        Self::around(self.0.create(key, record, expires_at)).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        Self::around(self.0.update(key, record, seen_version, expires_at)).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        Self::around(self.0.touch(key, expires_at)).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        Self::around(self.0.delete(key)).await
    }
}

/// Drops a future when it has been polled so often without an outcome.
async fn poll_at_most<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn a_request_dropped_at_any_await_leaves_all_of_a_commit_or_none(stage: Stage) {
    // What a request does, what the session is once that is committed, and how many records it then has at least: after a
    // login the mark under the old id and the session under the new one, which nobody was told.
    let outcomes = [
        (
            "set-key",
            r#"{"first":"first","key":"key","notice":"notice"}"#,
            1,
        ),
        ("take-notice", r#"{"first":"first"}"#, 1),
        ("login", "{}", 2),
        ("logout", "{}", 0),
    ];
    for (what, after, left) in outcomes {
        for polls in 0.. {
            let has_left = Arc::new(AtomicBool::new(false));
            let leaving = Arc::clone(&has_left);
            let slow = async move |session: Session| {
                yield_now().await;
                let response = act(&session, what);
                yield_now().await;
                leaving.store(true, Ordering::SeqCst);
                response
            };
            let records = stage.records();
            let whole = with_session(&stage, failing().merge(peeking())).await;
            let routes = Router::new().route("/", get(slow));
            let client = stage.client_through(Yielding(stage.storage.clone()), routes);
            let client = client.with_cookie(whole.cookie().unwrap());
            let answer = poll_at_most(polls, client.peek("/")).await;
            let shown = whole.peek("/peek").await.body;
            let context = format!("{what}, dropped at await {polls}");
            if shown == after {
                assert!(stage.records() - records >= left, "{context}: data is lost");
            }
            if let Some(answer) = answer {
                answer.ok();
                assert_eq!(shown, after, "{context}");
                assert!(polls >= 6, "{context}");
                break;
            }
            if has_left.load(Ordering::SeqCst) {
                assert!(shown == STORED || shown == after, "{context}: {shown}");
            } else {
                assert_eq!(shown, STORED, "{context}");
            }
        }
    }
}
