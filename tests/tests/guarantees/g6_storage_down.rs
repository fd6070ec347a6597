//! G6: a storage that is down is not an empty session.

use std::fs;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use session::testing::{Calls, Verb};
use session::web::Rejection;
use session::{Error, Session};

use super::app;
use super::stage::{IDLE, Stage};
use crate::support::client::{Client, SetCookie};

on_backends!(
    a_failing_load_is_a_503_and_overwrites_nothing,
    a_handler_that_goes_on_without_its_session_overwrites_nothing,
    a_failing_commit_is_a_503_without_a_cookie_and_works_once_healed,
    a_failing_create_is_a_503_without_a_cookie_and_works_once_healed,
    a_failing_touch_is_a_503_and_works_once_healed,
    a_failing_destruction_is_a_503_that_leaves_the_session_or_ends_it_whole,
    a_commit_by_hand_that_failed_is_made_up_for_by_the_next,
    a_request_that_does_not_touch_its_session_does_not_care,
);

async fn stored(stage: &Stage, routes: Router) -> Client {
    let mut client = stage.client(app::routes().merge(routes));
    client.get("/do/set-first").await.ok();
    client.get("/do/flash-notice").await.ok();
    stage.calls();
    client
}

const STORED: &str = r#"{"first":"first","notice":"notice"}"#;

async fn a_failing_load_is_a_503_and_overwrites_nothing(stage: Stage) {
    let client = stored(&stage, Router::new()).await;
    stage.storage.fail(Verb::Load);
    for what in ["set-first", "take-notice", "login", "logout", "look"] {
        let answer = client.peek(&format!("/do/{what}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            answer.body,
            "the session storage is unavailable; try again later"
        );
        answer.sets_no_cookie();
    }
    assert_eq!(
        stage.calls(),
        Calls::default(),
        "nothing but the loads, which failed"
    );
    stage.storage.heal();
    assert_eq!(client.peek("/show").await.ok(), STORED);
}

async fn a_handler_that_goes_on_without_its_session_overwrites_nothing(stage: Stage) {
    let lenient = async |session: Result<Session, Rejection>| {
        assert!(matches!(
            session,
            Err(Rejection::Unavailable(Error::Storage(_)))
        ));
        "hello, stranger"
    };
    let client = stored(&stage, Router::new().route("/lenient", get(lenient))).await;
    stage.storage.fail(Verb::Load);
    let answer = client.peek("/lenient").await;
    assert_eq!(answer.ok(), "hello, stranger");
    answer.sets_no_cookie();
    assert_eq!(stage.calls(), Calls::default());
    stage.storage.heal();
    assert_eq!(client.peek("/show").await.ok(), STORED);
}

async fn a_failing_commit_is_a_503_without_a_cookie_and_works_once_healed(stage: Stage) {
    let mut client = stored(&stage, Router::new()).await;
    stage.storage.fail(Verb::Update);
    for what in ["set-key", "take-notice", "login", "clear", "logout"] {
        let answer = client.get(&format!("/do/{what}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert_eq!(answer.body, "", "what the handler promised is not sent");
        answer.sets_no_cookie();
        assert_eq!(client.peek("/show").await.ok(), STORED, "{what}");
    }
    stage.storage.heal();
    let before = client.clone();
    client.get("/do/login").await.ok();
    assert_eq!(client.peek("/do/take-notice").await.ok(), "notice");
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first","user":"Ada"}"#
    );
    assert_eq!(before.peek("/show").await.ok(), "{}");
}

async fn a_failing_create_is_a_503_without_a_cookie_and_works_once_healed(stage: Stage) {
    let mut client = stage.client(app::routes());
    stage.storage.fail(Verb::Create);
    let answer = client.get("/do/set-key").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    assert_eq!(stage.records(), 0);
    stage.storage.heal();
    client.get("/do/set-key").await.ok();
    assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
    assert_eq!(stage.records(), 1);

    stage.storage.fail(Verb::Create);
    let answer = client.get("/do/login").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
}

async fn a_failing_touch_is_a_503_and_works_once_healed(stage: Stage) {
    let client = stored(&stage, Router::new()).await;
    stage.wait(IDLE / 2);
    stage.storage.fail(Verb::Touch);
    let answer = client.peek("/show").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.sets_no_cookie();
    stage.storage.heal();
    let answer = client.peek("/show").await;
    assert_eq!(answer.ok(), STORED);
    assert_eq!(answer.max_age(), IDLE);
}

async fn a_failing_destruction_is_a_503_that_leaves_the_session_or_ends_it_whole(stage: Stage) {
    for (verb, left) in [(Verb::Update, STORED), (Verb::Delete, "{}")] {
        let client = stored(&stage, Router::new()).await;
        stage.storage.fail(verb);
        for what in ["logout", "goodbye"] {
            let answer = client.peek(&format!("/do/{what}")).await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                answer.sets_no_cookie();
            } else {
                assert_eq!(left, "{}", "{verb:?} failed, and the answer promised");
            }
            assert_eq!(client.peek("/show").await.ok(), left);
        }
        stage.storage.heal();
        assert_eq!(client.peek("/show").await.ok(), left);
        assert_eq!(client.peek("/do/logout").await.cookie(), SetCookie::Removed);
        assert_eq!(client.peek("/show").await.ok(), "{}");
    }
}

/// What a handler commits by hand may fail and is then still to be written: by a second try, or after the handler.
async fn a_commit_by_hand_that_failed_is_made_up_for_by_the_next(stage: Stage) {
    let cases = [
        (
            Verb::Update,
            "set-key",
            r#"{"first":"first","key":"key","notice":"notice"}"#,
        ),
        (
            Verb::Update,
            "add-count",
            r#"{"count":1,"first":"first","notice":"notice"}"#,
        ),
        (Verb::Update, "logout", "{}"),
        (Verb::Delete, "logout", "{}"),
        (
            Verb::Create,
            "login",
            r#"{"first":"first","notice":"notice","user":"Ada"}"#,
        ),
        (
            Verb::Update,
            "login",
            r#"{"first":"first","notice":"notice","user":"Ada"}"#,
        ),
    ];
    for (verb, what, expected) in cases {
        let storage = stage.storage.clone();
        let stubborn = async move |session: Session| {
            app::act(&session, what);
            storage.fail(verb);
            let failed = session.commit().await;
            storage.heal();
            assert!(matches!(failed, Err(Error::Storage(_))));
            assert!(session.is_dirty(), "everything is still to be written");
        };
        let mut client = stored(&stage, Router::new().route("/stubborn", get(stubborn))).await;
        let before = client.clone();
        let answer = client.get("/stubborn").await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{what} after a failed {verb:?}"
        );
        assert_eq!(
            client.peek("/show").await.ok(),
            expected,
            "{what} after a failed {verb:?}"
        );
        if matches!(what, "login" | "logout") {
            assert_eq!(before.peek("/show").await.ok(), "{}");
        }
    }
}

