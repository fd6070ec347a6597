//! No secret, no id and no value shows in `Debug`, in an error or in what is logged at any level (G8).

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::fmt::{self, Debug, Display};
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::header::COOKIE;
use http::{HeaderValue, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use session::storage::{BoxStorage, Sweep as _, from_url};
use session::testing::{Counting, Faulty, TestClock, Verb};
use session::{
    Backend, CookieStorage, CookieUpdate, Expiry, FsStorage, KeyRing, MemoryStorage, ParseKeyError,
    Record, Rejection, Session, SessionCookie, SessionId, SessionLayer, SessionSchema,
    SessionStorage, Sessions, StorageError,
};
use tower::Layer as _;
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span::{Attributes, Record as SpanRecord};
use tracing::{Event, Id, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

use crate::support::client::Client;

const SECRET: &str = "sesame-sesame-sesame-sesame-sesame-sesame";
const OLD_SECRET: &str = "abracadabra-abracadabra-abracadabra-abra";
const SHORT_SECRET: &str = "too-short-a-secret";
/// Stored values, and parts of them: none may be seen.
const VALUE: &str = "hunter2";
const PASSWORD: &str = "correct-horse-battery";

/// Everything that an operator might get to see, and everything that nobody may.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    shown: String,
    secrets: Vec<String>,
    events: usize,
}

impl Watch {
    fn new() -> Self {
        let watch = Self::default();
        for secret in [SECRET, OLD_SECRET, SHORT_SECRET, VALUE, PASSWORD] {
            watch.keep_secret(secret);
        }
        watch
    }

    fn keep_secret(&self, secret: impl Into<String>) {
        self.0.lock().unwrap().secrets.push(secret.into());
    }

    /// The cookie, and the id and the signature in it.
    fn keep_cookie(&self, client: &Client) {
        for part in client.value().split('.').chain([client.value()]) {
            self.keep_secret(part);
        }
    }

    fn show(&self, text: impl Display) {
        writeln!(self.0.lock().unwrap().shown, "{text}").unwrap();
    }

    /// Takes in what a type shows of itself, in both forms of `Debug`.
    fn debug(&self, value: &impl Debug) {
        self.show(format_args!("{value:?} {value:#?}"));
    }

    /// Takes in an error, and every error behind it.
    fn error(&self, error: &(dyn StdError + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.show(format_args!("{error} {error:?} {error:#?}"));
            next = error.source();
        }
    }

    /// The secrets that have been shown.
    fn leaks(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap();
        let is_shown = |secret: &&String| seen.shown.contains(secret.as_str());
        seen.secrets.iter().filter(is_shown).cloned().collect()
    }

    #[track_caller]
    fn finds_nothing(&self) {
        let leaks = self.leaks();
        let seen = self.0.lock().unwrap();
        assert!(seen.secrets.len() >= 5 && !seen.shown.is_empty());
        assert!(leaks.is_empty(), "{leaks:?} in:\n{}", seen.shown);
    }

    /// Runs what is logged into this watch, at every level and from every crate.
    async fn over<T>(&self, scenario: impl Future<Output = T>) -> T {
        let subscriber = Registry::default().with(self.clone());
        scenario.with_subscriber(subscriber).await
    }
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.lock().unwrap().events += 1;
        self.show(event.metadata().target());
        event.record(&mut Fields(self));
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut Fields(self));
    }

    fn on_record(&self, _: &Id, values: &SpanRecord<'_>, _: Context<'_, S>) {
        values.record(&mut Fields(self));
    }
}

struct Fields<'a>(&'a Watch);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.show(format_args!("{field}={value:?}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn StdError + 'static)) {
        self.0.show(field);
        self.0.error(error);
    }
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Visitor {
    password: Option<String>,
    /// Holds a text by the time it is read.
    number: Option<u64>,
    #[session(flash)]
    notice: Option<Notice>,
}

#[derive(Serialize, Deserialize)]
struct Notice(u8);

struct Unwritable;

impl Serialize for Unwritable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom(VALUE))
    }
}

fn keys() -> KeyRing {
    KeyRing::new(SECRET).unwrap().accept(OLD_SECRET).unwrap()
}

