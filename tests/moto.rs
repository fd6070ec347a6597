//! Sessions in DynamoDB as moto has it, a server of other authors: `scripts/moto.sh` starts it and runs this.

use std::time::{Duration, SystemTime};

use session::storage::{Backend as _, Created, Touched, Updated};
use session::testing::{TestClock, conformance};
use session::{DynamoDbStorage, Record, SessionId};
use tests::dynamodb::{Wire, storage};

/// The storage on a table of its own.
async fn on_table(table: &str) -> DynamoDbStorage {
    let endpoint = std::env::var("MOTO").expect("MOTO is the server's URL: see scripts/moto.sh");
    let url = format!("dynamodb://{table}?endpoint={endpoint}");
    let storage = storage(&url, Wire::default()).unwrap();
    storage.create_table().await.unwrap();
    storage
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms() {
    conformance::all(async || on_table("conformance").await).await;
}

#[tokio::test]
async fn table_is_made_and_checked() {
    let storage = on_table("made").await;
    storage.create_table().await.unwrap();
    storage.check().await.unwrap();
    let missing = storage.clone().table("missing").unwrap();
    missing.check().await.unwrap_err();
    let another = storage.attributes("id", "_ttl").unwrap();
    another.check().await.unwrap_err();
}

#[tokio::test]
async fn expired_item_that_is_still_there_is_not_and_makes_room() {
    let storage = on_table("expired").await;
    let key = SessionId::generate().unwrap().storage_key();
    let json = br#"{"format":1,"created_at":0,"values":{}}"#;
    let record = Record::from_json(json).unwrap();
    let day = Duration::from_secs(24 * 3600);
    let tomorrow = SystemTime::now() + day;
    let created = storage.create(&key, &record, tomorrow).await.unwrap();
    let Created::Done { version } = created else {
        panic!("the key is free");
    };

    let clock = TestClock::new();
    let later = storage.clock(clock.clone());
    clock.advance(day + Duration::from_secs(1));
    assert!(later.load(&key).await.unwrap().is_none());
    let deadline = tomorrow + day;
    assert_eq!(later.touch(&key, deadline).await.unwrap(), Touched::Gone);
    let updated = later.update(&key, &record, version, deadline).await;
    assert_eq!(updated.unwrap(), Updated::Gone);
    let created = later.create(&key, &record, deadline).await.unwrap();
    assert!(matches!(created, Created::Done { .. }));
}
