//! G4: after a login the id from before it opens nothing.

use session::testing::Calls;

use super::app::{self, Door};
use super::overtake::Overtaken;
use super::stage::{IDLE, Stage};
use crate::support::client::{Client, SetCookie};

on_backends!(
    a_login_changes_the_cookie_and_the_old_one_opens_nothing,
    a_planted_session_is_worthless_after_the_login,
    a_request_in_flight_during_a_login_adds_its_change_and_gives_out_no_cookie,
    a_touch_that_a_login_overtakes_at_any_storage_call_gives_out_no_cookie,
    a_login_held_at_any_storage_call_leaves_one_id_that_opens_the_session,
    of_two_logins_at_once_the_later_id_opens_the_session_with_the_changes_of_both,
    an_old_id_opens_the_session_until_its_grace_ends_and_not_at_that_second,
    a_rotation_without_grace_ends_the_grace_of_the_one_before,
    ids_replaced_one_after_another_within_their_grace_all_lead_to_the_session,
    a_session_destroyed_within_the_grace_opens_under_neither_id,
    a_renewal_within_the_grace_that_is_overtaken_at_each_step_joins_the_others,
    a_new_session_that_is_rotated_before_it_is_stored_is_stored_once,
);
in_the_cookie!(a_login_changes_the_cookie);

async fn logged_in(stage: &Stage) -> (Client, Client) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let before = client.clone();
    stage.calls();
    client.get("/do/login").await.ok();
    (before, client)
}

async fn opens_nothing(client: &Client) {
    let answer = client.peek("/show").await;
    assert_eq!(answer.ok(), "{}");
    answer.sets_no_cookie();
}

const LOGGED_IN: &str = r#"{"cart":"cart","user":"Ada"}"#;

