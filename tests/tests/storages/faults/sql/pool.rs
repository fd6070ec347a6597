//! A pool of the application's own that has one connection.

use std::time::Duration;

use session::storage::{BoxBackend, Sweep as _};
use session::{Backend, MySqlStorage, PostgresStorage, SessionId, SqliteStorage};
use sqlx::Connection;
use sqlx::pool::{Pool, PoolOptions};
use tokio::task::JoinSet;

use super::{record, sessions, tomorrow, unavailable};
use crate::storages::database::Database;
use crate::storages::faults::stage::in_time;
use crate::storages::place::{commit, open};

on_databases!(
    requests_wait_for_the_one_connection,
    connection_that_is_held_is_waited_for_in_bounded_time,
);

const SHORT: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(3600);

/// Goes on with a pool of one connection, for which the application waits so long, and with a storage on it.
macro_rules! with_pool {
    ($database:expr, $patience:expr, |$pool:ident, $storage:ident| $then:expr) => {
        match $database {
            Database::Sqlite(_) => with_pool!(@ SqliteStorage, $database, $patience, $pool, $storage, $then),
            Database::Postgres(_) => with_pool!(@ PostgresStorage, $database, $patience, $pool, $storage, $then),
            Database::MariaDb(_) => with_pool!(@ MySqlStorage, $database, $patience, $pool, $storage, $then),
        }
    };
    (@ $type:ident, $database:expr, $patience:expr, $pool:ident, $storage:ident, $then:expr) => {{
        let $pool = pool(&$database.url(), $patience);
        let $storage = $type::new($pool.clone());
        $then
    }};
}

fn pool<D: sqlx::Database>(url: &str, patience: Duration) -> Pool<D> {
    let options = url.parse::<<D::Connection as Connection>::Options>();
    let pool = PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(patience);
    pool.connect_lazy_with(options.unwrap())
}

async fn migrate(database: &Database) {
    with_storage!(database, storage => storage.migrate().await.unwrap());
}

async fn requests_wait_for_the_one_connection(database: &Database) {
    migrate(database).await;
    with_pool!(database, NEVER, |_pool, storage| {
        let storage = storage.timeout(NEVER);
        crowd(storage.clone()).await;
        assert_eq!(
            in_time(Box::pin(storage.delete_expired())).await.unwrap(),
            0
        );
        in_time(Box::pin(storage.migrate())).await.unwrap();
    });
}

/// Many visitors at once, each of whom makes a session and changes it.
async fn crowd(storage: impl Backend) {
    let sessions = sessions(storage);
    let mut requests = JoinSet::new();
    for number in 0..32 {
        let sessions = sessions.clone();
        requests.spawn(async move {
            let session = open(&sessions, "").await;
            session.set("number", number);
            let cookie = commit(&sessions, &session).await.expect("a new session");
            let session = open(&sessions, &cookie).await;
            assert_eq!(session.get::<usize>("number").unwrap(), Some(number));
            session.set("number", number + 100);
            commit(&sessions, &session).await;
            let session = open(&sessions, &cookie).await;
            session
                .get::<usize>("number")
                .unwrap()
                .expect("it is there")
        });
    }
    let mut seen = in_time(requests.join_all()).await;
    seen.sort_unstable();
    assert!(seen.into_iter().eq(100..132));
}

/// Either the storage's time is up first, or the pool's.
async fn connection_that_is_held_is_waited_for_in_bounded_time(database: &Database) {
    migrate(database).await;
    with_pool!(database, NEVER, |pool, storage| {
        nobody_gets_by(
            &pool,
            storage.timeout(SHORT).boxed(),
            "no answer came within 50ms",
        )
        .await;
    });
    with_pool!(database, SHORT, |pool, storage| {
        let why = "no connection to the database could be had in time";
        nobody_gets_by(&pool, storage.timeout(NEVER).boxed(), why).await;
    });
}

async fn nobody_gets_by<D: sqlx::Database>(pool: &Pool<D>, storage: BoxBackend, why: &str) {
    let key = SessionId::generate().unwrap().storage_key();
    let held = in_time(until_ok(async || pool.acquire().await)).await;
    for error in [
        unavailable(in_time(storage.load(&key)).await),
        unavailable(in_time(storage.create(&key, &record(1), tomorrow())).await),
        unavailable(in_time(storage.update(&key, &record(1), 1, tomorrow())).await),
        unavailable(in_time(storage.touch(&key, tomorrow())).await),
        unavailable(in_time(storage.delete(&key)).await),
    ] {
        assert!(error.contains(why), "{error}");
    }
    drop(held);
    let loaded = in_time(until_ok(async || storage.load(&key).await)).await;
    assert!(loaded.is_none());
}

/// On a busy computer the time may be up also when nobody is in the way.
async fn until_ok<T, E>(call: impl AsyncFn() -> Result<T, E>) -> T {
    loop {
        if let Ok(done) = call().await {
            return done;
        }
    }
}
