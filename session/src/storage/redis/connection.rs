use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, Cmd, Pipeline, RedisError, RedisFuture, RedisResult, Value};
use tokio::task::JoinSet;

/// How many connections there are. Over one of them server and client work in turn: each waits for what the other sends at
/// once.
const CONNECTIONS: usize = 3;

/// What [`RedisStorage::connect`](super::RedisStorage::connect) makes: some connections to a server, each a [`ConnectionManager`],
/// and a new one after a login was refused. Each clone is the next of them in turn, and remains it, so that a command which is
/// sent again by the same clone goes over the new connection in place of the one that broke.
///
/// The manager connects again by itself after an error of the network alone. What a server answers to a login, the manager
/// answers to every call from then on, though the server may let it in by now (`reconnect_if_io_error!` in the `redis`
/// crate's `connection_manager.rs`).
pub struct Connection {
    shared: Arc<Shared>,
    turn: usize,
}

struct Shared {
    client: Client,
    config: ConnectionManagerConfig,
    slots: Box<[Mutex<Slot>]>,
    turns: AtomicUsize,
}

#[derive(Clone)]
struct Slot {
    manager: ConnectionManager,
    /// Of several calls that fail together, the first one makes the new manager.
    number: u64,
}

impl Connection {
    pub(super) async fn new(
        client: Client,
        config: ConnectionManagerConfig,
    ) -> Result<Self, RedisError> {
        // At once, and not when they are needed first: a request that is given up would leave one half made.
        let managers: JoinSet<_> = (0..CONNECTIONS)
            .map(|_| ConnectionManager::new_with_config(client.clone(), config.clone()))
            .collect();
        let slots = managers.join_all().await.into_iter().map(|manager| {
            let manager = manager?;
            Ok(Mutex::new(Slot { manager, number: 0 }))
        });
        Ok(Self {
            shared: Arc::new(Shared {
                slots: slots.collect::<Result<_, RedisError>>()?,
                client,
                config,
                turns: AtomicUsize::new(0),
            }),
            turn: 0,
        })
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        let slots = &self.shared.slots;
        // Invariant: a remainder is less than what was divided by, which is not zero.
        let slot = &slots[self.turn % slots.len()];
        slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at an answer of the manager with that number. The next call connects, not this one.
    fn look_at<T>(&self, answer: &RedisResult<T>, number: u64) {
        // What has a code is the server's answer to a command.
        let is_refused = |error: &RedisError| !error.is_io_error() && error.code().is_none();
        if !answer.as_ref().is_err_and(is_refused) {
            return;
        }
        let mut slot = self.slot();
        if slot.number != number {
            return;
        }
        let (client, config) = (self.shared.client.clone(), self.shared.config.clone());
        if let Ok(manager) = ConnectionManager::new_lazy_with_config(client, config) {
            *slot = Slot {
                manager,
                number: number + 1,
            };
        }
    }
}

impl Clone for Connection {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            turn: self.shared.turns.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let Slot {
                mut manager,
                number,
            } = self.slot().clone();
            let answer = manager.send_packed_command(command).await;
            self.look_at(&answer, number);
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
            let Slot {
                mut manager,
                number,
            } = self.slot().clone();
            let answer = manager.send_packed_commands(pipeline, offset, count).await;
            self.look_at(&answer, number);
            answer
        })
    }

    fn get_db(&self) -> i64 {
        let info = self.shared.client.get_connection_info();
        info.redis_settings().db()
    }
}
