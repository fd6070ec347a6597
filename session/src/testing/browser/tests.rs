use std::convert::Infallible;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use http_body::Frame;
use tower::service_fn;

use super::*;
use crate::keys::KeyRing;
use crate::storage::MemoryStorage;
use crate::testing::{Calls, Counting, Faulty, TestClock, Verb};
use crate::web::SessionLayer;
use crate::{Expiry, SessionCookie, Untyped};

/// Tells what reached it: method, address, and some fields of the header.
async fn echo(request: Request<Body>) -> String {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let fields = ["host", "cookie", "content-type", "content-length", "accept"].map(|name| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.map_or_else(String::new, |value| format!("\n{name}: {value}"))
    });
    let body = std::str::from_utf8(&body).unwrap();
    format!("{} {}{}\n\n{body}", head.method, head.uri, fields.concat())
}

/// Answers with that status, and leads to the echo.
async fn lead(Path(status): Path<u16>) -> impl IntoResponse {
    let status = StatusCode::from_u16(status).unwrap();
    (
        status,
        [
            ("location", "../echo?from=lead#top"),
            ("set-cookie", "led=yes; Path=/"),
        ],
    )
}

fn routes() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/lead/{status}", any(lead))
}

#[tokio::test]
async fn a_request_looks_as_one_of_a_server() {
    let mut browser = Browser::new(routes());
    let page = browser.get("/echo?title=Dune Messiah").await;
    assert_eq!(
        page.text(),
        "GET /echo?title=Dune%20Messiah\nhost: localhost\n\n"
    );
    let page = browser
        .post_form("/echo", &[("title", "Dune"), ("page", "1 2")])
        .await;
    assert_eq!(
        page.text(),
        "POST /echo\nhost: localhost\ncontent-type: application/x-www-form-urlencoded\ncontent-length: 19\n\ntitle=Dune&page=1+2"
    );
    let request = Request::put("https://api.example/echo").header("accept", "text/plain");
    let page = browser.request(request.body("Dune").unwrap()).await;
    assert_eq!(
        page.text(),
        "PUT /echo\nhost: api.example\ncontent-length: 4\naccept: text/plain\n\nDune"
    );
    assert_eq!(page.address(), "https://api.example/echo");
}

#[tokio::test]
async fn redirects_are_followed_as_browsers_do() {
    let form = "\ncontent-type: text/plain\ncontent-length: 4\n\nDune";
    for (status, before, after) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "PUT", "PUT"),
        (303, "PUT", "GET"),
    ] {
        let mut browser = Browser::new(routes());
        let request = Request::builder()
            .method(before)
            .uri(format!("/lead/{status}"));
        let request = request
            .header(CONTENT_TYPE, "text/plain")
            .body("Dune")
            .unwrap();
        let page = browser.request(request).await;
        let body = if after == "GET" { "\n\n" } else { form };
        assert_eq!(
            page.text(),
            format!("{after} /echo?from=lead\nhost: localhost\ncookie: led=yes{body}"),
            "{status} after {before}"
        );
        assert_eq!(page.address(), "https://localhost/echo?from=lead");
    }
}

#[tokio::test]
async fn other_answers_with_a_location_are_no_redirects() {
    for status in [200, 201, 300, 304, 305] {
        let page = Browser::new(routes()).get(&format!("/lead/{status}")).await;
        assert_eq!(page.status().as_u16(), status);
    }
}

#[tokio::test]
async fn a_redirect_is_a_page_when_it_is_not_to_be_followed() {
    let mut browser = Browser::new(routes()).follow_redirects(false);
    let page = browser.get("/lead/303").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.header("location"), Some("../echo?from=lead#top"));
    assert_eq!(browser.cookie("led"), Some("yes"));
}

