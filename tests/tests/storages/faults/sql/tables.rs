//! The table: made by several at once, in a schema, beside another one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use session::storage::{Created, Sweep};
use session::{Backend, SessionId, SqliteStorage};
use sqlx::Executor as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{record, sessions, tomorrow, unavailable};
use crate::storages::database::Database;
use crate::storages::faults::stage::in_time;
use crate::storages::place::{open, visitor};
use crate::support::node::Node;

on_databases!(
    table_is_made_by_many_at_once,
    table_is_made_by_many_processes_at_once,
    two_tables_of_one_database_are_apart,
    table_in_a_schema_is_a_table_as_any_other,
);

/// Again and again, since they are in each other's way by chance.
async fn table_is_made_by_many_at_once(database: &Database) {
    const MANY: usize = 8;

    let all_are_there = Arc::new(Barrier::new(MANY));
    let mut tasks = JoinSet::new();
    for _ in 0..MANY {
        with_storage!(database, storage => {
            let all_are_there = Arc::clone(&all_are_there);
            tasks.spawn(async move {
                for round in 0..8 {
                    let storage = storage.clone().table(format!("sessions{round}")).unwrap();
                    all_are_there.wait().await;
                    storage.migrate().await.unwrap();
                    // And again, when it is there.
                    storage.migrate().await.unwrap();
                    assert_eq!(storage.delete_expired().await.unwrap(), 0);
                }
            });
        });
    }
    in_time(tasks.join_all()).await;
}

/// From nothing at all: of SQLite there is no file yet.
async fn table_is_made_by_many_processes_at_once(database: &Database) {
    let mut nodes: Vec<_> = (0..8)
        .map(|_| Node::start(&database.url(), "a secret of the tests, 32 bytes or more"))
        .collect();
    for node in &mut nodes {
        assert_eq!(node.ask("open request -"), "new");
    }
    assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "0");
}

#[tokio::test]
async fn file_of_sqlite_is_made_by_many_at_once() {
    const MANY: usize = 8;

    let folder = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let file = folder.path().join(format!("sessions{round}.db"));
        let all_are_there = Arc::new(Barrier::new(MANY));
        let mut tasks = JoinSet::new();
        for _ in 0..MANY {
            let (file, all_are_there) = (file.clone(), Arc::clone(&all_are_there));
            tasks.spawn(async move {
                all_are_there.wait().await;
                let storage = SqliteStorage::open(file).await.unwrap();
                storage.migrate().await.unwrap();
                assert_eq!(storage.delete_expired().await.unwrap(), 0);
            });
        }
        in_time(tasks.join_all()).await;
    }
}

async fn two_tables_of_one_database_are_apart(database: &Database) {
    with_storage!(database, storage => {
        let other = storage.clone().table("Order").unwrap();
        for storage in [&storage, &other] {
            storage.migrate().await.unwrap();
        }
        let (here, there) = (sessions(storage.clone()), sessions(other.clone()));
        let cookie = visitor(&here).await;
        assert!(!open(&here, &cookie).await.is_new());
        assert!(open(&there, &cookie).await.is_new());

        let key = SessionId::generate().unwrap().storage_key();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        for storage in [&storage, &other] {
            let created = storage.create(&key, &record(1), long_ago).await.unwrap();
            assert_eq!(created, Created::Done { version: 1 });
        }
        for (storage, expired) in [(&storage, 1), (&storage, 0), (&other, 1)] {
            assert_eq!(storage.delete_expired().await.unwrap(), expired);
        }
        for storage in [&storage, &other] {
            storage.create(&key, &record(1), tomorrow()).await.unwrap();
        }
        storage.delete(&key).await.unwrap();
        assert!(other.load(&key).await.unwrap().is_some());
    });
}

async fn table_in_a_schema_is_a_table_as_any_other(database: &Database) {
    if let Database::Sqlite(folder) = database {
        // A schema is another file there, attached to each connection.
        let file = folder.path().join("app.db").to_str().unwrap().to_owned();
        let options = SqliteConnectOptions::new()
            .filename(database.file())
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new().after_connect(move |connection, _| {
            let attach = sqlx::query("ATTACH ? AS app").bind(file.clone());
            Box::pin(async move { connection.execute(attach).await.map(drop) })
        });
        let storage = SqliteStorage::new(pool.connect_with(options).await.unwrap());
        let storage = storage.table("app.sessions").unwrap();
        storage.migrate().await.unwrap();
        storage.migrate().await.unwrap();
        holds_sessions(storage).await;
        assert_eq!(
            database.ask("SELECT count(*) FROM sqlite_schema").await,
            "0"
        );
        return;
    }
    database.ask("CREATE SCHEMA app").await;
    with_storage!(database, storage => {
        let storage = storage.table("app.sessions").unwrap();
        storage.migrate().await.unwrap();
        storage.migrate().await.unwrap();
        holds_sessions(storage).await;
    });
    assert_eq!(database.ask("SELECT count(*) FROM app.sessions").await, "1");
    // A schema is not ours to make.
    with_storage!(database, storage => {
        let storage = storage.table("nowhere.sessions").unwrap();
        let error = unavailable(storage.migrate().await);
        assert!(error.contains("nowhere") && !error.contains("`migrate()`"), "{error}");
    });
}

async fn holds_sessions(storage: impl Backend + Sweep + Clone) {
    let sessions = sessions(storage.clone());
    let cookie = visitor(&sessions).await;
    assert!(!open(&sessions, &cookie).await.is_new());
    assert_eq!(storage.delete_expired().await.unwrap(), 0);
}
