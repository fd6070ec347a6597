use std::future::Future;
use std::io;
use std::time::{Duration, SystemTime};

use memcache::exp::{AsyncMetaClient, MutationResult, Operation, Set};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::error::StorageError;
use crate::storage::memcached::failure::{Failure, is_too_large};
use crate::storage::memcached::{MAX_KEY_BYTES, lifetime};
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded};

const DEFAULT_PORT: u16 = 11211;
/// How many connections there are to a server. One carries tens of thousands of calls a second, and memcached
/// takes 1024 in all, unless set otherwise.
const MAX_CONNECTIONS: usize = 32;
/// The largest item of a memcached that was not told otherwise.
const DEFAULT_LARGEST_ITEM: usize = 1024 * 1024;
/// What memcached counts into an item beside key and value: 59 bytes, and a few for versions to come.
const ITEM_OVERHEAD: usize = 64;

/// One of the servers, and the way to it.
pub(super) struct Server {
    address: String,
    /// None until the first call, and again after one that was not answered. A new way means new connections, to whatever
    /// host has the server's name by then; the client itself looks a name up once.
    link: Mutex<Option<Link>>,
}

#[derive(Clone)]
struct Link {
    client: AsyncMetaClient,
    /// The largest value that the server takes, in bytes.
    largest_value: usize,
}

impl Server {
    /// A server that is not yet connected to.
    pub(super) fn new(given: &str) -> Result<Self, StorageError> {
        // What was given is not shown: an address with a login would be among these.
        let address = address(given.trim()).ok_or_else(|| {
            StorageError::unavailable("a memcached server is given as `host:port`")
        })?;
        Ok(Self {
            address,
            link: Mutex::default(),
        })
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Checks that the server answers.
    pub(super) async fn check(&self) -> Result<(), StorageError> {
        let noop = || async { Ok(self.link().await?.client.noop().await?) };
        self.call(noop, DEFAULT_TIMEOUT).await
    }

    /// Makes a call that stores nothing.
    pub(super) async fn run<O>(
        &self,
        operation: O,
        timeout: Duration,
    ) -> Result<O::Output, StorageError>
    where
        O: Operation + Clone,
    {
        let run = || async { Ok(self.link().await?.client.run(operation.clone()).await?) };
        self.call(run, timeout).await
    }

    /// Stores an item until a deadline, and asks for its version.
    ///
    /// One that is too large is not sent: memcached would refuse it and delete what is there
    /// (`process_mset_command` in its `proto_text.c`).
    pub(super) async fn store(
        &self,
        set: Set,
        expires_at: SystemTime,
        timeout: Duration,
    ) -> Result<MutationResult, StorageError> {
        let bytes = set.value.len();
        let ttl = lifetime::until(expires_at, SystemTime::now());
        let set = set.ttl_raw(ttl).return_cas();
        let store = || async {
            let link = self.link().await?;
            let limit = link.largest_value;
            if bytes > limit {
                return Err(Failure::TooLarge { bytes, limit });
            }
            let stored = link.client.run(set.clone()).await;
            stored.map_err(|error| {
                if !is_too_large(&error) {
                    return error.into();
                }
                // It takes less than it said, or never said; a new link asks again.
                self.forget();
                let limit = bytes.saturating_sub(1);
                Failure::TooLarge { bytes, limit }
            })
        };
        self.call(store, timeout).await
    }

    /// A version as the server told it.
    pub(super) fn version(&self, cas: Option<u64>) -> Result<u64, StorageError> {
        cas.filter(|&cas| cas != 0).ok_or_else(|| {
            Failure::refused("the server keeps no versions: run it without `-C`").at(&self.address)
        })
    }

    /// Makes a call, and once more if the connection broke before the server can have carried it out.
    async fn call<T, F>(
        &self,
        attempt: impl Fn() -> F,
        timeout: Duration,
    ) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let call = async {
            Ok(match attempt().await {
                Err(Failure::Lost {
                    maybe_done: false, ..
                }) => {
                    self.forget();
                    attempt().await
                }
                outcome => outcome,
            })
        };
        let outcome = bounded(timeout, call).await;
        let outcome = outcome.unwrap_or_else(|late| Err(Failure::TimedOut(late)));
        outcome.map_err(|failure| {
            if failure.is_of_connection() {
                self.forget();
            }
            failure.at(&self.address)
        })
    }

