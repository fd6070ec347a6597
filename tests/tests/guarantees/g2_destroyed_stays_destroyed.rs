//! G2: nothing that another request does brings a destroyed session back.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use session::Session;
use session::testing::Calls;

use super::app::{self, Door};
use super::overtake::Overtaken;
use super::stage::{IDLE, Stage};
use crate::support::client::{Client, SetCookie};

/// What a request that overlaps a logout may do.
const OPERATIONS: [&str; 10] = [
    "set-key",
    "unset-user",
    "add-count",
    "flash-other",
    "take-notice",
    "rotate",
    "login",
    "clear",
    "look",
    "logout",
];

on_backends!(
    a_slow_request_does_not_bring_back_what_a_logout_has_destroyed,
    a_logout_destroys_what_an_overlapping_request_has_written_since,
    a_request_overtaken_by_a_logout_at_any_storage_call_brings_nothing_back,
    a_logout_overtaken_at_any_storage_call_destroys_all_the_same,
    a_touch_due_at_a_logout_brings_nothing_back,
    a_goodbye_is_a_session_of_its_own,
    destroying_twice_is_destroying_once,
    a_session_destroyed_after_a_commit_by_hand_is_gone,
);
in_the_cookie!(a_logout_removes_the_cookie_and_a_goodbye_replaces_it);

/// A browser that is logged in, with a flash value waiting.
async fn logged_in(stage: &Stage, routes: Router) -> Client {
    let mut client = stage.client(app::routes().merge(routes));
    client.get("/do/login").await.ok();
    client.get("/do/flash-notice").await.ok();
    stage.calls();
    client
}

/// No cookie that was given out opens the session, and the storage keeps nothing of it.
async fn is_gone<'a>(
    stage: &Stage,
    browsers: impl IntoIterator<Item = &'a Client>,
    records: usize,
    context: &str,
) {
    for client in browsers {
        let answer = client.peek("/show").await;
        assert_eq!(answer.ok(), "{}", "{context}");
        answer.sets_no_cookie();
    }
    assert_eq!(stage.records(), records, "{context}");
}

async fn a_slow_request_does_not_bring_back_what_a_logout_has_destroyed(stage: Stage) {
    for what in OPERATIONS {
        let records = stage.records();
        let door = Door::new();
        let mut client = logged_in(&stage, door.routes()).await;
        let slow = client.clone();
        let request = slow.start(&format!("/slow/{what}"));
        door.entered(1).await;

        let logout = client.get("/do/logout").await;
        assert_eq!(logout.cookie(), SetCookie::Removed);
        door.open(1);
        let answer = request.await.unwrap();
        answer.ok();
        assert!(!matches!(answer.cookie(), SetCookie::Set { .. }), "{what}");
        is_gone(&stage, [&slow, &client], records, what).await;
        assert_eq!(
            stage.calls().create,
            u64::from(matches!(what, "rotate" | "login"))
        );
    }
}

async fn a_logout_destroys_what_an_overlapping_request_has_written_since(stage: Stage) {
    for what in OPERATIONS {
        let records = stage.records();
        let door = Door::new();
        let client = logged_in(&stage, door.routes()).await;
        let request = client.start("/slow/logout");
        door.entered(1).await;

        let mut other = client.clone();
        other.get(&format!("/do/{what}")).await.ok();
        door.open(1);
        let answer = request.await.unwrap();
        answer.ok();
        assert_eq!(answer.cookie(), SetCookie::Removed, "{what}");
        is_gone(&stage, [&client, &other], records, what).await;
    }
}

async fn a_request_overtaken_by_a_logout_at_any_storage_call_brings_nothing_back(stage: Stage) {
    for what in OPERATIONS {
        for calls in 0.. {
            let records = stage.records();
            let mut client = logged_in(&stage, Router::new()).await;
            let before = client.clone();
            let mut slow = client.clone();
            let path = format!("/do/{what}");
            let Some(request) = Overtaken::after(calls, &stage, &slow, &path).await else {
                break;
            };
            client.get("/do/logout").await.ok();
            let answer = request.goes_on().await;
            answer.ok();
            slow.take_in(&answer);
            if calls == 0 {
                // The session was gone before the load: what the handler wrote is a session of its own.
                slow.get("/do/logout").await.ok();
            }
            let context = format!("{what} held after {calls} calls");
            is_gone(&stage, [&slow, &client, &before], records, &context).await;
        }
    }
}

