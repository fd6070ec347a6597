//! A session that outlives its response, kept by a stream, a web socket or a task: what can still be committed is, and
//! what can't be is told.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::routing::get;
use http::StatusCode;
use session::storage::{Context, CookieUpdate};
use session::testing::Calls;
use session::web::session_of;
use session::{Error, Session, SessionStorage};
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::app::{self, Door, act};
use super::stage::{IDLE, Stage, Storage};
use crate::support::client::{Client, SetCookie};
use crate::support::log::Log;

mod by_hand;
mod lost;
mod panics;

on_backends!(
    a_change_needs_no_cookie_and_is_stored,
    a_new_session_is_refused_and_not_stored,
    a_new_id_is_refused_and_nothing_stored,
    a_logout_is_carried_out,
    what_follows_a_logout_is_refused,
    a_session_that_another_request_has_ended_is_gone,
    activity_is_written_and_left_to_the_next_request_to_renew,
    a_commit_that_the_response_meets_leaves_its_cookie_there,
    a_cookie_that_a_task_is_about_to_leave_is_waited_for,
    a_task_stores_what_the_browser_gets_a_cookie_for_or_nothing,
    a_session_that_is_first_asked_for_after_the_response_cannot_begin,
);
in_the_cookie!(
    every_change_in_the_cookie_is_refused,
    a_logout_in_the_cookie_is_refused,
    reading_and_activity_in_the_cookie_are_no_change,
);

/// Keeps the sessions of requests.
#[derive(Clone)]
struct Pocket {
    kept: Arc<Mutex<Vec<Session>>>,
    door: Door,
}

impl Pocket {
    /// `/keep/{what}` does what it says and keeps a clone; `/keep/{what}/{status}` answers with that status, and
    /// `/wait/{what}` waits at the door.
    fn routes(&self) -> Router {
        let keep = |pocket: Self, session: Session, what: &str| {
            pocket.kept.lock().unwrap().push(session.clone());
            act(&session, what)
        };
        let kept = async move |State(pocket), session, Path(what): Path<String>| {
            keep(pocket, session, &what)
        };
        let failed =
            async move |State(pocket), session, Path((what, status)): Path<(String, u16)>| {
                keep(pocket, session, &what);
                StatusCode::from_u16(status).unwrap()
            };
        let waited = async move |State(pocket): State<Self>, session, Path(what): Path<String>| {
            keep(pocket.clone(), session, &what);
            pocket.door.pass().await;
        };
        let routes = Router::new()
            .route("/keep/{what}", get(kept))
            .route("/keep/{what}/{status}", get(failed))
            .route("/wait/{what}", get(waited));
        app::routes().merge(routes.with_state(self.clone()))
    }

    fn take(&self) -> Session {
        self.kept.lock().unwrap().pop().unwrap()
    }

    /// The session of a request whose client has gone away before the handler came to its end.
    async fn of_dropped_request(&self, client: &Client, what: &str) -> Session {
        let request = client.start(&format!("/wait/{what}"));
        self.door.entered(1).await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        self.take()
    }
}

/// A browser with a stored session, and the pocket of its application.
async fn visit(stage: &Stage) -> (Client, Pocket) {
    let pocket = Pocket {
        kept: Arc::default(),
        door: Door::new(),
    };
    let mut client = stage.client(pocket.routes());
    client.get("/do/set-first").await.ok();
    (client, pocket)
}

#[track_caller]
fn is_refused(committed: &Result<(), Error>) {
    assert!(
        matches!(committed, Err(Error::HeadersSent)),
        "{committed:?}"
    );
}

async fn a_change_needs_no_cookie_and_is_stored(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    // After a response that had nothing to commit, one that had, and one of a handler that failed.
    for path in ["/keep/look", "/keep/set-second", "/keep/set-lost/500"] {
        client.peek(path).await.sets_no_cookie();
        let session = pocket.take();
        act(&session, "add-count");
        session.commit().await.unwrap();
        act(&session, "add-count");
        session.commit().await.unwrap();
    }
    assert_eq!(
        client.peek("/show").await.ok(),
        r#"{"count":6,"first":"first","second":"second"}"#
    );
}