#[tokio::test]
async fn a_redirect_to_another_host_or_port_or_to_nowhere_is_not_followed() {
    for location in [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "https://localhost:8443/",
        "mailto:ada@shop.example",
        "https://",
    ] {
        let app: Router = Router::new().route(
            "/",
            get(async move || (StatusCode::FOUND, [("location", location)])),
        );
        let page = Browser::new(app).get("/").await;
        assert_eq!(page.status(), StatusCode::FOUND, "{location}");
        assert_eq!(page.address(), "https://localhost/");
    }
    let app = routes().route("/", get(async || Redirect::to("https://LOCALHOST/echo")));
    assert_eq!(Browser::new(app).get("/").await.status(), StatusCode::OK);
}

#[tokio::test]
#[should_panic(
    expected = "`/` leads to more than 20 redirects in a row, the last to `https://localhost/again`"
)]
async fn redirects_without_end_are_a_panic() {
    let again = get(async || Redirect::to("/again"));
    let app: Router = Router::new()
        .route("/", again.clone())
        .route("/again", again);
    Browser::new(app).get("/").await;
}

#[tokio::test]
#[should_panic(expected = "GET /: the application failed: no route")]
async fn an_application_that_fails_is_a_panic_with_the_cause() {
    let app = service_fn(async |_: Request<Full<Bytes>>| {
        Err::<Response<String>, _>(io::Error::other("no route"))
    });
    Browser::new(app).get("/").await;
}

#[tokio::test]
#[should_panic(expected = "GET /: the body of the answer broke off: cut")]
async fn a_body_that_breaks_off_is_a_panic_with_the_cause() {
    let app = service_fn(async |_: Request<Full<Bytes>>| Ok::<_, Infallible>(Response::new(Cut)));
    Browser::new(app).get("/").await;
}

/// A body that breaks off.
struct Cut;

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other("cut"))))
    }
}

#[tokio::test]
async fn cookies_are_kept_and_sent_and_are_apart_after_a_clone() {
    let set = async |Path(value): Path<String>| [("set-cookie", format!("a={value}; Path=/"))];
    let app = routes().route("/set/{value}", get(set));
    let mut ada = Browser::new(app);
    ada.get("/set/1").await;
    let mut bob = ada.clone();
    bob.get("/set/2").await;
    assert_eq!((ada.cookie("a"), bob.cookie("a")), (Some("1"), Some("2")));
    assert!(bob.get("/echo").await.text().contains("\ncookie: a=2\n"));
    bob.clear_cookies();
    assert!(!bob.get("/echo").await.text().contains("cookie"));
}

