use crate::id::StorageKey;
use crate::record::Record;
use crate::state::Stored;
use crate::storage::backend::{Created, Updated};

/// A [`Backend`](crate::Backend) that is in this process and never waits, for the verbs of most requests.
///
/// Times are in seconds since the Unix epoch. `now` is the caller's, and counts unless the backend has a clock of its own.
pub trait InProcess {
    /// What is under a key, unless it has expired.
    fn load_at(&self, key: &StorageKey, now: u64) -> Option<Stored>;

    fn create_at(&self, key: &StorageKey, record: &Record, expires_at: u64, now: u64) -> Created;

    fn update_at(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: u64,
        now: u64,
    ) -> Updated;
}