async fn a_new_session_is_refused_and_not_stored(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    let stranger = client.anonymous();
    let records = stage.records();
    for path in ["/keep/look", "/keep/set-lost/500"] {
        stranger.peek(path).await.sets_no_cookie();
        let session = pocket.take();
        session.commit().await.unwrap();
        act(&session, "set-key");
        for _ in 0..2 {
            is_refused(&session.commit().await);
        }
    }
    assert_eq!(stage.records(), records);
}

async fn a_new_id_is_refused_and_nothing_stored(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    for what in ["login", "grace-30"] {
        client.peek("/keep/look").await.ok();
        let session = pocket.take();
        act(&session, what);
        stage.calls();
        is_refused(&session.commit().await);
        act(&session, "set-key");
        is_refused(&session.commit().await);
        assert_eq!(stage.calls(), Calls::default());
    }
    assert_eq!(client.peek("/show").await.ok(), r#"{"first":"first"}"#);
}

async fn a_logout_is_carried_out(stage: Stage) {
    let log = Log::start();
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    act(&session, "logout");
    session.commit().await.unwrap();
    session.commit().await.unwrap();
    assert!(session.is_destroyed());
    assert_eq!(client.peek("/show").await.ok(), "{}");
    drop(session);
    assert_eq!(log.lines("WARN"), 0, "{}", log.text());
}

async fn what_follows_a_logout_is_refused(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    act(&session, "goodbye");
    let records = stage.records();
    is_refused(&session.commit().await);
    assert!(stage.records() <= records);
    assert_eq!(client.peek("/show").await.ok(), "{}");
}

async fn a_session_that_another_request_has_ended_is_gone(stage: Stage) {
    let log = Log::start();
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    client.peek("/do/logout").await.ok();
    act(&session, "set-key");
    session.commit().await.unwrap();
    assert!(session.is_destroyed());
    act(&session, "set-key");
    drop(session);
    assert_eq!(client.peek("/show").await.ok(), "{}");
    assert_eq!(log.lines("WARN"), 0, "{}", log.text());
}

async fn activity_is_written_and_left_to_the_next_request_to_renew(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    for change in ["look", "add-count"] {
        stage.wait(IDLE / 2);
        act(&session, change);
        session.commit().await.unwrap();
    }
    stage.wait(IDLE / 2);
    assert_eq!(
        client.peek("/do/add-count").await.max_age(),
        IDLE,
        "it is alive, and its cookie becomes as old as it is"
    );

    // The socket's write does not make the request's own superfluous.
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    stage.wait(IDLE / 5);
    act(&session, "add-count");
    session.commit().await.unwrap();
    assert_eq!(client.peek("/show").await.max_age(), IDLE);
    client.peek("/show").await.sets_no_cookie();
}

async fn a_commit_that_the_response_meets_leaves_its_cookie_there(stage: Stage) {
    for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
        let gate = stage.storage.hold_after(0);
        let door = Door::new();
        let (reached, leave) = (gate.clone(), door.clone());
        let spawn = async move |session: Session| {
            let task = session.clone();
            act(&task, "set-key");
            tokio::spawn(async move { task.commit().await.unwrap() });
            reached.reached().await;
            leave.pass().await;
            status
        };
        let mut client = stage.client(app::routes().route("/spawn", get(spawn)));
        let request = client.start("/spawn");
        door.entered(1).await;
        door.open(1);
        for _ in 0..100 {
            yield_now().await;
        }
        gate.open();
        let answer = request.await.unwrap();
        assert!(
            matches!(answer.cookie(), SetCookie::Set { .. }),
            "{answer:?}"
        );
        client.take_in(&answer);
        assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
    }
}

/// Waits at a door once a session is saved, before it says what the browser is to be told.
struct Hesitating(Storage, Door);

impl SessionStorage for Hesitating {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        SessionStorage::read(&self.0, value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        let update = SessionStorage::save(&self.0, session, context).await?;
        self.1.pass().await;
        Ok(update)
    }
}

