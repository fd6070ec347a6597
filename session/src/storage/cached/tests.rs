use super::*;
use crate::id::SessionId;
use crate::storage::memory::MemoryStorage;
use crate::testing::{Counting, Faulty, TestClock, Verb};

mod age;
mod bounds;
mod nodes;
mod writes;

const SECOND: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(5);
const WRITES: [Verb; 3] = [Verb::Update, Verb::Touch, Verb::Delete];

/// A database that carries a call out, and then lets the answer pass the gates of a [`Faulty`].
#[derive(Clone)]
struct Database {
    stored: MemoryStorage,
    answers: Faulty<MemoryStorage>,
}

impl Database {
    async fn answer<T>(&self, answer: T) -> T {
        let key = key();
        self.answers.load(&key).await.unwrap();
        answer
    }
}

impl Backend for Database {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let loaded = self.stored.load(key).await;
        self.answer(loaded).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let created = self.stored.create(key, record, expires_at).await;
        self.answer(created).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let updated = self.stored.update(key, record, seen_version, expires_at);
        let updated = updated.await;
        self.answer(updated).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let touched = self.stored.touch(key, expires_at).await;
        self.answer(touched).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let deleted = self.stored.delete(key).await;
        self.answer(deleted).await
    }
}

/// A node with memory of its own before the database of all.
#[derive(Clone)]
struct Node {
    cached: CachedStorage<Faulty<Counting<Database>>>,
    /// Holds calls before they are carried out, and fails them.
    calls: Faulty<Counting<Database>>,
    counts: Counting<Database>,
    /// Holds calls that have been carried out.
    answers: Faulty<MemoryStorage>,
    stored: MemoryStorage,
    clock: TestClock,
}

impl Node {
    fn new() -> Self {
        let clock = TestClock::new();
        Self::of(MemoryStorage::new().clock(clock.clone()), clock, MAX_AGE)
    }

    fn of(stored: MemoryStorage, clock: TestClock, max_age: Duration) -> Self {
        let answers = Faulty::new(MemoryStorage::new());
        let counts = Counting::new(Database {
            stored: stored.clone(),
            answers: answers.clone(),
        });
        let calls = Faulty::new(counts.clone());
        let cached = CachedStorage::new(calls.clone(), max_age).clock(clock.clone());
        Self {
            cached,
            calls,
            counts,
            answers,
            stored,
            clock,
        }
    }

    /// Another node: the same database, and nothing remembered.
    fn another(&self) -> Self {
        let max_age = self.cached.limits.max_age;
        Self::of(self.stored.clone(), self.clock.clone(), max_age)
    }

    fn in_seconds(&self, seconds: u64) -> SystemTime {
        self.clock.now() + Duration::from_secs(seconds)
    }

    /// A session that is stored, and not remembered here.
    async fn stored(&self, value: &str) -> StorageKey {
        let (key, record, at) = (key(), record(value), self.in_seconds(1000));
        let created = self.stored.create(&key, &record, at).await;
        assert_eq!(created.unwrap(), Created::Done { version: 1 });
        key
    }

    /// What is read, and how many loads of the database that took.
    async fn read(&self, key: &StorageKey) -> (Option<Record>, u64) {
        self.counts.take();
        let loaded = self.cached.load(key).await.unwrap();
        (loaded.map(|loaded| loaded.record), self.counts.take().load)
    }

    /// Replaces, touches or deletes a session of version 1.
    async fn write(&self, verb: Verb, key: &StorageKey) -> Result<(), StorageError> {
        let (node, at) = (&self.cached, self.in_seconds(2000));
        match verb {
            Verb::Load => unreachable!("a load writes nothing"),
            Verb::Create => node.create(key, &record("new"), at).await.map(drop),
            Verb::Update => node.update(key, &record("new"), 1, at).await.map(drop),
            Verb::Touch => node.touch(key, at).await.map(drop),
            Verb::Delete => node.delete(key).await,
        }
    }

    /// Replaces a session of that version.
    async fn update(&self, key: &StorageKey, value: &str, version: u64) {
        let (record, at) = (record(value), self.in_seconds(1000));
        let updated = self.cached.update(key, &record, version, at).await;
        assert_eq!(
            updated.unwrap(),
            Updated::Done {
                version: version + 1
            }
        );
    }

    /// Begins a load or a write beside the test.
    fn spawn(&self, verb: Verb, key: StorageKey) -> tokio::task::JoinHandle<()> {
        let node = self.clone();
        tokio::spawn(async move {
            match verb {
                Verb::Load => drop(node.cached.load(&key).await.unwrap()),
                _ => node.write(verb, &key).await.unwrap(),
            }
        })
    }

    /// Reads twice, and checks that the database would have said the same.
    async fn reads_what_is_stored(&self, key: &StorageKey, case: &str) {
        let parts = |loaded: Loaded| (loaded.record.to_json(), loaded.version, loaded.expires_at);
        let stored = self.stored.load(key).await.unwrap().map(parts);
        for _ in 0..2 {
            let read = self.cached.load(key).await.unwrap().map(parts);
            assert_eq!(read, stored, "{case}");
        }
    }

    /// How many slots there are. Each has its place in the queue.
    fn slots(&self) -> usize {
        let shards = self.cached.shards.iter();
        let lengths = shards.map(|shard| shard.lock().unwrap().lengths());
        let (slots, queued) = lengths.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert_eq!(slots, queued);
        slots
    }
}

fn key() -> StorageKey {
    SessionId::generate().unwrap().storage_key()
}

/// A key of the same shard.
fn neighbour(of: &StorageKey) -> StorageKey {
    let shard = |key: &StorageKey| usize::from(key.as_bytes()[0]) % SHARDS;
    std::iter::repeat_with(key)
        .find(|key| shard(key) == shard(of))
        .unwrap()
}

fn record(value: &str) -> Record {
    let json = format!(r#"{{"format":1,"created_at":1790000000,"values":{{"key":"{value}"}}}}"#);
    Record::from_json(json.as_bytes()).unwrap()
}

#[tokio::test]
async fn clones_share_what_is_remembered() {
    let node = Node::new();
    let mut clone = node.clone();
    clone.cached = node.cached.clone();
    let key = node.stored("one").await;
    node.read(&key).await;
    assert_eq!(clone.read(&key).await, (Some(record("one")), 0));
    clone.write(Verb::Delete, &key).await.unwrap();
    assert_eq!(node.read(&key).await, (None, 1));
}

#[tokio::test]
async fn debug_shows_nothing_of_the_sessions() {
    let node = Node::new();
    node.read(&node.stored("one").await).await;
    let shown = format!("{:?}", node.cached);
    assert_eq!(shown, "CachedStorage { max_age: 5s, .. }");
}

#[tokio::test]
async fn the_sweep_is_the_backends() {
    let clock = TestClock::new();
    let stored = MemoryStorage::new().clock(clock.clone());
    let cached = CachedStorage::new(stored.clone(), MAX_AGE).clock(clock.clone());
    let (key, at) = (key(), clock.now() + SECOND);
    cached.create(&key, &record("one"), at).await.unwrap();
    clock.advance(SECOND);
    assert_eq!(cached.delete_expired().await.unwrap(), 1);
    assert!(stored.is_empty() && cached.load(&key).await.unwrap().is_none());
}
