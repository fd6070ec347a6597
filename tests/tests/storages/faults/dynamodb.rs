//! What only DynamoDB does: it throttles, is asked twice by its client, keeps what has expired, refuses what is too large.

mod table;

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::{Builder, Credentials};
use aws_sdk_dynamodb::types::AttributeValue;
use session::storage::{Backend, Created, Touched, Updated};
use session::testing::TestClock;
use session::{DynamoDbStorage, Record, SessionId, StorageError, StorageKey};
use tests::dynamodb::{TABLE, Wire};
use tracing::Level;

use super::sql::{record, sessions, shown, tomorrow, unavailable};
use crate::storages::place::{commit, open};
use crate::support::log::Log;
use crate::support::proxy::Proxy;
use crate::support::servers::dynamodb::DynamoDb;

/// What is stored, and not to be shown: too long for a time or a number of a log's own to hold it by chance.
const FIRST: u64 = 411_141_114_111;
const SECOND: u64 = 422_242_224_222;

/// A server, a storage on it, and what lies between them.
struct Scene {
    server: DynamoDb,
    wire: Wire,
    storage: DynamoDbStorage,
    key: StorageKey,
}

impl Scene {
    fn start() -> Self {
        let (server, wire) = (DynamoDb::start(), Wire::default());
        Self {
            storage: tests::dynamodb::storage(&server.url(), wire.clone()).unwrap(),
            server,
            wire,
            key: SessionId::generate().unwrap().storage_key(),
        }
    }

    async fn create(&self, expires_at: SystemTime) -> u64 {
        match self.storage.create(&self.key, &record(1), expires_at).await {
            Ok(Created::Done { version }) => version,
            other => panic!("{other:?}"),
        }
    }

    /// The value in the record, by its key.
    async fn value(&self) -> Option<String> {
        let loaded = self.storage.load(&self.key).await.unwrap()?;
        Some(loaded.record.to_json())
    }

    /// How often it was sent meanwhile.
    fn sent(&self, operation: &str) -> u64 {
        self.wire.sent().get(operation).copied().unwrap_or(0)
    }
}

/// Each verb, in an order in which all of them do something.
async fn each_verb(
    scene: &Scene,
    mut before: impl FnMut(),
) -> Vec<Result<&'static str, StorageError>> {
    let Scene { storage, key, .. } = scene;
    let mut outcomes = Vec::new();
    before();
    let created = storage.create(key, &record(FIRST), tomorrow()).await;
    let version = match created {
        Ok(Created::Done { version }) => version,
        _ => 0,
    };
    outcomes.push(created.map(|created| match created {
        Created::Done { .. } => "done",
        Created::Taken => "taken",
    }));
    before();
    let loaded = storage.load(key).await;
    outcomes.push(loaded.map(|loaded| if loaded.is_some() { "done" } else { "gone" }));
    before();
    let updated = storage
        .update(key, &record(SECOND), version, tomorrow())
        .await;
    outcomes.push(updated.map(|updated| match updated {
        Updated::Done { .. } => "done",
        Updated::Conflict => "conflict",
        Updated::Gone => "gone",
    }));
    before();
    let touched = storage.touch(key, tomorrow()).await;
    outcomes.push(touched.map(|touched| match touched {
        Touched::Done => "done",
        Touched::Gone => "gone",
    }));
    before();
    outcomes.push(storage.delete(key).await.map(|()| "done"));
    outcomes
}

const THROTTLED: [&str; 3] = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
];

#[tokio::test]
async fn throttled_call_is_made_again_and_succeeds_if_it_may() {
    for code in THROTTLED {
        let scene = Scene::start();
        let outcomes = each_verb(&scene, || scene.wire.refuse([code])).await;
        for outcome in outcomes {
            assert_eq!(outcome.unwrap(), "done", "{code}");
        }
        let sent: u64 = scene.wire.sent().values().sum();
        assert_eq!(sent, 10, "each is sent twice");
    }
}

#[tokio::test]
async fn call_that_stays_throttled_is_unavailable_and_no_conflict() {
    for code in THROTTLED {
        let scene = Scene::start();
        for outcome in each_verb(&scene, || scene.wire.refuse([code; 3])).await {
            let shown = unavailable(outcome);
            assert!(shown.contains("DynamoDB throttles: "), "{shown}");
            assert!(shown.contains(code), "{shown}");
        }
        assert_eq!(scene.value().await, None);
        scene.create(tomorrow()).await;
    }
}