    async fn link(&self) -> Result<Link, Failure> {
        let mut link = self.link.lock().await;
        if let Some(link) = &*link {
            return Ok(link.clone());
        }
        let largest_item = largest_item(&self.address).await?;
        let client = AsyncMetaClient::builder()
            .max_idle(MAX_CONNECTIONS)
            .max_connections(Some(MAX_CONNECTIONS))
            // The bound of a call is ours.
            .connect_timeout(None)
            .io_timeout(None)
            .connect_async(self.address.as_str())
            .await?;
        let new = Link {
            client,
            largest_value: largest_item.saturating_sub(MAX_KEY_BYTES + ITEM_OVERHEAD),
        };
        *link = Some(new.clone());
        Ok(new)
    }

    /// Gives up the connections. Where the lock is held, a call is making new ones right now.
    fn forget(&self) {
        if let Ok(mut link) = self.link.try_lock() {
            *link = None;
        }
    }
}

/// The largest item that a server takes, in bytes. The client cannot ask, and a proxy may not say.
async fn largest_item(address: &str) -> io::Result<usize> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    stream.write_all(b"stats settings\r\n").await?;
    let mut lines = stream.lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(bytes) = line.strip_prefix("STAT item_size_max ") {
            return Ok(bytes.parse().unwrap_or(DEFAULT_LARGEST_ITEM));
        }
        if !line.starts_with("STAT ") {
            return Ok(DEFAULT_LARGEST_ITEM);
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

/// `host:port`, with memcached's own port where none is given; None for what cannot be one.
fn address(given: &str) -> Option<String> {
    let is_address_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(&byte);
    if given.is_empty() || !given.bytes().all(is_address_byte) {
        return None;
    }
    // The colons of an IPv6 address are no port's, unless it stands in brackets.
    let has_port = given
        .rsplit_once(':')
        .is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    Some(if has_port {
        given.to_owned()
    } else {
        format!("{given}:{DEFAULT_PORT}")
    })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    use memcache::exp::{Delete, Get};

    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for (given, expected) in [
            ("10.0.0.1", "10.0.0.1:11211"),
            ("10.0.0.1:11212", "10.0.0.1:11212"),
            ("cache-1.example", "cache-1.example:11211"),
            ("::1", "::1:11211"),
            ("[::1]", "[::1]:11211"),
            ("[::1]:11212", "[::1]:11212"),
        ] {
            assert_eq!(address(given).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_may_hold_a_password_is_no_address_and_not_shown() {
        for given in [
            "user:secret@host",
            "host?key=secret",
            "host/secret",
            "secret host",
            "",
        ] {
            let error = Server::new(given).err().unwrap();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    /// A server that says so much about its settings, and answers a command each with these; where there is none, it breaks
    /// the connection. With it, the commands that it gets.
    fn answering(
        settings: &'static str,
        answers: &'static [Option<&'static str>],
    ) -> (Server, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, commands) = channel();
        std::thread::spawn(move || {
            let mut answers = answers.iter().copied();
            while let Ok((stream, _)) = listener.accept() {
                for line in BufReader::new(&stream).lines() {
                    let Ok(line) = line else { break };
                    let answer = if line == "stats settings" {
                        Some(settings)
                    } else {
                        sender.send(line).unwrap();
                        answers.next().flatten()
                    };
                    let Some(answer) = answer else { break };
                    (&stream).write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        (Server::new(&address).unwrap(), commands)
    }

    #[tokio::test]
    async fn a_load_is_made_again_when_its_connection_breaks() {
        let (server, commands) = answering("END\r\n", &[None, Some("EN\r\n")]);
        let found = server.run(Get::new("key"), DEFAULT_TIMEOUT).await.unwrap();
        assert!(!found.hit());
        assert_eq!(commands.try_iter().count(), 2);
    }

    #[tokio::test]
    async fn a_write_that_may_have_been_carried_out_is_an_error_and_the_next_goes_through() {
        let (server, commands) = answering("END\r\n", &[None, Some("HD\r\n")]);
        let error = server.run(Delete::new("key"), DEFAULT_TIMEOUT).await;
        assert!(matches!(error, Err(StorageError::Unavailable(_))));
        assert_eq!(commands.try_iter().count(), 1);
        let deleted = server.run(Delete::new("key"), DEFAULT_TIMEOUT).await;
        assert!(deleted.unwrap().applied());
    }

    #[tokio::test]
    async fn an_item_that_the_server_would_refuse_for_its_size_is_not_sent() {
        let settings = "STAT cas_enabled yes\r\nSTAT item_size_max 1314\r\nEND\r\n";
        let (server, commands) = answering(settings, &[]);
        let set = Set::new("key", "v".repeat(1001));
        let stored = server.store(set, SystemTime::now(), DEFAULT_TIMEOUT).await;
        assert!(matches!(
            stored,
            Err(StorageError::TooLarge {
                bytes: 1001,
                limit: 1000
            })
        ));
        assert_eq!(commands.try_iter().count(), 0);
    }
}
