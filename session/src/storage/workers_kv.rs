use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use worker::kv::KvStore;

use crate::error::Error;
use crate::manager::Context;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::state::CookieUpdate;
use crate::storage::protocol;
use crate::storage::session_storage::SessionStorage;

mod entries;
mod failure;
mod namespace;

use self::entries::Entries;
use self::namespace::{Binding, Namespace};

/// How long a call may take before it counts as failed, unless the storage is told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions in Cloudflare's Workers KV, for a Worker in Rust.
#[derive(Clone)]
pub struct WorkersKvStorage(Store<Binding>);

impl WorkersKvStorage {
    /// Sessions of the schema `S` in a namespace.
    pub fn new<S: SessionSchema>(kv: KvStore) -> Self {
        Self::over(kv)
    }

    /// Sessions in a namespace, whatever their schemas hold.
    pub fn accepting_eventual_consistency(kv: KvStore) -> Self {
        Self::over(kv)
    }

    fn over(kv: KvStore) -> Self {
        Self(Store {
            namespace: Arc::new(Binding {
                kv,
                timeout: DEFAULT_TIMEOUT,
            }),
            prefix: Arc::from("session:"),
        })
    }

    /// Sets what the keys begin with, so that several applications can share a namespace.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = Arc::from(prefix.into());
        self
    }

    /// Sets how long a call of KV may take before it is an error.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.0.namespace).timeout = timeout;
        self
    }
}

impl fmt::Debug for WorkersKvStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkersKvStorage")
            .field("prefix", &self.0.prefix)
            .field("timeout", &self.0.namespace.timeout)
            .finish_non_exhaustive()
    }
}

impl SessionStorage for WorkersKvStorage {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        self.0.read(value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        self.0.save(session, context).await
    }
}

/// The storage over whatever has KV's verbs.
struct Store<N> {
    namespace: Arc<N>,
    prefix: Arc<str>,
}

impl<N: Namespace> Store<N> {
    fn entries(&self, context: &Context) -> Entries<N> {
        Entries {
            namespace: Arc::clone(&self.namespace),
            prefix: Arc::clone(&self.prefix),
            now: context.now_unix(),
        }
    }
}

impl<N> Clone for Store<N> {
    fn clone(&self) -> Self {
        Self {
            namespace: Arc::clone(&self.namespace),
            prefix: Arc::clone(&self.prefix),
        }
    }
}

impl<N: Namespace> SessionStorage for Store<N> {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        protocol::read(&self.entries(context), value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        protocol::save(&self.entries(context), session, context).await
    }
}
