use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use worker::kv::KvStore;

use crate::error::Error;
use crate::manager::Context;
use crate::schema::{SessionSchema, Unprivileged};
use crate::session::Session;
use crate::state::CookieUpdate;
use crate::storage::protocol;
use crate::storage::session_storage::SessionStorage;

mod entries;
mod failure;
mod namespace;
#[cfg(all(test, feature = "testing"))]
mod tests;

use self::entries::Entries;
use self::namespace::{Binding, Namespace};

/// How long a call may take before it counts as failed, unless the storage is told otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sessions in Workers KV, for a Worker in Rust on Cloudflare: nothing to run, and near to every visitor.
///
/// Take it for what may be a minute old: a theme, a language, a cart. KV shows a write elsewhere in the world some time later, and
/// compares nothing before it writes, so [three guarantees do not hold](#security). For that [`new`](Self::new) takes no schema with a
/// `privileged` field, and a handler that asks for one all the same gets a 500. Who accepts it writes
/// [`accepting_eventual_consistency`](Self::accepting_eventual_consistency).
///
/// The Worker is built for `wasm32-unknown-unknown`, without this crate's default features, which bring timers of tokio's:
/// `default-features = false, features = ["workers-kv", "axum", "derive"]`. There the whole crate takes its time and its randomness from
/// the platform. On any other target this compiles, for editors and lints, and there is no namespace to call it with.
///
/// # What is stored
///
/// A pair a session. Its key is a prefix and the [`StorageKey`](crate::StorageKey) in hex; its value, as in Redis, the version of the
/// last write (16 hex digits), the second at which it expires (12 digits), and the record as JSON, with colons between them. To look at
/// one:
///
/// ```text
/// $ wrangler kv key list --remote --binding SESSIONS --prefix session:
/// [{ "name": "session:9f2c…e1", "expiration": 1790604800 }]
/// $ wrangler kv key get --remote --binding SESSIONS session:9f2c…e1
/// 5b1e0c66a2d94f07:001790604800:{"format":1,"created_at":1790000000,"values":{"theme":"dark"}}
/// ```
///
/// KV removes a pair by itself when its lifetime is over, so nothing has to be swept. It takes no lifetime under 60 seconds: a
/// shorter one is put as 60, and the second in the value says on each read that it is over.
///
/// # What a request costs
///
/// In calls of KV. It can neither compare and write in one call nor move a deadline alone, so both take a `get` and a `put`.
///
/// | request | calls | |
/// |---|---|---|
/// | untouched | 0 | |
/// | read | 1 | `get` |
/// | begin a session | 1 | `put` |
/// | write | 3 | `get`, `get`, `put` |
/// | new id | 4 | `get`, `put` of the new key, `get`, `put` of the old one |
/// | destroy | 3 | `get`, `get`, `delete` |
/// | activity, once per tenth of the idle timeout | 3 more | `get`, `put`, `get` |
///
/// # Limits
///
/// As [Cloudflare states them](https://developers.cloudflare.com/kv/platform/limits/):
///
/// - One write a second to one key. A write that comes too soon waits a second, looks again at what is there, and is tried again,
///   three times at most. So a page that shows a flash value right after the request that set it may take a second longer.
/// - 25 MiB a value. A larger one is [`StorageError::TooLarge`](crate::StorageError::TooLarge), and is not sent.
/// - 1,000 calls a request, and with the free plan 1,000 writes a day.
///
/// # Errors
///
/// A call that KV refuses or does not answer in time is [`StorageError::Unavailable`](crate::StorageError::Unavailable), a 503. It names the
/// verb and KV's status, and nothing else of what KV said. A write that is given up may still be carried out.
///
/// # Security
///
/// KV [is eventually consistent](https://developers.cloudflare.com/kv/concepts/how-kv-works/#consistency): a write is usually seen at once
/// where it was made, which Cloudflare does not promise, and elsewhere after 60 seconds or more; of two writes the last one stays. A
/// visitor's requests may come to two places. So, unlike in any other storage on a server:
///
/// | | what may happen |
/// |---|---|
/// | G1 no lost update | two requests that overlap at one place are often merged, as in any storage, and the more of them there are the seldomer. Where they are not, and at two places, the write that comes last undoes the other |
/// | G2 destroyed stays destroyed | a session that has been destroyed opens elsewhere for a minute or more, and a write there brings it back until it expires or is destroyed again |
/// | G4 fixation | an old id opens elsewhere for as long, and the session under it may come back in the same way |
///
/// A log-out and a new id at the log-in are what OWASP ASVS 5.0 asks for in 7.4.1 and 7.2.4, and what session fixation and a copied cookie
/// are met with: a log-in that depends on them belongs into another storage. A flash value may be shown twice. The other guarantees
/// hold: an id is one of ours or opens nothing, deadlines are checked on each read, a namespace that is down is a 503.
///
/// What no type can see: [`Session::schema`] and [`Session::get`] read any key of a session that was extracted by another schema.
///
/// # Default
///
/// The prefix `session:`, and five seconds for a call.
///
/// # Example
///
/// ```no_run
/// use session::{KeyRing, SessionCookie, SessionLayer, SessionSchema, WorkersKvStorage};
/// use worker::Env;
///
/// #[derive(SessionSchema)]
/// struct Visitor {
///     theme: Option<String>,
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// // In each request: its `Env` has the bindings, of which one is the namespace `SESSIONS`.
/// fn layer(env: &Env) -> Result<SessionLayer, Box<dyn std::error::Error>> {
///     let keys = KeyRing::new(env.secret("SESSION_SECRET")?.to_string())?;
///     let cookie = SessionCookie::new("__Host-session", keys);
///     let storage = WorkersKvStorage::new::<Visitor>(env.kv("SESSIONS")?);
///     Ok(SessionLayer::new(cookie, storage))
/// }
/// ```
#[derive(Clone)]
pub struct WorkersKvStorage(Store<Binding>);

