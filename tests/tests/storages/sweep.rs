//! Sweeping: what has expired is removed in small steps, by the index, while requests go on.

mod recorder;

use std::time::{Duration, Instant, SystemTime};

use session::storage::{Sweep, backend_from_url};
use session::testing::TestClock;
use session::{
    Backend, Clock as _, KeyRing, MySqlStorage, PostgresStorage, SessionCookie, Sessions,
    SqliteStorage,
};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Executor as _};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use self::recorder::{Ran, Recorder};
use super::database::Database;
use super::place::{commit, open, visitor};
use crate::support::servers::postgres::Postgres;

on_databases!(
    two_sweepers_at_once_remove_each_session_once,
    storage_of_a_url_is_swept_by_itself_as_long_as_it_is_there,
);

/// Far beyond what anything here needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many sessions a statement may remove.
const BATCH: u64 = 1000;

/// Sessions that have not expired.
const LIVE: u64 = 1000;
/// How many of them are used during the sweep.
const USED: usize = 200;
/// How many requests are under way at a time.
const AT_ONCE: usize = 8;

fn unix(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Inserts so many sessions, numbered from 1, that expire as an expression says.
async fn fill(database: &Database, count: u64, expires_at: &str) {
    let (with, key, series) = match database {
        Database::Sqlite(_) => (
            format!(
                "WITH RECURSIVE series (number) AS
                     (SELECT 1 UNION ALL SELECT number + 1 FROM series WHERE number < {count})"
            ),
            "lower(hex(randomblob(32)))",
            "series".to_owned(),
        ),
        Database::Postgres(_) => (
            String::new(),
            "encode(sha256(convert_to(random()::text || number, 'UTF8')), 'hex')",
            format!("generate_series(1, {count}) AS number"),
        ),
        Database::MariaDb(_) => (
            String::new(),
            "SHA2(CONCAT(RAND(), number), 256)",
            format!("(SELECT CAST(seq AS SIGNED) AS number FROM seq_1_to_{count}) AS series"),
        ),
    };
    let record = r#"{"format":1,"created_at":0,"values":{"user":7}}"#;
    let insert = format!(
        "{with} INSERT INTO sessions SELECT {key}, '{record}', 1, {expires_at} FROM {series}"
    );
    database.ask(&insert).await;
}

async fn expired(database: &Database, now: u64) -> u64 {
    let count = format!("SELECT count(*) FROM sessions WHERE expires_at <= {now}");
    database.ask(&count).await.parse().unwrap()
}

/// How the database carries out a statement, whose values are these.
async fn plan(database: &Database, sql: &str, values: &[&str]) -> String {
    match database {
        // It plans without the values.
        Database::Sqlite(_) => database.ask(&format!("EXPLAIN QUERY PLAN {sql}")).await,
        Database::Postgres(_) => {
            let values = values.join(", ");
            let explain = async |mode: &str| {
                let statements = format!(
                    "SET plan_cache_mode = {mode}; PREPARE ours AS {sql}; EXPLAIN EXECUTE ours ({values})"
                );
                database.ask(&statements).await
            };
            // A statement that is prepared has a plan for its values at first, and then one for any.
            explain("force_custom_plan").await + "\n" + &explain("force_generic_plan").await
        }
        Database::MariaDb(_) => {
            let with_value = |sql: String, value: &&str| sql.replacen('?', value, 1);
            let sql = values.iter().fold(sql.to_owned(), with_value);
            database.ask(&format!("EXPLAIN {sql}")).await
        }
    }
}

/// A plan goes by an index, so many times. It reads no table as a whole, and sorts nothing.
#[track_caller]
fn is_by(index: &str, times: usize, plan: &str) {
    assert_eq!(plan.matches(index).count(), times, "{plan}");
    for slow in [
        "Seq Scan",
        "Sort",
        "SCAN",
        "TEMP B-TREE",
        "|ALL|",
        "filesort",
    ] {
        assert!(!plan.contains(slow), "{plan}");
    }
}

/// What a test is about: a database, the storage on it, what that runs, and the time.
struct Scene<S> {
    database: Database,
    storage: S,
    recorder: Recorder,
    clock: TestClock,
}

impl<S: Backend + Sweep + Clone> Scene<S> {
    fn now(&self) -> u64 {
        unix(self.clock.now())
    }

    fn sessions(&self) -> Sessions {
        let cookie = SessionCookie::new("session", KeyRing::generate().unwrap());
        Sessions::new(cookie, self.storage.clone()).clock(self.clock.clone())
    }

    /// The statements of a load and of a step of a sweep, as they are sent.
    async fn statements(&self) -> [String; 2] {
        let sessions = self.sessions();
        let cookie = visitor(&sessions).await;
        let session = open(&sessions, &cookie).await;
        sessions.destroy(&session).await.unwrap();
        self.storage.delete_expired().await.unwrap();
        let sql_of = |is_it: fn(&Ran) -> bool| self.recorder.ran().into_iter().find(is_it);
        let (mut load, mut sweep) = (None, None);
        until(async || {
            (load, sweep) = (sql_of(Ran::is_load), sql_of(Ran::is_batch));
            load.is_some() && sweep.is_some()
        })
        .await;
        [load, sweep].map(|ran| ran.expect("it was run").sql)
    }

    /// Fills the database, and shows how it would carry out a load and a sweep.
    async fn fill_and_plan(&self, expired: u64) -> [String; 2] {
        let [load, sweep] = self.statements().await;
        let now = self.now();
        // The last of these expires this very second, and the first of the others the next.
        fill(&self.database, expired, &format!("{now} + 1 - number")).await;
        fill(
            &self.database,
            LIVE - USED as u64,
            &format!("{now} + number"),
        )
        .await;
        let analyze = match &self.database {
            Database::MariaDb(_) => "ANALYZE TABLE sessions",
            _ => "ANALYZE sessions",
        };
        self.database.ask(analyze).await;
        let key = format!("SELECT min(session_key) FROM sessions WHERE expires_at > {now}");
        let key = format!("'{}'", self.database.ask(&key).await);
        [
            plan(&self.database, &load, &[&key, &now.to_string()]).await,
            plan(&self.database, &sweep, &[&now.to_string()]).await,
        ]
    }

    /// Sweeps while requests go on.
    async fn sweep(self, expired: u64) {
        let sessions = self.sessions();
        let mut cookies = Vec::new();
        for _ in 0..USED {
            cookies.push(visitor(&sessions).await);
        }
        self.recorder.clear();

        let storage = self.storage.clone();
        let sweep = tokio::spawn(async move { storage.delete_expired().await });
        let mut requests = JoinSet::new();
        for cookies in cookies.chunks(USED / AT_ONCE) {
            let (sessions, cookies) = (sessions.clone(), cookies.to_vec());
            requests.spawn(async move {
                for cookie in cookies {
                    let session = open(&sessions, &cookie).await;
                    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
                    session.set("user", 8);
                    commit(&sessions, &session).await;
                }
            });
        }
        requests.join_all().await;
        assert_eq!(sweep.await.unwrap().unwrap(), expired);

        let steps = usize::try_from(expired / BATCH + 1).unwrap();
        let count = |is_it: fn(&&Ran) -> bool| self.recorder.ran().iter().filter(is_it).count();
        until(async || {
            count(|ran| ran.is_batch()) >= steps && count(|ran| ran.is_update()) >= USED
        })
        .await;
        let ran = self.recorder.ran();
        let batches: Vec<_> = ran.iter().filter(|ran| ran.is_batch()).collect();
        assert_eq!(batches.len(), steps);
        assert!(batches.iter().all(|batch| batch.rows <= BATCH));
        assert_eq!(batches.iter().map(|batch| batch.rows).sum::<u64>(), expired);
        // Nobody had to wait for its end.
        let last = |is_it: fn(&Ran) -> bool| ran.iter().rposition(is_it);
        assert!(last(Ran::is_update) < last(Ran::is_batch));

        let count = "SELECT count(*) FROM sessions";
        assert_eq!(self.database.ask(count).await, LIVE.to_string());
        assert_eq!(self::expired(&self.database, self.now()).await, 0);
        for cookie in cookies {
            let session = open(&sessions, &cookie).await;
            assert_eq!(session.get::<u64>("user").unwrap(), Some(8));
        }
    }
}

#[tokio::test]
async fn a_hundred_thousand_sessions_are_swept_from_postgres_while_requests_go_on() {
    let database = Database::postgres();
    let (clock, recorder) = (TestClock::new(), Recorder::default());
    let storage = PostgresStorage::connect(&database.url()).await.unwrap();
    let storage = storage.clock(clock.clone());
    storage.migrate().await.unwrap();
    let _listening = recorder.listen();
    let scene = Scene {
        database,
        storage,
        recorder,
        clock,
    };

    let [load, sweep] = scene.fill_and_plan(100_000).await;
    is_by("Index Scan using sessions_pkey", 2, &load);
    is_by("Index Scan using sessions_expires_at", 2, &sweep);
    scene.sweep(100_000).await;
}

#[tokio::test]
async fn a_hundred_thousand_sessions_are_swept_from_sqlite_while_requests_go_on() {
    let database = Database::sqlite();
    let (clock, recorder) = (TestClock::new(), Recorder::default());
    // As `SqliteStorage::open` does it, but that it need not survive the computer.
    let options = SqliteConnectOptions::new()
        .filename(database.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Off)
        .busy_timeout(Duration::from_secs(4));
    let listener = recorder.clone();
    let pool = SqlitePoolOptions::new()
        .max_connections(4)
        .after_connect(move |connection, _| {
            let listener = listener.clone();
            Box::pin(async move { listener.listen_to(connection).await })
        });
    let pool = pool.connect_with(options).await.unwrap();
    let storage = SqliteStorage::new(pool).clock(clock.clone());
    storage.migrate().await.unwrap();
    let scene = Scene {
        database,
        storage,
        recorder,
        clock,
    };

    let [load, sweep] = scene.fill_and_plan(100_000).await;
    is_by(
        "INDEX sqlite_autoindex_sessions_1 (session_key=?)",
        1,
        &load,
    );
    is_by(
        "INDEX sqlite_autoindex_sessions_1 (session_key=?)",
        1,
        &sweep,
    );
    is_by("INDEX sessions_expires_at (expires_at<?)", 1, &sweep);
    scene.sweep(100_000).await;
}

#[tokio::test]
async fn thousands_of_sessions_are_swept_from_mariadb_while_requests_go_on() {
    let database = Database::mariadb();
    let (clock, recorder) = (TestClock::new(), Recorder::default());
    let storage = MySqlStorage::connect(&database.url()).await.unwrap();
    let storage = storage.clock(clock.clone());
    storage.migrate().await.unwrap();
    let _listening = recorder.listen();
    let scene = Scene {
        database,
        storage,
        recorder,
        clock,
    };

    let [load, sweep] = scene.fill_and_plan(10_000).await;
    is_by("|const|PRIMARY,sessions_expires_at|PRIMARY|", 1, &load);
    is_by("|range|sessions_expires_at|sessions_expires_at|", 1, &sweep);
    scene.sweep(10_000).await;
}

/// It is somebody's just now: of whoever holds it, or of another sweep.
#[tokio::test]
async fn sweep_of_postgres_passes_over_a_session_that_another_transaction_holds() {
    let server = Postgres::start();
    let storage = PostgresStorage::connect(&server.url()).await.unwrap();
    storage.migrate().await.unwrap();
    server
        .ask("INSERT INTO sessions VALUES ('a', '', 1, 100), ('b', '', 1, 200), ('c', '', 1, 300)");
    let mut other = PgConnection::connect(&server.url()).await.unwrap();
    other
        .execute("BEGIN; UPDATE sessions SET version = 2 WHERE session_key = 'b'")
        .await
        .unwrap();
    assert_eq!(storage.delete_expired().await.unwrap(), 2);
    other.execute("COMMIT").await.unwrap();
    assert_eq!(storage.delete_expired().await.unwrap(), 1);
}

async fn two_sweepers_at_once_remove_each_session_once(database: &Database) {
    with_storage!(database, first => with_storage!(database, second => {
        first.migrate().await.unwrap();
        let now = unix(SystemTime::now());
        fill(database, 10 * BATCH + 1, &format!("{now} + 1 - number")).await;
        fill(database, 10, &format!("{now} + 3600 + number")).await;
        let (first, second) = tokio::join!(first.delete_expired(), second.delete_expired());
        assert_eq!(first.unwrap() + second.unwrap(), 10 * BATCH + 1);
        assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "10");
    }));
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn storage_of_a_url_is_swept_by_itself_as_long_as_it_is_there(database: &Database) {
    let ten_minutes_pass = async || {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(600)).await;
        tokio::time::resume();
    };
    with_storage!(database, storage => storage.migrate().await.unwrap());
    let now = unix(SystemTime::now());
    let is_swept = async || expired(database, now).await == 0;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    // Those of the storage that made the table are over then.
    until(async || tasks() == 0).await;

    fill(database, BATCH + 1, &format!("{now} + 1 - number")).await;
    let storage = backend_from_url(&database.url()).await.unwrap();
    until(is_swept).await;
    fill(database, BATCH + 1, &format!("{now} + 1 - number")).await;
    // Again and again, since the sweep may be under way, and its pause begins when it has ended.
    until(async || {
        ten_minutes_pass().await;
        is_swept().await
    })
    .await;

    assert!(tasks() > 0);
    drop(storage);
    until(async || {
        ten_minutes_pass().await;
        tasks() == 0
    })
    .await;
}
