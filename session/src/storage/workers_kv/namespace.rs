use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use worker::Delay;
use worker::kv::{KvError, KvStore};
use worker::send::SendFuture;

use crate::storage::workers_kv::failure::Failure;

/// What KV can do: three verbs on a name. A map can do it as well.
pub(super) trait Namespace: Send + Sync + 'static {
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// Puts a value there for so many seconds, 60 or more, in place of whatever is there.
    fn put(
        &self,
        name: &str,
        value: &str,
        seconds: u64,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    fn delete(&self, name: &str) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Waits before a write is tried again.
    fn wait(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// A namespace that is bound to a Worker, and how long a call may take.
#[derive(Clone)]
pub(super) struct Binding {
    pub(super) kv: KvStore,
    pub(super) timeout: Duration,
}

impl Namespace for Binding {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.bounded("get", self.kv.get(name).bytes()).await
    }

    async fn put(&self, name: &str, value: &str, seconds: u64) -> Result<(), Failure> {
        let put = async {
            let put = self.kv.put(name, value)?;
            put.expiration_ttl(seconds).execute().await
        };
        self.bounded("put", put).await
    }

    async fn delete(&self, name: &str) -> Result<(), Failure> {
        self.bounded("delete", self.kv.delete(name)).await
    }

    async fn wait(&self, duration: Duration) {
        SendFuture::new(Delay::from(duration)).await;
    }
}

impl Binding {
    /// Waits for a call at most so long. A promise of JavaScript cannot go to another thread, and a Worker has no other.
    fn bounded<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, KvError>>,
    ) -> SendFuture<impl Future<Output = Result<T, Failure>>> {
        let timeout = self.timeout;
        SendFuture::new(async move {
            let mut call = pin!(call);
            let mut timer = pin!(Delay::from(timeout));
            poll_fn(|context| match call.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    Poll::Ready(answer.map_err(|error| Failure::refused(verb, &error)))
                }
                Poll::Pending => {
                    let timer = timer.as_mut().poll(context);
                    timer.map(|()| Err(Failure::TimedOut { verb, timeout }))
                }
            })
            .await
        })
    }
}
