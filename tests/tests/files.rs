//! `FsStorage` where it differs from other storages: several processes, crashes, and what can happen to a folder.

mod damage;
mod folder;
mod processes;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use session::{FsStorage, KeyRing, Session, SessionCookie, SessionLayer, Sessions};
use tempfile::TempDir;
use tower::ServiceExt as _;

const SECRET: &str = "a secret of the tests, 32 bytes or more";
const COOKIE_NAME: &str = "session";

/// A folder that is no session folder yet, in a folder of the test's own.
fn scratch() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("sessions");
    (parent, folder)
}

fn cookie() -> SessionCookie {
    SessionCookie::new(COOKIE_NAME, KeyRing::new(SECRET).unwrap())
}

/// The sessions of a folder, as a process that has just started sees them.
fn sessions(folder: &Path) -> Sessions {
    Sessions::new(cookie(), FsStorage::new(folder).unwrap())
}

async fn open(sessions: &Sessions, cookie: &str) -> Session {
    sessions
        .open([format!("{COOKIE_NAME}={cookie}")])
        .await
        .unwrap()
}

/// Ends a request; the value of the cookie that it sends, if any.
async fn commit(sessions: &Sessions, session: &Session) -> Option<String> {
    let field = sessions.commit(session).await.unwrap()?;
    Some(cookie_value(field.to_str().unwrap()))
}

fn cookie_value(set_cookie: &str) -> String {
    let pair = set_cookie.split(';').next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!(name, COOKIE_NAME);
    value.to_owned()
}

/// Stores a session that holds one number; its cookie.
async fn store(sessions: &Sessions, key: &str, value: u64) -> String {
    let session = open(sessions, "").await;
    session.set(key, value);
    commit(sessions, &session)
        .await
        .expect("a new session has a cookie")
}

/// An application that counts the visits of a session.
fn counter(sessions: &Sessions) -> Router {
    async fn visit(session: Session) -> String {
        session.update("visits", |visits: &mut Option<u64>| {
            *visits.get_or_insert(0) += 1;
        });
        session.get::<u64>("visits").unwrap().unwrap().to_string()
    }
    Router::new()
        .route("/", get(visit))
        .layer(SessionLayer::from(sessions.clone()))
}

/// What a visit comes to: the status, the body, the cookie that is set.
async fn visit(app: &Router, cookie: &str) -> (StatusCode, String, Option<String>) {
    let request = Request::get("/").header(COOKIE, format!("{COOKIE_NAME}={cookie}"));
    let response = app
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status();
    let set_cookie = response.headers().get(SET_COOKIE);
    let cookie = set_cookie.map(|field| cookie_value(field.to_str().unwrap()));
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap(), cookie)
}

/// Every file below a folder, by its path in it, and what it holds.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(folder)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// The files of sessions alone: neither locks nor what is left of something.
fn session_files(folder: &Path) -> Vec<PathBuf> {
    let is_session = |name: &String| name.len() == "ab/".len() + 64;
    let names = files(folder).into_keys().filter(is_session);
    names.map(|name| folder.join(name)).collect()
}
