use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use memcache::exp::{Delete, Get, GetStatus, Meta, MutationStatus, Set};
use sha2::{Digest as _, Sha256};

use crate::error::StorageError;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::name::InvalidName;
use crate::storage::remote::DEFAULT_TIMEOUT;

mod failure;
mod lifetime;
mod server;

use self::server::Server;

/// The longest key that memcached takes, in bytes.
const MAX_KEY_BYTES: usize = 250;
const KEY_DIGITS: usize = 64;

/// Sessions in memcached, on one server or several: for any number of machines. Needs memcached 1.6.18 or newer.
///
/// One item a session. Its key is a prefix and the [`StorageKey`] in hex, its value the record as JSON, its version the
/// item's CAS. It expires by itself, so nothing has to be swept. `lru_crawler metadump all` lists the keys, and to look at
/// one, with the seconds that it has left:
///
/// ```text
/// $ printf 'mg session:9f2c…e1 v t\r\nquit\r\n' | nc 10.0.0.1 11211
/// VA 62 t604800
/// {"format":1,"created_at":1790000000,"values":{"theme":"dark"}}
/// ```
///
/// Each call is one meta command: `mg` loads, `ms` creates and updates, `mg` with a new lifetime and without the value
/// touches, `md` deletes. Up to 32 connections to a server are made as they are needed, and kept.
///
/// # Several servers
///
/// The key of a session tells its server: the one for which the SHA-256 of the key's 32 bytes and `host:port` is the
/// largest. So every process has to name the same servers in the same words, in any order. Adding a server ends the
/// sessions that become its own, removing one ends those that it had, and the others stay. Empty a server (`flush_all`)
/// before it comes back into the list: it still has what it had.
///
/// No server stands in for another. While one is down its sessions are an error ([`StorageError::Unavailable`], a 503),
/// never missing, and those of the others go on. Once it is back it is used again, also under a new address of its name.
///
/// A call whose connection breaks is made again once if the server cannot have carried it out; if it can, it is an error.
///
/// # What memcached cannot keep
///
/// - It is a cache. When a server stops, its sessions are gone. When its memory is full, those used least recently make
///   room: give it more (`-m`), and watch `evictions` in `stats`.
/// - Its option `-M`, errors instead of evictions, is no help. A full server then refuses what is new, which is a 503, but
///   an update that it refuses ends the session: memcached deletes what it has no room to replace.
/// - It counts whole seconds by a clock of its own: a session may end up to a second early or late. A lifetime of more
///   than 30 days goes by the server's idea of the date, and cannot last beyond 19 January 2038.
/// - Whoever reaches the servers can read the sessions and change them: this client speaks neither TLS nor a login. Keep
///   the servers in a network of their own.
///
/// A record larger than its server takes is [`StorageError::TooLarge`], and what was stored before stays. The limit is the
/// server's option `-I` (1 MiB unless set), less 314 bytes for the key and memcached's own use; the server is asked for it.
///
/// # Default
///
/// The prefix `session:`, and five seconds for a call.
///
/// # Example
///
/// ```no_run
/// use session::{KeyRing, MemcachedStorage, SessionCookie, SessionLayer};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let servers = ["10.0.0.1:11211", "10.0.0.2:11211"];
/// let storage = MemcachedStorage::connect(servers).await?.prefix("shop:")?;
/// let cookie = SessionCookie::new("__Host-session", KeyRing::from_env("SESSION_SECRET")?);
/// let layer = SessionLayer::new(cookie, storage);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemcachedStorage {
    /// Invariant: there is at least one.
    servers: Arc<[Server]>,
    prefix: Arc<str>,
    timeout: Duration,
}

impl MemcachedStorage {
    /// Connects to servers, each given as `host:port` or, with the port 11211, as `host`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when one of them makes no sense or does not answer, or none is given: better now than
    /// at the first login. The cause names the server that does not answer.
    pub async fn connect<I>(servers: I) -> Result<Self, StorageError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let servers: Arc<[Server]> = servers
            .into_iter()
            .map(|server| Server::new(server.as_ref()))
            .collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(StorageError::unavailable("no memcached server is given"));
        }
        for server in &*servers {
            server.check().await?;
        }
        Ok(Self {
            servers,
            prefix: Arc::from("session:"),
            timeout: DEFAULT_TIMEOUT,
        })
    }

    /// Sets what the keys begin with, so that several applications can share the servers.
    ///
    /// # Errors
    ///
    /// When it has more than 186 bytes, or anything else than printable ASCII without spaces.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Result<Self, InvalidName> {
        let prefix = prefix.into();
        let fits = prefix.len() <= MAX_KEY_BYTES - KEY_DIGITS;
        if !fits || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidName {
                expected: "a prefix of memcached keys has at most 186 bytes, all of them printable ASCII and no spaces",
            });
        }
        self.prefix = Arc::from(prefix);
        Ok(self)
    }

    /// Sets how long a call may take before it is an error, connecting included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The server of a key: the one with the highest score (rendezvous hashing). The hash is a fixed one, so that the
    /// processes agree whatever they were compiled with.
    fn server(&self, key: &StorageKey) -> &Server {
        let score = |server: &&Server| {
            let hash = Sha256::new().chain_update(key.as_bytes());
            hash.chain_update(server.address()).finalize()
        };
        let winner = self.servers.iter().max_by_key(score);
        // Invariant: there is at least one server.
        winner.expect("a storage has a server")
    }

    fn key(&self, key: &StorageKey) -> String {
        format!("{}{key}", self.prefix)
    }
}

