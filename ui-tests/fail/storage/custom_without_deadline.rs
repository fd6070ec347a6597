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

async fn touch(_: (), _: StorageKey) -> Result<Touched, StorageError> {
    Ok(Touched::Gone)
}

async fn delete(_: (), _: StorageKey) -> Result<(), StorageError> {
    Ok(())
}

fn storage() -> impl SessionStorage {
    CustomStorage { database: (), load, create, update, touch, delete }
}

fn main() {
    storage();
}
