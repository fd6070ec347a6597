//! A file of SQLite that somebody else has locked, for longer than anyone waits.

use std::time::Duration;

use session::storage::{Created, Sweep as _, Touched, Updated};
use session::{Backend as _, SessionId, SqliteStorage, StorageKey};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool};
use sqlx::{ConnectOptions as _, Executor as _};

use super::{record, tomorrow, unavailable};
use crate::storages::database::Database;
use crate::storages::faults::stage::in_time;

const NEVER: Duration = Duration::from_secs(3600);

async fn store(storage: &SqliteStorage) -> StorageKey {
    let key = SessionId::generate().unwrap().storage_key();
    let created = storage.create(&key, &record(1), tomorrow()).await.unwrap();
    assert_eq!(created, Created::Done { version: 1 });
    key
}

async fn second_client(database: &Database) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(database.file());
    options.connect().await.unwrap()
}

/// In WAL mode readers go on. The storage waits no longer than it was told, although SQLite would.
#[tokio::test]
async fn write_to_a_file_that_is_locked_is_given_up_in_time() {
    const SHORT: Duration = Duration::from_millis(100);

    let database = Database::sqlite();
    let storage = SqliteStorage::open(database.file()).await.unwrap();
    storage.migrate().await.unwrap();
    let (updated, deleted) = (store(&storage).await, store(&storage).await);
    let mut other = second_client(&database).await;
    other.execute("BEGIN IMMEDIATE").await.unwrap();

    let hasty = storage.clone().timeout(SHORT);
    for error in [
        unavailable(in_time(hasty.update(&updated, &record(1), 1, tomorrow())).await),
        unavailable(in_time(hasty.delete(&deleted)).await),
        unavailable(in_time(hasty.delete_expired()).await),
    ] {
        assert!(error.contains("no answer came within 100ms"), "{error}");
    }
    for key in [&updated, &deleted] {
        let loaded = storage.load(key).await.unwrap().expect("it is there");
        assert_eq!((loaded.record, loaded.version), (record(1), 1));
    }

    other.execute("ROLLBACK").await.unwrap();
    // What was given up may have been done by now. It was done whole, then.
    let loaded = storage.load(&updated).await.unwrap().expect("it is there");
    assert_eq!(loaded.record, record(1));
    storage.delete(&updated).await.unwrap();
    assert!(storage.load(&updated).await.unwrap().is_none());
    store(&storage).await;
}

/// Without WAL one who writes locks readers out, too. SQLite gives up by itself.
#[tokio::test]
async fn file_that_is_locked_is_unavailable_and_not_empty() {
    let database = Database::sqlite();
    let options = SqliteConnectOptions::new()
        .filename(database.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete)
        .busy_timeout(Duration::from_millis(50));
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let storage = SqliteStorage::new(pool).timeout(NEVER);
    storage.migrate().await.unwrap();
    let key = store(&storage).await;
    let other_key = SessionId::generate().unwrap().storage_key();
    let mut other = second_client(&database).await;

    other.execute("BEGIN EXCLUSIVE").await.unwrap();
    for error in [
        unavailable(in_time(storage.load(&key)).await),
        unavailable(in_time(storage.create(&other_key, &record(1), tomorrow())).await),
        unavailable(in_time(storage.update(&key, &record(1), 1, tomorrow())).await),
        unavailable(in_time(storage.touch(&key, tomorrow())).await),
        unavailable(in_time(storage.delete(&key)).await),
        unavailable(in_time(storage.delete_expired()).await),
        unavailable(in_time(storage.migrate()).await),
    ] {
        assert!(error.contains("database is locked (code 5)"), "{error}");
    }

    other.execute("ROLLBACK").await.unwrap();
    let loaded = storage.load(&key).await.unwrap().expect("it is there");
    assert_eq!((loaded.record, loaded.version), (record(1), 1));
    assert!(storage.load(&other_key).await.unwrap().is_none());
    let touched = storage.touch(&key, tomorrow()).await.unwrap();
    assert_eq!(touched, Touched::Done);
    let updated = storage.update(&key, &record(1), 1, tomorrow()).await;
    assert_eq!(updated.unwrap(), Updated::Done { version: 2 });
}

/// A file that is not in WAL mode yet is put into it. For the lock that this takes SQLite itself does not wait.
#[tokio::test]
async fn file_that_is_written_while_it_is_opened_is_waited_for() {
    let database = Database::sqlite();
    let options = SqliteConnectOptions::new().filename(database.file());
    let mut other = options.create_if_missing(true).connect().await.unwrap();
    other.execute("CREATE TABLE paint (name)").await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();

    let opening = tokio::spawn(SqliteStorage::open(database.file()));
    // Time for some tries. It would have failed at the first.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!opening.is_finished());
    other.execute("COMMIT").await.unwrap();
    let storage = in_time(opening).await.unwrap().unwrap();
    storage.migrate().await.unwrap();
    assert_eq!(database.ask("PRAGMA journal_mode").await, "wal");
}
