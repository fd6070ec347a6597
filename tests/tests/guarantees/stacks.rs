//! The session layer among others: what each order of them comes to, as the documentation of `session::web` says it.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::Response;
use axum::routing::get;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_ENCODING,
    COOKIE, ORIGIN, VARY,
};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use session::testing::{Calls, Verb};
use session::{Session, SessionLayer};
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

use super::app::{self, act};
use super::stage::Stage;
use crate::support::client::{Client, SetCookie};
use crate::support::log::Log;

on_backends!(
    compression_goes_on_either_side,
    a_panic_that_is_caught_outside_is_never_committed,
    what_a_failed_commit_answers_can_be_read_across_origins_when_cors_is_outside,
    a_trace_outside_sees_what_the_client_gets,
    the_recommended_stack_works_as_a_whole,
);
in_the_cookie!(
    compression_goes_on_either_side,
    a_panic_that_is_caught_outside_is_never_committed,
    the_recommended_stack_works_as_a_whole,
);

const FRONT: &str = "https://front.example";
const LIMIT: Duration = Duration::from_secs(30);

/// The routes of all these tests; `/stay/{what}` does it and comes to no end, `/panic/{what}` does it and panics.
fn routes() -> Router {
    async fn stay(session: Session, Path(what): Path<String>) {
        act(&session, &what);
        pending::<()>().await;
    }
    async fn fail(session: Session, Path(what): Path<String>) {
        act(&session, &what);
        panic!("told to");
    }
    app::routes()
        .route("/long", get(async |_: Session| "long ".repeat(100)))
        .route("/stay/{what}", get(stay))
        .route("/panic/{what}", get(fail))
}

/// The same application twice: with something outside of the session layer, and with it inside.
fn around(session: SessionLayer, other: impl Fn(Router) -> Router) -> (Router, Router) {
    let outside = other(routes().layer(session.clone()));
    let inside = other(routes()).layer(session);
    (outside, inside)
}

/// The head and the bytes of an answer, with these fields in the request.
async fn fetch(app: &Router, path: &str, fields: &HeaderMap) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    request.headers_mut().extend(fields.clone());
    let response = app.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, bytes.into())
}

fn fields<const N: usize>(fields: [(http::HeaderName, &str); N]) -> HeaderMap {
    let parsed = fields.map(|(name, value)| (name, value.parse().unwrap()));
    parsed.into_iter().collect()
}

/// The names in all the Vary fields of a response, sorted, in lower case.
fn varies(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.get_all(VARY).into_iter();
    let names = fields.flat_map(|field| field.to_str().unwrap().split(','));
    let mut names: Vec<_> = names.map(|name| name.trim().to_lowercase()).collect();
    names.sort_unstable();
    names
}

async fn compression_goes_on_either_side(stage: Stage) {
    let (outside, inside) = around(stage.layer(), |app| app.layer(CompressionLayer::new()));
    let mut client = Client::new(outside.clone());
    client.get("/do/set-first").await.ok();
    let fields = fields([
        (ACCEPT_ENCODING, "gzip"),
        (COOKIE, client.cookie().unwrap()),
    ]);
    let mut bodies = Vec::new();
    for app in [outside, inside] {
        let (_, headers, body) = fetch(&app, "/long", &fields).await;
        assert_eq!(headers[CONTENT_ENCODING], "gzip");
        assert_eq!(varies(&headers), ["accept-encoding", "cookie"]);
        bodies.push(body);
        let answer = client.moved_to(app).get("/do/set-second").await;
        assert_eq!(answer.ok(), "set-second");
    }
    assert_eq!(bodies[0], bodies[1]);
}

/// Time stands still until nothing is left to do but wait, so a handler gets as far as it can.
mod with_a_clock_that_waits {
    use super::{Stage, a_timeout_outside_stores_nothing_and_one_inside_is_an_answer as test};

