//! The requests whose instructions `scripts/instructions.sh` counts: `instructions CASE COUNT`.
//!
//! Everything is as an application has it by default, but for the clock, the secret and the generator of ids: two runs do the same.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::routing::get;
use session::storage::BoxStorage;
use session::{
    Clock, CookieStorage, KeyRing, MemoryStorage, SessionCookie, SessionLayer, SessionSchema,
    SessionStorage as _, Sessions,
};
use tower::Service as _;

/// Sessions in rotation.
const SESSIONS: usize = 64;

#[derive(SessionSchema)]
struct Visitor {
    user_id: Option<u64>,
    name: Option<String>,
    role: Option<String>,
}

type Session = session::Session<Visitor>;

async fn read(session: Session) {
    assert!(session.user_id().is_some());
}

async fn write(session: Session) {
    let next = session.user_id().map_or(0, |id| id + 1);
    session.set_user_id(next);
}

async fn log_in(session: Session) {
    session.set_user_id(1_000_000);
    session.set_name("Ferris");
    session.set_role("reader");
}

/// Ten keys, 489 bytes of JSON.
async fn seed(session: session::Session) {
    const TEXT: &str = "a value of some forty-two characters, each";
    session.set("user_id", 1_000_000);
    for number in 1..10 {
        session.set(&format!("key-{number}"), TEXT);
    }
}

/// What a case asks for, and of what application.
struct Case {
    path: &'static str,
    storage: Option<BoxStorage>,
    with_cookie: bool,
}

fn case(name: &str) -> Option<Case> {
    let (kind, path) = name.split_once('-')?;
    let (path, with_cookie) = match path {
        "stranger" => ("/untouched", false),
        "untouched" => ("/untouched", true),
        "read" => ("/read", true),
        "write" => ("/write", true),
        "login" => ("/login", false),
        _ => return None,
    };
    let storage = match kind {
        "bare" => None,
        "memory" => Some(MemoryStorage::new().boxed()),
        "cookie" => Some(CookieStorage::new().boxed()),
        _ => return None,
    };
    Some(Case {
        path,
        storage,
        with_cookie,
    })
}

/// The time stands still, so that no run is in another second than the next.
struct Still;

impl Clock for Still {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_001)
    }
}

fn app(storage: Option<BoxStorage>) -> Router {
    let Some(storage) = storage else {
        let nothing = || get(async || ());
        return Router::new()
            .route("/untouched", nothing())
            .route("/read", nothing())
            .route("/write", nothing())
            .route("/login", nothing())
            .route("/seed", nothing());
    };
    let keys = KeyRing::new([7; 32]).expect("32 bytes will do");
    let cookie = SessionCookie::new("__Host-session", keys);
    let sessions = Sessions::new(cookie, storage).clock(Still);
    Router::new()
        .route("/untouched", get(async || ()))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/login", get(log_in))
        .route("/seed", get(seed))
        .layer(SessionLayer::from(sessions))
}

async fn ask(app: &Router, path: &str, cookie: Option<&str>) -> String {
    let mut request = Request::get(path);
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    let request = request.body(Body::empty()).expect("it is well formed");
    let Ok(response) = app.clone().call(request).await;
    assert_eq!(response.status(), 200);
    let set_cookie = response.headers().get(SET_COOKIE);
    let pair = set_cookie.and_then(|field| field.to_str().ok()?.split(';').next());
    pair.unwrap_or("session=none").to_owned()
}

async fn run(case: Case, count: usize) {
    let app = app(case.storage);
    let mut cookies = Vec::new();
    for _ in 0..SESSIONS {
        cookies.push(ask(&app, "/seed", None).await);
    }
    for cookie in cookies.iter().cycle().take(count) {
        ask(&app, case.path, case.with_cookie.then_some(cookie)).await;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (case, count) = match &arguments[..] {
        [name, count] => (case(name), count.parse().ok()),
        _ => (None, None),
    };
    let (Some(case), Some(count)) = (case, count) else {
        eprintln!(
            "usage: instructions (bare|memory|cookie)-(stranger|untouched|read|write|login) COUNT"
        );
        std::process::exit(2);
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime
        .expect("a runtime can be had")
        .block_on(run(case, count));
}
