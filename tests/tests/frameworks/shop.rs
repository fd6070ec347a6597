use std::fs;
use std::net::SocketAddr;

use tempfile::TempDir;

use crate::support::bookshop::{Bookshop, SECRET};
use crate::support::http::Visitor;

/// Where a shop keeps its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    Memory,
    Cookie,
    Files,
}

/// A bookshop on one of the frameworks, and its folder.
pub(crate) struct Shop {
    pub(crate) storage: Storage,
    /// What a path answers to a method that it does not take.
    pub(crate) wrong_method: u16,
    bookshop: Bookshop,
    folder: TempDir,
}

impl Shop {
    pub(crate) fn open(program: &str, storage: Storage) -> Shop {
        let folder = TempDir::new().expect("a folder");
        let url = match storage {
            Storage::Memory => "memory:",
            Storage::Cookie => "cookie:",
            Storage::Files => "file:./sessions",
        };
        let variables = [("SESSION_STORAGE", url), ("SESSION_SECRET", SECRET)];
        Shop {
            storage,
            // Rocket tells it from a path that is none no more than its router does.
            wrong_method: if program == "bookshop-rocket" {
                404
            } else {
                405
            },
            bookshop: Bookshop::open_on(program, folder.path(), &variables),
            folder,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.bookshop.address
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::of(self.address())
    }

    /// Puts a file where the folder of the sessions is.
    pub(crate) fn lose_the_files(&self) {
        let sessions = self.folder.path().join("sessions");
        fs::rename(&sessions, self.folder.path().join("lost")).expect("the folder is there");
        fs::write(sessions, "not a folder").expect("a file");
    }

    /// Puts the folder back.
    pub(crate) fn find_the_files(&self) {
        let sessions = self.folder.path().join("sessions");
        fs::remove_file(&sessions).expect("the file is there");
        fs::rename(self.folder.path().join("lost"), sessions).expect("the folder is there");
    }
}
