use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::Request;
use http::header::COOKIE;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use session::testing::{Faulty, Verb};
use session::{MemoryStorage, Session, SessionLayer, SessionSchema, SessionStorage, Sessions};

use super::watch::Watch;
use super::{VALUE, cookie, storage_errors};
use crate::support::client::Client;

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
pub(super) struct Visitor {
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

/// An application that does what may go wrong, and shows all that it can.
pub(super) fn routes(watch: &Watch) -> Router {
    let watch = watch.clone();
    let watching = move |act: fn(&Session)| {
        let watch = watch.clone();
        get(async move |session: Session, visitor: Session<Visitor>| {
            act(&session);
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
            watching(|session| {
                session.set("password", VALUE);
                session.set("number", VALUE);
                session.flash("notice", VALUE);
            }),
        )
        .route("/look", watching(|_| ()))
        .route("/login", watching(Session::regenerate_id))
        .route(
            "/grace",
            watching(|session| {
                session.regenerate_id_keeping_old(Duration::from_secs(60));
            }),
        )
        .route("/logout", watching(Session::destroy))
        .route(
            "/unwritable",
            watching(|session| session.set("unwritable", Unwritable)),
        )
        .route(
            "/too-large",
            watching(|session| session.set("large", VALUE.repeat(200_000))),
        )
        .route(
            "/too-deep",
            watching(|session| {
                let deep = (0..200).fold(serde_json::json!(VALUE), |inner, _| vec![inner].into());
                session.set("deep", deep);
            }),
        )
        .route(
            "/update",
            watching(|session| {
                session.update("number", |number: &mut Option<u64>| *number = Some(1));
                session.set("number", VALUE);
            }),
        )
}

/// Logins, failures and forgeries through the layer, in one storage.
pub(super) async fn scenario(
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
    for forged in [&value[1..], &value[..value.len() - 1], &format!("{value}A")] {
        watch.keep_secret(forged);
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
                watch.show(client.peek(path).await.body);
            }
            storage.heal();
        }
    }
    watch.debug(&storage_errors());
    client.get("/logout").await.ok();
}
