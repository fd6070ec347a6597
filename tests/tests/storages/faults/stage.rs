use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use session::{KeyRing, Session, SessionCookie, SessionLayer, Sessions};
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, LocalSet};

use crate::support::client::{Answer, Client};
use crate::support::log::Log;
use crate::support::proxy::Proxy;
use crate::support::servers::dynamodb::DynamoDb;
use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::memcached::Memcached;
use crate::support::servers::postgres::Postgres;
use crate::support::servers::redis::Redis;
use crate::support::servers::server::Server;

const SECRET: &str = "a secret of the tests, 32 bytes or more";
/// How long a call to a server may take that answers or is down, in milliseconds. Far beyond what any of them needs.
const LONG: u64 = 2000;
/// How long anything may take that is to end at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, a network to it that fails on command, and applications before both.
pub(super) struct Stage<S = AnyServer> {
    pub(super) server: S,
    pub(super) proxy: Proxy,
    /// Whether a session that was stored is there after a crash.
    pub(super) keeps_sessions: bool,
    door: Arc<Barrier>,
}

/// A server, whatever it is.
pub(super) struct AnyServer(Box<dyn DerefMut<Target = Server>>);

impl AnyServer {
    fn of(server: impl DerefMut<Target = Server> + 'static) -> Self {
        Self(Box::new(server))
    }
}

impl Deref for AnyServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for AnyServer {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

impl Stage {
    pub(super) fn redis() -> Self {
        let arguments = ["--appendonly", "yes", "--appendfsync", "always"];
        Self::new(AnyServer::of(Redis::start_with(&arguments)), true)
    }

    pub(super) fn memcached() -> Self {
        Self::new(AnyServer::of(Memcached::start()), false)
    }

    pub(super) fn postgres() -> Self {
        Self::new(AnyServer::of(Postgres::start()), true)
    }

    pub(super) fn mariadb() -> Self {
        Self::new(AnyServer::of(MariaDb::start()), true)
    }

    pub(super) fn dynamodb() -> Self {
        Self::new(AnyServer::of(DynamoDb::start()), true)
    }
}

impl<S: DerefMut<Target = Server>> Stage<S> {
    /// A server that a test has started for itself.
    pub(super) fn of(server: S) -> Self {
        Self::new(server, false)
    }

    fn new(server: S, keeps_sessions: bool) -> Self {
        Self {
            proxy: Proxy::start(server.port()),
            server,
            keeps_sessions,
            door: Arc::new(Barrier::new(2)),
        }
    }

    /// A browser before an application on the server.
    pub(super) async fn client(&self) -> Client {
        self.client_at(self.server.port(), LONG).await
    }

    /// A browser before an application that reaches the server through the proxy.
    pub(super) async fn client_through_proxy(&self) -> Client {
        self.client_at(self.proxy.port(), LONG).await
    }

    /// The same, with a storage that waits so many milliseconds for an answer.
    pub(super) async fn impatient_client(&self, timeout_ms: u64) -> Client {
        self.client_at(self.proxy.port(), timeout_ms).await
    }

    /// A browser before an application that logs in to the server.
    pub(super) async fn client_as(&self, login: &str) -> Client {
        let url = self.server.url().replace("://", &format!("://{login}@"));
        client(&with_timeout(&url, LONG), &self.door).await
    }

    async fn client_at(&self, port: u16, timeout_ms: u64) -> Client {
        let url = self.server.url_at(port);
        client(&with_timeout(&url, timeout_ms), &self.door).await
    }

    /// Waits until a handler is at the door.
    pub(super) async fn entered(&self) {
        in_time(self.door.wait()).await;
    }

    /// Lets it go on.
    pub(super) async fn leave(&self) {
        in_time(self.door.wait()).await;
    }
}

fn with_timeout(url: &str, millis: u64) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}timeout_ms={millis}")
}

/// A browser before an application on the storage of that URL.
///
/// `/write/word` sets three keys to it in one commit; `/count` adds one to a number; `/look` shows what there is.
/// `/slow/word` and `/slow-count` wait at the door before they are committed.
pub(super) async fn client(url: &str, door: &Arc<Barrier>) -> Client {
    let sessions = sessions_of(url).await;
    let routes = Router::new()
        .route("/look", get(look))
        .route("/write/{word}", get(write))
        .route("/slow/{word}", get(slow_write))
        .route("/count", get(count))
        .route("/slow-count", get(slow_count))
        .with_state(Arc::clone(door));
    Client::new(routes.layer(SessionLayer::from(sessions)))
}

