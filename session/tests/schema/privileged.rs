//! `privileged`: a change of rights replaces the session's id by itself.

use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, Response};
use axum::routing::{get, post};
use axum::{Router, response::IntoResponse};
use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, SessionSchema};
use tower::ServiceExt as _;

use crate::World;

#[derive(SessionSchema)]
struct Visitor {
    #[session(privileged)]
    user_id: Option<u64>,
    #[session(default, privileged)]
    roles: Vec<String>,
    #[session(default)]
    cart: Vec<String>,
}

async fn buy(session: Session<Visitor>) {
    session.update_cart(|cart| cart.push("Emma".to_owned()));
}

async fn log_in(session: Session<Visitor>) {
    session.set_user_id(7);
}

async fn show(session: Session<Visitor>) -> impl IntoResponse {
    format!("{:?} {:?}", session.user_id(), session.cart())
}

fn shop() -> Router {
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
    Router::new()
        .route("/buy", post(buy))
        .route("/login", post(log_in))
        .route("/", get(show))
        .layer(SessionLayer::new(cookie, MemoryStorage::new()))
}

async fn send(app: &Router, request: Request<Body>) -> (Response<Body>, Option<String>) {
    let response = app.clone().oneshot(request).await.unwrap();
    let cookie = response.headers().get(SET_COOKIE).map(|field| {
        let pair = field.to_str().unwrap().split(';').next();
        pair.unwrap().to_owned()
    });
    (response, cookie)
}

fn request(method: &str, path: &str, cookie: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.header(COOKIE, cookie).body(Body::empty()).unwrap()
}

async fn shown(app: &Router, cookie: &str) -> String {
    let (response, _) = send(app, request("GET", "/", cookie)).await;
    let body = axum::body::to_bytes(response.into_body(), 1000)
        .await
        .unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn login_by_its_setter_alone_gives_a_new_id_and_kills_the_old_one() {
    let app = shop();
    let (_, planted) = send(&app, request("POST", "/buy", "a=b")).await;
    let planted = planted.expect("a new session");
    let (_, own) = send(&app, request("POST", "/login", &planted)).await;
    let own = own.expect("another id");
    assert_ne!(own, planted);
    assert_eq!(shown(&app, &own).await, r#"Some(7) ["Emma"]"#);
    assert_eq!(
        shown(&app, &planted).await,
        "None []",
        "the old id opens nothing"
    );

    let (_, again) = send(&app, request("POST", "/login", &own)).await;
    assert_eq!(again, None, "the same value is no change of rights");
}

/// Whether a change to a stored session replaced its id.
async fn replaces(change: impl FnOnce(&Session<Visitor>)) -> bool {
    let mut world = World::new();
    world
        .request(|session: &Session<Visitor>| {
            session.set_user_id(7);
            session.set_roles(vec!["reader".to_owned()]);
        })
        .await;
    let old = world.cookie.clone();
    world.request(change).await;
    let old_opens = !world.sessions.open(&old).await.unwrap().is_new();
    assert_eq!(old_opens, world.cookie == old, "one id opens the session");
    assert!(!world.open::<Visitor>().await.is_new());
    world.cookie != old
}

#[tokio::test]
async fn every_way_to_another_value_replaces_the_id() {
    assert!(replaces(|session| session.set_user_id(8)).await);
    assert!(replaces(|session| session.unset_user_id()).await);
    assert!(replaces(|session| session.update_user_id(|id| *id = None)).await);
    assert!(replaces(|session| session.update_roles(|roles| roles.push("writer".into()))).await);
    assert!(replaces(|session| session.unset_roles()).await);
}

#[tokio::test]
async fn same_value_and_other_fields_keep_the_id() {
    assert!(!replaces(|session| session.set_user_id(7)).await);
    assert!(!replaces(|session| session.update_user_id(|_| {})).await);
    assert!(!replaces(|session| session.set_cart(vec!["Dune".into()])).await);
    assert!(!replaces(|session| assert_eq!(session.user_id(), Some(7))).await);
}

#[test]
fn removing_what_is_not_there_keeps_the_id() {
    let session = Session::new().schema::<Visitor>();
    let before = session.id();
    session.unset_user_id();
    assert_eq!(session.id(), before);
}