#[tokio::test]
async fn a_cookie_field_of_the_requests_own_goes_in_place_of_the_jar_and_no_further() {
    let mut browser = Browser::new(routes());
    browser.set_cookie("a=1");
    let forged = |path: &str| Request::get(path).header(COOKIE, "a=2").body("").unwrap();
    let page = browser.request(forged("/echo")).await;
    assert!(page.text().contains("\ncookie: a=2\n"));
    let page = browser.request(forged("/lead/302")).await;
    assert!(
        page.text().contains("\ncookie: a=1; led=yes\n"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_cookie_that_is_refused_is_told_with_the_reason() {
    let app: Router =
        Router::new().route("/", get(async || [("set-cookie", "session=abc; Secure")]));
    let mut browser = Browser::new(app).at("http://shop.example");
    let page = browser.get("/").await;
    assert_eq!(
        page.refused_cookies(),
        ["`session`: a `Secure` cookie is not kept over plain HTTP"]
    );
    assert_eq!(browser.cookie("session"), None);
    assert!(format!("{page:?}").contains("plain HTTP"));
}

#[test]
#[should_panic(expected = "the browser refuses a cookie: `__Host-a`")]
fn a_cookie_of_the_tests_own_has_to_follow_the_rules() {
    Browser::new(routes()).set_cookie("__Host-a=1");
}

#[test]
#[should_panic(expected = "`shop.example` is no origin")]
fn an_origin_has_a_scheme() {
    let _ = Browser::new(routes()).at("shop.example");
}

/// A shop with sessions, on a storage that counts and fails.
struct Shop {
    storage: Faulty<Counting<MemoryStorage>>,
    counts: Counting<MemoryStorage>,
    sessions: Sessions,
    clock: TestClock,
    browser: Browser,
}

impl Shop {
    fn new() -> Self {
        let clock = TestClock::new();
        let counts = Counting::new(MemoryStorage::new().clock(clock.clone()));
        let storage = Faulty::new(counts.clone());
        let keys = KeyRing::generate().unwrap();
        let cookie = SessionCookie::new("session", keys).path("/shop").unwrap();
        let sessions = Sessions::new(cookie, storage.clone())
            .clock(clock.clone())
            .expiry(Expiry {
                idle: Duration::from_secs(1000),
                absolute: Duration::from_secs(2000),
            });
        let app = Router::new()
            .route(
                "/shop/flash",
                get(async |session: Session| session.flash("notice", "Hi.")),
            )
            .route(
                "/shop/notice",
                get(async |session: Session| {
                    session.get::<String>("notice").unwrap().unwrap_or_default()
                }),
            )
            .route(
                "/shop/data",
                get(async |session: Session| session.data().to_string()),
            )
            .layer(SessionLayer::from(sessions.clone()));
        let browser = Browser::new(app).clock(clock.clone());
        Self {
            storage,
            counts,
            sessions,
            clock,
            browser,
        }
    }
}

#[tokio::test]
async fn to_look_at_the_session_consumes_and_writes_nothing() {
    let mut shop = Shop::new();
    shop.browser.get("/shop/flash").await;
    shop.clock.advance(Duration::from_secs(500));
    shop.counts.take();

    for _ in 0..2 {
        let session = shop.browser.session::<Untyped>(&shop.sessions).await;
        assert_eq!(
            session.get::<String>("notice").unwrap().as_deref(),
            Some("Hi.")
        );
    }
    assert_eq!(
        shop.counts.take(),
        Calls {
            load: 2,
            ..Calls::default()
        }
    );
    assert_eq!(shop.browser.get("/shop/notice").await.text(), "Hi.");
    assert_eq!(shop.browser.get("/shop/notice").await.text(), "");
}

#[tokio::test]
async fn a_browser_without_a_session_shows_a_new_one() {
    let shop = Shop::new();
    let session = shop.browser.session::<Untyped>(&shop.sessions).await;
    assert!(session.is_new() && session.is_empty());
    assert_eq!(shop.counts.take(), Calls::default());
}

#[tokio::test]
async fn a_session_that_was_changed_beside_the_application_is_the_browsers() {
    let mut shop = Shop::new();
    for value in 1..=2 {
        let change = |session: &Session| session.set("user_id", value);
        shop.browser.change_session(&shop.sessions, change).await;
        let data = format!(r#"{{"user_id":{value}}}"#);
        assert_eq!(shop.browser.get("/shop/data").await.text(), data);
    }
    let log_out = |session: &Session| session.destroy();
    shop.browser.change_session(&shop.sessions, log_out).await;
    assert_eq!(shop.browser.cookie("session"), None);
}

#[tokio::test]
async fn cookies_expire_by_the_browsers_clock() {
    let mut shop = Shop::new();
    shop.browser.get("/shop/flash").await;
    shop.clock.advance(Duration::from_secs(999));
    assert!(shop.browser.cookie("session").is_some());
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.browser.cookie("session"), None);
}

#[tokio::test]
#[should_panic(
    expected = "the session could not be opened: the session storage failed: the storage is unavailable"
)]
async fn a_session_that_cannot_be_loaded_is_a_panic_with_the_cause() {
    let mut shop = Shop::new();
    shop.browser.get("/shop/flash").await;
    shop.storage.fail(Verb::Load);
    shop.browser.session::<Untyped>(&shop.sessions).await;
}

#[tokio::test]
async fn it_is_sent_between_tasks_and_shows_no_cookie() {
    let mut shop = Shop::new();
    let browser = tokio::spawn(async move {
        shop.browser.get("/shop/flash").await;
        shop.browser
    });
    let browser = browser.await.unwrap();
    let value = browser.cookie("session").unwrap();
    assert!(!format!("{browser:?}").contains(value));
}
