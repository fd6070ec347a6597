//! G2: nothing that another request does brings a destroyed session back.

use http::StatusCode;
use session::testing::Calls;

use super::app::{self, Door};
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
);

/// A browser that is logged in, with a flash value waiting.
async fn logged_in(stage: &Stage, routes: axum::Router) -> Client {
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
        for passed in 0.. {
            let records = stage.records();
            let mut client = logged_in(&stage, axum::Router::new()).await;
            let (mut slow, orders) = stage.client_beside(&client, app::routes());
            let before = slow.clone();
            let gate = orders.hold_after(passed);
            let mut request = slow.start(&format!("/do/{what}"));
            let early = tokio::select! {
                () = gate.reached() => None,
                answer = &mut request => Some(answer.unwrap()),
            };
            if let Some(answer) = early {
                answer.ok();
                assert!(passed > 0, "the load is a call");
                client.take_in(&answer);
                client.get("/do/logout").await.ok();
                break;
            }
            client.get("/do/logout").await.ok();
            gate.open();
            let answer = request.await.unwrap();
            let context = format!("{what} held after {passed} calls");
            assert_eq!(answer.status, StatusCode::OK, "{context}");
            if passed == 0 {
                // The session was gone before the load: what the handler wrote is a session of its own.
                slow.take_in(&answer);
                slow.get("/do/logout").await.ok();
            } else {
                slow.take_in(&answer);
            }
            is_gone(&stage, [&slow, &client, &before], records, &context).await;
        }
    }
}

async fn a_logout_overtaken_at_any_storage_call_destroys_all_the_same(stage: Stage) {
    for what in OPERATIONS {
        for passed in 1.. {
            let records = stage.records();
            let client = logged_in(&stage, axum::Router::new()).await;
            let (slow, orders) = stage.client_beside(&client, app::routes());
            let gate = orders.hold_after(passed);
            let mut logout = slow.start("/do/logout");
            let early = tokio::select! {
                () = gate.reached() => None,
                answer = &mut logout => Some(answer.unwrap()),
            };
            let mut other = client.clone();
            let answer = other.get(&format!("/do/{what}")).await;
            answer.ok();
            gate.open();
            let is_held = early.is_none();
            let answer = match early {
                Some(answer) => answer,
                None => logout.await.unwrap(),
            };
            let context = format!("logout held after {passed} calls, then {what}");
            assert_eq!(answer.cookie(), SetCookie::Removed, "{context}");
            if !is_held {
                // The session was gone before the other request: what that wrote is a session of its own.
                other.get("/do/logout").await.ok();
                is_gone(&stage, [&client], records, &context).await;
                break;
            }
            if other.cookie().is_some() && other.peek("/show").await.ok() != "{}" {
                // It found the session claimed and began its own, under an id that the logout cannot have known.
                assert_ne!(other.cookie(), client.cookie(), "{context}");
                assert!(passed > 1, "{context}");
                other.get("/do/logout").await.ok();
            }
            is_gone(&stage, [&client, &slow], records, &context).await;
        }
    }
}

async fn a_touch_due_at_a_logout_brings_nothing_back(stage: Stage) {
    let door = Door::new();
    let mut client = logged_in(&stage, door.routes()).await;
    stage.wait(IDLE / 2);
    let slow = client.clone();
    let request = slow.start("/slow/look");
    door.entered(1).await;
    client.get("/do/logout").await.ok();
    stage.calls();
    door.open(1);
    let answer = request.await.unwrap();
    answer.ok();
    answer.sets_no_cookie();
    assert_eq!(
        stage.calls(),
        Calls {
            touch: 1,
            ..Calls::default()
        }
    );
    is_gone(&stage, [&slow, &client], 0, "touch").await;
}

async fn a_goodbye_is_a_session_of_its_own(stage: Stage) {
    let mut client = logged_in(&stage, axum::Router::new()).await;
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
    let mut client = logged_in(&stage, axum::Router::new()).await;
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