async fn a_cookie_that_a_task_is_about_to_leave_is_waited_for(stage: Stage) {
    let (saved, ended) = (Door::new(), Door::new());
    let (reached, leave) = (saved.clone(), ended.clone());
    let spawn = async move |session: Session| {
        let task = session.clone();
        act(&task, "set-key");
        tokio::spawn(async move { task.commit().await.unwrap() });
        reached.entered(1).await;
        leave.pass().await;
    };
    let storage = Hesitating(stage.storage.clone(), saved.clone());
    let routes = app::routes().route("/spawn", get(spawn));
    let client = stage.client_through(storage, routes);
    let request = client.start("/spawn");
    ended.entered(1).await;
    ended.open(1);
    for _ in 0..100 {
        yield_now().await;
    }
    // The task's commit, and the response's, which has the cookie alone left to do.
    saved.open(2);
    let answer = request.await.unwrap();
    assert!(
        matches!(answer.cookie(), SetCookie::Set { .. }),
        "{answer:?}"
    );
}

/// The task's commit comes before, in the middle of, or after the end of the response, as the threads have it.
async fn a_task_stores_what_the_browser_gets_a_cookie_for_or_nothing(stage: Stage) {
    let (sender, mut outcomes) = mpsc::unbounded_channel();
    let spawn = async move |session: Session| {
        let sender = sender.clone();
        tokio::spawn(async move {
            act(&session, "set-key");
            sender.send(session.commit().await).unwrap();
        });
    };
    let client = stage.client(app::routes().route("/spawn", get(spawn)));
    for _ in 0..100 {
        let records = stage.records();
        let mut browser = client.clone();
        let answer = browser.start("/spawn").await.unwrap();
        let committed = outcomes.recv().await.unwrap();
        browser.take_in(&answer);
        let shown = browser.peek("/show").await.body;
        if browser.cookie().is_some() {
            committed.unwrap();
            assert_eq!(shown, r#"{"key":"key"}"#);
        } else {
            is_refused(&committed);
            assert_eq!(stage.records(), records);
        }
    }
}

async fn a_session_that_is_first_asked_for_after_the_response_cannot_begin(stage: Stage) {
    let (client, _) = visit(&stage).await;
    let (sender, mut requests) = mpsc::unbounded_channel();
    let leave = async move |request: Request| sender.send(request.into_parts().0).unwrap();
    let client = client.moved_to(Router::new().route("/", get(leave)).layer(stage.layer()));
    for (client, is_new) in [(client.anonymous(), true), (client, false)] {
        client.peek("/").await.ok();
        let late = requests.recv().await.unwrap();
        let session: Session = session_of(&late.extensions, &late.headers).await.unwrap();
        assert_eq!(session.is_new(), is_new);
        act(&session, "set-key");
        let committed = session.commit().await;
        if is_new {
            is_refused(&committed);
        } else {
            committed.unwrap();
        }
    }
}

async fn every_change_in_the_cookie_is_refused(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    for what in [
        "set-key",
        "unset-first",
        "add-count",
        "flash-notice",
        "rotate",
        "clear",
    ] {
        for path in ["/keep/look", "/keep/set-key", "/keep/look/500"] {
            client.peek(path).await;
            let session = pocket.take();
            act(&session, what);
            is_refused(&session.commit().await);
        }
    }
}

async fn a_logout_in_the_cookie_is_refused(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    for what in ["logout", "goodbye"] {
        client.peek("/keep/look").await.ok();
        let session = pocket.take();
        act(&session, what);
        for _ in 0..2 {
            is_refused(&session.commit().await);
        }
    }
}

async fn reading_and_activity_in_the_cookie_are_no_change(stage: Stage) {
    let (client, pocket) = visit(&stage).await;
    client.peek("/keep/look").await.ok();
    let session = pocket.take();
    for seconds in [0, IDLE / 2] {
        stage.wait(seconds);
        act(&session, "look");
        session.commit().await.unwrap();
    }
    client.anonymous().peek("/keep/look").await.ok();
    pocket.take().commit().await.unwrap();
    assert_eq!(client.peek("/show").await.max_age(), IDLE);
}
