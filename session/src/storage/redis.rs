use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::redis::aio::{ConnectionLike, ConnectionManagerConfig};
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisError, ServerErrorKind};
use tokio::time::timeout;

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::entry::{self, Entry};
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded, in_time};

mod connection;
mod failure;
mod script;
mod version;

use self::connection::Connection;
use self::failure::failure;
use self::script::{Script, TOUCH, UPDATE, padded};

/// How often the client of a cluster sends a command again. While a slot moves it takes several tries: the command goes
/// behind an `ASKING`, on a connection that all requests share, and that of another may come between. No more than 58: the
/// client computes ten times two to the power of its tries.
const CLUSTER_RETRIES: u32 = 48;

/// Sessions in Redis or Valkey, on a single server or a cluster: for any number of machines. Needs Redis 6.2 or newer.
///
/// One string a session. Its key is a prefix and the [`StorageKey`] in hex; its value the version of the last write (16 hex
/// digits), the second at which it expires (12 digits), and the record as JSON, with colons between them. The key expires at
/// that second by itself, so nothing has to be swept. To look at one:
///
/// ```text
/// $ redis-cli --scan --pattern 'session:*'
/// session:9f2c…e1
/// $ redis-cli get session:9f2c…e1
/// 5b1e0c66a2d94f07:001790604800:{"format":1,"created_at":1790000000,"values":{"theme":"dark"}}
/// $ redis-cli ttl session:9f2c…e1
/// (integer) 604800
/// ```
///
/// Loading is one `GET`, creating one `SET NX`, deleting one `DEL`. Updating and touching are one `EVALSHA` each, a script that
/// the server keeps; one that lost it (`SCRIPT FLUSH`, a restart) is sent it again. Nothing spans two keys, so every command
/// goes to one node of a cluster.
///
/// A call whose connection breaks is made again once, on a new connection: made twice, each of them does what it does
/// made once. A server that is down is an error ([`StorageError::Unavailable`], a 503), and the connection comes back by itself.
///
/// # What the server has to keep
///
/// - Sessions live as long as the server's memory: switch on `appendonly` if they are to outlive a restart.
/// - Under `maxmemory` choose the policy `noeviction` or a `volatile-` one. With `noeviction` a full server refuses writes, a log-out
///   among them, and the request fails with a 503; the others end sessions early.
/// - Replication is asynchronous: a failover may lose the last writes, a log-out among them. `WAIT` is not used.
///
/// # TLS
///
/// `rediss://` works once your application switches it on in the client, which is the crate `redis`:
/// `redis = { version = "1.8", features = ["tokio-rustls-comp"] }`.
///
/// # Default
///
/// The prefix `session:`, and five seconds for a call.
///
/// # Example
///
/// ```no_run
/// use session::{KeyRing, RedisStorage, SessionCookie, SessionLayer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = RedisStorage::connect("redis://127.0.0.1:6379").await?.prefix("shop:");
/// let cookie = SessionCookie::new("__Host-session", KeyRing::from_env("SESSION_SECRET")?);
/// let layer = SessionLayer::new(cookie, storage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStorage<C = Connection> {
    connection: C,
    prefix: Arc<str>,
    timeout: Duration,
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> RedisStorage<C> {
    /// Sessions over a connection of yours: a [`ConnectionManager`](::redis::aio::ConnectionManager), which connects anew by
    /// itself, a [`ClusterConnection`], or what else the crate `redis` has.
    ///
    /// Give it no short response timeout of its own: [`timeout`](Self::timeout) bounds each call.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use session::RedisStorage;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = redis::Client::open("redis://127.0.0.1:6379")?;
    /// let storage = RedisStorage::new(client.get_connection_manager().await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(connection: C) -> Self {
        Self {
            connection,
            prefix: Arc::from("session:"),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets what the keys begin with, so that several applications can share a server.
    ///
    /// In a cluster, leave braces out: what stands in them alone chooses the node (`{…}`, a hash tag).
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Arc::from(prefix.into());
        self
    }

    /// Sets how long a call may take before it is an error, reconnecting included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn key(&self, key: &StorageKey) -> Vec<u8> {
        [self.prefix.as_bytes(), &key.hex()].concat()
    }

    /// Sends a command, and once more if the connection was lost. By the same clone, as each [`Connection`] connects anew
    /// by itself.
    async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = self.connection.clone();
        match command.query_async(&mut connection).await {
            Err(error) if error.is_connection_dropped() => {
                command.query_async(&mut connection).await
            }
            answer => answer,
        }
    }

    async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StorageError> {
        let call = async { self.send(command).await.map_err(|error| failure(&error)) };
        in_time(self.timeout, timeout(self.timeout, call).await)
    }

    /// Runs a script by its hash, and by its text where the server does not know it. That makes it known.
    async fn run(
        &self,
        script: &Script,
        command: impl Fn(&str, &str) -> Cmd,
    ) -> Result<String, StorageError> {
        let call = async {
            match self.send(&command("EVALSHA", &script.hash)).await {
                Err(error) if error.kind() == ServerErrorKind::NoScript.into() => {
                    self.send(&command("EVAL", script.text)).await
                }
                answer => answer,
            }
            .map_err(|error| failure(&error))
        };
        in_time(self.timeout, timeout(self.timeout, call).await)
    }
}