/// The wire quotes in its refusals what it was sent, as a service may.
#[tokio::test]
async fn refusal_shows_its_code_and_nothing_that_was_sent() {
    for code in [
        "ValidationException",
        "InternalServerError",
        "InvalidSignatureException",
        "TransactionConflictException",
        "ThrottlingException",
        "ResourceNotFoundException",
        "no code {411141114111}",
    ] {
        let scene = Scene::start();
        let key = scene.key.to_string();
        for outcome in each_verb(&scene, || scene.wire.refuse([code; 3])).await {
            let shown = unavailable(outcome);
            assert!(
                shown.contains(code) != code.contains('{'),
                "{code}: {shown}"
            );
            for secret in [&FIRST.to_string(), &SECOND.to_string(), &key] {
                assert!(!shown.contains(secret), "{code}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn what_the_sdk_logs_shows_nothing_that_was_sent_but_at_the_finest_level() {
    let scene = Scene::start();
    let key = scene.key.to_string();
    let log = Log::start_at(Level::DEBUG);
    for outcome in each_verb(&scene, || scene.wire.refuse(["ThrottlingException"])).await {
        outcome.unwrap();
    }
    scene.create(tomorrow()).await;
    let again = record(FIRST);
    let again = scene.storage.create(&scene.key, &again, tomorrow());
    assert_eq!(again.await.unwrap(), Created::Taken);
    let log = log.text();
    assert!(log.contains("beginning attempt"), "{log}");
    for secret in [&FIRST.to_string(), &SECOND.to_string(), &key] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn refused_login_says_what_is_refused() {
    let scene = Scene::start();
    scene.wire.refuse(["AccessDeniedException"]);
    let shown = unavailable(scene.storage.load(&scene.key).await);
    assert!(shown.contains("DynamoDB refused: "), "{shown}");
    assert!(shown.contains("(AccessDeniedException)"), "{shown}");
}

/// The client makes the call again by itself, and DynamoDB finds it done already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_whose_answer_is_lost_is_made_again_and_has_done_what_it_did() {
    let mut scene = Scene::start();
    let proxy = Proxy::start(scene.server.port());
    let url = scene.server.url_at(proxy.port());
    scene.storage = tests::dynamodb::storage(&url, scene.wire.clone()).unwrap();
    for outcome in each_verb(&scene, || proxy.cut_replies_after(0)).await {
        assert_eq!(outcome.unwrap(), "done");
    }
    for (operation, times) in [
        ("PutItem", 4),
        ("GetItem", 2),
        ("UpdateItem", 2),
        ("DeleteItem", 2),
    ] {
        assert_eq!(scene.sent(operation), times, "{operation}");
    }
}

/// What was put by this call is told from what was put by another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answer_that_says_taken_or_conflict_says_so_when_it_comes_again() {
    let mut scene = Scene::start();
    let version = scene.create(tomorrow()).await;
    let proxy = Proxy::start(scene.server.port());
    let url = scene.server.url_at(proxy.port());
    scene.storage = tests::dynamodb::storage(&url, scene.wire.clone()).unwrap();
    let Scene { storage, key, .. } = &scene;

    proxy.cut_replies_after(0);
    let created = storage.create(key, &record(2), tomorrow()).await;
    assert_eq!(created.unwrap(), Created::Taken);
    proxy.cut_replies_after(0);
    let updated = storage
        .update(key, &record(2), version ^ 1, tomorrow())
        .await;
    assert_eq!(updated.unwrap(), Updated::Conflict);
    assert_eq!(scene.value().await, Some(record(1).to_json()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_does_not_answer_or_is_not_there_is_unavailable() {
    let scene = Scene::start();
    let proxy = Proxy::start(scene.server.port());
    let url = format!("{}&timeout_ms=300", scene.server.url_at(proxy.port()));
    let storage = tests::dynamodb::storage(&url, Wire::default()).unwrap();
    proxy.hold_replies();
    let shown = unavailable(storage.load(&scene.key).await);
    assert!(shown.contains("no answer came within 300ms"), "{shown}");
    proxy.refuse();
    let shown = unavailable(storage.load(&scene.key).await);
    assert!(
        shown.contains("the connection to DynamoDB failed"),
        "{shown}"
    );
}

/// DynamoDB deletes it hours later.
#[tokio::test]
async fn expired_item_that_is_still_there_is_not_and_makes_room() {
    let scene = Scene::start();
    let clock = TestClock::new();
    let storage = scene.storage.clone().clock(clock.clone());
    let version = scene.create(tomorrow()).await;
    clock.advance(Duration::from_secs(24 * 3600 + 1));

    let key = &scene.key;
    assert!(storage.load(key).await.unwrap().is_none());
    let later = tomorrow() + Duration::from_secs(24 * 3600);
    assert_eq!(storage.touch(key, later).await.unwrap(), Touched::Gone);
    let updated = storage.update(key, &record(2), version, later).await;
    assert_eq!(updated.unwrap(), Updated::Gone);
    let updated = storage.update(key, &record(2), version ^ 1, later).await;
    assert_eq!(updated.unwrap(), Updated::Gone);
    // All this time it was there: by its own clock the other storage sees it.
    assert_eq!(scene.value().await, Some(record(1).to_json()));

    let created = storage.create(key, &record(3), later).await.unwrap();
    assert!(matches!(created, Created::Done { .. }));
    assert_eq!(scene.value().await, Some(record(3).to_json()));
}

#[tokio::test]
async fn item_of_another_application_is_corrupt_and_stays() {
    let scene = Scene::start();
    let client = scene.server.client();
    let put = client
        .put_item()
        .table_name(TABLE)
        .item("_idx", AttributeValue::S(scene.key.to_string()))
        .item("_ttl", AttributeValue::N("99999999999".to_owned()))
        .item("card", AttributeValue::S("hunter2".to_owned()));
    put.send().await.unwrap();

    let Scene { storage, key, .. } = &scene;
    let error = storage.load(key).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt(_)));
    assert!(!shown(&error).contains("hunter2"));
    let created = storage.create(key, &record(1), tomorrow()).await;
    assert_eq!(created.unwrap(), Created::Taken);
    let updated = storage.update(key, &record(1), 0, tomorrow()).await;
    assert_eq!(updated.unwrap(), Updated::Conflict);
    let items = client.scan().table_name(TABLE).send().await.unwrap();
    assert_eq!(
        items.items()[0]["card"],
        AttributeValue::S("hunter2".to_owned())
    );
}

/// A record of so many bytes.
fn long_record(bytes: usize) -> Record {
    let before = r#"{"format":1,"created_at":0,"values":{"long":""#;
    let after = r#""}}"#;
    let long = "x".repeat(bytes - before.len() - after.len());
    Record::from_json(format!("{before}{long}{after}").as_bytes()).unwrap()
}

#[tokio::test]
async fn record_is_as_large_as_an_item_may_be_and_one_byte_more_is_not_sent() {
    let scene = Scene::start();
    let Scene { storage, key, .. } = &scene;
    let create = async |bytes| storage.create(key, &long_record(bytes), tomorrow()).await;
    let Err(StorageError::TooLarge { limit, .. }) = create(400 * 1024).await else {
        panic!("a key beside it takes more");
    };
    let one_more = create(limit + 1).await;
    assert!(matches!(one_more, Err(StorageError::TooLarge { .. })));
    assert!(matches!(create(limit).await, Ok(Created::Done { .. })));
    assert_eq!(scene.value().await.unwrap().len(), limit);
    assert_eq!(scene.sent("PutItem"), 1);

    let sessions = sessions(scene.storage);
    let session = open(&sessions, "").await;
    session.set("user", 7);
    session.set("long", "x".repeat(400 * 1024));
    match sessions.commit(&session).await {
        Err(session::Error::TooLarge { limit, largest, .. }) => {
            assert!(limit < 400 * 1024);
            assert_eq!(largest[0].0, "long");
        }
        other => panic!("{other:?}"),
    }
}

/// What the documentation says of the size of each request, and that a load sees the last write.
#[tokio::test]
async fn requests_are_as_large_as_documented_and_loads_are_consistent() {
    const RECORD: usize = 10_000;
    let scene = Scene::start();
    let Scene {
        storage, key, wire, ..
    } = &scene;
    let record = long_record(RECORD);
    let created = storage.create(key, &record, tomorrow()).await.unwrap();
    let Created::Done { version } = created else {
        panic!("the key is free");
    };
    let create = wire.last().len();
    storage.load(key).await.unwrap();
    let load = wire.last();
    let updated = storage.update(key, &record, version, tomorrow()).await;
    assert!(matches!(updated, Ok(Updated::Done { .. })));
    let update = wire.last().len();
    storage.touch(key, tomorrow()).await.unwrap();
    let touch = wire.last().len();
    storage.delete(key).await.unwrap();
    let delete = wire.last().len();

    assert!(String::from_utf8_lossy(&load).contains(r#""ConsistentRead":true"#));
    for small in [load.len(), touch, delete] {
        assert!(small < 400, "{small}");
    }
    // What stands in quotation marks is longer in JSON.
    for large in [create, update] {
        assert!((RECORD..RECORD + 600).contains(&large), "{large}");
    }
}

/// Keys of a session called as the attributes of the table.
#[tokio::test]
async fn keys_of_a_session_do_not_touch_the_attributes_of_the_table() {
    let scene = Scene::start();
    let sessions = sessions(scene.storage);
    let session = open(&sessions, "").await;
    for (number, key) in ["_idx", "_ttl", "version", "record"].iter().enumerate() {
        session.set(key, number);
    }
    let cookie = commit(&sessions, &session).await.unwrap();
    let session = open(&sessions, &cookie).await;
    assert_eq!(session.get("_ttl").unwrap(), Some(1));

    let items = scene.server.client().scan().table_name(TABLE).send();
    let items = items.await.unwrap();
    let mut names: Vec<_> = items.items()[0].keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["_idx", "_ttl", "record", "version"]);
}

#[tokio::test]
async fn client_that_is_not_complete_says_what_it_lacks() {
    let wired = || Builder::new().http_client(Wire::default());
    let login = Credentials::new("id", "hunter2", None, None, "tests");
    let region = "dynamodb://sessions?region=eu-central-1";
    for (url, config, why) in [
        (
            "dynamodb://sessions",
            wired().credentials_provider(login.clone()),
            "Missing Region",
        ),
        (region, wired(), "credentials"),
        (
            region,
            Builder::new().credentials_provider(login),
            "no HTTP client",
        ),
    ] {
        let storage = DynamoDbStorage::from_url(url, config).unwrap();
        let shown = unavailable(storage.check().await);
        assert!(shown.contains(why) && !shown.contains("hunter2"), "{shown}");
    }
}
