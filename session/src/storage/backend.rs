use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::in_process::InProcess;

/// A place for records: what a database has to do to keep sessions.
///
/// Five verbs, each one atomic step on one key. The library does the rest: it makes the keys, merges the changes of
/// requests that overlap, retries after a conflict, and checks every deadline again when it reads.
/// [`CustomStorage`](crate::storage::CustomStorage) makes a backend of five functions.
///
/// The contract, which the conformance suite of `session::testing` checks:
///
/// - A version is any number that differs after each write of a key. It is compared for equality alone.
/// - [`update`](Self::update) and [`touch`](Self::touch) never create: what is gone stays gone (G2).
/// - A record whose `expires_at` has come reads as missing, at that very second. Deadlines are whole seconds. A server that
///   counts seconds from its own start may be off by one.
/// - After `Ok` the write is there for every later call of any process. A storage that is down returns an error, never
///   "missing" (G6).
/// - A call that is dropped half-way has happened or has not: never in part.
///
/// # Example
///
/// A map behind a lock. A database does each step by a conditional write instead (`WHERE version = ?`).
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use std::time::SystemTime;
///
/// use session::storage::{Backend, Created, Loaded, Touched, Updated};
/// use session::{KeyRing, Record, SessionCookie, Sessions, StorageError, StorageKey};
///
/// #[derive(Default)]
/// struct Map(Mutex<HashMap<StorageKey, Loaded>>);
///
/// impl Backend for Map {
///     async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
///         let now = SystemTime::now();
///         Ok(self.0.lock().unwrap().get(key).filter(|entry| now < entry.expires_at).cloned())
///     }
///
///     async fn create(&self, key: &StorageKey, record: &Record, expires_at: SystemTime) -> Result<Created, StorageError> {
///         let mut map = self.0.lock().unwrap();
///         if map.contains_key(key) {
///             return Ok(Created::Taken);
///         }
///         map.insert(*key, Loaded { record: record.clone(), version: 1, expires_at });
///         Ok(Created::Done { version: 1 })
///     }
///
///     async fn update(
///         &self,
///         key: &StorageKey,
///         record: &Record,
///         seen_version: u64,
///         expires_at: SystemTime,
///     ) -> Result<Updated, StorageError> {
///         match self.0.lock().unwrap().get_mut(key) {
///             None => Ok(Updated::Gone),
///             Some(entry) if SystemTime::now() >= entry.expires_at => Ok(Updated::Gone),
///             Some(entry) if entry.version != seen_version => Ok(Updated::Conflict),
///             Some(entry) => {
///                 *entry = Loaded { record: record.clone(), version: seen_version + 1, expires_at };
///                 Ok(Updated::Done { version: entry.version })
///             }
///         }
///     }
///
///     async fn touch(&self, key: &StorageKey, expires_at: SystemTime) -> Result<Touched, StorageError> {
///         match self.0.lock().unwrap().get_mut(key) {
///             Some(entry) if SystemTime::now() < entry.expires_at => {
///                 entry.expires_at = expires_at;
///                 Ok(Touched::Done)
///             }
///             _ => Ok(Touched::Gone),
///         }
///     }
///
///     async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
///         self.0.lock().unwrap().remove(key);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), Map::default());
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
/// assert!(sessions.commit(&session).await?.is_some());
/// # Ok(())
/// # }
/// ```
pub trait Backend: Send + Sync + 'static {
    /// The record under a key, or `None` when there is none or it has expired.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage cannot say, and [`StorageError::Corrupt`] when what it holds is no record.
    fn load(
        &self,
        key: &StorageKey,
    ) -> impl Future<Output = Result<Option<Loaded>, StorageError>> + Send;

    /// Stores a record under a key that is free, or says that it is taken.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage did not take it.
    fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> impl Future<Output = Result<Created, StorageError>> + Send;

    /// Replaces the record under a key if its version is still the one that was seen. Never creates.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage did not take it.
    fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> impl Future<Output = Result<Updated, StorageError>> + Send;

    /// Moves the deadline of the record under a key. Never creates, never rewrites; the version stays.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage did not take it.
    fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> impl Future<Output = Result<Touched, StorageError>> + Send;

    /// Removes what is under a key. Gone afterwards, also when nothing was there.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage did not take it.
    fn delete(&self, key: &StorageKey) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// The same backend without its type, so that it can be chosen at run time.
    fn boxed(self) -> BoxBackend
    where
        Self: Sized,
    {
        BoxBackend(Arc::new(self))
    }

    /// This backend as one that is in the process, if it is one: then the protocol need not wait for it.
    #[doc(hidden)]
    fn __in_process(&self) -> Option<&dyn InProcess> {
        None
    }
}

