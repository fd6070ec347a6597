use std::fs;

use session::storage::BoxBackend;
use session::{KeyRing, Session, SessionCookie, Sessions};
use tempfile::TempDir;

use crate::support::node::Node;
use crate::support::servers::cluster::RedisCluster;
use crate::support::servers::dynamodb::DynamoDb;
use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::memcached::Memcached;
use crate::support::servers::postgres::Postgres;
use crate::support::servers::redis::Redis;

const SECRET: &str = "a secret of the tests, 32 bytes or more";
const COOKIE_NAME: &str = "session";

/// A storage of a test's own, and what keeps it: a folder, or servers that end with it.
pub(super) struct Place {
    url: String,
    keeper: Box<dyn Keeper>,
}

/// What holds the sessions of a [`Place`].
trait Keeper: Send + Sync {
    /// Everything that it stores, as bytes.
    fn dump(&self) -> Vec<u8>;
}

impl Place {
    fn new(url: String, keeper: impl Keeper + 'static) -> Self {
        Self {
            url,
            keeper: Box::new(keeper),
        }
    }

    pub(super) fn files() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::new(format!("file:{}/sessions", folder.path().display()), folder)
    }

    pub(super) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::new(
            format!("sqlite:{}/sessions.db", folder.path().display()),
            folder,
        )
    }

    pub(super) fn redis() -> Self {
        let server = Redis::start();
        Self::new(server.url(), server)
    }

    pub(super) fn redis_cluster() -> Self {
        let servers = RedisCluster::start();
        Self::new(servers.url(), servers)
    }

    /// Two servers.
    pub(super) fn memcached() -> Self {
        let servers = [Memcached::start(), Memcached::start()];
        let [one, two] = servers.each_ref().map(|server| server.port());
        let url = format!("memcached://127.0.0.1:{one},127.0.0.1:{two}");
        Self::new(url, servers)
    }

    pub(super) fn postgres() -> Self {
        let server = Postgres::start();
        Self::new(server.url(), server)
    }

    pub(super) fn mariadb() -> Self {
        let server = MariaDb::start();
        Self::new(server.url(), server)
    }

    pub(super) fn dynamodb() -> Self {
        let server = DynamoDb::start();
        Self::new(server.url(), server)
    }

    /// Everything that is stored, as bytes.
    pub(super) fn dump(&self) -> Vec<u8> {
        self.keeper.dump()
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) async fn backend(&self) -> BoxBackend {
        tests::backend(&self.url).await.unwrap()
    }

    /// The sessions of this storage, as a process that has just started sees them.
    pub(super) async fn sessions(&self) -> Sessions {
        let cookie = SessionCookie::new(COOKIE_NAME, KeyRing::new(SECRET).unwrap());
        Sessions::new(cookie, self.backend().await)
    }

    /// Another process on the same storage.
    pub(super) fn node(&self) -> Node {
        Node::start(&self.url, SECRET)
    }
}

/// Every file below it.
impl Keeper for TempDir {
    fn dump(&self) -> Vec<u8> {
        let mut dump = Vec::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                dump.extend(path.to_string_lossy().as_bytes());
                if path.is_dir() {
                    folders.push(path);
                } else {
                    dump.extend(fs::read(path).unwrap());
                }
            }
        }
        dump
    }
}

macro_rules! keepers {
    ($($server:ty),+) => {
        $(impl Keeper for $server {
            fn dump(&self) -> Vec<u8> {
                <$server>::dump(self)
            }
        })+
    };
}

keepers!(Redis, RedisCluster, Postgres, MariaDb, DynamoDb);

impl Keeper for [Memcached; 2] {
    fn dump(&self) -> Vec<u8> {
        self.iter().flat_map(Memcached::dump).collect()
    }
}

pub(super) async fn open(sessions: &Sessions, cookie: &str) -> Session {
    sessions
        .open([format!("{COOKIE_NAME}={cookie}")])
        .await
        .unwrap()
}

/// Ends a request; the value of the cookie that it sends, if any.
pub(super) async fn commit(sessions: &Sessions, session: &Session) -> Option<String> {
    let field = sessions.commit(session).await.unwrap()?;
    let pair = field
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!(name, COOKIE_NAME);
    Some(value.to_owned())
}

/// Stores a session that holds a number and a flash value; its cookie.
pub(super) async fn visitor(sessions: &Sessions) -> String {
    let session = open(sessions, "").await;
    session.set("user", 7);
    session.flash("notice", 1);
    commit(sessions, &session)
        .await
        .expect("a new session has a cookie")
}
