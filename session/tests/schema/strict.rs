//! `strict`: the extractor refuses a session that does not fit.

use axum::body::Body;
use axum::http::{Request, StatusCode, header::COOKIE};
use axum::routing::get;
use axum::{Router, response::IntoResponse};
use session::web::Rejection;
use session::{Session, SessionLayer, SessionSchema};
use tower::ServiceExt as _;

use crate::World;

#[derive(SessionSchema)]
#[session(strict)]
struct Strict {
    #[session(default)]
    cart: Vec<u64>,
    #[session(flash)]
    notice: Option<String>,
}

#[derive(SessionSchema)]
struct Lenient {
    user_id: Option<u64>,
    #[session(flatten, prefix = "shop_")]
    shop: Strict,
}

async fn status<S: SessionSchema>(key: &str, value: &str) -> (StatusCode, String) {
    async fn handler<S: SessionSchema>(_session: Session<S>) -> impl IntoResponse {}

    let mut world = World::new();
    world
        .request(|session: &Session| {
            session.set(key, value);
            session.flash("notice", "Hello.");
        })
        .await;
    let app: Router = Router::new()
        .route("/", get(handler::<S>))
        .layer(SessionLayer::from(world.sessions.clone()));
    let request = Request::get("/").header(COOKIE, world.cookie.as_deref().unwrap());
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    let session = world.open::<session::Untyped>().await;
    assert!(session.has("notice") && session.has(key), "nothing is lost");
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn strict_schema_refuses_a_session_with_a_value_of_another_type() {
    let (status, body) = status::<Strict>("cart", "hunter2").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(
        body,
        "the session holds a value that does not fit its schema"
    );
}

#[tokio::test]
async fn strict_schema_within_another_is_as_strict() {
    let (refused, _) = status::<Lenient>("shop_cart", "hunter2").await;
    assert_eq!(refused, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn values_that_fit_or_that_no_strict_schema_knows_are_let_through() {
    assert_eq!(status::<Strict>("theme", "dark").await.0, StatusCode::OK);
    assert_eq!(status::<Lenient>("user_id", "7").await.0, StatusCode::OK);
}

#[tokio::test]
async fn refusal_names_the_key_to_whoever_handles_it_and_no_value() {
    async fn handler(session: Result<Session<Strict>, Rejection>) -> String {
        let refusal = session.map(drop).unwrap_err();
        let cause = std::error::Error::source(&refusal).unwrap().to_string();
        format!("{cause} {refusal:?}")
    }

    let mut world = World::new();
    world
        .request(|session: &Session| session.set("cart", "hunter2"))
        .await;
    let app: Router = Router::new()
        .route("/", get(handler))
        .layer(SessionLayer::from(world.sessions.clone()));
    let request = Request::get("/").header(COOKIE, world.cookie.as_deref().unwrap());
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        text.contains("`cart`") && !text.contains("hunter2"),
        "{text}"
    );
}
