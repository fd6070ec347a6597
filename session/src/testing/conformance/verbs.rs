//! The five verbs, each by itself.
#![allow(missing_docs, reason = "a check's name is its sentence")]
#![allow(clippy::missing_panics_doc, reason = "a check that fails panics")]

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::id::{SessionId, StorageKey};
use crate::record::Record;
use crate::storage::{Backend, Created, Loaded, Touched, Updated};

fn fresh_key() -> StorageKey {
    SessionId::generate().expect("random bytes").storage_key()
}

fn record(value: &str) -> Record {
    let value = serde_json::Value::from(value);
    let json = format!(r#"{{"format":1,"created_at":1790000000,"values":{{"key":{value}}}}}"#);
    Record::from_json(json.as_bytes()).expect("a record's JSON")
}

/// So many seconds from now, cut to whole ones as deadlines are.
fn in_seconds(seconds: u64) -> SystemTime {
    let now = crate::expiry::to_unix(SystemTime::now());
    crate::expiry::from_unix(now + seconds)
}

fn past() -> SystemTime {
    in_seconds(0) - Duration::from_secs(1)
}

async fn create(backend: &impl Backend, record: &Record) -> (StorageKey, u64) {
    let key = fresh_key();
    let created = backend
        .create(&key, record, in_seconds(1000))
        .await
        .expect("create");
    let Created::Done { version } = created else {
        panic!("a fresh key is taken");
    };
    (key, version)
}

async fn load(backend: &impl Backend, key: &StorageKey) -> Option<Loaded> {
    backend.load(key).await.expect("load")
}

pub async fn a_missing_key_loads_as_none<B: Backend>(backend: B) {
    assert!(load(&backend, &fresh_key()).await.is_none());
}

pub async fn what_is_created_loads_with_its_deadline<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("one")).await;
    let loaded = load(&backend, &key).await.expect("it was created");
    assert_eq!(loaded.record, record("one"));
    assert_eq!(loaded.version, version);
    let off = loaded.expires_at.duration_since(in_seconds(1000));
    assert!(
        off.unwrap_or_else(|early| early.duration()) <= Duration::from_secs(2),
        "created to expire in 1000 s, loaded with another deadline"
    );
}

pub async fn a_taken_key_stays_as_it_is<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("first")).await;
    let again = backend
        .create(&key, &record("second"), in_seconds(1000))
        .await;
    assert_eq!(again.expect("create"), Created::Taken);
    let loaded = load(&backend, &key).await.expect("it is still there");
    assert_eq!((loaded.record, loaded.version), (record("first"), version));
}

pub async fn an_update_replaces_the_seen_version<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("first")).await;
    let updated = backend
        .update(&key, &record("second"), version, in_seconds(5000))
        .await;
    let Updated::Done { version: next } = updated.expect("update") else {
        panic!("the seen version was not replaced");
    };
    assert_ne!(next, version);
    let loaded = load(&backend, &key).await.expect("it was updated");
    assert_eq!((loaded.record, loaded.version), (record("second"), next));
    assert!(
        loaded.expires_at > in_seconds(4000),
        "an update moves the deadline"
    );
}

pub async fn an_update_of_another_version_is_a_conflict<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("first")).await;
    let stale = version.wrapping_add(1);
    let updated = backend
        .update(&key, &record("second"), stale, in_seconds(1000))
        .await;
    assert_eq!(updated.expect("update"), Updated::Conflict);
    let loaded = load(&backend, &key).await.expect("it is still there");
    assert_eq!((loaded.record, loaded.version), (record("first"), version));
}

pub async fn nothing_but_create_creates<B: Backend>(backend: B) {
    let key = fresh_key();
    let updated = backend
        .update(&key, &record("new"), 1, in_seconds(1000))
        .await;
    assert_eq!(updated.expect("update"), Updated::Gone);
    let touched = backend.touch(&key, in_seconds(1000)).await;
    assert_eq!(touched.expect("touch"), Touched::Gone);
    assert!(load(&backend, &key).await.is_none());
}

pub async fn a_touch_moves_the_deadline_alone<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("one")).await;
    let touched = backend.touch(&key, in_seconds(5000)).await;
    assert_eq!(touched.expect("touch"), Touched::Done);
    let loaded = load(&backend, &key).await.expect("it was touched");
    assert_eq!((loaded.record, loaded.version), (record("one"), version));
    assert!(loaded.expires_at > in_seconds(4000));
    // A commit that had loaded the record before the touch is not in conflict with it.
    let updated = backend
        .update(&key, &record("two"), version, in_seconds(1000))
        .await;
    assert!(matches!(updated.expect("update"), Updated::Done { .. }));
}