/// The sessions of the storage of that URL.
pub(super) async fn sessions_of(url: &str) -> Sessions {
    let cookie = SessionCookie::new("session", KeyRing::new(SECRET).unwrap());
    Sessions::new(cookie, tests::backend(url).await.unwrap())
}

async fn look(session: Session) -> Json<serde_json::Value> {
    Json(session.data())
}

async fn write(session: Session, Path(word): Path<String>) {
    session.set("first", &word);
    session.set("long", long(&word));
    session.set("last", &word);
}

async fn slow_write(State(door): State<Arc<Barrier>>, session: Session, word: Path<String>) {
    write(session, word).await;
    pass(&door).await;
}

async fn count(session: Session) {
    session.update("count", |count: &mut Option<u64>| {
        *count.get_or_insert(0) += 1;
    });
}

async fn slow_count(State(door): State<Arc<Barrier>>, session: Session) {
    count(session).await;
    pass(&door).await;
}

/// Goes on once the test has seen that somebody is here, and has let them go.
async fn pass(door: &Barrier) {
    door.wait().await;
    door.wait().await;
}

/// What a whole commit of a word is seen as.
pub(super) fn written(word: &str) -> String {
    format!(
        r#"{{"first":"{word}","last":"{word}","long":"{}"}}"#,
        long(word)
    )
}

fn long(word: &str) -> String {
    word.repeat(8)
}

pub(super) const NOTHING: &str = "{}";

/// Stores a session.
pub(super) async fn visitor(client: &Client, word: &str) -> Client {
    let mut client = client.anonymous();
    client.get(&format!("/write/{word}")).await.ok();
    assert!(client.cookie().is_some());
    client
}

/// What ends, with a timeout of ours where the one of the storage should have come first.
pub(super) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.expect("it ends in bounded time")
}

/// A commit that the server has carried out, with its answer held by the proxy; and the word that it stores.
pub(super) async fn unanswered_commit(
    stage: &Stage,
    visitor: &Client,
) -> (JoinHandle<Answer>, String) {
    let elsewhere = stage.client().await;
    let elsewhere = elsewhere.with_cookie(visitor.cookie().unwrap());
    let mut attempt = 0;
    loop {
        attempt += 1;
        let word = format!("held{attempt}");
        let request = visitor.start(&format!("/slow/{word}"));
        stage.entered().await;
        stage.proxy.hold_replies();
        stage.leave().await;
        stage.proxy.until_held().await;
        if elsewhere.peek("/look").await.ok() == written(&word) {
            return (request, word);
        }
        // It is another answer: a database may be asked to prepare the statement first.
        stage.proxy.pass();
        in_time(request).await.unwrap().ok();
    }
}

/// Asks for a page on this test's thread: an answer, and what was logged meanwhile.
pub(super) async fn logged(client: &Client, path: &str) -> (Answer, String) {
    let log = Log::start();
    let answer = in_time(client.peek(path)).await;
    (answer, log.text())
}

/// [`logged`], of several requests at once.
pub(super) async fn crowd_logged(
    requests: impl IntoIterator<Item = (&Client, &'static str)>,
) -> (Vec<Answer>, String) {
    let log = Log::start();
    let crowd = LocalSet::new();
    let requests: Vec<_> = requests
        .into_iter()
        .map(|(client, path)| {
            let client = client.clone();
            crowd.spawn_local(async move { client.peek(path).await })
        })
        .collect();
    in_time(crowd).await;
    let mut answers = Vec::new();
    for request in requests {
        answers.push(request.await.unwrap());
    }
    (answers, log.text())
}

/// The session could not be loaded.
#[track_caller]
pub(super) fn is_not_loaded(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let body = "the session storage is unavailable; try again later";
    assert_eq!(answer.body, body);
    answer.sets_no_cookie();
}

/// The handler has done its part, and what it promised is not sent.
#[track_caller]
pub(super) fn is_not_committed(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body, "");
    answer.sets_no_cookie();
}

/// The operator reads why, on one line.
#[track_caller]
pub(super) fn says_why(log: &str) {
    let cause = log
        .lines()
        .filter(|line| line.contains("ERROR"))
        .find_map(|line| line.split_once("the storage is unavailable: "));
    assert!(cause.is_some_and(|(_, cause)| !cause.is_empty()), "{log}");
}
