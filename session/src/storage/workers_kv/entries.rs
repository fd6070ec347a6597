use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::error::StorageError;
use crate::expiry::to_unix;
use crate::id::StorageKey;
use crate::record::{Ended, Record};
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::entry::Entry;
use crate::storage::workers_kv::failure::Failure;
use crate::storage::workers_kv::namespace::Namespace;

/// KV takes no shorter lifetime.
const MIN_SECONDS: u64 = 60;
/// KV takes no larger value.
const MAX_VALUE_BYTES: usize = 25 << 20;
/// KV takes one write a second to one key.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// How often a write waits for its second.
const MAX_WAITS: u32 = 3;

/// The entries of a namespace, as the commit protocol wants them, for one call of the storage.
///
/// KV can neither compare and write in one step nor move a deadline, so two steps do each of them, and another request may
/// come between. For that this stays private: it is no [`Backend`] that others could rely on.
pub(super) struct Entries<N> {
    pub(super) namespace: Arc<N>,
    pub(super) prefix: Arc<str>,
    /// When the call began, in seconds since the Unix epoch.
    pub(super) now: u64,
}

impl<N: Namespace> Backend for Entries<N> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        self.find(&self.name(key)).await
    }

    /// The key is that of a fresh id, so nothing is there, and nobody is asked.
    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let name = self.name(key);
        let entry = Entry::new(version()?, record, expires_at);
        let mut pace = self.pace();
        while !pace.is_done(self.put(&name, &entry).await).await? {}
        Ok(Created::Done {
            version: entry.version,
        })
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let name = self.name(key);
        let entry = Entry::new(version()?, record, expires_at);
        let mut pace = self.pace();
        loop {
            match self.find(&name).await? {
                None => return Ok(Updated::Gone),
                Some(found) if found.version != seen_version => return Ok(Updated::Conflict),
                Some(_) => {}
            }
            // A deletion comes next, which is a write, too: with the mark before it KV would refuse it.
            let is_deleted_next = record.ended() == Some(Ended::Destroyed);
            if is_deleted_next || pace.is_done(self.put(&name, &entry).await).await? {
                return Ok(Updated::Done {
                    version: entry.version,
                });
            }
        }
    }

    /// Puts the same record again, as a lifetime is part of a write.
    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let name = self.name(key);
        let mut pace = self.pace();
        loop {
            let Some(found) = self.find(&name).await? else {
                return Ok(Touched::Gone);
            };
            let entry = Entry::new(found.version, &found.record, expires_at);
            if pace.is_done(self.put(&name, &entry).await).await? {
                return Ok(Touched::Done);
            }
        }
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let name = self.name(key);
        let mut pace = self.pace();
        while !pace.is_done(self.namespace.delete(&name).await).await? {}
        Ok(())
    }
}

impl<N: Namespace> Entries<N> {
    fn name(&self, key: &StorageKey) -> String {
        format!("{}{key}", self.prefix)
    }

    /// An entry that has not expired: KV keeps one for a minute at least, whatever it says itself.
    async fn find(&self, name: &str) -> Result<Option<Loaded>, StorageError> {
        let Some(value) = self.namespace.get(name).await? else {
            return Ok(None);
        };
        let loaded = Entry::loaded(&value)?;
        Ok((self.now < to_unix(loaded.expires_at)).then_some(loaded))
    }

    async fn put(&self, name: &str, entry: &Entry) -> Result<(), Failure> {
        let bytes = entry.value.len();
        if bytes > MAX_VALUE_BYTES {
            return Err(Failure::TooLarge {
                bytes,
                limit: MAX_VALUE_BYTES,
            });
        }
        let seconds = entry.deadline.saturating_sub(self.now).max(MIN_SECONDS);
        self.namespace.put(name, &entry.value, seconds).await
    }

    fn pace(&self) -> Pace<'_, N> {
        Pace {
            namespace: &self.namespace,
            waits: 0,
        }
    }
}

/// A version that no other write has.
fn version() -> Result<u64, StorageError> {
    getrandom::u64().map_err(StorageError::unavailable)
}

/// The tries of one write.
struct Pace<'a, N> {
    namespace: &'a N,
    waits: u32,
}

impl<N: Namespace> Pace<'_, N> {
    /// Whether the write is done. When it came too soon after another to the same key, waits until it can be tried again.
    async fn is_done(&mut self, answer: Result<(), Failure>) -> Result<bool, StorageError> {
        match answer {
            Ok(()) => Ok(true),
            Err(failure) if failure.is_too_soon() && self.waits < MAX_WAITS => {
                self.waits += 1;
                self.namespace.wait(BETWEEN_WRITES).await;
                Ok(false)
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
