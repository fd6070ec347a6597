//! A pool of the application's own that has one connection.

use std::time::{Duration, SystemTime};

use session::storage::Sweep as _;
use session::{Backend, MySqlStorage, PostgresStorage, Record, SessionId, SqliteStorage};
use sqlx::pool::{Pool, PoolOptions};
use sqlx::Connection;
use tokio::task::JoinSet;

use super::{sessions, unavailable};
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
        let $pool = pool(&$database.url(), $patience).await;
        let $storage = $type::new($pool.clone());
        $then
    }};
}

async fn pool<D: sqlx::Database>(url: &str, patience: Duration) -> Pool<D> {
    let options = url.parse::<<D::Connection as Connection>::Options>();
    let pool = PoolOptions::new().max_connections(1).acquire_timeout(patience);
    pool.connect_with(options.unwrap()).await.unwrap()
}

async fn migrate(database: &Database) {
    with_storage!(database, storage => storage.migrate().await.unwrap());
}

async fn requests_wait_for_the_one_connection(database: &Database) {
    migrate(database).await;
    with_pool!(database, NEVER, |_pool, storage| {
        let storage = storage.timeout(NEVER);
        crowd(storage.clone()).await;
        assert_eq!(in_time(storage.delete_expired()).await.unwrap(), 0);
        in_time(storage.migrate()).await.unwrap();
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
            session.get::<usize>("number").unwrap().expect("it is there")
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
        nobody_gets_by(&pool, storage.timeout(SHORT), "no answer came within 50ms").await;
    });
    with_pool!(database, SHORT, |pool, storage| {
        let why = "no connection to the database could be had in time";
        nobody_gets_by(&pool, storage.timeout(NEVER), why).await;
    });
}

async fn nobody_gets_by<D: sqlx::Database>(pool: &Pool<D>, storage: impl Backend, why: &str) {
    let key = SessionId::generate().unwrap().storage_key();
    let record = Record::from_json(br#"{"format":1,"created_at":0,"values":{}}"#).unwrap();
    let tomorrow = SystemTime::now() + 24 * NEVER;
    let held = pool.acquire().await.unwrap();
    for error in [
        unavailable(in_time(storage.load(&key)).await),
        unavailable(in_time(storage.create(&key, &record, tomorrow)).await),
        unavailable(in_time(storage.update(&key, &record, 1, tomorrow)).await),
        unavailable(in_time(storage.touch(&key, tomorrow)).await),
        unavailable(in_time(storage.delete(&key)).await),
    ] {
        assert!(error.contains(why), "{error}");
    }
    drop(held);
    assert!(in_time(storage.load(&key)).await.unwrap().is_none());
}
