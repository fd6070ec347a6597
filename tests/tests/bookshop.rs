//! The bookshop over plain HTTP: what its forms refuse, and what it says when it cannot open.

use std::fs;
use std::net::TcpListener;
use std::thread;

use serde_json::json;
use tempfile::TempDir;

use crate::support::bookshop::{Bookshop, SECRET};
use crate::support::http::{self, Visitor};

#[test]
fn theme_of_another_name_is_refused_and_changes_nothing() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/set-theme", &[("theme", "dark")]);

    let forms: [&[(&str, &str)]; 4] = [
        &[("theme", "blue")],
        &[("theme", "Light")],
        &[("theme", "")],
        &[],
    ];
    for form in forms {
        let response = visitor.post("/set-theme", form);
        assert_eq!(response.status, 422, "{form:?}");
        assert_eq!(response.cookie(), None);
        assert_eq!(visitor.get("/session").json(), json!({ "theme": "dark" }));
    }

    let stranger = http::post(shop.address, "/set-theme", &[("theme", "blue")], None);
    assert_eq!(stranger.status, 422);
    assert_eq!(stranger.cookie(), None, "a refused form begins no session");
}

#[test]
fn redirects_are_303() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    let mut leads = |path: &str, fields: &[(&str, &str)], target: &str| {
        let response = visitor.post(path, fields);
        assert_eq!(response.status, 303, "{path} {fields:?}");
        assert_eq!(
            response.header("location"),
            Some(target),
            "{path} {fields:?}"
        );
    };
    leads("/set-theme", &[("theme", "dark")], "/");
    leads("/books/create", &[("title", "Orlando")], "/books");
    leads("/books/create", &[("title", " ")], "/books/create");
    leads("/cart/add", &[("title", "Orlando")], "/cart");
    leads(
        "/login",
        &[("name", "Ada"), ("password", "wrong")],
        "/login",
    );
    leads("/login", &[("name", "Ada"), ("password", "secret")], "/");
    leads("/logout", &[], "/");
    leads("/forget", &[], "/");
}

#[test]
fn what_visitors_type_is_escaped() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    let typed = r#"<script>alert("1")</script>&'"#;
    let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;";
    visitor.post("/books/create", &[("title", typed)]);
    visitor.post("/cart/add", &[("title", typed)]);
    visitor.post("/login", &[("name", typed), ("password", "secret")]);

    for path in ["/books", "/cart", "/", "/login", "/books/create"] {
        let page = visitor.get(path).body;
        assert!(page.contains(escaped), "{path} shows what was typed");
        assert!(!page.contains("<script"), "{path} runs what was typed");
    }
}

#[test]
fn login_needs_a_name_and_the_password() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    let long = "x".repeat(101);
    for (name, password) in [
        ("Ada", "guess"),
        ("", "secret"),
        ("  ", "secret"),
        (&long, "secret"),
    ] {
        let response = visitor.post("/login", &[("name", name), ("password", password)]);
        assert_eq!(response.header("location"), Some("/login"));
        let page = visitor.get("/login").body;
        assert!(page.contains("That name and password do not match."));
        assert_eq!(visitor.get("/session").json(), json!({}));
    }
    let incomplete = visitor.post("/login", &[("name", "Ada")]);
    assert_eq!(incomplete.status, 422);
}

#[test]
fn cart_refuses_a_title_that_is_empty_or_too_long() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/cart/add", &[("title", "Walden")]);
    visitor.get("/cart");

    for title in ["", "  ", &"x".repeat(101)] {
        visitor.post("/cart/add", &[("title", title)]);
        assert!(visitor.get("/cart").body.contains("flash-error"));
        assert_eq!(
            visitor.get("/session").json(),
            json!({ "cart": { "Walden": 1 } })
        );
    }
}

#[test]
fn clicks_at_the_same_moment_all_count() {
    for storage in ["memory:", "file:./sessions"] {
        let folder = TempDir::new().expect("a folder");
        let shop = Bookshop::open(folder.path(), &[("SESSION_STORAGE", storage)]);
        let mut visitor = Visitor::of(shop.address);
        visitor.post("/set-theme", &[("theme", "dark")]);
        let (address, cookie) = (shop.address, visitor.cookie.as_deref());

        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(move || {
                    let response = http::post(address, "/cart/add", &[("title", "Walden")], cookie);
                    assert_eq!(response.status, 303);
                });
            }
        });

        let session = visitor.get("/session").json();
        assert_eq!(session["cart"], json!({ "Walden": 16 }), "{storage}");
    }
}

