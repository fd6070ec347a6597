//! That the lane does the work: who measures less than that has no floor.

use super::*;
use crate::app::Response as Answered;
use crate::work::KEYS;

fn apps() -> [App; 2] {
    [app(Arc::new(Memory::new())), app(Arc::new(Sealed::new()))]
}

async fn read_status(app: &App, cookie: &str) -> u16 {
    app.call(app.request("/read", Some(cookie))).await.status()
}

async fn count(app: &App, cookie: &str) -> usize {
    let response = app.get("/count", Some(cookie)).await;
    response.count().expect("`/count` answers with a number")
}

/// Asks for a path, and gives the cookie that the browser has then.
async fn visit(app: &App, path: &str, cookie: String) -> String {
    let set = app.get(path, Some(&cookie)).await.cookie();
    if set.is_empty() { cookie } else { set }
}

fn header(response: &Answered, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
    let Answered::Axum(response) = response else {
        unreachable!("it stands on axum");
    };
    let field = response.headers().get(name)?;
    field.to_str().ok()
}

#[tokio::test]
async fn a_tampered_cookie_opens_nothing() {
    for app in apps() {
        let cookie = app.new_session(KEYS).await;
        assert_eq!(read_status(&app, &cookie).await, 200);
        for index in 0..cookie.len() {
            let is_a = cookie[index..].starts_with('A');
            let mut tampered = cookie.clone();
            tampered.replace_range(index..=index, if is_a { "B" } else { "A" });
            assert_eq!(read_status(&app, &tampered).await, 401, "byte {index}");
            assert_eq!(read_status(&app, &cookie[..index]).await, 401);
        }
    }
}

#[tokio::test]
async fn the_first_cookie_that_opens_counts() {
    for app in apps() {
        let cookie = app.new_session(KEYS).await;
        let field = format!("a=b; {cookie}A;{cookie}");
        assert_eq!(read_status(&app, &field).await, 200);
    }
}

#[tokio::test]
async fn a_cookie_of_another_application_opens_nothing() {
    for (app, other) in apps().into_iter().zip(apps()) {
        let cookie = other.new_session(KEYS).await;
        assert_eq!(read_status(&app, &cookie).await, 401);
    }
}

#[tokio::test]
async fn a_write_is_seen_by_the_next_read() {
    for app in apps() {
        let mut cookie = app.new_session(KEYS).await;
        for number in 0..3 {
            assert_eq!(count(&app, &cookie).await, number);
            cookie = visit(&app, &format!("/add/{number}"), cookie).await;
        }
        assert_eq!(count(&app, &cookie).await, 3);
    }
}

#[tokio::test]
async fn a_written_key_has_its_new_value_and_the_others_theirs() {
    async fn check<K: Keeper>(keeper: Arc<K>) {
        let app = app(keeper.clone());
        let cookie = app.new_session(KEYS).await;
        let cookie = visit(&app, "/write", cookie).await;
        let kept = keeper.open(&cookie.as_bytes()[NAME.len() + 1..], now());
        let record: serde_json::Value =
            serde_json::from_slice(K::record(&kept.expect("it opens"))).expect("it is JSON");
        assert!(record[USER].as_u64() > Some(FIRST_USER));
        for (key, text) in texts(KEYS) {
            assert_eq!(record[&key], text);
        }
    }
    check(Arc::new(Memory::new())).await;
    check(Arc::new(Sealed::new())).await;
}

#[tokio::test]
async fn of_two_writes_on_the_same_version_both_are_kept() {
    let app = app(Arc::new(Memory::new()));
    let cookie = app.new_session(KEYS).await;
    // Both have read when the first of them writes.
    tokio::join!(
        app.get("/add/0", Some(&cookie)),
        app.get("/add/1", Some(&cookie)),
    );
    assert_eq!(count(&app, &cookie).await, 2);
}

#[test]
fn a_session_at_its_limit_is_expired_and_use_moves_it() {
    fn check<K: Keeper>(keeper: &K) {
        let opens = |cookie: &HeaderValue, now| {
            let mut parts = cookie.as_bytes()[NAME.len() + 1..].split(|&byte| byte == b';');
            keeper.open(parts.next().expect("there is a value"), now)
        };
        let cookie = keeper.save(None, br#"{"user_id":7}"#, 0);
        let cookie = cookie.expect("it is new");
        let (last, step) = (Limits::IDLE - 1, Limits::IDLE / 10);
        assert!(opens(&cookie, last + 1).is_none());
        let read_at = |now| keeper.save(opens(&cookie, now), b"", now);
        assert!(read_at(step - 1).is_none());
        let cookie = read_at(last).expect("it is told of the new deadline");
        assert!(opens(&cookie, last + Limits::IDLE - 1).is_some());
        assert!(opens(&cookie, last + Limits::IDLE).is_none());
    }
    check(&Memory::new());
    check(&Sealed::new());
}

#[tokio::test]
async fn responses_say_what_ours_say() {
    for app in apps() {
        let untouched = app.get("/untouched", None).await;
        assert_eq!(header(&untouched, VARY), None);
        let log_in = app.get("/login", None).await;
        assert_eq!(header(&log_in, VARY), Some("Cookie"));
        assert_eq!(header(&log_in, CACHE_CONTROL), Some("no-store"));
        let field = header(&log_in, SET_COOKIE).expect("a session has begun");
        assert!(field.starts_with("__Host-session="));
        assert!(field.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=604800"));
        let read = app.get("/read", Some(&log_in.cookie())).await;
        assert_eq!(header(&read, VARY), Some("Cookie"));
        assert_eq!(header(&read, SET_COOKIE), None);
    }
}
