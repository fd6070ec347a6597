use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Semaphore;

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::{Backend, Created, InProcess, Loaded, Touched, Updated};

/// One of the five verbs of a [`Backend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the methods of `Backend`")]
pub enum Verb {
    Load,
    Create,
    Update,
    Touch,
    Delete,
}

/// A backend that fails, or waits, on command. Clones share their orders; [`another`](Self::another) gives the same
/// backend under orders of its own, to hold one request while others go on.
///
/// # Example
///
/// ```
/// use session::testing::{Faulty, Verb};
/// use session::{Error, KeyRing, MemoryStorage, SessionCookie, Sessions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = Faulty::new(MemoryStorage::new());
/// let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), storage.clone());
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
///
/// storage.fail(Verb::Create);
/// assert!(matches!(sessions.commit(&session).await, Err(Error::Storage(_))));
/// storage.heal();
/// assert!(sessions.commit(&session).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Faulty<B> {
    inner: B,
    orders: Arc<Mutex<Orders>>,
}

#[derive(Debug, Default)]
struct Orders {
    failing: Vec<Verb>,
    losing: Vec<Verb>,
    /// Calls that still pass before one is held.
    held: Option<(usize, Gate)>,
}

impl Orders {
    fn is_empty(&self) -> bool {
        self.failing.is_empty() && self.losing.is_empty() && self.held.is_none()
    }
}

/// The point at which a [`Faulty`] backend waits.
#[derive(Debug, Clone)]
pub struct Gate {
    reached: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self {
            reached: closed(),
            opened: closed(),
        }
    }

    /// Waits until a call is held here.
    pub async fn reached(&self) {
        // Invariant: the semaphore is never closed.
        if let Ok(permit) = self.reached.acquire().await {
            permit.forget();
        }
    }

    /// Lets the call go on.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }
}

impl<B> Faulty<B> {
    /// A backend that obeys, and does what the inner one does until it is told otherwise.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            orders: Arc::default(),
        }
    }

    /// The same backend under orders of its own.
    pub fn another(&self) -> Self
    where
        B: Clone,
    {
        Self::new(self.inner.clone())
    }

    /// Fails every call of a verb from now on.
    pub fn fail(&self, verb: Verb) {
        self.orders().failing.push(verb);
    }

    /// Carries out every call of a verb from now on, and then fails: what comes of a connection that is cut before the
    /// answer.
    pub fn lose_answers(&self, verb: Verb) {
        self.orders().losing.push(verb);
    }

    /// Stops failing.
    pub fn heal(&self) {
        let mut orders = self.orders();
        orders.failing.clear();
        orders.losing.clear();
    }

    /// Holds one call before it reaches the inner backend: the next one after `passed` calls.
    pub fn hold_after(&self, passed: usize) -> Gate {
        let gate = Gate::new();
        self.orders().held = Some((passed, gate.clone()));
        gate
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a call out as ordered.
    async fn obey<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        if let Some(gate) = self.next_gate() {
            gate.reached.add_permits(1);
            // Invariant: the semaphore is never closed.
            if let Ok(permit) = gate.opened.acquire().await {
                permit.forget();
            }
        }
        if self.orders().failing.contains(&verb) {
            return Err(StorageError::unavailable("it was told to fail"));
        }
        let answer = call.await;
        if self.orders().losing.contains(&verb) {
            return Err(StorageError::unavailable("it was told to lose the answer"));
        }
        answer
    }

    fn next_gate(&self) -> Option<Gate> {
        let mut orders = self.orders();
        match &mut orders.held {
            Some((0, _)) => orders.held.take().map(|(_, gate)| gate),
            Some((passed, _)) => {
                *passed -= 1;
                None
            }
            None => None,
        }
    }
}

impl<B: Backend> Backend for Faulty<B> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        self.obey(Verb::Load, self.inner.load(key)).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        self.obey(Verb::Create, self.inner.create(key, record, expires_at))
            .await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        self.obey(
            Verb::Update,
            self.inner.update(key, record, seen_version, expires_at),
        )
        .await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        self.obey(Verb::Touch, self.inner.touch(key, expires_at))
            .await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.obey(Verb::Delete, self.inner.delete(key)).await
    }

    /// Without orders, as the inner one.
    fn __in_process(&self) -> Option<&dyn InProcess> {
        let is_idle = self.orders().is_empty();
        is_idle.then(|| self.inner.__in_process()).flatten()
    }
}
