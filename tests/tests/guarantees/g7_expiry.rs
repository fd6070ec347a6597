//! G7: sessions expire on the server, at the second, and the cookie's Max-Age says when.

use session::testing::Calls;

use super::app::{self, Door};
use super::stage::{ABSOLUTE, IDLE, Stage};
use crate::support::client::{Client, SetCookie};

on_backends!(
    an_idle_session_opens_until_its_limit_and_not_at_that_second,
    a_busy_session_ends_at_the_absolute_limit_to_the_second,
    reads_within_a_tenth_of_the_idle_timeout_write_nothing,
    a_read_after_a_tenth_of_the_idle_timeout_is_one_touch_and_one_cookie,
    a_write_within_a_tenth_of_the_idle_timeout_sends_no_cookie,
    max_age_is_what_is_left_of_the_nearer_limit,
    a_session_that_expires_during_a_request_is_not_brought_back,
    a_new_session_after_expiry_has_an_id_of_its_own,
);
in_the_cookie!(
    an_idle_session_opens_until_its_limit_and_not_at_that_second,
    a_busy_session_ends_at_the_absolute_limit_to_the_second,
    reads_within_a_tenth_of_the_idle_timeout_send_no_cookie,
    max_age_is_what_is_left_of_the_nearer_limit,
    a_new_session_after_expiry_has_an_id_of_its_own,
);

const TENTH: u64 = IDLE / 10;
const STORED: &str = r#"{"first":"first"}"#;

async fn stored(stage: &Stage) -> Client {
    let mut client = stage.client(app::routes());
    let answer = client.get("/do/set-first").await;
    assert_eq!(answer.max_age(), IDLE);
    stage.calls();
    client
}

async fn is_expired(client: &Client) {
    let answer = client.peek("/show").await;
    assert_eq!(answer.ok(), "{}");
    answer.sets_no_cookie();
}

async fn an_idle_session_opens_until_its_limit_and_not_at_that_second(stage: Stage) {
    let client = stored(&stage).await;
    stage.wait(IDLE);
    // The browser should have dropped the cookie by now; one that keeps it gets nothing for it.
    is_expired(&client).await;

    let mut client = stored(&stage).await;
    stage.wait(IDLE - 1);
    let answer = client.get("/show").await;
    assert_eq!(answer.ok(), STORED);
    assert_eq!(answer.max_age(), IDLE, "it was used, so it lives on");
    stage.wait(IDLE - 1);
    assert_eq!(client.peek("/show").await.ok(), STORED);
}

async fn a_busy_session_ends_at_the_absolute_limit_to_the_second(stage: Stage) {
    let mut client = stored(&stage).await;
    for _ in 1..(ABSOLUTE / (IDLE / 2)) {
        stage.wait(IDLE / 2);
        assert_eq!(client.get("/show").await.ok(), STORED);
    }
    stage.wait(IDLE / 2 - 1);
    assert_eq!(
        client.get("/do/set-last").await.ok(),
        "set-last",
        "one second is left"
    );
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"first":"first","last":"last"}"#
    );
    // A new id is no new life.
    let rotated = client.get("/do/rotate").await;
    assert_eq!(rotated.max_age(), 1);
    stage.wait(1);
    is_expired(&client).await;
}

async fn reads_within_a_tenth_of_the_idle_timeout_write_nothing(stage: Stage) {
    let client = stored(&stage).await;
    for _ in 0..10 {
        client.peek("/show").await.sets_no_cookie();
    }
    stage.wait(TENTH - 1);
    client.peek("/show").await.sets_no_cookie();
    assert_eq!(
        stage.calls(),
        Calls {
            load: 11,
            ..Calls::default()
        }
    );
}

async fn reads_within_a_tenth_of_the_idle_timeout_send_no_cookie(stage: Stage) {
    let client = stored(&stage).await;
    stage.wait(TENTH - 1);
    client.peek("/show").await.sets_no_cookie();
    stage.wait(1);
    assert_eq!(client.peek("/show").await.max_age(), IDLE);
}

async fn a_read_after_a_tenth_of_the_idle_timeout_is_one_touch_and_one_cookie(stage: Stage) {
    let mut client = stored(&stage).await;
    let before = client.clone();
    stage.wait(TENTH);
    let answer = client.get("/show").await;
    assert_eq!(answer.max_age(), IDLE);
    assert_eq!(client.cookie(), before.cookie(), "the id stays");
    // The second load makes sure that no login has replaced the id meanwhile, before the cookie is sent again.
    assert_eq!(
        stage.calls(),
        Calls {
            load: 2,
            touch: 1,
            ..Calls::default()
        }
    );
    for _ in 0..10 {
        client.get("/show").await.sets_no_cookie();
    }
    assert_eq!(
        stage.calls(),
        Calls {
            load: 10,
            ..Calls::default()
        }
    );
    stage.wait(IDLE - 1);
    assert_eq!(
        client.peek("/show").await.ok(),
        STORED,
        "the touch has counted"
    );
}

async fn a_write_within_a_tenth_of_the_idle_timeout_sends_no_cookie(stage: Stage) {
    let client = stored(&stage).await;
    stage.wait(TENTH - 1);
    client.peek("/do/set-a").await.sets_no_cookie();
    stage.wait(1);
    let answer = client.peek("/do/set-b").await;
    assert_eq!(answer.max_age(), IDLE);
    assert_eq!(
        stage.calls(),
        Calls {
            load: 2,
            update: 2,
            ..Calls::default()
        }
    );
    stage.wait(IDLE - 1);
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"a":"a","b":"b","first":"first"}"#
    );
}

async fn max_age_is_what_is_left_of_the_nearer_limit(stage: Stage) {
    let mut client = stored(&stage).await;
    let mut age = 0;
    while age + IDLE / 2 < ABSOLUTE {
        stage.wait(IDLE / 2);
        age += IDLE / 2;
        match client.get("/show").await.cookie() {
            SetCookie::Set { max_age, .. } => assert_eq!(max_age, IDLE.min(ABSOLUTE - age)),
            // The absolute limit is the nearer one, and does not move.
            SetCookie::None => assert!(age > ABSOLUTE - IDLE),
            SetCookie::Removed => panic!("it is alive"),
        }
    }
    assert_eq!(client.get("/do/login").await.max_age(), ABSOLUTE - age);
}

async fn a_session_that_expires_during_a_request_is_not_brought_back(stage: Stage) {
    for what in ["set-key", "add-count", "rotate", "login", "look", "clear"] {
        let door = Door::new();
        let mut client = stage.client(app::routes().merge(door.routes()));
        client.get("/do/set-first").await.ok();
        stage.wait(IDLE - 1);
        let request = client.start(&format!("/slow/{what}"));
        door.entered(1).await;
        stage.wait(1);
        door.open(1);
        let answer = request.await.unwrap();
        answer.ok();
        answer.sets_no_cookie();
        is_expired(&client).await;
    }
}

async fn a_new_session_after_expiry_has_an_id_of_its_own(stage: Stage) {
    let mut client = stored(&stage).await;
    let before = client.clone();
    stage.wait(IDLE);
    let answer = client.get("/do/set-key").await;
    assert_eq!(answer.max_age(), IDLE);
    assert_ne!(client.cookie(), before.cookie());
    assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
    is_expired(&before).await;
}
