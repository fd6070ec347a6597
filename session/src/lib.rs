//! HTTP sessions, typed at compile time, over storages that anyone can plug in.
//!
//! Write a struct, derive [`SessionSchema`], and handlers get typed getters, setters and flash accessors. A misspelled
//! key, a value of another type, a flash value used as a lasting one: each is a compile error at your own line. A layer
//! loads the session, commits what has changed and sets the cookie, so nothing is saved by hand.
//!
//! ```
//! use session::{Session, SessionSchema};
//!
//! #[derive(SessionSchema)]
//! struct Visitor {
//!     #[session(privileged)]
//!     user_id: Option<u64>,
//!     #[session(flash)]
//!     notice: Option<String>,
//! }
//!
//! async fn login(session: Session<Visitor>) {
//!     session.set_user_id(7); // another session id, since the field is privileged
//!     session.flash_notice("Welcome back.");
//! }
//! # let session = Session::new().schema::<Visitor>();
//! # let mut login = std::pin::pin!(login(session.clone()));
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(std::future::Future::poll(login.as_mut(), &mut context).is_ready());
//! assert_eq!(session.take_notice().as_deref(), Some("Welcome back."));
//! ```
//!
//! Four ideas carry the design:
//!
//! 1. **The schema is a struct nobody builds.** Its fields name what the session holds: see [`SessionSchema`].
//! 2. **Handlers are synchronous about their session.** Extracting [`Session<S>`](Session) is the one await. After that
//!    getters and setters neither await nor fail, and one commit after the handler writes what has changed.
//! 3. **A commit is a set of changes, not a snapshot.** Two requests that change different keys both survive; a session
//!    that one request destroys stays destroyed, whatever another does.
//! 4. **What does not touch the session costs nothing.** No load, no write, no Set-Cookie.
//!
//! Where to go on: [`SessionLayer`] for axum and tower, [`web`] for other frameworks, streams and sessions by hand, [`SessionCookie`] and
//! [`KeyRing`] for the cookie, [`storage`] for where sessions are kept and how to add a place, `testing` for your tests.
//!
//! # Features
//!
//! | feature | default | what it brings | needs Rust |
//! |---|---|---|---|
//! | `axum` | yes | `Session<S>` as an extractor, and `tower` | 1.88 |
//! | `tower` | yes | [`SessionLayer`] | 1.88 |
//! | `actix-web` | no | `SessionMiddleware` and the extractor, for actix-web 4 | 1.89 |
//! | `poem` | no | `web::poem`: a middleware and the extractor, for poem 3 | 1.88 |
//! | `salvo` | no | `web::salvo`: a hoop, and the session as a handler's argument, for salvo 1 | 1.95 |
//! | `rocket` | no | `web::rocket`: a fairing and a request guard, for Rocket 0.5 | 1.89 |
//! | `derive` | yes | `#[derive(SessionSchema)]` | 1.88 |
//! | `memory` | yes | [`MemoryStorage`] | 1.88 |
//! | `cookie` | yes | [`CookieStorage`] | 1.88 |
//! | `tokio` | yes | timers: [`Sweep::sweep_every`](storage::Sweep::sweep_every), and random waits between the tries of a contended commit | 1.88 |
//! | `fs` | no | `FsStorage` | 1.89 |
//! | `redis` | no | `RedisStorage`, for a server or a cluster | 1.88 |
//! | `memcached` | no | `MemcachedStorage` | 1.95 |
//! | `postgres`, `mysql`, `sqlite` | no | `PostgresStorage`, `MySqlStorage`, `SqliteStorage` | 1.94 |
//! | `dynamodb` | no | `DynamoDbStorage` | 1.94.1 |
//! | `workers-kv` | no | `WorkersKvStorage`, and on `wasm32-unknown-unknown` time and randomness for the whole crate | 1.91 |
//! | `testing` | no | `testing`: a browser before your handlers, the conformance suite and the test doubles | 1.88 |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod base64url;
mod changes;
mod cookie;
mod error;
mod expiry;
mod handle;
mod id;
mod keys;
mod manager;
mod record;
mod schema;
mod session;
mod state;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod value;
pub mod web;

pub use self::cookie::{CookieError, SameSite, SessionCookie};
pub use self::error::{Cause, Error, RandomError, StorageError};
pub use self::expiry::{Clock, Expiry};
pub use self::id::{ParseKeyError, SessionId, StorageKey};
pub use self::keys::{KeyError, KeyRing};
pub use self::manager::Sessions;
pub use self::record::Record;
pub use self::schema::{SessionSchema, SessionValue, Unprivileged, Untyped};
pub use self::session::Session;
#[cfg(feature = "memory")]
pub use self::storage::CachedStorage;
#[cfg(feature = "cookie")]
pub use self::storage::CookieStorage;
#[cfg(feature = "dynamodb")]
pub use self::storage::DynamoDbStorage;
#[cfg(feature = "fs")]
pub use self::storage::FsStorage;
#[cfg(feature = "memcached")]
pub use self::storage::MemcachedStorage;
#[cfg(feature = "memory")]
pub use self::storage::MemoryStorage;
#[cfg(feature = "mysql")]
pub use self::storage::MySqlStorage;
#[cfg(feature = "postgres")]
pub use self::storage::PostgresStorage;
#[cfg(feature = "redis")]
pub use self::storage::RedisStorage;
#[cfg(feature = "sqlite")]
pub use self::storage::SqliteStorage;
#[cfg(feature = "workers-kv")]
pub use self::storage::WorkersKvStorage;
pub use self::storage::{Backend, SessionStorage};
#[cfg(feature = "actix-web")]
pub use self::web::actix_web::SessionMiddleware;
#[cfg(feature = "tower")]
pub use self::web::{SessionLayer, SessionService};
#[cfg(feature = "derive")]
pub use session_derive::SessionSchema;

#[doc(hidden)]
pub use self::schema::runtime as __private;

/// The examples of the README, compiled.
#[cfg(all(
    doctest,
    feature = "axum",
    feature = "derive",
    feature = "memory",
    feature = "sqlite",
    feature = "testing"
))]
#[doc = include_str!("../../README.md")]
struct Readme;
