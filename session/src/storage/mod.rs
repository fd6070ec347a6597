//! Where sessions are kept.
//!
//! Two traits, one above the other: a [`SessionStorage`] turns a cookie's value into a session and back, and is what a
//! layer takes. A [`Backend`] is a place for records, such as a database; five verbs make one, and every backend is a
//! session storage.
//!
//! | storage | feature | made with | no lost update (G1) by |
//! |---|---|---|---|
//! | `MemoryStorage` | `memory` (default) | sharded map, bounded | the shard's lock |
//! | `CookieStorage` | `cookie` (default) | the cookie itself, encrypted | cannot: the last response wins |
//! | `FsStorage` | `fs` | one JSON file a session | a lock file a shard |

mod backend;
#[cfg(feature = "cookie")]
mod cookie;
#[cfg(feature = "fs")]
#[clippy::msrv = "1.89"]
mod fs;
#[cfg(feature = "memory")]
mod memory;
mod protocol;
mod session_storage;
mod sweep;
mod url;

pub use crate::manager::Context;
pub use crate::state::CookieUpdate;

pub use self::backend::{Backend, BoxBackend, Created, Loaded, Touched, Updated};
#[cfg(feature = "cookie")]
pub use self::cookie::CookieStorage;
#[cfg(feature = "fs")]
pub use self::fs::FsStorage;
#[cfg(feature = "memory")]
pub use self::memory::MemoryStorage;
pub use self::session_storage::{BoxStorage, SessionStorage};
pub use self::sweep::Sweep;
pub use self::url::{FromUrlError, from_url};
