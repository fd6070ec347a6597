//! A database that takes no more: a file that is full, a packet that is too large.

use session::{Error, MySqlStorage, SqliteStorage};
use sqlx::Executor as _;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{sessions, storage_error, unavailable};
use crate::storages::database::Database;
use crate::storages::place::{commit, open};
use crate::support::servers::mariadb::MariaDb;

const MIB: usize = 1 << 20;

#[tokio::test]
async fn sqlite_that_is_full_keeps_what_it_has_and_takes_more_when_there_is_room() {
    let database = Database::sqlite();
    let options = SqliteConnectOptions::new()
        .filename(database.file())
        .create_if_missing(true);
    // The limit is the connection's, so there is one.
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.unwrap();
    let storage = SqliteStorage::new(pool.clone());
    storage.migrate().await.unwrap();
    let sessions = sessions(storage);
    let session = open(&sessions, "").await;
    session.set("user", 7);
    let cookie = commit(&sessions, &session).await.unwrap();
    let goodbye = open(&sessions, "").await;
    goodbye.set("user", 8);
    commit(&sessions, &goodbye).await;
    let stored =
        "SELECT group_concat(session_key || record || version || expires_at) FROM sessions";
    let before = database.ask(stored).await;

    // It is no larger than the file is already.
    pool.execute("PRAGMA max_page_count = 1").await.unwrap();
    for cookie in ["", &cookie] {
        let session = open(&sessions, cookie).await;
        session.set("user", 9);
        session.set("long", "x".repeat(100_000));
        let error = storage_error(sessions.commit(&session).await);
        let shown = unavailable::<()>(Err(error));
        assert!(
            shown.contains("database or disk is full (code 13)"),
            "{shown}"
        );
        assert_eq!(database.ask(stored).await, before);
    }
    let session = open(&sessions, &cookie).await;
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
    assert!(!session.has("long"));
    // Logging out needs no room.
    sessions.destroy(&goodbye).await.unwrap();
    assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "1");

    pool.execute("PRAGMA max_page_count = 1000000")
        .await
        .unwrap();
    session.set("long", "x".repeat(100_000));
    commit(&sessions, &session).await;
    let session = open(&sessions, &cookie).await;
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
    let long: String = session.get("long").unwrap().expect("it is there");
    assert_eq!(long.len(), 100_000);
}

#[tokio::test]
async fn record_over_the_packet_of_mariadb_is_too_large_and_names_its_largest_keys() {
    let server = MariaDb::start_with(&["--max-allowed-packet=1M"]);
    // One connection: what is wrong with it meets everyone.
    let pool = MySqlPoolOptions::new().max_connections(1);
    let pool = pool.connect(&server.url()).await.unwrap();
    let storage = MySqlStorage::new(pool);
    storage.migrate().await.unwrap();
    let sessions = sessions(storage).max_record_bytes(64 * MIB);
    let session = open(&sessions, "").await;
    session.set("user", 7);
    let cookie = commit(&sessions, &session).await.unwrap();
    let before = server.ask("SELECT * FROM sessions");

    // A little too large, much too large, and so large that the statement is cut into two packets.
    for bytes in [MIB, 3 * MIB, 17 * MIB] {
        for cookie in ["", &cookie] {
            let session = open(&sessions, cookie).await;
            session.set("cart", "x".repeat(bytes));
            session.set("notes", "y".repeat(1000));
            let error = sessions.commit(&session).await.unwrap_err();
            let Error::TooLarge {
                bytes: found,
                limit,
                largest,
                ..
            } = &error
            else {
                panic!("{bytes} bytes: {error:?}");
            };
            assert!(*found > bytes && (MIB - 1024..MIB).contains(limit));
            let largest: Vec<_> = largest
                .iter()
                .map(|(key, bytes)| (key.as_str(), *bytes))
                .collect();
            assert_eq!(largest[..2], [("cart", bytes + 2), ("notes", 1002)]);
            assert_eq!(server.ask("SELECT * FROM sessions"), before);
        }
    }
    let session = open(&sessions, &cookie).await;
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
    session.set("user", 8);
    commit(&sessions, &session).await;
    let session = open(&sessions, &cookie).await;
    assert_eq!(session.get::<u64>("user").unwrap(), Some(8));
}

/// The limit that the error names is one that the server takes.
#[tokio::test]
async fn record_of_the_size_that_mariadb_is_said_to_take_is_taken() {
    let server = MariaDb::start_with(&["--max-allowed-packet=1M"]);
    let storage = MySqlStorage::connect(&server.url()).await.unwrap();
    storage.migrate().await.unwrap();
    let sessions = sessions(storage).max_record_bytes(64 * MIB);
    let session = open(&sessions, "").await;
    session.set("user", 7);
    let cookie = commit(&sessions, &session).await.unwrap();

    let store = async |bytes: usize| {
        let session = open(&sessions, &cookie).await;
        session.set("cart", "x".repeat(bytes));
        sessions.commit(&session).await
    };
    let Err(Error::TooLarge { bytes, limit, .. }) = store(2 * MIB).await else {
        panic!("the server takes more than it was told to");
    };
    let beside = bytes - 2 * MIB;
    store(limit - beside).await.unwrap();
    let stored = server.ask("SELECT LENGTH(record) FROM sessions");
    assert_eq!(stored.trim().parse(), Ok(limit));
}