async fn a_logout_overtaken_at_any_storage_call_destroys_all_the_same(stage: Stage) {
    for what in OPERATIONS {
        for calls in 0.. {
            let records = stage.records();
            let client = logged_in(&stage, Router::new()).await;
            let Some(logout) = Overtaken::after(calls, &stage, &client, "/do/logout").await else {
                break;
            };
            let mut other = client.clone();
            other.get(&format!("/do/{what}")).await.ok();
            let answer = logout.goes_on().await;
            let context = format!("logout held after {calls} calls, then {what}");
            assert_eq!(answer.cookie(), SetCookie::Removed, "{context}");
            match calls {
                // The logout came with an id that a login had replaced by then: it is nobody's logout.
                0 if matches!(what, "rotate" | "login") => (),
                0 | 1 => is_gone(&stage, [&client, &other], records, &context).await,
                // The other found the session claimed: what it wrote is a session of its own.
                _ => {
                    other.get("/do/logout").await.ok();
                    is_gone(&stage, [&client, &other], records, &context).await;
                }
            }
        }
    }
}

async fn a_touch_due_at_a_logout_brings_nothing_back(stage: Stage) {
    for calls in 1.. {
        let mut client = logged_in(&stage, Router::new()).await;
        let slow = client.clone();
        stage.wait(IDLE / 2);
        let Some(request) = Overtaken::after(calls, &stage, &slow, "/do/look").await else {
            assert!(calls > 1, "a touch is a call");
            break;
        };
        client.get("/do/logout").await.ok();
        let answer = request.goes_on().await;
        answer.ok();
        answer.sets_no_cookie();
        is_gone(
            &stage,
            [&slow, &client],
            0,
            &format!("held after {calls} calls"),
        )
        .await;
    }
}

async fn a_goodbye_is_a_session_of_its_own(stage: Stage) {
    let mut client = logged_in(&stage, Router::new()).await;
    let before = client.clone();
    let answer = client.get("/do/goodbye").await;
    assert!(matches!(answer.cookie(), SetCookie::Set { .. }));
    assert_ne!(client.cookie(), before.cookie());
    assert_eq!(client.get("/show").await.ok(), r#"{"notice":"Goodbye."}"#);
    assert_eq!(before.peek("/show").await.ok(), "{}");
    assert_eq!(client.get("/do/take-notice").await.ok(), "Goodbye.");
    assert_eq!(client.get("/do/take-notice").await.ok(), "");
    assert_eq!(stage.records(), 1);
}

async fn destroying_twice_is_destroying_once(stage: Stage) {
    let mut client = logged_in(&stage, Router::new()).await;
    let again = client.clone();
    assert_eq!(client.get("/do/logout").await.cookie(), SetCookie::Removed);
    let calls = stage.calls();
    assert_eq!(
        calls,
        Calls {
            load: 1,
            update: 1,
            delete: 1,
            ..Calls::default()
        }
    );
    // The browser's cookie opens nothing by now, but it is there to be removed.
    assert_eq!(again.peek("/do/logout").await.cookie(), SetCookie::Removed);
    assert_eq!(
        stage.calls(),
        Calls {
            load: 1,
            ..Calls::default()
        }
    );
    // A browser without a cookie has nothing to remove.
    client.get("/do/logout").await.sets_no_cookie();
    assert_eq!(stage.calls(), Calls::default());
}

async fn a_session_destroyed_after_a_commit_by_hand_is_gone(stage: Stage) {
    let handler = async |session: Session| {
        session.set("key", 1);
        session.commit().await.unwrap();
        session.destroy();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let routes = Router::new().route("/", get(handler));
    let mut client = logged_in(&stage, routes.clone()).await;
    let before = client.clone();
    assert_eq!(client.get("/").await.cookie(), SetCookie::Removed);
    is_gone(&stage, [&before, &client], 0, "of a stored session").await;
    let fresh = stage.client(routes);
    assert!(!matches!(
        fresh.peek("/").await.cookie(),
        SetCookie::Set { .. }
    ));
    assert_eq!(stage.records(), 0, "of a new session");
}

async fn a_logout_removes_the_cookie_and_a_goodbye_replaces_it(stage: Stage) {
    let mut client = logged_in(&stage, Router::new()).await;
    let mut other = client.clone();
    assert_eq!(client.get("/do/logout").await.cookie(), SetCookie::Removed);
    assert_eq!(client.cookie(), None);
    other.get("/do/goodbye").await.ok();
    assert_eq!(other.peek("/show").await.ok(), r#"{"notice":"Goodbye."}"#);
}