/// What [`Backend::load`] finds.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The record.
    pub record: Record,
    /// The number that [`Backend::update`] compares.
    pub version: u64,
    /// When it expires: the deadline of the last create, update or touch.
    pub expires_at: SystemTime,
}

/// What came of [`Backend::create`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The record is stored, under this version.
    Done {
        /// The number that the next update has to name.
        version: u64,
    },
    /// Something is stored under the key already, and stays as it is.
    Taken,
}

/// What came of [`Backend::update`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The record is stored, under this version.
    Done {
        /// The number that the next update has to name.
        version: u64,
    },
    /// Another version is there, and stays as it is.
    Conflict,
    /// Nothing is there, or it has expired, and nothing was stored.
    Gone,
}

/// What came of [`Backend::touch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touched {
    /// The deadline is moved.
    Done,
    /// Nothing is there, or it has expired.
    Gone,
}

impl<B: Backend> Backend for Arc<B> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        (**self).load(key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        (**self).create(key, record, expires_at).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        (**self).update(key, record, seen_version, expires_at).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        (**self).touch(key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        (**self).delete(key).await
    }

    fn __in_process(&self) -> Option<&dyn InProcess> {
        (**self).__in_process()
    }
}

/// A [`Backend`] without its type. Cheap to clone; the clones share the backend.
#[derive(Clone)]
pub struct BoxBackend(Arc<dyn DynBackend>);

impl Backend for BoxBackend {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        self.0.load(key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        self.0.create(key, record, expires_at).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        self.0.update(key, record, seen_version, expires_at).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        self.0.touch(key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.0.delete(key).await
    }

    fn boxed(self) -> Self {
        self
    }

    fn __in_process(&self) -> Option<&dyn InProcess> {
        self.0.in_process()
    }
}

impl fmt::Debug for BoxBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxBackend(..)")
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send + 'a>>;

/// The same five verbs in a form that a `dyn` can have.
trait DynBackend: Send + Sync {
    fn load<'a>(&'a self, key: &'a StorageKey) -> BoxFuture<'a, Option<Loaded>>;
    fn create<'a>(
        &'a self,
        key: &'a StorageKey,
        record: &'a Record,
        expires_at: SystemTime,
    ) -> BoxFuture<'a, Created>;
    fn update<'a>(
        &'a self,
        key: &'a StorageKey,
        record: &'a Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> BoxFuture<'a, Updated>;
    fn touch<'a>(&'a self, key: &'a StorageKey, expires_at: SystemTime) -> BoxFuture<'a, Touched>;
    fn delete<'a>(&'a self, key: &'a StorageKey) -> BoxFuture<'a, ()>;
    fn in_process(&self) -> Option<&dyn InProcess>;
}

impl<B: Backend> DynBackend for B {
    fn load<'a>(&'a self, key: &'a StorageKey) -> BoxFuture<'a, Option<Loaded>> {
        Box::pin(Backend::load(self, key))
    }

    fn create<'a>(
        &'a self,
        key: &'a StorageKey,
        record: &'a Record,
        expires_at: SystemTime,
    ) -> BoxFuture<'a, Created> {
        Box::pin(Backend::create(self, key, record, expires_at))
    }

    fn update<'a>(
        &'a self,
        key: &'a StorageKey,
        record: &'a Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> BoxFuture<'a, Updated> {
        Box::pin(Backend::update(self, key, record, seen_version, expires_at))
    }

    fn touch<'a>(&'a self, key: &'a StorageKey, expires_at: SystemTime) -> BoxFuture<'a, Touched> {
        Box::pin(Backend::touch(self, key, expires_at))
    }

    fn delete<'a>(&'a self, key: &'a StorageKey) -> BoxFuture<'a, ()> {
        Box::pin(Backend::delete(self, key))
    }

    fn in_process(&self) -> Option<&dyn InProcess> {
        self.__in_process()
    }
}
