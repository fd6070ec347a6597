//! The libraries, one a file, each with the same routes:
//!
//! | route | handler |
//! |---|---|
//! | `/untouched` | never asks for the session |
//! | `/read`, `/write` | one key of it |
//! | `/login` | a new session with three keys |
//! | `/seed/{keys}` | a new session with so many |
//! | `/add/{number}` | reads, waits, then adds a key of that number |
//! | `/count` | how many keys were added |

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::app::App;

mod actix_session;
mod axum_session;
mod bare;
mod by_hand;
mod ours;
mod ruts;
mod tower_sessions;

pub(crate) use self::bare::Framework;

/// Where an application keeps its sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Storage<'a> {
    /// In the process, for so long; or for as long as the library says.
    Memory { life: Option<Duration> },
    /// In the cookie itself.
    Cookie,
    /// In the server of that URL.
    Redis(&'a str),
}

impl Storage<'_> {
    /// In memory, with the library's defaults.
    pub(crate) const MEMORY: Self = Self::Memory { life: None };
}

/// A session library.
pub(crate) trait Peer {
    /// Its crate's name.
    fn name(&self) -> &'static str;

    /// What it stands on: its floor.
    fn framework(&self) -> Framework;

    /// Routes over sessions in that storage, or none when it has no such storage.
    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>>;

    /// Removes expired sessions from memory, if the library has a call for it, of the application made last.
    fn sweep(&self) -> LocalBoxFuture<'_, bool> {
        Box::pin(async { false })
    }

    /// Whether its memory storage is its own. If not, it is one that the benchmark had to write.
    fn has_memory(&self) -> bool {
        true
    }
}

/// Ours first, then the peers.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(ours::Ours::default()),
        Box::new(ruts::Ruts),
        Box::new(tower_sessions::TowerSessions),
        Box::new(axum_session::AxumSession),
        Box::new(actix_session::ActixSession),
    ]
}

/// The same work without a library: what of a request nobody gets below, with what ours guarantees.
pub(crate) fn by_hand() -> Box<dyn Peer> {
    Box::new(by_hand::ByHand)
}
