//! The bookshop on every storage, by `SESSION_STORAGE` alone, and the small program of each family of storages.

use serde_json::json;

use super::place::Place;
use crate::support::bookshop::{Bookshop, SECRET};
use crate::support::example::Example;
use crate::support::http::{Visitor, get};
use crate::support::servers::memcached::Memcached;
use crate::support::servers::postgres::Postgres;
use crate::support::servers::redis::Redis;

// All but DynamoDB, to which the AWS SDK sends nothing in this build.
on_shared_storages! {
    @ [files sqlite redis redis_cluster memcached postgres mariadb] [the_bookshop_runs_on_it]
}

async fn the_bookshop_runs_on_it(place: &Place) {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("SESSION_STORAGE", place.url()), ("SESSION_SECRET", SECRET)];
    let shop = Bookshop::open(folder.path(), &variables);
    let mut visitor = Visitor::of(shop.address);
    visitor.post("/set-theme", &[("theme", "dark")]);
    let before_login = visitor.cookie.clone();
    visitor.post("/login", &[("name", "Ada"), ("password", "secret")]);
    assert_ne!(visitor.cookie, before_login, "another id after the login");
    for is_told in [true, false] {
        let home = visitor.get("/").body;
        assert_eq!(home.contains("Welcome, Ada."), is_told, "flashed once");
    }
    let stale = get(shop.address, "/session", before_login.as_deref());
    assert_eq!(stale.json(), json!({}));

    // A restart of the shop loses nothing, and another shop on the same storage knows the visitor, too.
    shop.stop();
    let shops = [(); 2].map(|()| Bookshop::open(folder.path(), &variables));
    for shop in &shops {
        let seen = get(shop.address, "/session", visitor.cookie.as_deref()).json();
        assert_eq!(seen["theme"], "dark");
    }
    let [one, other] = shops;
    let mut visitor_of_one = Visitor::of(one.address);
    visitor_of_one.cookie.clone_from(&visitor.cookie);
    visitor_of_one.post("/logout", &[]);
    let seen = get(other.address, "/session", visitor.cookie.as_deref());
    assert_eq!(seen.json(), json!({}), "logged out everywhere");
}

/// Two visits of one visitor, and what a new one sees.
fn counts_visits(example: &Example) {
    let mut visitor = Visitor::of(example.address);
    for visit in 1..=2 {
        let response = visitor.get("/");
        assert_eq!(
            (response.status, response.body),
            (200, format!("visit {visit}\n"))
        );
    }
    assert_eq!(Visitor::of(example.address).get("/").body, "visit 1\n");
}

#[test]
fn the_examples_without_a_server_count_visits() {
    for name in ["storage-cookie", "storage-files", "storage-sql"] {
        let folder = tempfile::tempdir().unwrap();
        counts_visits(&Example::start(name, folder.path(), &[]));
    }
}

#[test]
fn the_examples_with_a_server_count_visits() {
    let folder = tempfile::tempdir().unwrap();
    let (redis, postgres) = (Redis::start(), Postgres::start());
    let memcached = [Memcached::start(), Memcached::start()].map(|server| (server.port(), server));
    let servers = memcached
        .each_ref()
        .map(|(port, _)| format!("127.0.0.1:{port}"));
    for (name, variable, value) in [
        ("storage-redis", "REDIS_URL", redis.url()),
        ("storage-memcached", "MEMCACHED_SERVERS", servers.join(",")),
        ("storage-sql", "DATABASE_URL", postgres.url()),
    ] {
        counts_visits(&Example::start(name, folder.path(), &[(variable, &value)]));
    }
    assert!(redis.ask(&["KEYS", "*"]).contains("example:session:"));
    assert_eq!(postgres.ask("SELECT count(*) FROM example_sessions"), "2\n");
}
