//! G10: a request that never extracts its session costs no storage call and changes no header.

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use session::testing::Calls;

use super::app;
use super::stage::{IDLE, Stage};
use crate::support::client::Client;

on_backends!(
    an_untouched_request_answers_as_it_would_without_the_layer,
    an_untouched_session_is_not_kept_alive,
);
in_the_cookie!(an_untouched_request_answers_as_it_would_without_the_layer);

async fn an_untouched_request_answers_as_it_would_without_the_layer(stage: Stage) {
    let failing = async || (http::StatusCode::INTERNAL_SERVER_ERROR, "failed").into_response();
    let routes = || app::routes().merge(Router::new().route("/failing", get(failing)));
    let bare = Client::new(routes());
    let mut client = stage.client(routes());
    let anonymous = client.clone();
    client.get("/do/set-first").await.ok();
    let forged = client.with_cookie("__Host-session=forged");
    stage.calls();
    stage.wait(IDLE / 2);
    for path in ["/untouched", "/failing", "/nowhere"] {
        for client in [&client, &anonymous, &forged] {
            assert_eq!(client.peek(path).await, bare.peek(path).await);
        }
    }
    assert_eq!(stage.calls(), Calls::default());
}

async fn an_untouched_session_is_not_kept_alive(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-first").await.ok();
    stage.wait(IDLE - 1);
    client.get("/untouched").await.ok();
    stage.wait(1);
    assert_eq!(client.peek("/show").await.ok(), "{}");
}
