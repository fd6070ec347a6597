//! The bookshop on every framework: over a socket, the same answers and headers from all.

mod failures;
mod served;
mod shop;
mod visit;

use serde_json::json;

use self::shop::{Shop, Storage};
use self::visit::visit;
use crate::support::http::{self, Response};

/// Each test below, for each program and each storage.
macro_rules! on_every_framework {
    ($($test:ident),+ $(,)?) => {
        on_every_framework! { @program axum "bookshop" $($test)+ }
        on_every_framework! { @program actix_web "bookshop-actix-web" $($test)+ }
        on_every_framework! { @program poem "bookshop-poem" $($test)+ }
        on_every_framework! { @program salvo "bookshop-salvo" $($test)+ }
        on_every_framework! { @program rocket "bookshop-rocket" $($test)+ }
        on_every_framework! { @program hyper "bookshop-hyper" $($test)+ }
    };
    (@program $name:ident $program:literal $($test:ident)+) => {
        mod $name {
            use super::shop::{Shop, Storage};

            $(
                mod $test {
                    use super::{Shop, Storage};

                    #[test]
                    fn in_memory() {
                        super::super::$test(&Shop::open($program, Storage::Memory));
                    }

                    #[test]
                    fn in_the_cookie() {
                        super::super::$test(&Shop::open($program, Storage::Cookie));
                    }
                }
            )+
        }
    };
}

on_every_framework! {
    every_answer_is_that_of_axum,
    what_a_visitor_does_is_remembered,
    login_gives_another_id_and_logout_ends_the_session,
    forgetting_removes_the_cookie,
    forged_cookie_is_a_new_session,
    untouched_route_says_nothing_of_cookies,
    caches_are_told_of_the_cookie,
}

fn every_answer_is_that_of_axum(shop: &Shop) {
    let axum = Shop::open("bookshop", shop.storage);
    let (expected, given) = (visit(&axum), visit(shop));
    assert_eq!(expected.len(), given.len());
    for (expected, given) in expected.iter().zip(&given) {
        assert_eq!(expected, given);
    }
}

