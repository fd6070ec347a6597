use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::error::StorageError;
use crate::expiry::{Clock, SystemClock, from_unix, to_unix};
use crate::id::StorageKey;
use crate::record::Record;
use crate::state::Stored;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::in_process::InProcess;
use crate::storage::memory::shard::{Entry, Shard};
use crate::storage::sweep::Sweep;

mod shard;

const SHARDS: usize = 64;
/// Deadlines that every write looks at in its shard: more than one, so that sessions go faster than they come.
const LOOKED_AT_PER_WRITE: usize = 2;

/// Sessions in this process's memory: for one process, tests and development. They end with it.
///
/// Bounded: at its capacity the session that is nearest to its expiry makes room for a new one. Expired sessions are evicted
/// as others are written, and by [`Sweep`]; the memory is given back. A clone shares the sessions.
///
/// # Default
///
/// One million sessions.
///
/// # Example
///
/// ```
/// use session::MemoryStorage;
///
/// let storage = MemoryStorage::new().capacity(10_000);
/// assert!(storage.is_empty());
/// ```
#[derive(Clone)]
pub struct MemoryStorage {
    shards: Arc<[Mutex<Shard>]>,
    capacity_per_shard: usize,
    clock: Option<Arc<dyn Clock>>,
}

impl MemoryStorage {
    /// An empty storage.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity_per_shard: usize::MAX,
            clock: None,
        }
        .capacity(1_000_000)
    }

    /// Sets how many sessions there may be. Rounded up to a multiple of 64, the number of shards.
    pub fn capacity(mut self, sessions: usize) -> Self {
        self.capacity_per_shard = sessions.div_ceil(SHARDS).max(1);
        self
    }

    /// Sets the clock by which sessions expire.
    ///
    /// # Default
    ///
    /// The operating system's. [`Sessions`](crate::Sessions) with a clock of their own are to share it: most of what they do here
    /// goes by theirs as it is, but not all of it, and the sweep goes by this one.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// How many sessions there are, those included that have expired and are not evicted yet.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &StorageKey) -> MutexGuard<'_, Shard> {
        let [first, ..] = key.as_bytes();
        // Invariant: there are `SHARDS` shards.
        lock(&self.shards[usize::from(*first) % SHARDS])
    }

    fn now(&self) -> u64 {
        let clock = self.clock.as_deref().unwrap_or(&SystemClock);
        to_unix(clock.now())
    }

    /// The time now, for a caller who has it at `now`.
    fn time(&self, now: u64) -> u64 {
        self.clock
            .as_deref()
            .map_or(now, |clock| to_unix(clock.now()))
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage")
            .field("sessions", &self.len())
            .finish_non_exhaustive()
    }
}

impl Backend for MemoryStorage {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let stored = self.load_at(key, self.now());
        Ok(stored.map(|stored| Loaded {
            record: stored.record,
            version: stored.version,
            expires_at: from_unix(stored.expires_at),
        }))
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let (expires_at, now) = (to_unix(expires_at), self.now());
        Ok(self.create_at(key, record, expires_at, now))
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let (expires_at, now) = (to_unix(expires_at), self.now());
        let updated = self.update_at(key, record, seen_version, expires_at, now);
        Ok(updated)
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let touched = self.shard(key).change(key, self.now(), |entry| {
            entry.expires_at = to_unix(expires_at);
            Touched::Done
        });
        Ok(touched.unwrap_or(Touched::Gone))
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.shard(key).remove(key);
        Ok(())
    }

    fn __in_process(&self) -> Option<&dyn InProcess> {
        Some(self)
    }
}

impl InProcess for MemoryStorage {
    fn load_at(&self, key: &StorageKey, now: u64) -> Option<Stored> {
        let now = self.time(now);
        let shard = self.shard(key);
        shard.live(key, now).map(|entry| Stored {
            key: *key,
            record: entry.record.clone(),
            version: entry.version,
            expires_at: entry.expires_at,
        })
    }

    fn create_at(&self, key: &StorageKey, record: &Record, expires_at: u64, now: u64) -> Created {
        let now = self.time(now);
        let mut shard = self.shard(key);
        shard.evict_expired(now, LOOKED_AT_PER_WRITE);
        // Nobody has to make room for a key that is taken.
        while shard.len() >= self.capacity_per_shard && shard.live(key, now).is_none() {
            shard.evict_first();
        }
        let entry = Entry {
            key: *key,
            record: record.clone(),
            version: 1,
            expires_at,
        };
        if shard.add(entry, now) {
            Created::Done { version: 1 }
        } else {
            Created::Taken
        }
    }

    fn update_at(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: u64,
        now: u64,
    ) -> Updated {
        let now = self.time(now);
        let mut shard = self.shard(key);
        shard.evict_expired(now, LOOKED_AT_PER_WRITE);
        let updated = shard.change(key, now, |entry| {
            if entry.version != seen_version {
                return Updated::Conflict;
            }
            entry.record = record.clone();
            entry.version = entry.version.wrapping_add(1);
            entry.expires_at = expires_at;
            Updated::Done {
                version: entry.version,
            }
        });
        updated.unwrap_or(Updated::Gone)
    }
}

impl Sweep for MemoryStorage {
    async fn delete_expired(&self) -> Result<u64, StorageError> {
        let now = self.now();
        Ok(self
            .shards
            .iter()
            .map(|shard| lock(shard).evict_expired(now, usize::MAX))
            .sum())
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    fn key() -> StorageKey {
        SessionId::generate().unwrap().storage_key()
    }

    fn in_seconds(seconds: u64) -> SystemTime {
        SystemTime::now() + std::time::Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn at_its_capacity_the_session_nearest_to_expiry_makes_room() {
        let storage = MemoryStorage::new().capacity(1);
        let record = Record::empty(0);
        let mut last = Vec::new();
        for seconds in (100..2100).rev() {
            let key = key();
            storage
                .create(&key, &record, in_seconds(seconds))
                .await
                .unwrap();
            last.push(key);
            assert!(storage.len() <= SHARDS);
        }
        assert!(storage.load(last.last().unwrap()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn expired_sessions_go_as_others_are_written_and_their_memory_is_given_back() {
        let storage = MemoryStorage::new();
        let record = Record::empty(0);
        for _ in 0..20_000 {
            storage
                .create(&key(), &record, in_seconds(0))
                .await
                .unwrap();
        }
        assert!(storage.len() < 1_000, "{}", storage.len());
        for _ in 0..20_000 {
            storage
                .create(&key(), &record, in_seconds(1000))
                .await
                .unwrap();
        }
        let keys: Vec<_> = storage
            .shards
            .iter()
            .flat_map(|shard| lock(shard).keys())
            .collect();
        for key in &keys {
            storage.delete(key).await.unwrap();
        }
        let room: usize = storage.shards.iter().map(|shard| lock(shard).room()).sum();
        assert!(
            storage.is_empty() && room <= SHARDS * 3 * 128,
            "room for {room}"
        );
    }

    #[tokio::test]
    async fn the_sweep_removes_what_has_expired_and_nothing_else() {
        let storage = MemoryStorage::new();
        let record = Record::empty(0);
        let live = key();
        storage
            .create(&live, &record, in_seconds(1000))
            .await
            .unwrap();
        let expired = key();
        storage
            .create(&expired, &record, in_seconds(1000))
            .await
            .unwrap();
        storage.touch(&expired, in_seconds(0)).await.unwrap();
        assert_eq!(storage.delete_expired().await.unwrap(), 1);
        assert_eq!(storage.len(), 1);
        assert!(storage.load(&live).await.unwrap().is_some());
    }
}