fn cookie() -> SessionCookie {
    SessionCookie::new("session", keys())
}

fn routes(watch: &Watch) -> Router {
    let watch = watch.clone();
    let watching = move |act: fn(&Watch, &Session)| {
        let watch = watch.clone();
        get(async move |session: Session, visitor: Session<Visitor>| {
            act(&watch, &session);
            watch.debug(&session);
            watch.debug(&visitor);
            watch.debug(&session.id());
            watch.debug(&session.id().storage_key());
            let errors = [
                session.get::<u64>("password").err(),
                session.peek::<Notice>("number").err(),
                session.peek::<BTreeMap<String, bool>>("notice").err(),
            ];
            for error in errors.iter().flatten() {
                watch.error(error);
            }
            // The typed accessors report a misfit in the log.
            let _ = (
                visitor.number(),
                visitor.peek_notice(),
                visitor.take_notice(),
            );
        })
    };
    Router::new()
        .route(
            "/set",
            watching(|_, session| {
                session.set("password", VALUE);
                session.set("number", VALUE);
                session.flash("notice", VALUE);
            }),
        )
        .route("/look", watching(|_, _| ()))
        .route("/login", watching(|_, session| session.regenerate_id()))
        .route(
            "/grace",
            watching(|_, session| {
                session.regenerate_id_keeping_old(std::time::Duration::from_secs(60));
            }),
        )
        .route("/logout", watching(|_, session| session.destroy()))
        .route(
            "/unwritable",
            watching(|_, session| session.set(VALUE.get(..6).unwrap(), Unwritable)),
        )
        .route(
            "/too-large",
            watching(|_, session| session.set("large", VALUE.repeat(200_000))),
        )
        .route(
            "/too-deep",
            watching(|_, session| {
                let deep = (0..200).fold(serde_json::json!(VALUE), |inner, _| vec![inner].into());
                session.set("deep", deep);
            }),
        )
        .route(
            "/update",
            watching(|_, session| {
                session.update("number", |number: &mut Option<u64>| *number = Some(1));
                session.set("number", VALUE);
            }),
        )
}

/// Logins, failures and forgeries through the layer, in one storage.
async fn scenario(
    watch: &Watch,
    storage: impl SessionStorage,
    orders: Option<&Faulty<MemoryStorage>>,
) {
    let sessions = Sessions::new(cookie(), storage);
    let layer = SessionLayer::from(sessions.clone());
    watch.debug(&layer);
    watch.debug(&sessions);
    let mut client = Client::new(routes(watch).layer(layer));
    for path in [
        "/set",
        "/look",
        "/grace",
        "/login",
        "/update",
        "/unwritable",
        "/too-large",
        "/too-deep",
        "/look",
    ] {
        let before = client.clone();
        let answer = client.get(path).await;
        watch.keep_cookie(&client);
        watch.show(answer.body);
        if let Some(before) = before.cookie() {
            watch.show(client.with_cookie(before).peek("/look").await.body);
        }
    }
    // What is forged is close to the real thing, so none of it may be shown either.
    let value = client.value().to_owned();
    for forged in [
        &value[1..],
        &value[..value.len() - 1],
        &format!("{value}A"),
        "x.y",
    ] {
        watch.keep_secret(if forged.len() > 3 { forged } else { &value });
        let request = Request::get("/look").header(COOKIE, format!("session={forged}"));
        watch.show(client.send(request.body(Body::empty()).unwrap()).await.body);
    }
    if let Some(storage) = orders {
        for verb in [
            Verb::Load,
            Verb::Create,
            Verb::Update,
            Verb::Touch,
            Verb::Delete,
        ] {
            storage.fail(verb);
            for path in ["/look", "/set", "/login", "/logout"] {
                let answer = client.peek(path).await;
                assert!(
                    answer.status == StatusCode::SERVICE_UNAVAILABLE
                        || answer.status == StatusCode::OK
                );
                watch.show(answer.body);
            }
            storage.heal();
        }
    }
    watch.debug(&storage_errors());
    client.get("/logout").await.ok();
}