impl RedisStorage {
    /// Connects to a server: `redis://[user:password@]host[:port][/database]`, `rediss://…` with TLS, `unix:///path`.
    ///
    /// Opens three connections, and keeps them. Each carries the calls of many requests at once; they take turns, so that the server
    /// works on some calls while the application sends others. The server has to have room for them (`maxclients`).
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the URL makes no sense or the server does not answer: better now than at the
    /// first login. The error shows nothing of the URL.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        let connect = async {
            let info = url.into_connection_info()?.set_tcp_settings(tcp());
            // It fails fast while the server is down, and the next call tries again.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(DEFAULT_TIMEOUT))
                .set_response_timeout(None);
            ping(Connection::new(Client::open(info)?, config).await?).await
        };
        let connect = async { connect.await.map_err(|error| failure(&error)) };
        bounded(DEFAULT_TIMEOUT, connect).await.map(Self::new)
    }
}

impl RedisStorage<ClusterConnection> {
    /// Connects to a cluster by some of its nodes, each a URL as [`connect`](RedisStorage::connect) takes it. The others are found
    /// from there, also when slots move or nodes come and go.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when a URL makes no sense or none of the nodes answers. The error shows nothing of
    /// the URLs.
    pub async fn connect_cluster<I>(urls: I) -> Result<Self, StorageError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let urls: Vec<String> = urls
            .into_iter()
            .map(|url| url.as_ref().to_owned())
            .collect();
        let connect = async {
            let client = ClusterClientBuilder::new(urls)
                .tcp_settings(tcp())
                .retries(CLUSTER_RETRIES)
                .connection_timeout(DEFAULT_TIMEOUT)
                // The bound of a call is ours; this one is for what goes on behind it.
                .response_timeout(DEFAULT_TIMEOUT * 4)
                .build()?;
            ping(client.get_async_connection().await?).await
        };
        let connect = async { connect.await.map_err(|error| failure(&error)) };
        bounded(DEFAULT_TIMEOUT, connect).await.map(Self::new)
    }
}

impl<C> fmt::Debug for RedisStorage<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorage")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Backend for RedisStorage<C> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let command = command("GET", &[&self.key(key)]);
        let value: Option<Vec<u8>> = self.call(&command).await?;
        value.map(|value| Entry::loaded(&value)).transpose()
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let entry = Entry::new(version::fresh(), record, expires_at);
        let key = self.key(key);
        let deadline = entry.deadline.to_string();
        let (value, deadline) = (entry.value.as_bytes(), deadline.as_bytes());
        let set = command("SET", &[&key, value, b"NX", b"EXAT", deadline]);
        if self.call::<Option<()>>(&set).await?.is_some() {
            return Ok(Created::Done {
                version: entry.version,
            });
        }
        // It may be taken by this very call, made again after its answer was lost.
        let get = command("GETRANGE", &[&key, b"0", b"15"]);
        let stored: String = self.call(&get).await?;
        Ok(if stored == version::text(entry.version) {
            Created::Done {
                version: entry.version,
            }
        } else {
            Created::Taken
        })
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let entry = Entry::new(version::fresh(), record, expires_at);
        let (key, seen) = (self.key(key), version::text(seen_version));
        let deadline = entry.deadline.to_string();
        let [seen, value, deadline] = [&seen, &entry.value, &deadline].map(String::as_bytes);
        let update = |name: &str, script: &str| {
            let script = script.as_bytes();
            command(name, &[script, b"1", &key, seen, value, deadline])
        };
        match self.run(&UPDATE, update).await?.as_str() {
            "done" => Ok(Updated::Done {
                version: entry.version,
            }),
            "conflict" => Ok(Updated::Conflict),
            _ => Ok(Updated::Gone),
        }
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let deadline = entry::deadline(expires_at);
        let (key, padded) = (self.key(key), padded(deadline));
        let deadline = deadline.to_string();
        let [padded, deadline] = [&padded, &deadline].map(String::as_bytes);
        let touch = |name: &str, script: &str| {
            command(name, &[script.as_bytes(), b"1", &key, padded, deadline])
        };
        match self.run(&TOUCH, touch).await?.as_str() {
            "done" => Ok(Touched::Done),
            _ => Ok(Touched::Gone),
        }
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        self.call(&command("DEL", &[&self.key(key)])).await
    }
}

/// A command, in buffers that need not grow.
fn command(name: &str, arguments: &[&[u8]]) -> Cmd {
    let bytes: usize = arguments.iter().map(|argument| argument.len()).sum();
    let mut command = Cmd::with_capacity(1 + arguments.len(), name.len() + bytes);
    command.arg(name);
    for &argument in arguments {
        command.arg(argument);
    }
    command
}

/// A connection to a host that has vanished ends once sent data was not acknowledged for so long, and a new one can be
/// made; a server that is merely slow acknowledges.
fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(DEFAULT_TIMEOUT);
    settings
}

async fn ping<C: ConnectionLike>(mut connection: C) -> Result<C, RedisError> {
    ::redis::cmd("PING")
        .query_async::<()>(&mut connection)
        .await?;
    Ok(connection)
}
