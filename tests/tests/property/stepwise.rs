//! Storage calls one at a time, in the order that a test chooses.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::SystemTime;

use session::storage::{Backend, Created, Loaded, Touched, Updated};
use session::{MemoryStorage, Record, StorageError, StorageKey};
use tokio::task::yield_now;

/// A future that goes on when it is told to, from one storage call to the next.
pub(super) struct Call<T> {
    future: Pin<Box<dyn Future<Output = T>>>,
    pub(super) outcome: Option<T>,
}

impl<T> Call<T> {
    pub(super) fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self {
            future: Box::pin(future),
            outcome: None,
        }
    }

    pub(super) async fn go_on(&mut self) {
        if self.outcome.is_none() {
            self.outcome = poll_fn(|context| match self.future.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending => Poll::Ready(None),
            })
            .await;
        }
    }
}

pub(super) async fn finish<T>(calls: &mut [Call<T>]) {
    while calls.iter().any(|call| call.outcome.is_none()) {
        for call in &mut *calls {
            call.go_on().await;
        }
        yield_now().await;
    }
}

/// A backend that gives way before each call.
#[derive(Debug, Clone)]
pub(super) struct Stepwise(pub(super) MemoryStorage);

impl Backend for Stepwise {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        yield_now().await;
        self.0.load(key).await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        yield_now().await;
        self.0.create(key, record, expires_at).await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        yield_now().await;
        self.0.update(key, record, seen_version, expires_at).await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        yield_now().await;
        self.0.touch(key, expires_at).await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        yield_now().await;
        self.0.delete(key).await
    }
}