async fn a_login_changes_the_cookie_and_the_old_one_opens_nothing(stage: Stage) {
    let (before, client) = logged_in(&stage).await;
    let calls = Calls {
        load: 1,
        create: 1,
        update: 1,
        ..Calls::default()
    };
    assert_eq!(stage.calls(), calls);
    assert_ne!(client.cookie(), before.cookie());
    assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
    opens_nothing(&before).await;
    // A write under the old id is a session of its own.
    let mut intruder = before.clone();
    intruder.get("/do/set-key").await.ok();
    assert_eq!(intruder.peek("/show").await.ok(), r#"{"key":"key"}"#);
    assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
}

async fn a_login_changes_the_cookie(stage: Stage) {
    let (before, client) = logged_in(&stage).await;
    assert_ne!(client.cookie(), before.cookie());
    assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
    assert_eq!(
        before.peek("/show").await.ok(),
        r#"{"cart":"cart"}"#,
        "the cookie is the only copy"
    );
}

async fn a_planted_session_is_worthless_after_the_login(stage: Stage) {
    let mut attacker = stage.client(app::routes());
    attacker.get("/do/set-cart").await.ok();
    let mut victim = attacker.clone();
    victim.get("/do/login").await.ok();
    opens_nothing(&attacker).await;
    attacker.get("/do/logout").await.ok();
    assert_eq!(
        victim.peek("/show").await.ok(),
        LOGGED_IN,
        "nor does it end the new session"
    );
}

async fn a_request_in_flight_during_a_login_adds_its_change_and_gives_out_no_cookie(stage: Stage) {
    let changes = [
        ("set-key", r#"{"cart":"cart","key":"key","user":"Ada"}"#),
        ("add-count", r#"{"cart":"cart","count":1,"user":"Ada"}"#),
        ("unset-cart", r#"{"user":"Ada"}"#),
        ("look", LOGGED_IN),
    ];
    for (what, expected) in changes {
        let door = Door::new();
        let mut client = stage.client(app::routes().merge(door.routes()));
        client.get("/do/set-cart").await.ok();
        let before = client.clone();
        let request = before.start(&format!("/slow/{what}"));
        door.entered(1).await;
        client.get("/do/login").await.ok();
        door.open(1);
        let answer = request.await.unwrap();
        answer.ok();
        answer.sets_no_cookie();
        assert_eq!(client.peek("/show").await.ok(), expected);
        opens_nothing(&before).await;
    }
}

/// A cookie with the old id would take the new one away from the browser.
async fn a_touch_that_a_login_overtakes_at_any_storage_call_gives_out_no_cookie(stage: Stage) {
    for what in ["look", "set-cart"] {
        for calls in 1.. {
            let mut client = stage.client(app::routes());
            client.get("/do/set-cart").await.ok();
            let before = client.clone();
            stage.wait(IDLE / 2);
            let path = format!("/do/{what}");
            let Some(request) = Overtaken::after(calls, &stage, &client, &path).await else {
                assert!(calls > 1, "what is written is a call");
                break;
            };
            client.get("/do/login").await.ok();
            // Long enough for the commit to move the deadline once more.
            stage.wait(IDLE / 5);
            let answer = request.goes_on().await;
            answer.ok();
            answer.sets_no_cookie();
            assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
            opens_nothing(&before).await;
        }
    }
}

async fn a_login_held_at_any_storage_call_leaves_one_id_that_opens_the_session(stage: Stage) {
    for calls in 0.. {
        let mut client = stage.client(app::routes());
        client.get("/do/set-cart").await.ok();
        let before = client.clone();
        let Some(login) = Overtaken::after(calls, &stage, &client, "/do/login").await else {
            assert_eq!(calls, 3, "load, create, update");
            break;
        };
        assert_eq!(
            before.peek("/show").await.ok(),
            r#"{"cart":"cart"}"#,
            "not yet replaced"
        );
        client.take_in(&login.goes_on().await);
        opens_nothing(&before).await;
        assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
    }
}

async fn of_two_logins_at_once_the_later_id_opens_the_session_with_the_changes_of_both(
    stage: Stage,
) {
    for (held, other) in [("login", "rotate"), ("rotate", "login")] {
        for calls in 1.. {
            let mut client = stage.client(app::routes());
            client.get("/do/set-cart").await.ok();
            let (before, mut slow) = (client.clone(), client.clone());
            let path = format!("/do/{held}");
            let Some(request) = Overtaken::after(calls, &stage, &slow, &path).await else {
                break;
            };
            client.get(&format!("/do/{other}")).await.ok();
            slow.take_in(&request.goes_on().await);
            assert_eq!(
                slow.peek("/show").await.ok(),
                LOGGED_IN,
                "{held}, after {calls} calls"
            );
            opens_nothing(&before).await;
            opens_nothing(&client).await;
        }
    }
}

async fn an_old_id_opens_the_session_until_its_grace_ends_and_not_at_that_second(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let old = client.clone();
    client.get("/do/grace-30").await.ok();
    assert_ne!(client.cookie(), old.cookie());

    stage.wait(29);
    stage.calls();
    let mut late = old.clone();
    let answer = late.get("/show").await;
    assert_eq!(answer.ok(), r#"{"cart":"cart"}"#);
    assert_eq!(
        stage.calls(),
        Calls {
            // The mark, the session, and once more before the new id is given out; the touch makes sure that this one
            // is of now.
            load: 3,
            touch: 1,
            ..Calls::default()
        }
    );
    assert_eq!(answer.max_age(), IDLE - 29, "what is left");
    let same_session = late.clone();
    same_session.peek("/do/set-late").await.ok();
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"cart":"cart","late":"late"}"#
    );

    stage.wait(1);
    opens_nothing(&old).await;
    assert_eq!(
        late.peek("/show").await.ok(),
        r#"{"cart":"cart","late":"late"}"#
    );
}

async fn a_rotation_without_grace_ends_the_grace_of_the_one_before(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let first = client.clone();
    client.get("/do/grace-30").await.ok();
    let second = client.clone();
    client.get("/do/login").await.ok();
    opens_nothing(&first).await;
    opens_nothing(&second).await;
    assert_eq!(client.peek("/show").await.ok(), LOGGED_IN);
}

async fn ids_replaced_one_after_another_within_their_grace_all_lead_to_the_session(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let first = client.clone();
    client.get("/do/grace-30").await.ok();
    client.get("/do/grace-30").await.ok();
    let mut again = first.clone();
    assert_eq!(again.get("/show").await.ok(), r#"{"cart":"cart"}"#);
    assert_eq!(again.peek("/do/logout").await.cookie(), SetCookie::Removed);
    opens_nothing(&client).await;
}

/// Overtaken by a change, then by another renewal, then by a change under the id that one gave.
async fn a_renewal_within_the_grace_that_is_overtaken_at_each_step_joins_the_others(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let (renewing, orders) = stage.client_beside(&client, app::routes());
    let claim = orders.hold_after(2);
    let renewal = renewing.start("/do/grace-30");
    claim.reached().await;
    client.get("/do/set-one").await.ok();
    let search = orders.hold_after(0);
    claim.open();
    search.reached().await;
    client.get("/do/grace-30").await.ok();
    // What it still does before it writes: it finds where the session went, deletes what it has created, and looks again.
    let write = orders.hold_after(4);
    search.open();
    write.reached().await;
    client.get("/do/set-two").await.ok();
    write.open();
    renewal.await.unwrap().ok();
    let all = r#"{"cart":"cart","one":"one","two":"two"}"#;
    assert_eq!(client.peek("/show").await.ok(), all);
}

async fn a_session_destroyed_within_the_grace_opens_under_neither_id(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-cart").await.ok();
    let old = client.clone();
    client.get("/do/grace-30").await.ok();
    let new = client.clone();
    // From the old id, as a client that never got the answer would.
    assert_eq!(old.peek("/do/logout").await.cookie(), SetCookie::Removed);
    opens_nothing(&old).await;
    opens_nothing(&new).await;
}

async fn a_new_session_that_is_rotated_before_it_is_stored_is_stored_once(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/login").await.ok();
    assert_eq!(
        stage.calls(),
        Calls {
            create: 1,
            ..Calls::default()
        }
    );
    assert_eq!(stage.records(), 1);
    assert_eq!(client.peek("/show").await.ok(), r#"{"user":"Ada"}"#);
}
