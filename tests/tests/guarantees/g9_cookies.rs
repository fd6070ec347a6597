//! G9: cookies are authentic, bound to their name, and outlive a change of keys.

use axum::body::Body;
use http::header::COOKIE;
use http::{HeaderValue, Request};
use session::testing::Calls;
use session::{KeyRing, SessionCookie, SessionLayer};

use super::app;
use super::stage::{COOKIE as NAME, IDLE, SECRET, Stage};
use crate::support::client::{Client, SetCookie};

const NEW_SECRET: &str = "another secret of the tests, also of 32 bytes or more";
const STORED: &str = r#"{"first":"first"}"#;

on_backends!(
    an_older_key_opens_and_the_cookie_is_written_anew_under_the_new_one,
    a_cookie_of_a_retired_key_is_anonymous,
    a_cookie_under_another_name_is_refused,
    every_flipped_bit_and_every_truncation_looks_like_no_cookie,
    several_fields_and_several_cookies_of_one_name_work_in_any_order,
    names_are_compared_byte_for_byte,
    a_flood_of_cookies_costs_a_bounded_number_of_loads,
);
in_the_cookie!(
    an_older_key_opens_and_the_cookie_is_written_anew_under_the_new_one,
    a_cookie_of_a_retired_key_is_anonymous,
    a_cookie_under_another_name_is_refused,
    every_flipped_bit_and_every_truncation_looks_like_no_cookie,
    several_fields_and_several_cookies_of_one_name_work_in_any_order,
    names_are_compared_byte_for_byte,
);

async fn stored(stage: &Stage) -> Client {
    let mut client = stage.client(app::routes());
    client.get("/do/set-first").await.ok();
    stage.calls();
    client
}

/// The same browser before the same storage, under another cookie.
fn under(stage: &Stage, client: &Client, name: &'static str, keys: KeyRing) -> Client {
    let sessions = stage.sessions_under(SessionCookie::new(name, keys));
    client.moved_to(app::routes().layer(SessionLayer::from(sessions)))
}

async fn an_older_key_opens_and_the_cookie_is_written_anew_under_the_new_one(stage: Stage) {
    let keys = || KeyRing::new(NEW_SECRET).unwrap().accept(SECRET).unwrap();
    for what in ["look", "set-first"] {
        let client = stored(&stage).await;
        let mut rotated = under(&stage, &client, NAME, keys());
        stage.wait(10);
        let answer = rotated.get(&format!("/do/{what}")).await;
        answer.ok();
        let SetCookie::Set { pair, max_age } = answer.cookie() else {
            panic!("{what}: the cookie is to be written anew");
        };
        assert_ne!(Some(&*pair), client.cookie());
        assert!(
            max_age == IDLE || max_age == IDLE - 10,
            "what is left: {max_age}"
        );
        // Once: the new cookie is under the current key.
        let again = rotated.get("/show").await;
        assert_eq!(again.ok(), STORED);
        again.sets_no_cookie();
        // The old key may be retired now.
        let retired = under(&stage, &rotated, NAME, KeyRing::new(NEW_SECRET).unwrap());
        assert_eq!(retired.peek("/show").await.ok(), STORED);
    }
}

async fn a_cookie_of_a_retired_key_is_anonymous(stage: Stage) {
    let client = stored(&stage).await;
    let retired = under(&stage, &client, NAME, KeyRing::new(NEW_SECRET).unwrap());
    assert_eq!(
        retired.peek("/show").await,
        retired.anonymous().peek("/show").await
    );
    assert_eq!(stage.calls(), Calls::default());
    assert_eq!(client.peek("/show").await.ok(), STORED, "it is still there");
}

async fn a_cookie_under_another_name_is_refused(stage: Stage) {
    let client = stored(&stage).await;
    let other = under(
        &stage,
        &client,
        "__Host-other",
        KeyRing::new(SECRET).unwrap(),
    );
    let moved = other.with_cookie(format!("__Host-other={}", client.value()));
    assert_eq!(
        moved.peek("/show").await,
        moved.anonymous().peek("/show").await
    );
    assert_eq!(stage.calls(), Calls::default());
}

