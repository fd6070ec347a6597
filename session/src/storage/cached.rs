use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::StorageError;
use crate::expiry::{Clock, SystemClock, from_unix, to_unix};
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::cached::shard::{Begun, Limits, Shard};
use crate::storage::sweep::Sweep;

mod shard;
#[cfg(all(test, feature = "testing"))]
mod tests;

const SHARDS: usize = 64;

/// Memory in front of a backend, for reads: a session that was read or written here is read again without a call.
///
/// For a backend that is far away, and pages that read more than they write. Nothing is cached unless you put this in
/// front, and "What other nodes see" below says what that costs.
///
/// A session is read from memory for less than `max_age` after the call that brought it began, and never past its own
/// deadline. That there is none is not remembered. Every write goes to the backend, which decides as ever; what a write
/// leaves is remembered, too.
///
/// On the node that writes, nothing older is read once the write has been answered: not after a destruction, a new id, an
/// update or a touch, whatever loads are under way meanwhile. If a write fails, or its request is dropped, it may have
/// been carried out or may yet be: for `max_age` from then each read of that session is the backend's.
///
/// A clone shares the memory. It is bounded: at its capacity the oldest reading makes room. Stale ones go as others are
/// read or written.
///
/// # What other nodes see
///
/// A node that remembers a session shows it as it was for up to `max_age` after another node has changed it. A request that
/// reads from memory is like one that read then and has been slow since, and its commit is treated so:
///
/// - **A change** on another node is missing from what is read; a flash value that was read there can be read again here. No
///   change is lost: the commit meets the conflict, loads from the backend, and adds its own (G1).
/// - **A log-out** on another node is seen here after at most `max_age`. Until then requests with that cookie read the
///   session, logged in; what they write is dropped, and does not bring it back (G2).
/// - **A replaced id** (a login, any privileged field) still opens the session here as it was before, without what was set
///   since. What is written that way joins the session under its new id. A request that renews the id itself takes the
///   session along: it goes on under the id of that answer.
///
/// # Security
///
/// With a replaced id there is a gap in the defence against session fixation (G4). Without the cache a request with a planted
/// id joins the victim's session only if it is under way at the moment of the login. With it, that request may come up to
/// `max_age` later, to a node that remembers the id; if it sets a privileged field there, by a login of its own say, its
/// sender has the victim's session.
///
/// So choose a `max_age` of seconds, and do without the cache where a log-out or a replaced id must be seen everywhere at
/// once. If a load balancer sends each browser to one node, its own changes show at once; an attacker need not keep to that.
///
/// # Default
///
/// 10,000 sessions, and the system's clock. There is no default age.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use session::{Backend, CachedStorage, KeyRing, MemoryStorage, SessionCookie, Sessions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = MemoryStorage::new();
/// let storage = CachedStorage::new(database.clone(), Duration::from_secs(10));
/// let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), storage);
///
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
/// let set_cookie = sessions.commit(&session).await?.expect("the session is new");
/// let pair = set_cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
///
/// // Another node deletes the session. For ten seconds this one may still show it.
/// database.delete(&session.id().storage_key()).await?;
/// let session = sessions.open([&pair]).await?;
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
///
/// // A write tells it.
/// session.set("theme", "light");
/// assert!(sessions.commit(&session).await?.is_none());
/// assert!(sessions.open([&pair]).await?.is_new());
/// # Ok(())
/// # }
/// ```
pub struct CachedStorage<B> {
    backend: Arc<B>,
    shards: Arc<[Mutex<Shard>]>,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl<B> CachedStorage<B> {
    /// Memory in front of that backend, for readings younger than `max_age`. None are younger than zero.
    pub fn new(backend: B, max_age: Duration) -> Self {
        Self {
            backend: Arc::new(backend),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            limits: Limits {
                max_age,
                capacity: usize::MAX,
            },
            clock: Arc::new(SystemClock),
        }
        .capacity(10_000)
    }

    /// Sets how many sessions are remembered. Rounded up to a multiple of 64, the number of shards.
    ///
    /// A session takes its record and about 250 bytes. So 10,000 of them take 13 MB if a record has 1 KB, and 10 GiB if each
    /// is as large as [`Sessions::max_record_bytes`](crate::Sessions::max_record_bytes) lets it be by default, 1 MiB.
    pub fn capacity(mut self, sessions: usize) -> Self {
        self.limits.capacity = sessions.div_ceil(SHARDS).max(1);
        self
    }

    /// Sets the clock by which readings age. One that is set back makes those from before stale.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn begin_write<'a>(&'a self, key: &'a StorageKey) -> Write<'a, B> {
        let now = self.clock.now();
        let begun = self.shard(key).begin(now, &self.limits);
        Write {
            storage: self,
            key,
            begun,
            outcome: Outcome::Unknown,
        }
    }

