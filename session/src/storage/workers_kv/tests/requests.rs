//! What requests find, and the calls that each of them makes.

use super::*;
use crate::expiry::{Clock as _, to_unix};

#[tokio::test]
async fn a_value_is_a_version_a_deadline_and_the_record_under_the_prefix_and_the_hash_of_the_id() {
    let stage = Stage::new();
    let session = stage.sessions.open([""; 0]).await.unwrap();
    session.set("theme", "dark");
    stage.commit(&session).await;
    let (name, entry) = stage.map.entries().pop_first().unwrap();
    assert_eq!(name, format!("shop:{}", session.id().storage_key()));
    let now = to_unix(stage.clock.now());
    let record = format!(r#"{{"format":1,"created_at":{now},"values":{{"theme":"dark"}}}}"#);
    let (version, rest) = entry.value.split_once(':').unwrap();
    assert_eq!(version.len(), 16);
    assert_eq!(rest, format!("{:012}:{record}", now + 600));
    assert_eq!(entry.seconds, 600);
}

#[tokio::test]
async fn each_request_makes_as_many_calls_as_are_documented() {
    let stage = Stage::new();
    let calls = || stage.map.calls().join(", ");

    let session = stage.sessions.open([""; 0]).await.unwrap();
    session.set("theme", "dark");
    let cookie = stage.commit(&session).await.unwrap();
    assert_eq!(calls(), "put shop:", "begin");

    let session = stage.open(&cookie).await;
    assert_eq!(stage.commit(&session).await, None);
    assert_eq!(calls(), "get shop:", "read");

    let session = stage.open(&cookie).await;
    session.set("theme", "light");
    stage.commit(&session).await;
    assert_eq!(calls(), "get shop:, get shop:, put shop:", "write");

    stage.wait(60);
    let session = stage.open(&cookie).await;
    assert!(stage.commit(&session).await.is_some());
    let activity = "get shop:, get shop:, put shop:, get shop:";
    assert_eq!(calls(), activity, "activity");

    let session = stage.open(&cookie).await;
    session.regenerate_id();
    let cookie = stage.commit(&session).await.unwrap();
    let new_id = "get shop:, put shop:, get shop:, put shop:";
    assert_eq!(calls(), new_id, "new id");

    let session = stage.open(&cookie).await;
    session.destroy();
    stage.commit(&session).await;
    assert_eq!(calls(), "get shop:, get shop:, delete shop:", "destroy");
}

#[tokio::test]
async fn a_lifetime_under_a_minute_is_a_minute_for_kv_alone() {
    let stage = Stage::new().idle(10);
    let cookie = stage.stored().await;
    assert_eq!(stage.map.only_entry().seconds, 60);
    stage.wait(9);
    assert_eq!(stage.theme(&cookie).await.as_deref(), Some("dark"));
    stage.wait(1);
    assert_eq!(stage.theme(&cookie).await, None);
    assert_eq!(stage.map.entries().len(), 1, "KV has it still");
}

/// Whose deadline passes between the reading and the commit.
#[tokio::test]
async fn an_expired_entry_is_not_written_back_to_life() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let before = stage.map.only_entry();
    let session = stage.open(&cookie).await;
    session.set("theme", "light");
    stage.wait(600);
    assert_eq!(stage.commit(&session).await, None);
    assert_eq!(stage.map.only_entry(), before);
}

#[tokio::test]
async fn activity_moves_the_deadline_and_leaves_the_version() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let before = stage.map.only_entry().value;
    stage.wait(300);
    let session = stage.open(&cookie).await;
    stage.commit(&session).await;
    let after = stage.map.only_entry();
    assert_eq!(after.seconds, 600);
    assert_eq!(after.value[..17], before[..17]);
    assert_eq!(after.value[29..], before[29..]);
    stage.wait(599);
    assert_eq!(stage.theme(&cookie).await.as_deref(), Some("dark"));
}

#[tokio::test]
async fn changes_of_two_requests_at_once_both_survive() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let (one, other) = (stage.open(&cookie).await, stage.open(&cookie).await);
    one.set("theme", "light");
    other.set("locale", "en");
    for session in [&one, &other] {
        session.update("visits", |visits: &mut Option<u32>| {
            *visits.get_or_insert(0) += 1;
        });
    }
    stage.commit(&one).await;
    stage.commit(&other).await;
    let session = stage.open(&cookie).await;
    let expected = serde_json::json!({"theme": "light", "locale": "en", "visits": 2});
    assert_eq!(session.data(), expected);
}

#[tokio::test]
async fn a_destroyed_session_has_no_entry_and_is_not_brought_back_by_a_slow_request() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let slow = stage.open(&cookie).await;
    slow.set("theme", "light");
    let session = stage.open(&cookie).await;
    session.destroy();
    assert_eq!(stage.commit(&session).await.as_deref(), Some("session="));
    assert!(stage.map.entries().is_empty());
    assert_eq!(stage.commit(&slow).await, None);
    assert!(stage.map.entries().is_empty());
    assert_eq!(stage.theme(&cookie).await, None);
}

#[tokio::test]
async fn a_session_that_changes_while_it_is_destroyed_is_destroyed() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let (leaving, busy) = (stage.open(&cookie).await, stage.open(&cookie).await);
    leaving.destroy();
    busy.set("theme", "light");
    stage.commit(&busy).await;
    stage.commit(&leaving).await;
    assert!(stage.map.entries().is_empty());
}

#[tokio::test]
async fn an_old_id_opens_nothing_and_its_commit_under_way_is_kept_under_the_new_one() {
    let stage = Stage::new();
    let old = stage.stored().await;
    let under_way = stage.open(&old).await;
    under_way.set("locale", "en");
    let session = stage.open(&old).await;
    session.regenerate_id();
    let new = stage.commit(&session).await.unwrap();
    assert_eq!(stage.theme(&old).await, None);
    stage.commit(&under_way).await;
    assert_eq!(stage.theme(&old).await, None);
    let session = stage.open(&new).await;
    let expected = serde_json::json!({"theme": "dark", "locale": "en"});
    assert_eq!(session.data(), expected);
    for (name, entry) in stage.map.entries() {
        let is_mark = !name.ends_with(&session.id().storage_key().to_string());
        assert_eq!(
            entry.value.contains("dark"),
            !is_mark,
            "a mark has no values"
        );
    }
}

#[tokio::test]
async fn an_old_id_with_grace_opens_until_that_ends() {
    let stage = Stage::new();
    let old = stage.stored().await;
    let session = stage.open(&old).await;
    session.regenerate_id_keeping_old(Duration::from_secs(30));
    let new = stage.commit(&session).await.unwrap();
    stage.wait(29);
    let session = stage.open(&old).await;
    assert_eq!(
        session.get::<String>("theme").unwrap().as_deref(),
        Some("dark")
    );
    assert_eq!(stage.commit(&session).await, Some(new.clone()));
    stage.wait(1);
    assert_eq!(stage.theme(&old).await, None);
    assert_eq!(stage.theme(&new).await.as_deref(), Some("dark"));
}

#[tokio::test]
async fn a_destruction_follows_a_session_to_its_new_id() {
    let stage = Stage::new();
    let cookie = stage.stored().await;
    let leaving = stage.open(&cookie).await;
    leaving.destroy();
    let session = stage.open(&cookie).await;
    session.regenerate_id();
    let new = stage.commit(&session).await.unwrap();
    stage.commit(&leaving).await;
    assert_eq!(stage.theme(&new).await, None);
    assert!(stage.map.entries().is_empty());
}