    #[tokio::test(start_paused = true)]
    async fn a_timeout_outside_stores_nothing_and_one_inside_is_an_answer_on_memory() {
        test(Stage::memory()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_outside_stores_nothing_and_one_inside_is_an_answer_in_the_cookie() {
        test(Stage::cookie()).await;
    }
}

async fn a_timeout_outside_stores_nothing_and_one_inside_is_an_answer(stage: Stage) {
    for (status, is_kept_inside) in [
        (StatusCode::REQUEST_TIMEOUT, true),
        (StatusCode::SERVICE_UNAVAILABLE, false),
    ] {
        let limit = TimeoutLayer::with_status_code(status, LIMIT);
        let (outside, inside) = around(stage.layer(), |app| app.layer(limit));
        for (app, is_kept) in [(outside, false), (inside, is_kept_inside)] {
            let mut client = stage.client(routes());
            client.get("/do/set-first").await.ok();
            let mut slow = client.moved_to(app);
            let answer = slow.get("/stay/set-half").await;
            assert_eq!(answer.status, status);
            let seen = slow.moved_to(routes().layer(stage.layer()));
            let shown = seen.peek("/show").await.body;
            assert_eq!(shown.contains("half"), is_kept, "{status}: {shown}");
        }
    }
}

async fn a_panic_that_is_caught_outside_is_never_committed(stage: Stage) {
    for (commits, is_kept_inside) in [(false, false), (true, true)] {
        let layer = stage.layer().commit_on_server_error(commits);
        let (outside, inside) = around(layer, |app| app.layer(CatchPanicLayer::new()));
        for (app, is_kept) in [(outside, false), (inside, is_kept_inside)] {
            let mut client = Client::new(app);
            client.get("/do/set-first").await.ok();
            let answer = client.get("/panic/set-half").await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
            let shown = client.peek("/show").await.body;
            assert_eq!(shown.contains("half"), is_kept, "{commits}: {shown}");
        }
    }
}

async fn what_a_failed_commit_answers_can_be_read_across_origins_when_cors_is_outside(
    stage: Stage,
) {
    let cors = CorsLayer::new().allow_origin([FRONT.parse().unwrap()]);
    let (outside, inside) = around(stage.layer(), |app| app.layer(cors.clone()));
    for (app, is_readable) in [(outside, true), (inside, false)] {
        let fields = fields([(ORIGIN, FRONT)]);
        let (_, headers, _) = fetch(&app, "/do/look", &fields).await;
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], FRONT);
        assert!(varies(&headers).contains(&"cookie".to_owned()));

        stage.storage.fail(Verb::Create);
        let (status, headers, _) = fetch(&app, "/do/set-key", &fields).await;
        stage.storage.heal();
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN),
            is_readable
        );

        stage.calls();
        let preflight = Request::options("/do/set-key")
            .header(ORIGIN, FRONT)
            .header(ACCESS_CONTROL_REQUEST_METHOD, "GET");
        let preflight = preflight.body(Body::empty()).unwrap();
        let answer = Client::new(app).send(preflight).await;
        answer.sets_no_cookie();
        assert_eq!(stage.calls(), Calls::default());
    }
}

async fn a_trace_outside_sees_what_the_client_gets(stage: Stage) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let statuses = Arc::clone(&seen);
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| tracing::info_span!("traced", path = %request.uri()))
        .on_response(move |response: &Response, _, _: &tracing::Span| {
            statuses.lock().unwrap().push(response.status());
        });
    let (outside, inside) = around(stage.layer(), |app| app.layer(trace.clone()));
    for (app, traced) in [
        (outside, StatusCode::SERVICE_UNAVAILABLE),
        (inside, StatusCode::OK),
    ] {
        let log = Log::start();
        stage.storage.fail(Verb::Create);
        let answer = Client::new(app).peek("/do/set-key").await;
        stage.storage.heal();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(seen.lock().unwrap().pop(), Some(traced));
        let is_traced = log.text().contains("traced{path=/do/set-key}");
        assert_eq!(is_traced, traced == answer.status, "{}", log.text());
    }
}

async fn the_recommended_stack_works_as_a_whole(stage: Stage) {
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            LIMIT,
        ))
        .layer(CorsLayer::new().allow_origin([FRONT.parse().unwrap()]))
        .layer(CompressionLayer::new())
        .layer(stage.layer());
    let mut client = Client::new(routes().layer(stack));
    client.get("/do/set-key").await.ok();
    client.get("/do/login").await.ok();
    client.get("/do/flash-notice").await.ok();
    let answer = client.get("/panic/take-notice").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(client.get("/do/take-notice").await.ok(), "notice");
    assert_eq!(client.get("/do/take-notice").await.ok(), "");
    let answer = client.get("/show").await;
    assert_eq!(answer.ok(), r#"{"key":"key","user":"Ada"}"#);
    assert!(varies(&answer.headers).contains(&"cookie".to_owned()));
    assert_eq!(client.get("/do/logout").await.cookie(), SetCookie::Removed);
    assert_eq!(client.get("/show").await.ok(), "{}");
}