impl WorkersKvStorage {
    /// Sessions of the schema `S`, which has no `privileged` field, in a namespace. Nothing is sent.
    ///
    /// A schema with such a field, or one that flattens it, does not compile here. A handler that extracts another schema with one is
    /// answered by a 500 ([`Rejection::Privileged`](crate::web::Rejection::Privileged)).
    ///
    /// # Example
    ///
    /// ```compile_fail,E0277
    /// # use session::{SessionSchema, WorkersKvStorage};
    /// #[derive(SessionSchema)]
    /// struct Visitor {
    ///     #[session(privileged)]
    ///     user_id: Option<u64>,
    /// }
    ///
    /// fn storage(kv: worker::KvStore) -> WorkersKvStorage {
    ///     WorkersKvStorage::new::<Visitor>(kv) // error: `Visitor` has a `privileged` field
    /// }
    /// ```
    // The first bound is part of the second. It is here for its message, which comes first.
    pub fn new<S: SessionSchema + Unprivileged>(kv: KvStore) -> Self {
        Self::over(kv, true)
    }

    /// Sessions of any schema in a namespace, by an author who accepts that for a minute or more an ended session and an old id may
    /// open elsewhere in the world, and may come back. Nothing is sent.
    ///
    /// # Security
    ///
    /// See [what may happen](WorkersKvStorage#security). Where a log-in is kept all the same, a short
    /// [`Expiry`](crate::Expiry) bounds how long a session lives that came back.
    pub fn accepting_eventual_consistency(kv: KvStore) -> Self {
        Self::over(kv, false)
    }

    fn over(kv: KvStore, refuses_privileged: bool) -> Self {
        Self(Store {
            namespace: Arc::new(Binding {
                kv,
                timeout: DEFAULT_TIMEOUT,
            }),
            prefix: Arc::from("session:"),
            refuses_privileged,
        })
    }

    /// Sets what the keys begin with, so that several applications can share a namespace. A key has 512 bytes at most, 64 of them
    /// after the prefix.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = Arc::from(prefix.into());
        self
    }

    /// Sets how long a call of KV may take before it is an error. The second that a write may have to wait comes on top.
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

    fn refuses_privileged(&self) -> bool {
        self.0.refuses_privileged()
    }
}

/// The storage over whatever has KV's verbs.
struct Store<N> {
    namespace: Arc<N>,
    prefix: Arc<str>,
    refuses_privileged: bool,
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
            refuses_privileged: self.refuses_privileged,
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

    fn refuses_privileged(&self) -> bool {
        self.refuses_privileged
    }
}
