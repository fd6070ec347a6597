use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::state::Stored;
use crate::storage::{Backend, Created, InProcess, Loaded, Touched, Updated};

/// A backend that counts the calls that reach it. Clones share the counts.
///
/// # Example
///
/// ```
/// use session::{KeyRing, MemoryStorage, SessionCookie, Sessions, testing::{Calls, Counting}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = Counting::new(MemoryStorage::new());
/// let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), storage.clone());
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
/// sessions.commit(&session).await?;
/// assert_eq!(storage.take(), Calls { create: 1, ..Calls::default() });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Counting<B> {
    inner: B,
    calls: Arc<Mutex<Calls>>,
}

/// How often each verb was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Calls of [`Backend::load`].
    pub load: u64,
    /// Calls of [`Backend::create`].
    pub create: u64,
    /// Calls of [`Backend::update`].
    pub update: u64,
    /// Calls of [`Backend::touch`].
    pub touch: u64,
    /// Calls of [`Backend::delete`].
    pub delete: u64,
}

impl<B> Counting<B> {
    /// Counts the calls of a backend, from none.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            calls: Arc::default(),
        }
    }

    /// The calls since the last time this was asked.
    pub fn take(&self) -> Calls {
        std::mem::take(&mut *self.calls())
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Backend for Counting<B> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        self.calls().load += 1;
        self.inner.load(key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        self.calls().create += 1;
        self.inner.create(key, record, expires_at).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        self.calls().update += 1;
        self.inner
            .update(key, record, seen_version, expires_at)
            .await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        self.calls().touch += 1;
        self.inner.touch(key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.calls().delete += 1;
        self.inner.delete(key).await
    }

    fn __in_process(&self) -> Option<&dyn InProcess> {
        self.inner.__in_process().map(|_| self as &dyn InProcess)
    }
}

/// Invariant: it is called as one in the process only when the inner backend is one, and that stays so.
impl<B: Backend> InProcess for Counting<B> {
    fn load_at(&self, key: &StorageKey, now: u64) -> Option<Stored> {
        self.calls().load += 1;
        self.inner.__in_process()?.load_at(key, now)
    }

    fn create_at(&self, key: &StorageKey, record: &Record, expires_at: u64, now: u64) -> Created {
        self.calls().create += 1;
        let inner = self.inner.__in_process();
        inner.map_or(Created::Taken, |inner| {
            inner.create_at(key, record, expires_at, now)
        })
    }

    fn update_at(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: u64,
        now: u64,
    ) -> Updated {
        self.calls().update += 1;
        let inner = self.inner.__in_process();
        inner.map_or(Updated::Conflict, |inner| {
            inner.update_at(key, record, seen_version, expires_at, now)
        })
    }
}
