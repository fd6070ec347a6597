//! Where sessions are kept.
//!
//! Two traits, one above the other: a [`SessionStorage`] turns a cookie's value into a session and back, and is what a
//! layer takes. A [`Backend`] is a place for records, such as a database; five verbs make one, and every backend is a
//! session storage. [`CustomStorage`] makes a backend of five functions.
//!
//! | storage | feature | made with | no lost update (G1) by |
//! |---|---|---|---|
//! | `MemoryStorage` | `memory` (default) | sharded map, bounded | the shard's lock |
//! | `CookieStorage` | `cookie` (default) | the cookie itself, encrypted | cannot: the last response wins |
//! | `FsStorage` | `fs` | one JSON file a session | a lock file a shard |
//! | `RedisStorage` | `redis` | one key a session, on a server or a cluster | one script, one round trip |
//! | `MemcachedStorage` | `memcached` | one item a session, on several servers | compare and swap |
//! | `PostgresStorage` | `postgres` | a row a session | `WHERE version = …` |
//! | `MySqlStorage` | `mysql` | a row a session, MySQL or MariaDB | `WHERE version = …` |
//! | `SqliteStorage` | `sqlite` | a row a session, in one file | `WHERE version = …` |
//! | `DynamoDbStorage` | `dynamodb` | an item a session, of a table in DynamoDB | a condition on the version |
//! | `WorkersKvStorage` | `workers-kv` | a pair a session, in a namespace of Cloudflare's Workers KV | cannot: KV compares nothing, and shows a write elsewhere a minute later |
//! | `CachedStorage` | `memory` (default) | memory in front of any of these, for reads | what it stands before |
//! | [`CustomStorage`] | – | five functions of yours over your database | your `update` and `create` |
//!
//! # What a request costs
//!
//! In calls of the backend, each of them one round trip to its server; for Workers KV, which does in two calls what others do in one, in
//! calls of KV:
//!
//! | request | calls | Redis | memcached | SQL | DynamoDB | Workers KV |
//! |---|---|---|---|---|---|---|
//! | untouched | 0 | | | | | |
//! | read | 1 | `GET` | `mg` | `SELECT` | `GetItem` | `get` |
//! | begin a session | 1 | `SET NX` | `ms` | `INSERT` | `PutItem` | `put` |
//! | write | 2 | `GET`, `EVALSHA` | `mg`, `ms` | `SELECT`, `UPDATE` | `GetItem`, `PutItem` | 3: `get`, `get`, `put` |
//! | new id | 3 | `GET`, `SET NX`, `EVALSHA` | `mg`, `ms`, `ms` | `SELECT`, `INSERT`, `UPDATE` | `GetItem`, `PutItem`, `PutItem` | 4: `get`, `put`, `get`, `put` |
//! | destroy | 3 | `GET`, `EVALSHA`, `DEL` | `mg`, `ms`, `md` | `SELECT`, `UPDATE`, `DELETE` | `GetItem`, `PutItem`, `DeleteItem` | `get`, `get`, `delete` |
//! | activity, once per tenth of the idle timeout | 2 more | `EVALSHA`, `GET` | `mg`, `mg` | `UPDATE`, `SELECT` | `UpdateItem`, `GetItem` | 3 more: `get`, `put`, `get` |
//!
//! A conflict with another request adds a load and an update for each further try.

mod backend;
#[cfg(feature = "memory")]
mod cached;
#[cfg(feature = "cookie")]
mod cookie;
mod custom;
#[cfg(feature = "dynamodb")]
#[clippy::msrv = "1.94"]
mod dynamodb;
#[cfg(any(feature = "redis", feature = "workers-kv"))]
mod entry;
#[cfg(feature = "fs")]
#[clippy::msrv = "1.89"]
mod fs;
mod in_process;
#[cfg(feature = "memcached")]
#[clippy::msrv = "1.95"]
mod memcached;
#[cfg(feature = "memory")]
mod memory;
#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
mod name;
mod protocol;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
mod remote;
mod session_storage;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
#[clippy::msrv = "1.94"]
mod sql;
mod sweep;
mod url;
#[cfg(feature = "workers-kv")]
#[clippy::msrv = "1.91"]
mod workers_kv;

pub use crate::manager::Context;
pub use crate::state::CookieUpdate;

pub use self::backend::{Backend, BoxBackend, Created, Loaded, Touched, Updated};
#[cfg(feature = "memory")]
pub use self::cached::CachedStorage;
#[cfg(feature = "cookie")]
pub use self::cookie::CookieStorage;
pub use self::custom::CustomStorage;
#[cfg(feature = "dynamodb")]
pub use self::dynamodb::DynamoDbStorage;
#[cfg(feature = "fs")]
pub use self::fs::FsStorage;
#[cfg(feature = "testing")]
pub(crate) use self::in_process::InProcess;
#[cfg(feature = "memcached")]
pub use self::memcached::MemcachedStorage;
#[cfg(feature = "memory")]
pub use self::memory::MemoryStorage;
#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
pub use self::name::InvalidName;
#[cfg(feature = "redis")]
pub use self::redis::RedisStorage;
pub use self::session_storage::{BoxStorage, SessionStorage};
#[cfg(feature = "mysql")]
pub use self::sql::MySqlStorage;
#[cfg(feature = "postgres")]
pub use self::sql::PostgresStorage;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use self::sql::SqlStorage;
#[cfg(feature = "sqlite")]
pub use self::sql::SqliteStorage;
pub use self::sweep::Sweep;
pub use self::url::{FromUrlError, backend_from_url, from_url};
#[cfg(feature = "workers-kv")]
pub use self::workers_kv::WorkersKvStorage;