async fn every_flipped_bit_and_every_truncation_looks_like_no_cookie(stage: Stage) {
    let client = stored(&stage).await;
    let anonymous = client.anonymous().peek("/show").await;
    let value = client.value().as_bytes();
    let truncated =
        (0..value.len()).flat_map(|end| [value[..end].to_vec(), value[end + 1..].to_vec()]);
    let flipped = (0..value.len() * 8).map(|bit| {
        let mut value = value.to_vec();
        value[bit / 8] ^= 1 << (bit % 8);
        value
    });
    let extended = [b"A".as_slice(), b"=", b".", b"\xff"].map(|end| [value, end].concat());
    for value in truncated.chain(flipped).chain(extended) {
        // A header cannot carry control characters, so such a cookie never arrives.
        let Ok(field) = HeaderValue::from_bytes(&[NAME.as_bytes(), b"=", &value].concat()) else {
            continue;
        };
        let request = Request::get("/show")
            .header(COOKIE, field)
            .body(Body::empty())
            .unwrap();
        assert_eq!(client.send(request).await, anonymous, "{value:?}");
    }
    assert_eq!(
        stage.calls(),
        Calls::default(),
        "none of them reached the storage"
    );
    assert_eq!(
        client.peek("/show").await.ok(),
        STORED,
        "and the right one does"
    );
}

fn request(fields: &[&str]) -> Request<Body> {
    let request = fields.iter().fold(Request::get("/show"), |request, field| {
        request.header(COOKIE, *field)
    });
    request.body(Body::empty()).unwrap()
}

async fn several_fields_and_several_cookies_of_one_name_work_in_any_order(stage: Stage) {
    let client = stored(&stage).await;
    let mut expired = client.anonymous();
    expired.get("/do/set-first").await.ok();
    expired.get("/do/logout").await.ok();

    let good = client.cookie().unwrap();
    let forged = format!("{NAME}={}.{}", "A".repeat(43), "A".repeat(43));
    let empty = format!("{NAME}=");
    let similar = format!("{NAME}2={}", client.value());
    let noise = [
        "theme=dark",
        forged.as_str(),
        empty.as_str(),
        similar.as_str(),
        "",
        ";;;",
        "=x",
    ];
    for at in 0..=noise.len() {
        let mut cookies = noise.to_vec();
        cookies.insert(at, good);
        let one_field = cookies.join("; ");
        let tight = cookies.join(";");
        let (before, after) = one_field.split_at(one_field.find(good).unwrap());
        for fields in [
            &[&*one_field][..],
            &[&*tight],
            &cookies,
            &[before, after],
            &[after, before],
        ] {
            let answer = client.send(request(fields)).await;
            assert_eq!(answer.ok(), STORED, "{fields:?}");
            answer.sets_no_cookie();
        }
    }
}

async fn names_are_compared_byte_for_byte(stage: Stage) {
    let client = stored(&stage).await;
    let anonymous = client.anonymous().peek("/show").await;
    let value = client.value();
    for name in [
        "__host-session",
        "__Host-Session",
        "_Host-session",
        "x__Host-session",
        "\"__Host-session\"",
        "__Host%2Dsession",
        "__Host-session ",
    ] {
        let field = format!("{name}={value}");
        assert_eq!(client.send(request(&[&field])).await, anonymous, "{name}");
    }
    for value in [format!("\"{value}\""), value.replace('.', "%2E") + "%"] {
        let field = format!("{NAME}={value}");
        assert_eq!(
            client.send(request(&[&field])).await,
            anonymous,
            "{value}: nothing is decoded"
        );
    }
}

async fn a_flood_of_cookies_costs_a_bounded_number_of_loads(stage: Stage) {
    let mut ended = Vec::new();
    for _ in 0..40 {
        let mut client = stage.client(app::routes());
        client.get("/do/set-first").await.ok();
        ended.push(client.cookie().unwrap().to_owned());
        client.get("/do/logout").await.ok();
    }
    stage.calls();
    let client = stage.client(app::routes());
    let fields: Vec<&str> = ended.iter().map(String::as_str).collect();
    for fields in [&fields[..], &[&*fields.join("; ")]] {
        let answer = client.send(request(fields)).await;
        assert_eq!(answer.ok(), "{}");
        assert_eq!(
            stage.calls(),
            Calls {
                load: 16,
                ..Calls::default()
            }
        );
    }
}
