//! Other transactions that are in the way: a statement that the database gives up for them is run again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use session::storage::{Sweep as _, Updated};
use session::{Backend, MySqlStorage, PostgresStorage, SessionId, StorageKey};
use sqlx::mysql::MySqlConnection;
use sqlx::pool::{Pool, PoolOptions};
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::sync::{Barrier, Mutex};
use tokio::task::JoinSet;

use super::{record, sessions, tomorrow};
use crate::storages::faults::stage::in_time;
use crate::storages::place::{commit, open, visitor};
use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::postgres::Postgres;

/// Far beyond what any statement here needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until so many statements wait for a lock of another.
async fn until_waiting(count: u32, waiting: impl Fn() -> String) {
    let start = Instant::now();
    loop {
        let waiting: u32 = waiting().trim().parse().unwrap();
        if waiting >= count {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{waiting} wait, not {count}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn until_waiting_in_postgres(count: u32, server: &Postgres) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    until_waiting(count, || server.ask(waiting)).await;
}

async fn until_waiting_in_mariadb(count: u32, server: &MariaDb) {
    let waiting = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
         WHERE VARIABLE_NAME = 'Innodb_row_lock_current_waits'";
    until_waiting(count, || server.ask(waiting)).await;
}

/// A storage on a server, and a session in it.
async fn postgres_with_a_session(server: &Postgres) -> (PostgresStorage, StorageKey) {
    let storage = PostgresStorage::connect(&server.url()).await.unwrap();
    let storage = storage.timeout(PATIENCE);
    storage.migrate().await.unwrap();
    let key = SessionId::generate().unwrap().storage_key();
    storage.create(&key, &record(1), tomorrow()).await.unwrap();
    (storage, key)
}

#[tokio::test]
async fn statement_that_postgres_gives_up_in_a_deadlock_is_run_again() {
    let server = Postgres::start_with(&["-c", "deadlock_timeout=10ms"]);
    let (storage, key) = postgres_with_a_session(&server).await;
    // Our statement changes a row of the application's, too: two locks. Between them it waits at a gate.
    server.ask(
        "CREATE TABLE changes (count int);
         INSERT INTO changes VALUES (0);
         CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 PERFORM pg_advisory_xact_lock_shared(1);
                 UPDATE changes SET count = count + 1;
                 RETURN NEW;
             END $$;
         CREATE TRIGGER counted AFTER UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION count_change()",
    );
    let mut gate = PgConnection::connect(&server.url()).await.unwrap();
    gate.execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    // It never looks for a deadlock, so ours is the one that is given up.
    other
        .execute("SET deadlock_timeout = '1h'; BEGIN; UPDATE changes SET count = count")
        .await
        .unwrap();

    let ours = tokio::spawn({
        let storage = storage.clone();
        async move { storage.update(&key, &record(2), 1, tomorrow()).await }
    });
    until_waiting_in_postgres(1, &server).await;
    let others = tokio::spawn(async move {
        let touch = "UPDATE sessions SET expires_at = expires_at + 1";
        other.execute(touch).await.unwrap();
        other.execute("COMMIT").await.unwrap();
    });
    until_waiting_in_postgres(2, &server).await;
    gate.execute("SELECT pg_advisory_unlock(1)").await.unwrap();

    in_time(others).await.unwrap();
    let outcome = in_time(ours).await.unwrap();
    assert_eq!(outcome.unwrap(), Updated::Done { version: 2 });
    assert!(server.log().contains("ERROR:  deadlock detected"));
    assert_eq!(server.ask("SELECT count FROM changes"), "2\n");
    let loaded = storage.load(&key).await.unwrap().expect("it is there");
    assert_eq!(loaded.record, record(2));
}

#[tokio::test]
async fn sweep_that_mariadb_gives_up_in_a_deadlock_goes_on() {
    let server = MariaDb::start();
    let storage = MySqlStorage::connect(&server.url()).await.unwrap();
    let storage = storage.timeout(PATIENCE);
    storage.migrate().await.unwrap();
    server.ask(
        "INSERT INTO sessions VALUES (REPEAT('a', 64), '', 1, 100), (REPEAT('b', 64), '', 1, 200);
         CREATE TABLE burden (number int) ENGINE=InnoDB",
    );
    let mut other = MySqlConnection::connect(&server.url()).await.unwrap();
    // Of two transactions in a deadlock the one that has done less is given up.
    for statement in [
        "BEGIN",
        "INSERT INTO burden SELECT seq FROM seq_1_to_1000",
        "UPDATE sessions SET version = 2 WHERE expires_at = 200",
    ] {
        other.execute(statement).await.unwrap();
    }

    let ours = tokio::spawn(async move { storage.delete_expired().await });
    until_waiting_in_mariadb(1, &server).await;
    let crosswise = "UPDATE sessions SET version = 2 WHERE expires_at = 100";
    in_time(other.execute(crosswise)).await.unwrap();
    other.execute("COMMIT").await.unwrap();

    assert_eq!(in_time(ours).await.unwrap().unwrap(), 2);
    let deadlocks = server.ask("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
    assert_eq!(deadlocks, "Innodb_deadlocks\t1\n");
    assert_eq!(server.ask("SELECT COUNT(*) FROM sessions"), "0\n");
}

/// What another transaction does to a session while our statement waits for it, and what is to come of ours.
const WHILE_WE_WAIT: [(&str, &str, Updated); 3] = [
    (
        "UPDATE sessions SET version = 2, record = record",
        "COMMIT",
        Updated::Conflict,
    ),
    ("DELETE FROM sessions", "COMMIT", Updated::Gone),
    (
        "DELETE FROM sessions",
        "ROLLBACK",
        Updated::Done { version: 2 },
    ),
];

/// Whether or not the level is so strict that our statement fails: it is run again then.
async fn statement_that_waited_sees_what_the_other_transaction_did(level: &str, is_strict: bool) {
    let server = Postgres::start();
    server.ask(&format!(
        "ALTER DATABASE postgres SET default_transaction_isolation = '{level}'"
    ));
    for (change, end, expected) in WHILE_WE_WAIT {
        let failed = || server.log().matches("ERROR:  could not serialize").count();
        let (storage, key) = postgres_with_a_session(&server).await;
        let before = failed();
        let mut other = PgConnection::connect(&server.url()).await.unwrap();
        other.execute("BEGIN").await.unwrap();
        other.execute(change).await.unwrap();
        let ours = tokio::spawn({
            let storage = storage.clone();
            async move { storage.update(&key, &record(2), 1, tomorrow()).await }
        });
        until_waiting_in_postgres(1, &server).await;
        other.execute(end).await.unwrap();

        let outcome = in_time(ours).await.unwrap().unwrap();
        assert_eq!(outcome, expected, "{change}; {end}");
        let is_to_fail = is_strict && end == "COMMIT";
        assert_eq!(
            failed() - before,
            usize::from(is_to_fail),
            "{change}; {end}"
        );
        storage.delete(&key).await.unwrap();
    }
}

#[tokio::test]
async fn statement_that_waited_sees_what_the_other_transaction_did_at_read_committed() {
    statement_that_waited_sees_what_the_other_transaction_did("read committed", false).await;
}

#[tokio::test]
async fn statement_that_waited_sees_what_the_other_transaction_did_at_repeatable_read() {
    statement_that_waited_sees_what_the_other_transaction_did("repeatable read", true).await;
}

#[tokio::test]
async fn statement_that_waited_sees_what_the_other_transaction_did_at_serializable() {
    statement_that_waited_sees_what_the_other_transaction_did("serializable", true).await;
}

const REQUESTS: usize = 64;
/// As if of several processes: each has connections of its own.
const STORAGES: u32 = 4;
const CONNECTIONS: u32 = 10;

async fn pool<D: sqlx::Database>(url: &str) -> Pool<D> {
    let pool = PoolOptions::new().max_connections(CONNECTIONS);
    pool.acquire_timeout(PATIENCE).connect(url).await.unwrap()
}

/// Many requests to one session, all of which wait for its row before the first one writes.
async fn crowd(
    storages: Vec<impl Backend>,
    lock: impl AsyncFnOnce(),
    unlock_when_waiting: impl AsyncFnOnce(u32),
) {
    let applications: Vec<_> = storages.into_iter().map(sessions).collect();
    let cookie = visitor(&applications[0]).await;
    let row_is_locked = Arc::new(Barrier::new(REQUESTS + 1));
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        let sessions = applications[number % applications.len()].clone();
        let (cookie, row_is_locked) = (cookie.clone(), Arc::clone(&row_is_locked));
        requests.spawn(async move {
            let session = open(&sessions, &cookie).await;
            row_is_locked.wait().await;
            session.set(&format!("key{number}"), number);
            session.update("count", |count: &mut Option<usize>| {
                *count.get_or_insert(0) += 1;
            });
            commit(&sessions, &session).await;
        });
    }
    lock().await;
    row_is_locked.wait().await;
    unlock_when_waiting(STORAGES * CONNECTIONS).await;
    in_time(requests.join_all()).await;

    let session = open(&applications[0], &cookie).await;
    for number in 0..REQUESTS {
        let value = session.get::<usize>(&format!("key{number}")).unwrap();
        assert_eq!(value, Some(number));
    }
    assert_eq!(session.get::<usize>("count").unwrap(), Some(REQUESTS));
}

async fn no_change_is_lost_in_postgres_at(level: &str) {
    let server = Postgres::start();
    let other = PgConnection::connect(&server.url()).await.unwrap();
    server.ask(&format!(
        "ALTER DATABASE postgres SET default_transaction_isolation = '{level}'"
    ));
    let mut storages = Vec::new();
    for _ in 0..STORAGES {
        let storage = PostgresStorage::new(pool(&server.url()).await).timeout(PATIENCE);
        storage.migrate().await.unwrap();
        storages.push(storage);
    }
    let other = Mutex::new(other);
    crowd(
        storages,
        async || {
            let lock = "BEGIN; SELECT 1 FROM sessions FOR UPDATE";
            other.lock().await.execute(lock).await.unwrap();
        },
        async |waiting| {
            until_waiting_in_postgres(waiting, &server).await;
            other.lock().await.execute("COMMIT").await.unwrap();
        },
    )
    .await;
    assert!(server.log().contains("ERROR:  could not serialize"));
}

#[tokio::test]
async fn no_change_is_lost_in_postgres_at_repeatable_read() {
    no_change_is_lost_in_postgres_at("repeatable read").await;
}

#[tokio::test]
async fn no_change_is_lost_in_postgres_at_serializable() {
    no_change_is_lost_in_postgres_at("serializable").await;
}

#[tokio::test]
async fn no_change_is_lost_in_mariadb_at_serializable() {
    let server = MariaDb::start_with(&["--transaction-isolation=SERIALIZABLE"]);
    let mut storages = Vec::new();
    for _ in 0..STORAGES {
        let storage = MySqlStorage::new(pool(&server.url()).await).timeout(PATIENCE);
        storage.migrate().await.unwrap();
        storages.push(storage);
    }
    let other = Mutex::new(MySqlConnection::connect(&server.url()).await.unwrap());
    crowd(
        storages,
        async || {
            let mut other = other.lock().await;
            other.execute("BEGIN").await.unwrap();
            let lock = "SELECT 1 FROM sessions FOR UPDATE";
            other.execute(lock).await.unwrap();
        },
        async |waiting| {
            until_waiting_in_mariadb(waiting, &server).await;
            other.lock().await.execute("COMMIT").await.unwrap();
        },
    )
    .await;
}