impl fmt::Debug for MemcachedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = self.servers.iter().map(Server::address).collect();
        f.debug_struct("MemcachedStorage")
            .field("servers", &servers)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl Backend for MemcachedStorage {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let server = self.server(key);
        let get = Get::new(self.key(key)).meta(Meta::NONE.cas().ttl());
        let found = server.run(get, self.timeout).await?;
        if found.status == GetStatus::Miss {
            return Ok(None);
        }
        Ok(Some(Loaded {
            record: Record::from_json(&found.value.unwrap_or_default())?,
            version: server.version(found.item.cas)?,
            expires_at: lifetime::expires_at(found.item.ttl, SystemTime::now()),
        }))
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        let server = self.server(key);
        let set = Set::new(self.key(key), record.to_json()).add();
        let stored = server.store(set, expires_at, self.timeout).await?;
        match stored.status {
            MutationStatus::Applied => Ok(Created::Done {
                version: server.version(stored.cas)?,
            }),
            _ => Ok(Created::Taken),
        }
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let server = self.server(key);
        let set = Set::new(self.key(key), record.to_json()).compare_cas(seen_version);
        let stored = server.store(set, expires_at, self.timeout).await?;
        match stored.status {
            MutationStatus::Applied => Ok(Updated::Done {
                version: server.version(stored.cas)?,
            }),
            MutationStatus::CasMismatch => Ok(Updated::Conflict),
            _ => Ok(Updated::Gone),
        }
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let get = Get::new(self.key(key)).without_value();
        let touch = get.touch_raw(lifetime::until(expires_at, SystemTime::now()));
        let found = self.server(key).run(touch, self.timeout).await?;
        Ok(match found.status {
            GetStatus::Miss => Touched::Gone,
            _ => Touched::Done,
        })
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let delete = Delete::new(self.key(key));
        self.server(key).run(delete, self.timeout).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(servers: &[&str]) -> MemcachedStorage {
        MemcachedStorage {
            servers: servers
                .iter()
                .map(|server| Server::new(server).unwrap())
                .collect(),
            prefix: Arc::from("session:"),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    fn key(number: u32) -> StorageKey {
        format!("{number:064x}").parse().unwrap()
    }

    /// The server of each of so many keys.
    fn servers_of(storage: &MemcachedStorage, keys: u32) -> Vec<&str> {
        (0..keys)
            .map(|number| storage.server(&key(number)).address())
            .collect()
    }

    #[test]
    fn a_key_has_the_same_server_in_every_process_and_version() {
        let one = storage(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        let other = storage(&["10.0.0.3:11211", "10.0.0.1:11211", "10.0.0.2:11211"]);
        assert_eq!(servers_of(&one, 100), servers_of(&other, 100));
        // Computed apart from this code: it must not change, or sessions end with an upgrade.
        let hosts: Vec<&str> = servers_of(&one, 12)
            .iter()
            .map(|address| &address[7..8])
            .collect();
        assert_eq!(hosts.concat(), "323223222213");
    }

    #[test]
    fn a_new_server_takes_a_share_and_leaves_the_rest_in_place() {
        let three = storage(&["a", "b", "c"]);
        let four = storage(&["a", "b", "c", "d"]);
        let before = servers_of(&three, 1000);
        let after = servers_of(&four, 1000);
        let moved: Vec<_> = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .collect();
        assert!(moved.iter().all(|(_, after)| **after == "d:11211"));
        assert!((200..300).contains(&moved.len()), "{} moved", moved.len());
    }

    #[test]
    fn a_prefix_is_what_fits_before_a_key() {
        let longest = "p".repeat(186);
        for prefix in ["", "shop:", "{}~!", &longest] {
            let storage = storage(&["a"]).prefix(prefix).unwrap();
            assert_eq!(storage.key(&key(7)), format!("{prefix}{:064x}", 7));
            assert!(storage.key(&key(7)).len() <= 250);
        }
        for prefix in ["a b", "a\r\n", "\u{7f}", "é", &"p".repeat(187)] {
            assert!(storage(&["a"]).prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