fn what_a_visitor_does_is_remembered(shop: &Shop) {
    let mut visitor = shop.visitor();
    leads(&visitor.post("/set-theme", &[("theme", "dark")]), "/");
    assert!(visitor.get("/").body.contains(r#"data-theme="dark""#));

    leads(&visitor.post("/cart/add", &[("title", "Emma")]), "/cart");
    leads(&visitor.post("/cart/add", &[("title", "Emma")]), "/cart");
    let cart = visitor.get("/cart").body;
    assert!(cart.contains("“Emma” is in your cart."), "{cart}");
    let cart = visitor.get("/cart").body;
    assert!(!cart.contains("flash"), "a message is shown once: {cart}");
    assert_eq!(
        visitor.get("/session").json(),
        json!({ "cart": { "Emma": 2 }, "theme": "dark" })
    );
}

fn login_gives_another_id_and_logout_ends_the_session(shop: &Shop) {
    let mut visitor = shop.visitor();
    visitor.post("/cart/add", &[("title", "Emma")]);
    let before = visitor.cookie.clone();
    let ada = [("name", "Ada"), ("password", "secret")];
    leads(&visitor.post("/login", &ada), "/");
    let logged_in = visitor.cookie.clone();
    assert_ne!(before, logged_in);
    assert!(visitor.get("/").body.contains("Welcome, Ada."));
    assert_eq!(visitor.get("/session").json()["user"], "Ada");
    if shop.storage == Storage::Memory {
        assert_eq!(inside(shop, before.as_deref()), json!({}));
    }

    leads(&visitor.post("/logout", &[]), "/");
    assert_ne!(visitor.cookie, logged_in);
    assert!(visitor.get("/").body.contains("Goodbye, and come again."));
    assert_eq!(visitor.get("/session").json(), json!({}));
    if shop.storage == Storage::Memory {
        assert_eq!(inside(shop, logged_in.as_deref()), json!({}));
    }
}

fn forgetting_removes_the_cookie(shop: &Shop) {
    let mut visitor = shop.visitor();
    visitor.post("/set-theme", &[("theme", "dark")]);
    let cookie = visitor.cookie.clone();
    let answer = visitor.post("/forget", &[]);
    let [set_cookie] = answer.all("set-cookie")[..] else {
        panic!("one Set-Cookie: {:?}", answer.headers);
    };
    assert!(set_cookie.starts_with("__Host-session=;"), "{set_cookie}");
    for attribute in ["Max-Age=0", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        let attributes: Vec<_> = set_cookie.split("; ").collect();
        assert!(attributes.contains(&attribute), "{set_cookie}");
    }
    if shop.storage == Storage::Memory {
        assert_eq!(inside(shop, cookie.as_deref()), json!({}));
    }
}

fn forged_cookie_is_a_new_session(shop: &Shop) {
    let mut visitor = shop.visitor();
    visitor.post("/set-theme", &[("theme", "dark")]);
    let cookie = visitor.cookie.clone().expect("the session is new");
    let last = cookie.len() - 1;
    let other = if cookie.ends_with('A') { "B" } else { "A" };
    for forged in [
        format!("{}{other}", &cookie[..last]),
        cookie.replace("__Host-session", "session"),
        "__Host-session=".to_owned(),
        "__Host-session=%00; =; __Host-session".to_owned(),
    ] {
        assert_eq!(inside(shop, Some(&forged)), json!({}), "{forged}");
    }
    let beside = format!("a=b; __Host-session=forged; {cookie}; c");
    assert_eq!(inside(shop, Some(&beside)), json!({ "theme": "dark" }));
}

fn untouched_route_says_nothing_of_cookies(shop: &Shop) {
    let mut visitor = shop.visitor();
    visitor.post("/cart/add", &[("title", "Emma")]);
    for (path, status) in [
        ("/style.css", 200),
        ("/favicon.ico", 404),
        ("/set-theme", shop.wrong_method),
    ] {
        let answer = visitor.get(path);
        assert_eq!(answer.status, status, "{path}");
        for name in ["set-cookie", "vary", "cache-control"] {
            assert_eq!(answer.header(name), None, "{path}");
        }
    }
    let cart = visitor.get("/cart").body;
    assert!(cart.contains("“Emma” is in your cart."), "{cart}");
}

fn caches_are_told_of_the_cookie(shop: &Shop) {
    let mut visitor = shop.visitor();
    let told = |answer: &Response| {
        let cache_control = answer.header("cache-control").map(str::to_owned);
        assert_eq!(answer.all("vary"), ["Cookie"], "{:?}", answer.headers);
        (answer.all("set-cookie").len(), cache_control)
    };
    assert_eq!(told(&visitor.get("/")), (0, None), "it was only read");
    let no_store = Some("no-store".to_owned());
    let dark = [("theme", "dark")];
    assert_eq!(told(&visitor.post("/set-theme", &dark)), (1, no_store));
    assert_eq!(told(&visitor.get("/session")), (0, None));
    let refused = visitor.post("/set-theme", &[("theme", "blue")]);
    assert_eq!(refused.status, 422);
    assert_eq!(told(&refused), (0, None));
}

/// A storage that is down is a 503, never an empty session.
mod storage_that_is_down {
    use super::*;

    fn is_a_503_of(program: &str) {
        let shop = Shop::open(program, Storage::Files);
        let mut visitor = shop.visitor();
        visitor.post("/set-theme", &[("theme", "dark")]);
        shop.lose_the_files();

        let read = visitor.get("/");
        assert_eq!(read.status, 503);
        assert_eq!(read.header("set-cookie"), None);
        assert!(!read.body.contains("data-theme"), "{}", read.body);
        let stranger = http::post(shop.address(), "/set-theme", &[("theme", "dark")], None);
        assert_eq!(stranger.status, 503, "what was not stored is not promised");
        assert_eq!(stranger.header("set-cookie"), None);
        assert_eq!(stranger.header("location"), None);
        assert_eq!(visitor.get("/style.css").status, 200);

        shop.find_the_files();
        assert_eq!(visitor.get("/session").json(), json!({ "theme": "dark" }));
    }

    #[test]
    fn axum() {
        is_a_503_of("bookshop");
    }

    #[test]
    fn actix_web() {
        is_a_503_of("bookshop-actix-web");
    }

    #[test]
    fn poem() {
        is_a_503_of("bookshop-poem");
    }

    #[test]
    fn salvo() {
        is_a_503_of("bookshop-salvo");
    }

    #[test]
    fn rocket() {
        is_a_503_of("bookshop-rocket");
    }

    #[test]
    fn hyper() {
        is_a_503_of("bookshop-hyper");
    }
}

fn inside(shop: &Shop, cookie: Option<&str>) -> serde_json::Value {
    http::get(shop.address(), "/session", cookie).json()
}

fn leads(answer: &Response, path: &str) {
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some(path));
}