#[test]
fn page_that_does_not_exist_leaves_the_session_alone() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/books/create", &[("title", "Orlando")]);

    let missing = visitor.get("/favicon.ico");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("There is no such page."));
    assert_eq!(missing.cookie(), None);
    assert_eq!(visitor.get("/set-theme").status, 405);

    assert!(visitor.get("/books").body.contains("flash-success"));
}

#[test]
fn session_as_json_is_without_its_id() {
    let (shop, _folder) = shop_in_memory();
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/login", &[("name", "Ada"), ("password", "secret")]);
    visitor.get("/");

    let session = visitor.get("/session");
    assert_eq!(session.header("content-type"), Some("application/json"));
    assert_eq!(session.json(), json!({ "user": "Ada" }));
}

#[test]
fn shop_without_settings_keeps_its_sessions_and_its_secret_over_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let shop = Bookshop::open(folder.path(), &[]);
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/set-theme", &[("theme", "dark")]);
    shop.stop();
    let secret = folder.path().join(".session-secret");
    let first = fs::read(&secret).expect("the secret is kept in a file");
    let log = fs::read_to_string(folder.path().join("stderr.log")).expect("what it said");
    assert!(log.contains("warning: SESSION_SECRET is not set"), "{log}");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&secret)
            .expect("the file is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let shop = Bookshop::open(folder.path(), &[]);
    assert_eq!(fs::read(&secret).expect("the secret is still there"), first);
    let session = http::get(shop.address, "/session", visitor.cookie.as_deref());
    assert_eq!(session.json(), json!({ "theme": "dark" }));
}

#[test]
fn port_that_is_taken_is_said() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("an address").port().to_string();
    let line = refusal(&[("PORT", &port)]);
    assert!(line.starts_with(&format!("port {port} is taken")), "{line}");
}

#[test]
fn port_that_is_no_number_is_said() {
    let line = refusal(&[("PORT", "http")]);
    assert!(line.starts_with("PORT is a number"), "{line}");
}

#[test]
fn folder_that_cannot_be_written_is_said() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("a-file");
    fs::write(&file, "not a folder").expect("a file");
    let url = format!("file:{}/sessions", file.display());
    let line = refusal(&[("SESSION_STORAGE", &url)]);
    assert!(line.starts_with("SESSION_STORAGE: "), "{line}");
    assert!(line.contains("a-file/sessions: "), "{line}");
}

#[test]
fn storage_that_is_unknown_is_said_with_those_that_are_known() {
    let line = refusal(&[("SESSION_STORAGE", "paper:./sessions")]);
    assert!(line.starts_with("SESSION_STORAGE: "), "{line}");
    for known in ["memory:", "cookie:", "file:"] {
        assert!(line.contains(known), "{line}");
    }
}

#[test]
fn secret_that_is_too_short_is_said_and_not_shown() {
    for secret in ["", "hunter2"] {
        let line = refusal(&[("SESSION_SECRET", secret)]);
        assert!(line.starts_with("SESSION_SECRET: "), "{line}");
        assert!(line.contains("too short") && line.contains("32"), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

fn shop_in_memory() -> (Bookshop, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let variables = [("SESSION_STORAGE", "memory:"), ("SESSION_SECRET", SECRET)];
    (Bookshop::open(folder.path(), &variables), folder)
}

/// The one line that the shop says before it gives up.
fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a folder");
    let variables = [
        &[("SESSION_STORAGE", "memory:"), ("SESSION_SECRET", SECRET)],
        variables,
    ]
    .concat();
    let Err(refusal) = Bookshop::try_open(folder.path(), &variables) else {
        panic!("the shop opened");
    };
    assert_eq!(refusal.code, Some(1), "{refusal:?}");
    let line = refusal
        .stderr
        .strip_prefix("bookshop: ")
        .expect("its name first");
    let line = line.strip_suffix('\n').expect("a whole line");
    assert!(!line.contains('\n'), "more than a line: {line}");
    line.to_owned()
}
