//! The shop as its visitors meet it, without a server: how an application tests its handlers.

use axum::http::StatusCode;
use bookshop::shelf::Shelf;
use bookshop::visitor::Visitor;
use session::testing::Browser;
use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, Sessions};

use crate::routes::routes;

/// A visitor before a shop of the visitor's own, and the sessions of that shop.
fn visitor() -> (Browser, Sessions) {
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
    let sessions = Sessions::new(cookie, MemoryStorage::new());
    let app = routes(Shelf::stocked()).layer(SessionLayer::from(sessions.clone()));
    (Browser::new(app), sessions)
}

#[tokio::test]
async fn the_theme_stays() {
    let (mut browser, _) = visitor();
    browser.post_form("/set-theme", &[("theme", "dark")]).await;
    for path in ["/", "/books", "/cart"] {
        let page = browser.get(path).await;
        assert!(page.text().contains(r#"data-theme="dark""#), "{path}");
    }
}

#[tokio::test]
async fn a_theme_that_the_shop_has_not_is_refused() {
    let (mut browser, _) = visitor();
    let page = browser.post_form("/set-theme", &[("theme", "blue")]).await;
    assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(browser.cookie("__Host-session"), None);
}

#[tokio::test]
async fn a_book_goes_into_the_cart_and_is_announced_once() {
    let (mut browser, sessions) = visitor();
    browser.post_form("/cart/add", &[("title", "Dune")]).await;
    let page = browser.post_form("/cart/add", &[("title", "Dune")]).await;
    assert_eq!(page.address().path(), "/cart");
    assert!(page.text().contains("“Dune” is in your cart."));
    assert!(
        !browser
            .get("/cart")
            .await
            .text()
            .contains("is in your cart")
    );
    let session = browser.session::<Visitor>(&sessions).await;
    assert_eq!(session.cart().get("Dune"), Some(&2));
}

#[tokio::test]
async fn a_login_keeps_the_cart_and_changes_the_id() {
    let (mut browser, sessions) = visitor();
    browser.post_form("/cart/add", &[("title", "Dune")]).await;
    let before = browser.session::<Visitor>(&sessions).await.id();
    let form = [("name", "Ada"), ("password", "secret")];
    let page = browser.post_form("/login", &form).await;
    assert!(page.text().contains("Welcome, Ada."));
    let session = browser.session::<Visitor>(&sessions).await;
    assert_eq!(session.user().as_deref(), Some("Ada"));
    assert_eq!(session.cart().get("Dune"), Some(&1));
    assert_ne!(session.id(), before);
}

#[tokio::test]
async fn a_logout_ends_the_session_for_every_browser_that_has_it() {
    let (mut browser, sessions) = visitor();
    let log_in = |session: &Session<Visitor>| session.set_user("Ada");
    browser.change_session(&sessions, log_in).await;
    let mut copy = browser.clone();
    let page = browser.post_form("/logout", &[]).await;
    assert!(page.text().contains("Goodbye, and come again."));
    assert!(
        copy.get("/")
            .await
            .text()
            .contains("You are <strong>nobody yet</strong>")
    );
}

#[tokio::test]
async fn whoever_is_forgotten_has_no_cookie_left() {
    let (mut browser, _) = visitor();
    browser.post_form("/set-theme", &[("theme", "dark")]).await;
    assert!(browser.cookie("__Host-session").is_some());
    browser.post_form("/forget", &[]).await;
    assert_eq!(browser.cookie("__Host-session"), None);
}