pub async fn an_expired_record_is_missing<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("one")).await;
    backend.touch(&key, past()).await.expect("touch");
    assert!(load(&backend, &key).await.is_none());
    let updated = backend
        .update(&key, &record("two"), version, in_seconds(1000))
        .await;
    assert_eq!(updated.expect("update"), Updated::Gone);
    let touched = backend.touch(&key, in_seconds(1000)).await;
    assert_eq!(touched.expect("touch"), Touched::Gone);
    assert!(load(&backend, &key).await.is_none());
}

pub async fn a_deleted_record_is_gone<B: Backend>(backend: B) {
    let (key, version) = create(&backend, &record("one")).await;
    backend.delete(&key).await.expect("delete");
    backend.delete(&key).await.expect("delete what is gone");
    assert!(load(&backend, &key).await.is_none());
    let updated = backend
        .update(&key, &record("two"), version, in_seconds(1000))
        .await;
    assert_eq!(updated.expect("update"), Updated::Gone);
    assert!(load(&backend, &key).await.is_none());
}

pub async fn of_parallel_creations_one_is_done<B: Backend + Clone>(backend: B) {
    let key = fresh_key();
    let creations = (0..16).map(|number| {
        let backend = backend.clone();
        tokio::spawn(async move {
            backend
                .create(&key, &record(&number.to_string()), in_seconds(1000))
                .await
        })
    });
    let mut done = Vec::new();
    for (number, creation) in creations.collect::<Vec<_>>().into_iter().enumerate() {
        if creation.await.expect("a task").expect("create") != Created::Taken {
            done.push(number.to_string());
        }
    }
    let loaded = load(&backend, &key).await.expect("one of them is there");
    assert_eq!(done.len(), 1);
    assert_eq!(loaded.record, record(&done.concat()));
}

pub async fn of_parallel_updates_one_is_done<B: Backend + Clone>(backend: B) {
    let (key, version) = create(&backend, &record("first")).await;
    let updates = (0..16).map(|number| {
        let backend = backend.clone();
        tokio::spawn(async move {
            let record = record(&number.to_string());
            backend
                .update(&key, &record, version, in_seconds(1000))
                .await
        })
    });
    let mut done = Vec::new();
    for (number, update) in updates.collect::<Vec<_>>().into_iter().enumerate() {
        match update.await.expect("a task").expect("update") {
            Updated::Done { .. } => done.push(number.to_string()),
            other => assert_eq!(other, Updated::Conflict),
        }
    }
    let loaded = load(&backend, &key).await.expect("one of them is there");
    assert_eq!(done.len(), 1);
    assert_eq!(loaded.record, record(&done.concat()));
}

pub async fn versions_do_not_repeat<B: Backend>(backend: B) {
    let (key, mut version) = create(&backend, &record("same")).await;
    let mut seen = HashSet::from([version]);
    for _ in 0..20 {
        // The same record again: a version is of the write, not of the content.
        let updated = backend
            .update(&key, &record("same"), version, in_seconds(1000))
            .await;
        let Updated::Done { version: next } = updated.expect("update") else {
            panic!("the seen version was not replaced");
        };
        assert!(seen.insert(next), "a version came twice");
        version = next;
    }
}

pub async fn keys_are_apart<B: Backend>(backend: B) {
    let (one, _) = create(&backend, &record("one")).await;
    let (two, version) = create(&backend, &record("two")).await;
    backend
        .update(&two, &record("three"), version, in_seconds(1000))
        .await
        .expect("update");
    assert_eq!(
        load(&backend, &one).await.expect("one").record,
        record("one")
    );
    backend.delete(&two).await.expect("delete");
    assert_eq!(
        load(&backend, &one).await.expect("one").record,
        record("one")
    );
}

pub async fn large_and_odd_values_come_back_byte_for_byte<B: Backend>(backend: B) {
    let odd = "quotes \" and \\ , NUL \0, new\nline, 🦀, ', --, %s, {}";
    for value in [odd.to_owned(), odd.repeat(2_000)] {
        let (key, _) = create(&backend, &record(&value)).await;
        let loaded = load(&backend, &key).await.expect("it was created");
        assert_eq!(loaded.record.to_json(), record(&value).to_json());
    }
}
