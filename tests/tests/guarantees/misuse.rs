//! What an application gets that is put together wrongly: an answer that says what to change.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use session::storage::{Context, CookieUpdate};
use session::testing::Calls;
use session::{
    Error, KeyRing, Session, SessionCookie, SessionLayer, SessionSchema, SessionStorage,
};

use super::app;
use super::stage::{COOKIE, Stage, Storage};
use crate::support::client::Client;
use crate::support::log::Log;

#[tokio::test]
async fn a_missing_layer_is_a_500_whose_body_says_which_line_to_add() {
    let client = Client::new(app::routes());
    let answer = client.peek("/show").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer
            .body
            .contains("`.layer(SessionLayer::new(cookie, storage))`"),
        "{}",
        answer.body
    );
    answer.sets_no_cookie();
    assert_eq!(client.peek("/untouched").await.ok(), "nothing");
}

#[tokio::test]
async fn two_layers_on_one_route_are_a_500_and_store_nothing() {
    let stage = Stage::memory();
    let inner = SessionCookie::new("inner", KeyRing::generate().unwrap());
    let inner = SessionLayer::from(stage.sessions_under(inner));
    let client = stage.client(app::routes().layer(inner));
    for path in ["/untouched", "/show", "/do/set-key"] {
        let answer = client.peek(path).await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        answer.sets_no_cookie();
    }
    assert_eq!(stage.records(), 0);
}

/// Also where no handler asks for a session: which of the two it would get is not left to chance.
#[tokio::test]
async fn a_layer_on_a_nested_router_inside_another_is_refused_by_name() {
    let stage = Stage::memory();
    let inner = || SessionCookie::new("inner", KeyRing::generate().unwrap());
    let twice = |inner: SessionLayer| {
        let nested = app::routes().layer(inner);
        stage.client(app::routes().nest("/nested", nested))
    };
    // Another layer, and the same one once more.
    for (client, name) in [
        (twice(stage.sessions_under(inner()).into()), "inner"),
        (twice(stage.layer()), COOKIE),
    ] {
        for path in ["/nested/untouched", "/nested/show", "/nested/do/set-key"] {
            let log = Log::start();
            let answer = client.peek(path).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            answer.sets_no_cookie();
            let told = format!(r#"outer="{COOKIE}" inner="{name}""#);
            assert!(log.text().contains(&told), "{}", log.text());
        }
        assert_eq!(client.peek("/untouched").await.ok(), "nothing");
        assert_eq!(client.peek("/show").await.ok(), "{}");
    }
    assert_eq!((stage.calls(), stage.records()), (Calls::default(), 0));
}

#[tokio::test]
async fn two_layers_on_routes_of_their_own_keep_to_themselves() {
    let stage = Stage::memory();
    let admin = SessionCookie::new("__Host-admin", KeyRing::generate().unwrap());
    let admin = SessionLayer::from(stage.sessions_under(admin));
    let routes = app::routes().layer(stage.layer());
    let mut client = Client::new(
        Router::new()
            .merge(routes)
            .nest("/admin", app::routes().layer(admin)),
    );
    client.get("/do/set-key").await.ok();
    let visitor = client.clone();
    let answer = client.get("/admin/do/set-secret").await;
    assert!(
        client.cookie().unwrap().starts_with("__Host-admin="),
        "{answer:?}"
    );
    assert_eq!(
        client.peek("/admin/show").await.ok(),
        r#"{"secret":"secret"}"#
    );
    assert_eq!(client.peek("/show").await.ok(), "{}");
    assert_eq!(visitor.peek("/show").await.ok(), r#"{"key":"key"}"#);
    assert_eq!(visitor.peek("/admin/show").await.ok(), "{}");
}

/// A storage that takes no privileged schemas, as `WorkersKvStorage::new` makes one.
struct Cautious(Storage);

impl SessionStorage for Cautious {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        SessionStorage::read(&self.0, value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        SessionStorage::save(&self.0, session, context).await
    }

    fn refuses_privileged(&self) -> bool {
        true
    }
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Auth {
    #[session(privileged)]
    user_id: Option<u64>,
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Visitor {
    theme: Option<String>,
    #[session(flatten)]
    auth: Auth,
}

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Settings {
    theme: Option<String>,
}

fn logins() -> Router {
    app::routes()
        .route("/auth", get(|_: Session<Auth>| async { "in" }))
        .route("/visitor", get(|_: Session<Visitor>| async { "in" }))
        .route("/settings", get(|_: Session<Settings>| async { "in" }))
}

#[tokio::test]
async fn a_privileged_schema_on_a_storage_for_others_is_a_500_whose_body_says_what_to_write() {
    let stage = Stage::memory();
    for boxed in [false, true] {
        let cautious = Cautious(stage.storage.clone());
        let mut client = if boxed {
            stage.client_through(cautious.boxed(), logins())
        } else {
            stage.client_through(cautious, logins())
        };
        client.get("/do/set-key").await.ok();
        stage.calls();
        for (path, schema) in [("/auth", "misuse::Auth"), ("/visitor", "misuse::Visitor")] {
            let log = Log::start();
            let answer = client.peek(path).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            for told in [
                schema,
                "`WorkersKvStorage::accepting_eventual_consistency(kv)`",
            ] {
                assert!(answer.body.contains(told), "{}", answer.body);
                assert!(log.text().contains(told), "{}", log.text());
            }
            answer.sets_no_cookie();
        }
        assert_eq!(stage.calls(), Calls::default(), "nothing was loaded");
        assert_eq!(client.peek("/settings").await.ok(), "in");
        assert_eq!(client.peek("/show").await.ok(), r#"{"key":"key"}"#);
    }
}

#[tokio::test]
async fn a_storage_that_says_nothing_takes_privileged_schemas() {
    let client = Stage::memory().client(logins());
    for path in ["/auth", "/visitor", "/settings"] {
        assert_eq!(client.peek(path).await.ok(), "in");
    }
}
