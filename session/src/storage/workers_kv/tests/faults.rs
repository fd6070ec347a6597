//! What a namespace does that is down, full of something else, or written to twice in a second.

use super::entries::Entries;
use super::*;
use crate::error::{Chain, StorageError};
use crate::record::Record;
use crate::storage::backend::Backend as _;

#[tokio::test]
async fn a_namespace_that_is_down_is_an_error_and_no_empty_session() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    stage.map.set("get", Fault::Down);
    let error = stage.sessions.open([&cookie]).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Storage(StorageError::Unavailable(_))
    ));
    stage.map.heal();

    for (verb, change) in [
        ("get", set_theme as fn(&Session)),
        ("put", set_theme),
        ("put", Session::regenerate_id),
        ("get", Session::destroy),
        ("delete", Session::destroy),
    ] {
        let before = stage.map.entries();
        let session = stage.open(&cookie).await;
        change(&session);
        stage.map.set(verb, Fault::Down);
        let error = stage.sessions.commit(&session).await.unwrap_err();
        assert!(matches!(
            error,
            Error::Storage(StorageError::Unavailable(_))
        ));
        assert_eq!(stage.map.entries(), before, "{verb}");
        stage.map.heal();
    }
}

fn set_theme(session: &Session) {
    session.set("theme", "light");
}

#[tokio::test]
async fn no_error_shows_a_key_or_a_value() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let session = stage.open(&cookie).await;
    set_theme(&session);
    stage.map.set("put", Fault::Down);
    let error = stage.sessions.commit(&session).await.unwrap_err();
    assert_eq!(
        Chain(&error).to_string(),
        "the session storage failed: the storage is unavailable: Workers KV refused a put"
    );
    let too_soon = Failure::Refused {
        verb: "put",
        status: Some(429),
    };
    let timed_out = Failure::TimedOut {
        verb: "get",
        timeout: Duration::from_secs(5),
    };
    assert_eq!(
        [too_soon.to_string(), timed_out.to_string()],
        [
            "Workers KV refused a put with status 429",
            "no answer to a get came within 5s"
        ]
    );
}

#[tokio::test]
async fn what_is_no_session_of_ours_is_read_as_none() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    for value in ["", "hello", "0000000000000001:999999999999:{}"] {
        stage.map.put_value(value);
        let session = stage.open(&cookie).await;
        assert!(session.is_new() && session.is_empty(), "{value}");
    }
}

#[tokio::test]
async fn a_write_within_a_second_of_another_waits_for_the_next() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    stage.map.set("put", Fault::TooSoon(2));
    let session = stage.open(&cookie).await;
    set_theme(&session);
    stage.commit(&session).await;
    let calls = "get shop:, get shop:, put shop:, wait 1s, get shop:, put shop:, wait 1s, get shop:, put shop:";
    assert_eq!(stage.map.calls().join(", "), calls);
    assert_eq!(stage.theme(&cookie).await.as_deref(), Some("light"));
    stage.map.calls();

    stage.map.set("delete", Fault::TooSoon(1));
    let session = stage.open(&cookie).await;
    session.destroy();
    stage.commit(&session).await;
    let calls = "get shop:, get shop:, delete shop:, wait 1s, delete shop:";
    assert_eq!(stage.map.calls().join(", "), calls);
    assert!(stage.map.entries().is_empty());
}

/// The write that it comes too soon after may be one that the reading before it did not see.
#[tokio::test]
async fn what_is_written_while_a_write_waits_is_merged() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let before = stage.map.only_entry();
    let other = stage.open(&cookie).await;
    other.set("locale", "en");
    stage.commit(&other).await;
    {
        let mut kept = stage.map.0.lock().unwrap();
        let after = kept.entries.values_mut().next().unwrap();
        let after = std::mem::replace(after, before);
        kept.meanwhile = Some(after);
    }
    stage.map.set("put", Fault::TooSoon(1));
    let session = stage.open(&cookie).await;
    set_theme(&session);
    stage.commit(&session).await;
    let expected = serde_json::json!({"theme": "light", "locale": "en"});
    assert_eq!(stage.open(&cookie).await.data(), expected);
}

#[tokio::test]
async fn a_write_that_never_gets_its_second_is_an_error() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let before = stage.map.only_entry();
    stage.map.set("put", Fault::TooSoon(u32::MAX));
    let session = stage.open(&cookie).await;
    set_theme(&session);
    let error = stage.sessions.commit(&session).await.unwrap_err();
    assert!(Chain(&error).to_string().ends_with("a put with status 429"));
    let waits = stage.map.calls().into_iter();
    assert_eq!(waits.filter(|call| call == "wait 1s").count(), 3);
    assert_eq!(stage.map.only_entry(), before);
}

#[tokio::test]
async fn what_kv_does_not_take_is_not_sent() {
    const LIMIT: usize = 25 << 20;
    let stage = Stage::new();
    let entries = Entries {
        namespace: Arc::clone(&stage.map),
        prefix: Arc::from(""),
        now: 0,
    };
    let json = |text: usize| {
        let text = "a".repeat(text);
        format!(r#"{{"format":1,"created_at":1,"values":{{"text":"{text}"}}}}"#)
    };
    // Version, deadline and two colons before it.
    let around = 30 + json(0).len();
    for (over, fits) in [(0, true), (1, false)] {
        let record = Record::from_json(json(LIMIT - around + over).as_bytes()).unwrap();
        let key = SessionId::generate().unwrap().storage_key();
        let at = crate::expiry::from_unix(1000);
        match entries.create(&key, &record, at).await {
            Ok(_) => assert!(fits),
            Err(StorageError::TooLarge { bytes, limit }) => {
                assert_eq!((bytes, limit, fits), (LIMIT + 1, LIMIT, false));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(stage.map.calls().len(), 1);
}