async fn a_request_that_does_not_touch_its_session_does_not_care(stage: Stage) {
    let client = stored(&stage, Router::new()).await;
    for verb in [
        Verb::Load,
        Verb::Create,
        Verb::Update,
        Verb::Touch,
        Verb::Delete,
    ] {
        stage.storage.fail(verb);
    }
    assert_eq!(client.peek("/untouched").await.ok(), "nothing");
}

#[tokio::test]
async fn a_corrupt_file_reads_as_a_new_session_and_is_no_loop_of_errors() {
    for garbage in [
        "",
        "hunter2",
        r#"{"version":1,"record":{"format":1}}"#,
        "\0\0\0\0",
    ] {
        let stage = Stage::files();
        let mut client = stored(&stage, Router::new()).await;
        let [file] = &*stage.session_files() else {
            panic!("one session, one file");
        };
        fs::write(file, garbage).unwrap();
        for _ in 0..2 {
            let answer = client.peek("/show").await;
            assert_eq!(answer.ok(), "{}");
            answer.sets_no_cookie();
        }
        client.get("/do/set-key").await.ok();
        assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
    }
}

#[tokio::test]
async fn a_file_that_turns_corrupt_during_a_request_is_no_loop_of_errors() {
    for what in ["set-key", "login", "logout"] {
        let stage = Stage::files();
        let client = stored(&stage, Router::new()).await;
        let gate = stage.storage.hold_after(1);
        let request = client.start(&format!("/do/{what}"));
        gate.reached().await;
        fs::write(&stage.session_files()[0], "hunter2").unwrap();
        gate.open();
        request.await.unwrap();
        let answer = client.peek("/show").await;
        assert_eq!(answer.ok(), "{}", "{what}");
    }
}
