use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value};

/// What [`RedisStorage::connect`](super::RedisStorage::connect) makes: a [`ConnectionManager`], and a new one after a login was
/// refused.
///
/// The manager connects again by itself after an error of the network alone. What a server answers to a login, the manager
/// answers to every call from then on, though the server may let it in by now (`reconnect_if_io_error!` in the `redis`
/// crate's `connection_manager.rs`).
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    config: ConnectionManagerConfig,
    current: Mutex<Current>,
}

#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    /// Of several calls that fail together, the first one makes the new manager.
    number: u64,
}

impl Connection {
    pub(super) async fn new(
        client: Client,
        config: ConnectionManagerConfig,
    ) -> Result<Self, RedisError> {
        let manager = ConnectionManager::new_with_config(client.clone(), config.clone()).await?;
        let current = Current { manager, number: 0 };
        Ok(Self(Arc::new(Shared {
            client,
            config,
            current: Mutex::new(current),
        })))
    }
}

impl Shared {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at an answer of the manager with that number. The next call connects, not this one.
    fn look_at<T>(&self, answer: &RedisResult<T>, number: u64) {
        // What has a code is the server's answer to a command.
        let is_refused = |error: &RedisError| !error.is_io_error() && error.code().is_none();
        if !answer.as_ref().is_err_and(is_refused) {
            return;
        }
        let mut current = self.current();
        if current.number != number {
            return;
        }
        let config = self.config.clone();
        if let Ok(manager) = ConnectionManager::new_lazy_with_config(self.client.clone(), config) {
            *current = Current {
                manager,
                number: number + 1,
            };
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let Current {
                mut manager,
                number,
            } = self.0.current().clone();
            let answer = manager.send_packed_command(command).await;
            self.0.look_at(&answer, number);
            answer
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let Current {
                mut manager,
                number,
            } = self.0.current().clone();
            let answer = manager.send_packed_commands(pipeline, offset, count).await;
            self.0.look_at(&answer, number);
            answer
        })
    }

    fn get_db(&self) -> i64 {
        self.0.client.get_connection_info().redis_settings().db()
    }
}
