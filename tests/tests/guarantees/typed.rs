//! Typed sessions through axum: what the derive makes, on every storage.

use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use session::testing::Calls;
use session::{Session, SessionSchema};

use super::app;
use super::stage::Stage;
use crate::support::client::SetCookie;
use crate::support::log::Log;

on_backends!(
    a_handler_reads_what_another_has_set,
    extractors_of_different_schemas_share_one_session_and_one_commit,
    a_stored_value_of_another_type_reads_as_absent_and_stays,
);
in_the_cookie!(
    a_handler_reads_what_another_has_set,
    extractors_of_different_schemas_share_one_session_and_one_commit,
    a_stored_value_of_another_type_reads_as_absent_and_stays,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Theme {
    Light,
    Dark,
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Visitor {
    user_id: Option<u64>,
    #[session(default = Theme::Light)]
    theme: Theme,
    #[session(default)]
    cart: Vec<String>,
    #[session(flash)]
    notice: Option<String>,
    #[session(flash = "next_request")]
    step: Option<u8>,
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Statistics {
    visits: Option<u32>,
}

/// What `Visitor` would be in an older version of the application.
#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct OldVisitor {
    user_id: Option<String>,
}

fn routes() -> Router {
    let set = async |session: Session<Visitor>| {
        session.set_user_id(7);
        session.set_theme(Theme::Dark);
        session.update_cart(|cart| cart.push("Dune".to_owned()));
        session.flash_notice("Saved.");
        session.flash_step(2);
    };
    let read = async |session: Session<Visitor>| {
        Json(json!([
            session.user_id(),
            session.theme(),
            session.cart(),
            session.take_notice(),
            session.take_step(),
        ]))
    };
    let both =
        async |visitor: Session<Visitor>, statistics: Session<Statistics>, untyped: Session| {
            visitor.set_user_id(8);
            statistics.update_visits(|visits| *visits = Some(visits.unwrap_or(0) + 1));
            untyped.set("plain", true);
            assert_eq!(
                untyped.get::<u64>("user_id").unwrap(),
                Some(8),
                "one session"
            );
            assert_eq!(statistics.schema::<Visitor>().user_id(), Some(8));
            assert_eq!(visitor.id(), statistics.id());
        };
    let old = async |session: Session<OldVisitor>| Json(session.user_id());
    app::routes()
        .route("/set", get(set))
        .route("/read", get(read))
        .route("/both", get(both))
        .route("/old", get(old))
}

async fn a_handler_reads_what_another_has_set(stage: Stage) {
    let mut client = stage.client(routes());
    let nothing = client.get("/read").await;
    assert_eq!(nothing.ok(), r#"[null,"light",[],null,null]"#);
    nothing.sets_no_cookie();
    client.get("/set").await.ok();
    assert_eq!(
        client.get("/read").await.ok(),
        r#"[7,"dark",["Dune"],"Saved.",2]"#
    );
    assert_eq!(
        client.get("/read").await.ok(),
        r#"[7,"dark",["Dune"],null,null]"#
    );
}

async fn extractors_of_different_schemas_share_one_session_and_one_commit(stage: Stage) {
    let mut client = stage.client(routes());
    let answer = client.get("/both").await;
    answer.ok();
    assert!(matches!(answer.cookie(), SetCookie::Set { .. }));
    let is_server_side = stage.records() > 0;
    assert_eq!(
        stage.calls(),
        Calls {
            create: u64::from(is_server_side),
            ..Calls::default()
        }
    );
    client.get("/both").await.ok();
    let once = u64::from(is_server_side);
    assert_eq!(
        stage.calls(),
        Calls {
            load: once,
            update: once,
            ..Calls::default()
        }
    );
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"plain":true,"user_id":8,"visits":2}"#
    );
}

async fn a_stored_value_of_another_type_reads_as_absent_and_stays(stage: Stage) {
    let mut client = stage.client(routes());
    client.get("/both").await.ok();
    let answer = client.get("/old").await;
    assert_eq!(answer.ok(), "null");
    answer.sets_no_cookie();
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"plain":true,"user_id":8,"visits":1}"#
    );
}

/// On one thread, which is the one whose log is read.
#[tokio::test]
async fn a_value_that_does_not_fit_is_reported_once_a_request_by_its_key_alone() {
    let sessions = Stage::memory().sessions();
    let session = Session::new();
    session.set("user_id", "hunter2");
    let set_cookie = sessions.commit(&session).await.unwrap().unwrap();
    let cookie = set_cookie.to_str().unwrap().split(';').next().unwrap();

    let log = Log::start();
    for request in 1..=2 {
        let session = sessions.open([cookie]).await.unwrap().schema::<Visitor>();
        for _ in 0..3 {
            assert_eq!(session.user_id(), None);
        }
        assert_eq!(log.lines("WARN"), request, "{}", log.text());
    }
    let text = log.text();
    assert!(
        text.contains("user_id") && !text.contains("hunter2"),
        "{text}"
    );
}