    fn shard(&self, key: &StorageKey) -> MutexGuard<'_, Shard> {
        let [first, ..] = key.as_bytes();
        // Invariant: there are `SHARDS` shards.
        let shard = &self.shards[usize::from(*first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Clone for CachedStorage<B> {
    fn clone(&self) -> Self {
        Self {
            backend: Arc::clone(&self.backend),
            shards: Arc::clone(&self.shards),
            limits: self.limits,
            clock: Arc::clone(&self.clock),
        }
    }
}

impl<B> fmt::Debug for CachedStorage<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedStorage")
            .field("max_age", &self.limits.max_age)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> Backend for CachedStorage<B> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let now = self.clock.now();
        let begun = {
            let mut shard = self.shard(key);
            if let Some(loaded) = shard.get(key, now, &self.limits) {
                return Ok(Some(loaded));
            }
            shard.begin(now, &self.limits)
        };
        let loaded = self.backend.load(key).await?;
        self.shard(key)
            .loaded(key, begun, loaded.as_ref(), &self.limits);
        Ok(loaded)
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let write = self.begin_write(key);
        let created = self.backend.create(key, record, expires_at).await?;
        write.answered(match created {
            Created::Done { version } => Some(stored(record, version, expires_at)),
            Created::Taken => None,
        });
        Ok(created)
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let write = self.begin_write(key);
        let updated = self
            .backend
            .update(key, record, seen_version, expires_at)
            .await?;
        write.answered(match updated {
            Updated::Done { version } => Some(stored(record, version, expires_at)),
            // The commit loads again, and is to learn what was in its way.
            Updated::Conflict | Updated::Gone => None,
        });
        Ok(updated)
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let write = self.begin_write(key);
        let touched = self.backend.touch(key, expires_at).await?;
        // A touch tells nothing of the record: the commit loads it next, to learn whether its id is still the browser's.
        write.answered(None);
        Ok(touched)
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let write = self.begin_write(key);
        self.backend.delete(key).await?;
        write.answered(None);
        Ok(())
    }
}

impl<B: Sweep> Sweep for CachedStorage<B> {
    async fn delete_expired(&self) -> Result<u64, StorageError> {
        // What it deletes is not read from memory either: each reading has its record's deadline.
        self.backend.delete_expired().await
    }
}

/// What a load finds after a write. Deadlines are whole seconds.
fn stored(record: &Record, version: u64, expires_at: SystemTime) -> Loaded {
    Loaded {
        record: record.clone(),
        version,
        expires_at: from_unix(to_unix(expires_at)),
    }
}

/// A write under way. It ends when it is dropped, as it is with a request that is.
struct Write<'a, B> {
    storage: &'a CachedStorage<B>,
    key: &'a StorageKey,
    begun: Begun,
    outcome: Outcome,
}

enum Outcome {
    Unknown,
    /// The backend has answered, and this is what is stored now, if that is known.
    Answered(Option<Loaded>),
}

impl<B> Write<'_, B> {
    fn answered(mut self, stored: Option<Loaded>) {
        self.outcome = Outcome::Answered(stored);
    }
}

impl<B> Drop for Write<'_, B> {
    fn drop(&mut self) {
        let Self { key, begun, .. } = *self;
        let CachedStorage { limits, clock, .. } = self.storage;
        let now = clock.now();
        let mut shard = self.storage.shard(key);
        match &self.outcome {
            Outcome::Unknown => shard.bar(key, now, limits),
            Outcome::Answered(stored) => shard.written(key, begun, stored.as_ref(), limits),
        }
    }
}