fn storage_errors() -> Vec<StorageError> {
    vec![
        StorageError::unavailable(io::Error::other("refused")),
        Record::from_json(format!(r#"{{"format":1,"created_at":"{VALUE}"}}"#).as_bytes())
            .unwrap_err(),
        Record::from_json(VALUE.as_bytes()).unwrap_err(),
        Record::from_json(
            format!(r#"{{"format":9,"created_at":1,"values":{{"a":"{VALUE}"}}}}"#).as_bytes(),
        )
        .unwrap_err(),
    ]
}

#[tokio::test]
async fn nothing_shows_in_logs_and_errors_over_any_storage() {
    let watch = Watch::new();
    let scenarios = async {
        let memory = Faulty::new(MemoryStorage::new());
        scenario(&watch, memory.clone(), Some(&memory)).await;
        scenario(&watch, CookieStorage::new(), None).await;
        let folder = tempfile::tempdir().unwrap();
        scenario(&watch, FsStorage::new(folder.path()).unwrap(), None).await;
        watch.debug(&memory);
        watch.debug(&Counting::new(memory));
    };
    watch.over(scenarios).await;
    let events = watch.0.lock().unwrap().events;
    assert!(events > 20, "the failures were logged: {events}");
    watch.finds_nothing();
}

#[tokio::test]
async fn nothing_of_a_corrupt_file_shows() {
    let watch = Watch::new();
    let folder = tempfile::tempdir().unwrap();
    let scenario = async {
        let layer = SessionLayer::new(cookie(), FsStorage::new(folder.path()).unwrap());
        let mut client = Client::new(routes(&watch).layer(layer));
        let garbage = [
            VALUE.to_owned(),
            format!(r#"{{"version":"{VALUE}"}}"#),
            format!(r#"{{"version":1,"record":{{"format":1,"created_at":1,"values":"{VALUE}"}}}}"#),
            format!(
                r#"{{"version":1,"record":{{"format":7,"created_at":1,"values":{{"a":"{VALUE}"}}}}}}"#
            ),
        ];
        for garbage in garbage {
            client = client.anonymous();
            client.get("/set").await.ok();
            watch.keep_cookie(&client);
            for shard in fs::read_dir(folder.path()).unwrap() {
                for file in fs::read_dir(shard.unwrap().path()).unwrap() {
                    fs::write(file.unwrap().path(), &garbage).unwrap();
                }
            }
            for path in ["/look", "/set", "/logout"] {
                watch.show(client.peek(path).await.body);
            }
        }
    };
    watch.over(scenario).await;
    assert!(
        watch.0.lock().unwrap().events >= 3,
        "corrupt files are reported"
    );
    watch.finds_nothing();
}

#[tokio::test]
async fn nothing_shows_in_the_debug_output_and_the_errors_of_public_types() {
    let watch = Watch::new();
    let clock = TestClock::new();
    let folder = tempfile::tempdir().unwrap();
    let files = FsStorage::new(folder.path()).unwrap();
    let storage = MemoryStorage::new().clock(clock.clone());
    let sessions = Sessions::new(cookie(), storage.clone()).clock(clock.clone());
    let session = Session::with_data(BTreeMap::from([("password", VALUE)])).unwrap();
    let set_cookie = sessions.commit(&session).await.unwrap().unwrap();
    let pair = set_cookie
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    for part in pair.split(['=', '.']).skip(1) {
        watch.keep_secret(part);
    }

    watch.debug(&(
        &keys(),
        &cookie(),
        &sessions,
        &storage,
        &files,
        &clock,
        Expiry::default(),
    ));
    watch.debug(&(
        CookieStorage::new(),
        SessionId::generate().unwrap(),
        session.id(),
    ));
    watch.debug(&(
        Backend::boxed(storage.clone()),
        BoxStorage::clone(&SessionStorage::boxed(storage.clone())),
    ));
    let loaded = storage
        .load(&session.id().storage_key())
        .await
        .unwrap()
        .unwrap();
    watch.debug(&(&loaded, &loaded.record, session.id().storage_key()));
    watch.debug(&CookieUpdate::Set {
        value: pair.clone(),
        max_age: 1,
    });
    watch.debug(&SessionLayer::from(sessions.clone()).layer(()));
    let opened = sessions.open([&pair]).await.unwrap();
    watch.debug(&(&opened, &opened.schema::<Visitor>(), opened.clone()));
    watch.debug(&storage.delete_expired().await);

    watch.error(&ParseKeyError);
    watch.error(&pair.parse::<session::StorageKey>().unwrap_err());
    watch.error(&KeyRing::new(SHORT_SECRET).unwrap_err());
    watch.error(&keys().accept(SECRET).unwrap_err());
    watch.error(&keys().accept(SHORT_SECRET).unwrap_err());
    watch.error(&Session::with_data(VALUE).unwrap_err());
    watch.error(&Session::new().commit().await.unwrap_err());
    watch.error(&mismatch::<u64>(&session));
    watch.error(&mismatch::<Vec<String>>(&session));
    for error in storage_errors() {
        let rejection = Rejection::Unavailable(error.into());
        watch.error(&rejection);
        watch.show(format_args!("{:?}", rejection.into_response()));
    }
    watch.finds_nothing();
}

fn mismatch<T: DeserializeOwned + Debug>(session: &Session) -> session::Error {
    session.peek::<T>("password").unwrap_err()
}

/// A response's fields are logged by many a middleware, in `Debug`: there the cookie is marked as sensitive.
#[tokio::test]
async fn a_set_cookie_field_does_not_show_in_debug() {
    for storage in [
        SessionStorage::boxed(MemoryStorage::new()),
        CookieStorage::new().boxed(),
    ] {
        let watch = Watch::new();
        let sessions = Sessions::new(cookie(), storage);
        let session = Session::new();
        session.set("password", VALUE);
        let set_cookie: HeaderValue = sessions.commit(&session).await.unwrap().unwrap();
        let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
        for part in pair.split(['=', '.']).skip(1) {
            watch.keep_secret(part);
        }
        watch.debug(&set_cookie);
        watch.finds_nothing();
    }
}

#[tokio::test]
async fn nothing_of_a_url_shows_but_its_scheme() {
    let watch = Watch::new();
    for url in [
        format!("redis://user:{PASSWORD}@localhost:6379/0"),
        format!("postgres://{PASSWORD}@localhost/app?sslmode=require"),
        format!("floppy://user:{PASSWORD}@localhost"),
        format!("memory:{PASSWORD}"),
        format!("cookie://{PASSWORD}"),
        format!("file:/proc/{PASSWORD}"),
        PASSWORD.to_owned(),
        format!("{PASSWORD}@localhost:6379"),
        format!("user:{PASSWORD}@localhost:6379"),
        format!(":{PASSWORD}@localhost:6379"),
    ] {
        let Err(error) = from_url(&url).await else {
            panic!("it is no storage");
        };
        watch.error(&error);
    }
    watch.finds_nothing();
}

/// The positive control: what is searched for is found, wherever it is shown.
#[tokio::test]
async fn the_search_finds_what_is_shown() {
    struct Talkative(&'static str);

    impl Debug for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_tuple("Talkative").field(&self.0).finish()
        }
    }

    impl Display for Talkative {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("all is well")
        }
    }

    impl StdError for Talkative {}

    let leaks = async |show: fn(&Watch)| {
        let watch = Watch::new();
        watch.over(async { show(&watch) }).await;
        watch.leaks()
    };
    assert_eq!(leaks(|watch| watch.debug(&VALUE)).await, [VALUE]);
    assert_eq!(leaks(|watch| watch.error(&Talkative(VALUE))).await, [VALUE]);
    let deep = |watch: &Watch| watch.error(&StorageError::unavailable(Talkative(SECRET)));
    assert_eq!(leaks(deep).await, [SECRET]);
    assert_eq!(leaks(|_| tracing::trace!(password = VALUE)).await, [VALUE]);
    assert_eq!(leaks(|_| tracing::trace!("it is {VALUE}")).await, [VALUE]);
    assert_eq!(
        leaks(|_| tracing::trace!(error = ?Talkative(VALUE))).await,
        [VALUE]
    );
    assert_eq!(
        leaks(|_| drop(tracing::trace_span!("login", password = VALUE))).await,
        [VALUE]
    );
    assert!(leaks(|_| tracing::trace!("all is well")).await.is_empty());
}
