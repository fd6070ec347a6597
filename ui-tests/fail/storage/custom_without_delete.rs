use std::time::SystemTime;

use session::storage::{Created, CustomStorage, Loaded, Touched, Updated};
use session::{Record, SessionStorage, StorageError, StorageKey};

async fn load(_: (), _: StorageKey) -> Result<Option<Loaded>, StorageError> {
    Ok(None)
}

async fn create(_: (), _: StorageKey, _: Record, _: SystemTime) -> Result<Created, StorageError> {
    Ok(Created::Taken)
}

async fn update(_: (), _: StorageKey, _: Record, _: u64, _: SystemTime) -> Result<Updated, StorageError> {
    Ok(Updated::Gone)
}

async fn touch(_: (), _: StorageKey, _: SystemTime) -> Result<Touched, StorageError> {
    Ok(Touched::Gone)
}

fn storage() -> impl SessionStorage {
    CustomStorage { database: (), load, create, update, touch }
}

fn main() {
    storage();
}
