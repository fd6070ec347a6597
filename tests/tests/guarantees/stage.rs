use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use session::testing::{Calls, Counting, Faulty, TestClock};
use session::{
    Backend, CookieStorage, Expiry, FsStorage, KeyRing, MemoryStorage, SessionCookie, SessionLayer,
    SessionStorage, Sessions, storage::BoxBackend,
};
use tempfile::TempDir;

use crate::support::client::Client;

pub(super) const COOKIE: &str = "__Host-session";
pub(super) const SECRET: &str = "a secret of the tests that has more than 32 bytes";
/// The idle timeout of every stage, in seconds: a tenth of it is a round number.
pub(super) const IDLE: u64 = 1000;
/// The absolute timeout of every stage, in seconds.
pub(super) const ABSOLUTE: u64 = 2500;

pub(super) type Storage = Faulty<Counting<BoxBackend>>;

/// A storage with a clock of its own, and what is needed to put an application before it.
pub(super) struct Stage {
    place: Place,
    pub(super) clock: TestClock,
    /// Fails and waits on command, then counts. Not used by the cookie storage, which calls nothing.
    pub(super) storage: Storage,
    counting: Counting<BoxBackend>,
}

enum Place {
    Memory(MemoryStorage),
    Files(TempDir),
    Cookie,
}

impl Stage {
    pub(super) fn memory() -> Self {
        let clock = TestClock::new();
        let storage = MemoryStorage::new().clock(clock.clone());
        Self::new(Place::Memory(storage.clone()), clock, storage)
    }

    pub(super) fn files() -> Self {
        let clock = TestClock::new();
        let folder = tempfile::tempdir().unwrap();
        let storage = FsStorage::new(folder.path()).unwrap().clock(clock.clone());
        Self::new(Place::Files(folder), clock, storage)
    }

    pub(super) fn cookie() -> Self {
        let unused = MemoryStorage::new();
        Self::new(Place::Cookie, TestClock::new(), unused)
    }

    fn new(place: Place, clock: TestClock, backend: impl Backend) -> Self {
        let counting = Counting::new(Backend::boxed(backend));
        Self {
            place,
            clock,
            storage: Faulty::new(counting.clone()),
            counting,
        }
    }

    /// The same storage under another cookie.
    pub(super) fn sessions_under(&self, cookie: SessionCookie) -> Sessions {
        self.sessions_of(cookie, self.storage.clone())
    }

    fn sessions_of(&self, cookie: SessionCookie, storage: impl SessionStorage) -> Sessions {
        let sessions = if let Place::Cookie = self.place {
            Sessions::new(cookie, CookieStorage::new())
        } else {
            Sessions::new(cookie, storage)
        };
        sessions.clock(self.clock.clone()).expiry(Expiry {
            idle: Duration::from_secs(IDLE),
            absolute: Duration::from_secs(ABSOLUTE),
        })
    }

    pub(super) fn sessions(&self) -> Sessions {
        self.sessions_under(cookie())
    }

    pub(super) fn layer(&self) -> SessionLayer {
        self.sessions().into()
    }

    /// A browser before these routes.
    pub(super) fn client(&self, routes: Router) -> Client {
        Client::new(routes.layer(self.layer()))
    }

    /// The same browser and routes before the same storage, through orders to fail and wait that are its own.
    pub(super) fn client_beside(&self, client: &Client, routes: Router) -> (Client, Storage) {
        let storage = self.storage.another();
        let sessions = self.sessions_of(cookie(), storage.clone());
        let client = client.moved_to(routes.layer(SessionLayer::from(sessions)));
        (client, storage)
    }

    /// A browser before these routes and the same storage, wrapped.
    pub(super) fn client_through(&self, storage: impl SessionStorage, routes: Router) -> Client {
        let sessions = self.sessions_of(cookie(), storage);
        Client::new(routes.layer(SessionLayer::from(sessions)))
    }

    /// The calls that the storage has seen since this was last asked.
    pub(super) fn calls(&self) -> Calls {
        self.counting.take()
    }

    /// Turns the clock.
    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// How many records the storage keeps, expired ones and marks of ended sessions included.
    pub(super) fn records(&self) -> usize {
        match &self.place {
            Place::Memory(storage) => storage.len(),
            Place::Files(folder) => session_files(folder.path()).len(),
            Place::Cookie => 0,
        }
    }

    /// Whether sessions are kept on the server.
    pub(super) fn keeps_records(&self) -> bool {
        !matches!(self.place, Place::Cookie)
    }

    /// Everything in the storage's folder, names and contents, as bytes.
    pub(super) fn bytes_at_rest(&self) -> Vec<u8> {
        let Place::Files(folder) = &self.place else {
            return Vec::new();
        };
        let mut bytes = Vec::new();
        for path in files_below(folder.path()) {
            bytes.extend_from_slice(path.as_os_str().as_encoded_bytes());
            bytes.extend(fs::read(path).unwrap());
        }
        bytes
    }

    /// The files of the sessions.
    pub(super) fn session_files(&self) -> Vec<PathBuf> {
        match &self.place {
            Place::Files(folder) => session_files(folder.path()),
            Place::Memory(_) | Place::Cookie => Vec::new(),
        }
    }
}

/// The cookie of every stage.
pub(super) fn cookie() -> SessionCookie {
    SessionCookie::new(COOKIE, KeyRing::new(SECRET).unwrap())
}

fn session_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files_below(folder);
    files.retain(|path| path.file_name().is_some_and(|name| name.len() == 64));
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
