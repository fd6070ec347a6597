//! The conformance suite, on the storages of this crate that need no server.
#![cfg(feature = "testing")]
#![allow(
    clippy::unused_async,
    reason = "the suite awaits backends that connect"
)]

#[cfg(feature = "memory")]
mod memory {
    async fn backend() -> session::MemoryStorage {
        session::MemoryStorage::new()
    }

    session::conformance!(backend);
}

#[cfg(feature = "memory")]
mod boxed {
    async fn backend() -> session::storage::BoxBackend {
        session::Backend::boxed(session::MemoryStorage::new())
    }

    session::conformance!(backend);
}

#[cfg(feature = "memory")]
mod cached {
    async fn backend() -> session::CachedStorage<session::MemoryStorage> {
        let hour = std::time::Duration::from_secs(3600);
        session::CachedStorage::new(session::MemoryStorage::new(), hour)
    }

    session::conformance!(backend);
}

#[cfg(feature = "fs")]
mod files {
    async fn backend() -> session::FsStorage {
        let mut folder = tempfile::Builder::new();
        let folder = folder
            .disable_cleanup(true)
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        session::FsStorage::new(folder.unwrap().path()).unwrap()
    }

    session::conformance!(backend);
}

#[cfg(feature = "sqlite")]
mod sqlite {
    async fn backend() -> session::SqliteStorage {
        let mut folder = tempfile::Builder::new();
        let folder = folder
            .disable_cleanup(true)
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.unwrap().path().join("sessions.db");
        let storage = session::SqliteStorage::open(file).await.unwrap();
        storage.migrate().await.unwrap();
        storage
    }

    session::conformance!(backend);
}
