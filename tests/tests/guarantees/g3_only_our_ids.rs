//! G3: only ids that the library issued open a session; reading creates nothing.

use std::iter;

use axum::body::Body;
use http::header::{COOKIE, VARY};
use http::{HeaderValue, Request};
use session::testing::Calls;

use super::app;
use super::stage::{COOKIE as NAME, Stage};

on_backends!(
    a_thousand_requests_without_a_session_that_write_nothing_leave_nothing,
    an_ended_id_is_asked_for_and_not_taken_up_again,
    a_planted_cookie_is_not_adopted_by_a_write,
    an_unset_key_or_an_unread_flash_of_nobody_stores_nothing,
);
in_the_cookie!(
    a_thousand_requests_without_a_session_that_write_nothing_leave_nothing,
    a_planted_cookie_is_not_adopted_by_a_write,
    an_unset_key_or_an_unread_flash_of_nobody_stores_nothing,
);

/// What attackers, scanners and broken clients send.
fn hostile_values() -> Vec<Vec<u8>> {
    let text = |text: &str| text.as_bytes().to_vec();
    let id = "A".repeat(43);
    vec![
        text(""),
        text("="),
        text("."),
        text("../../../../etc/passwd"),
        text("..%2f..%2fetc%2fpasswd"),
        text(&format!("../{}.{id}", &id[..40])),
        text(&format!("{id}.{id}")),
        text(&format!("\"{id}.{id}\"")),
        text(&format!("{id}.{id}.{id}")),
        text(&id),
        text(&format!(".{id}")),
        text(&format!("{id}.")),
        text(&"A".repeat(10_000)),
        text(&format!("{id}.{}", "A".repeat(10_000))),
        text(&format!("{}.{id}", "é".repeat(21))),
        text("AQ"),
        b"\xff\xfe\xfd".to_vec(),
        [id.as_bytes(), b".", &[0xff; 43]].concat(),
        [&[0xff; 43], b".".as_slice(), id.as_bytes()].concat(),
    ]
}

/// Bytes without a pattern that are the same in every run.
fn noise() -> impl Iterator<Item = u64> {
    iter::successors(Some(0x9e37_79b9_7f4a_7c15_u64), |&seed| {
        let seed = seed ^ (seed << 13);
        let seed = seed ^ (seed >> 7);
        Some(seed ^ (seed << 17))
    })
    .skip(1)
}

fn random_values() -> impl Iterator<Item = Vec<u8>> {
    const BASE64URL: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut noise = noise();
    iter::repeat_with(move || {
        let length = noise.next().unwrap() % 120;
        let is_plain = noise.next().unwrap().is_multiple_of(2);
        let byte = |random: u64| match random.to_le_bytes()[0] {
            byte if is_plain => BASE64URL[usize::from(byte % 64)],
            // What a header cannot carry never arrives.
            byte if byte < b' ' || byte == 0x7f => b'.',
            byte => byte,
        };
        let mut value: Vec<u8> = noise.by_ref().take(length as usize).map(byte).collect();
        if is_plain && value.len() > 87 {
            value.truncate(87);
            value[43] = b'.';
        }
        value
    })
}

fn request(path: &str, value: &[u8]) -> Request<Body> {
    let field = [NAME.as_bytes(), b"=", value].concat();
    let request = Request::get(path).header(COOKIE, HeaderValue::from_bytes(&field).unwrap());
    request.body(Body::empty()).unwrap()
}

async fn a_thousand_requests_without_a_session_that_write_nothing_leave_nothing(stage: Stage) {
    let client = stage.client(app::routes());
    let values = hostile_values().into_iter().chain(random_values());
    for (value, path) in values
        .zip(
            ["/show", "/do/look", "/do/take-x", "/untouched"]
                .into_iter()
                .cycle(),
        )
        .take(900)
    {
        let answer = client.send(request(path, &value)).await;
        answer.ok();
        answer.sets_no_cookie();
    }
    for _ in 0..100 {
        let answer = client.peek("/show").await;
        assert_eq!(answer.ok(), "{}");
        answer.sets_no_cookie();
    }
    assert_eq!(
        stage.calls(),
        Calls::default(),
        "a forged cookie never reaches the storage"
    );
    assert_eq!(stage.records(), 0);
    assert!(stage.bytes_at_rest().is_empty());
}

#[test]
fn a_nul_byte_never_arrives() {
    assert!(HeaderValue::from_bytes(b"__Host-session=\0").is_err());
}

async fn an_ended_id_is_asked_for_and_not_taken_up_again(stage: Stage) {
    let mut client = stage.client(app::routes());
    client.get("/do/set-key").await.ok();
    let ended = client.clone();
    client.get("/do/logout").await.ok();
    stage.calls();
    // Authentic, so the storage is asked; unknown, so it is a new session under a fresh id.
    let answer = ended.peek("/show").await;
    assert_eq!(answer.ok(), "{}");
    answer.sets_no_cookie();
    assert_eq!(
        stage.calls(),
        Calls {
            load: 1,
            ..Calls::default()
        }
    );
    let mut again = ended.clone();
    again.get("/do/set-other").await.ok();
    assert_ne!(
        again.cookie(),
        ended.cookie(),
        "a dead id is not taken up again"
    );
    assert_eq!(
        stage.calls(),
        Calls {
            load: 1,
            create: 1,
            ..Calls::default()
        }
    );
    assert_eq!(ended.peek("/show").await.ok(), "{}");
}

async fn a_planted_cookie_is_not_adopted_by_a_write(stage: Stage) {
    let client = stage.client(app::routes());
    for value in hostile_values().into_iter().chain(random_values().take(50)) {
        let planted = client.send(request("/do/set-key", &value)).await;
        planted.ok();
        let mut victim = client.clone();
        victim.take_in(&planted);
        assert_ne!(victim.value().as_bytes(), value);
        assert_eq!(victim.peek("/show").await.ok(), r#"{"key":"key"}"#);
        assert_eq!(client.send(request("/show", &value)).await.ok(), "{}");
    }
}

async fn an_unset_key_or_an_unread_flash_of_nobody_stores_nothing(stage: Stage) {
    let client = stage.client(app::routes());
    for what in ["unset-key", "take-key", "clear", "rotate", "logout", "look"] {
        let answer = client.peek(&format!("/do/{what}")).await;
        answer.ok();
        answer.sets_no_cookie();
        assert_eq!(answer.header(VARY), ["Cookie"], "it was looked at");
    }
    assert_eq!((stage.calls(), stage.records()), (Calls::default(), 0));
}
