use std::future::Future;
use std::time::SystemTime;

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::{Backend, Created, Loaded, Touched, Updated};

/// A [`Backend`] of five functions, for a database that this library does not know.
///
/// Each function is a verb of [`Backend`], with the same contract: it gets a clone of [`database`](Self::database) and
/// what the verb takes, all of it owned, and returns a future. Functions and closures both do; a verb that is left out is a compile
/// error that names it. What they share is `database`: a pool, a client, an [`Arc`](std::sync::Arc).
///
/// The type is as long as it looks and cannot be written down; [`boxed`](Backend::boxed) gives one with a name, which is also cheap to
/// clone. The feature `testing` has the conformance suite to try a storage with. One that is published for others had
/// better implement [`Backend`]: its methods borrow what these functions own.
///
/// # Example
///
/// A map behind a lock. The README has the same in SQL.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Arc, Mutex};
/// use std::time::SystemTime;
///
/// use session::storage::{Created, CustomStorage, Loaded, Touched, Updated};
/// use session::{KeyRing, SessionCookie, Sessions, StorageKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let lives = |entry: &Loaded| SystemTime::now() < entry.expires_at;
/// let storage = CustomStorage {
///     database: Arc::new(Mutex::new(HashMap::<StorageKey, Loaded>::new())),
///     load: move |map, key| async move { Ok(map.lock().unwrap().get(&key).filter(|entry| lives(entry)).cloned()) },
///     create: |map, key, record, expires_at| async move {
///         let mut map = map.lock().unwrap();
///         if map.contains_key(&key) {
///             return Ok(Created::Taken);
///         }
///         map.insert(key, Loaded { record, version: 1, expires_at });
///         Ok(Created::Done { version: 1 })
///     },
///     update: move |map, key, record, seen_version, expires_at| async move {
///         Ok(match map.lock().unwrap().get_mut(&key).filter(|entry| lives(entry)) {
///             None => Updated::Gone,
///             Some(entry) if entry.version != seen_version => Updated::Conflict,
///             Some(entry) => {
///                 *entry = Loaded { record, version: seen_version + 1, expires_at };
///                 Updated::Done { version: entry.version }
///             }
///         })
///     },
///     touch: move |map, key, expires_at| async move {
///         Ok(match map.lock().unwrap().get_mut(&key).filter(|entry| lives(entry)) {
///             None => Touched::Gone,
///             Some(entry) => {
///                 entry.expires_at = expires_at;
///                 Touched::Done
///             }
///         })
///     },
///     delete: |map, key| async move {
///         map.lock().unwrap().remove(&key);
///         Ok(())
///     },
/// };
///
/// let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), storage);
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
/// assert!(sessions.commit(&session).await?.is_some());
/// # Ok(())
/// # }
/// ```
pub struct CustomStorage<D, L, LF, C, CF, U, UF, T, TF, X, XF>
where
    L: Fn(D, StorageKey) -> LF,
    LF: Future<Output = Result<Option<Loaded>, StorageError>>,
    C: Fn(D, StorageKey, Record, SystemTime) -> CF,
    CF: Future<Output = Result<Created, StorageError>>,
    U: Fn(D, StorageKey, Record, u64, SystemTime) -> UF,
    UF: Future<Output = Result<Updated, StorageError>>,
    T: Fn(D, StorageKey, SystemTime) -> TF,
    TF: Future<Output = Result<Touched, StorageError>>,
    X: Fn(D, StorageKey) -> XF,
    XF: Future<Output = Result<(), StorageError>>,
{
    /// What every function gets a clone of.
    pub database: D,
    /// The record under a key, or `None` when there is none or it has expired: [`Backend::load`].
    pub load: L,
    /// Stores a record under a key that is free, until a deadline: [`Backend::create`].
    pub create: C,
    /// Replaces the record under a key if its version is still the one that was seen: [`Backend::update`].
    pub update: U,
    /// Moves the deadline of the record under a key: [`Backend::touch`].
    pub touch: T,
    /// Removes what is under a key: [`Backend::delete`].
    pub delete: X,
}

impl<D, L, LF, C, CF, U, UF, T, TF, X, XF> Backend
    for CustomStorage<D, L, LF, C, CF, U, UF, T, TF, X, XF>
where
    D: Clone + Send + Sync + 'static,
    L: Fn(D, StorageKey) -> LF + Send + Sync + 'static,
    LF: Future<Output = Result<Option<Loaded>, StorageError>> + Send + 'static,
    C: Fn(D, StorageKey, Record, SystemTime) -> CF + Send + Sync + 'static,
    CF: Future<Output = Result<Created, StorageError>> + Send + 'static,
    U: Fn(D, StorageKey, Record, u64, SystemTime) -> UF + Send + Sync + 'static,
    UF: Future<Output = Result<Updated, StorageError>> + Send + 'static,
    T: Fn(D, StorageKey, SystemTime) -> TF + Send + Sync + 'static,
    TF: Future<Output = Result<Touched, StorageError>> + Send + 'static,
    X: Fn(D, StorageKey) -> XF + Send + Sync + 'static,
    XF: Future<Output = Result<(), StorageError>> + Send + 'static,
{
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        (self.load)(self.database.clone(), *key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        (self.create)(self.database.clone(), *key, record.clone(), expires_at).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let (database, record) = (self.database.clone(), record.clone());
        (self.update)(database, *key, record, seen_version, expires_at).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        (self.touch)(self.database.clone(), *key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        (self.delete)(self.database.clone(), *key).await
    }
}
