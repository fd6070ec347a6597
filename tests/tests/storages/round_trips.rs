//! What a request costs, counted at the server: the table of the README.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use session::storage::backend_from_url;
use session::testing::TestClock;
use session::{Backend, Expiry, KeyRing, Session, SessionCookie, SessionLayer, Sessions};
use tests::dynamodb::Wire;
use tower::ServiceExt as _;

use crate::support::servers::dynamodb::DynamoDb;
use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::memcached::Memcached;
use crate::support::servers::postgres::Postgres;
use crate::support::servers::redis::Redis;

/// How often the server ran each command.
type Counts = BTreeMap<String, u64>;

const IDLE: Duration = Duration::from_secs(1000);

fn counts(pairs: &[(&str, u64)]) -> Counts {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, count)| (name.to_owned(), count))
        .collect()
}

/// What has grown from one look to the other.
fn since(before: &Counts, after: &Counts) -> Counts {
    let grown = after.iter().map(|(name, count)| {
        let before = before.get(name).copied().unwrap_or(0);
        (name.clone(), count - before)
    });
    grown.filter(|&(_, count)| count > 0).collect()
}

/// Numbers of a server's statistics: a name and a number a line.
fn statistics(text: &str, separator: char) -> Counts {
    let lines = text.lines().filter_map(|line| {
        let (name, number) = line.rsplit_once(separator)?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    });
    lines.collect()
}

fn application(sessions: Sessions) -> Router {
    Router::new()
        .route("/untouched", get(|| async {}))
        .route("/read", get(async |session: Session| drop(session)))
        .route(
            "/write",
            get(async |session: Session| session.set("key", 1)),
        )
        .route(
            "/rotate",
            get(async |session: Session| session.regenerate_id()),
        )
        .route("/destroy", get(async |session: Session| session.destroy()))
        .layer(SessionLayer::from(sessions))
}

/// What each kind of request costs, by `look` before and after it.
async fn costs(url: &str, look: impl Fn() -> Counts) -> BTreeMap<&'static str, Counts> {
    costs_on(backend_from_url(url).await.unwrap(), look).await
}

async fn costs_on(
    backend: impl Backend,
    look: impl Fn() -> Counts,
) -> BTreeMap<&'static str, Counts> {
    let clock = TestClock::new();
    let cookie = SessionCookie::new("session", KeyRing::generate().unwrap());
    let sessions = Sessions::new(cookie, backend)
        .clock(clock.clone())
        .expiry(Expiry {
            idle: IDLE,
            absolute: 10 * IDLE,
        });
    let application = application(sessions);
    let mut jar = String::new();
    let mut costs = BTreeMap::new();
    // The first round prepares statements and loads scripts.
    for _ in 0..2 {
        for (name, path) in [
            ("begin", "/write"),
            ("untouched", "/untouched"),
            ("read", "/read"),
            ("read again", "/read"),
            ("write", "/write"),
            ("new id", "/rotate"),
            ("activity", "/read"),
            ("destroy", "/destroy"),
        ] {
            if name == "activity" {
                // And a little more: memcached's deadlines may be off by a second.
                clock.advance(IDLE / 10 + Duration::from_secs(3));
            }
            let before = look();
            let request = Request::get(path).header(COOKIE, &jar);
            let request = request.body(Body::empty()).unwrap();
            let response = application.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{name}");
            costs.insert(name, since(&before, &look()));
            let set_cookie = response.headers().get(SET_COOKIE);
            let is_set = ["begin", "new id", "activity", "destroy"].contains(&name);
            assert_eq!(set_cookie.is_some(), is_set, "{name}");
            if let Some(field) = set_cookie {
                let pair = field.to_str().unwrap().split(';').next().unwrap();
                pair.clone_into(&mut jar);
            }
        }
    }
    costs
}

#[tokio::test]
async fn redis_runs_as_many_commands_as_documented() {
    let server = Redis::start();
    let look = || {
        let lines = server.ask(&["INFO", "commandstats"]);
        let calls = lines.lines().filter_map(|line| {
            let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            let calls = numbers.split(',').next()?.parse().ok()?;
            (name != "info").then(|| (name.to_owned(), calls))
        });
        calls.collect()
    };
    let costs = costs(&server.url(), look).await;
    // Redis counts what a script runs beside the EVALSHA that came over the network.
    let update = [("evalsha", 1), ("getrange", 1), ("set", 1)];
    let and = |first: &[(&str, u64)], then: &[(&str, u64)]| {
        let mut sum = counts(first);
        for &(name, count) in then {
            *sum.entry(name.to_owned()).or_default() += count;
        }
        sum
    };
    let read = counts(&[("get", 1)]);
    assert_eq!(costs["untouched"], Counts::new());
    assert_eq!(costs["read"], read);
    assert_eq!(costs["read again"], read);
    assert_eq!(costs["begin"], counts(&[("set", 1)]));
    assert_eq!(costs["write"], and(&[("get", 1)], &update));
    assert_eq!(costs["new id"], and(&[("get", 1), ("set", 1)], &update));
    assert_eq!(costs["destroy"], and(&[("get", 1), ("del", 1)], &update));
    let touch = [
        ("evalsha", 1),
        ("exists", 1),
        ("setrange", 1),
        ("expireat", 1),
    ];
    assert_eq!(costs["activity"], and(&[("get", 2)], &touch));
}

#[tokio::test]
async fn memcached_runs_as_many_commands_as_documented() {
    let server = Memcached::start();
    let look = || {
        let mut all = statistics(&server.ask("stats"), ' ');
        all.retain(|name, _| {
            let counted = ["cmd_get", "cmd_set", "cmd_touch", "delete_hits"];
            counted.iter().any(|counted| name.ends_with(counted))
        });
        all.into_iter()
            .map(|(name, count)| (name.replace("STAT ", ""), count))
            .collect()
    };
    let costs = costs(&server.url(), look).await;
    assert_eq!(costs["untouched"], Counts::new());
    assert_eq!(costs["read"], counts(&[("cmd_get", 1)]));
    assert_eq!(costs["read again"], counts(&[("cmd_get", 1)]));
    assert_eq!(costs["begin"], counts(&[("cmd_set", 1)]));
    assert_eq!(costs["write"], counts(&[("cmd_get", 1), ("cmd_set", 1)]));
    assert_eq!(costs["new id"], counts(&[("cmd_get", 1), ("cmd_set", 2)]));
    assert_eq!(
        costs["destroy"],
        counts(&[("cmd_get", 1), ("cmd_set", 1), ("delete_hits", 1)])
    );
    // A touch counts as one alone.
    assert_eq!(
        costs["activity"],
        counts(&[("cmd_get", 2), ("cmd_touch", 1)])
    );
}

/// What a database runs for each kind of request, by the first word of its statements.
fn statements(costs: &BTreeMap<&'static str, Counts>, names: [&str; 4]) {
    let [select, insert, update, delete] = names;
    assert_eq!(costs["untouched"], Counts::new());
    assert_eq!(costs["read"], counts(&[(select, 1)]));
    assert_eq!(costs["read again"], counts(&[(select, 1)]));
    assert_eq!(costs["begin"], counts(&[(insert, 1)]));
    assert_eq!(costs["write"], counts(&[(select, 1), (update, 1)]));
    assert_eq!(
        costs["new id"],
        counts(&[(select, 1), (insert, 1), (update, 1)])
    );
    assert_eq!(
        costs["destroy"],
        counts(&[(select, 1), (update, 1), (delete, 1)])
    );
    assert_eq!(costs["activity"], counts(&[(select, 2), (update, 1)]));
}

#[tokio::test]
async fn postgres_runs_as_many_statements_as_documented() {
    let server = Postgres::start_with(&["-c", "log_statement=all"]);
    let look = || {
        let mut counts = Counts::new();
        for line in server.log().lines() {
            // As a prepared statement (`execute`) or as a simple query (`statement`).
            let Some((_, statement)) = line
                .split_once("LOG:  execute ")
                .or_else(|| line.split_once("LOG:  statement"))
            else {
                continue;
            };
            let text = statement.split_once(": ").map_or("", |(_, text)| text);
            let word = text.split(' ').next().unwrap_or_default();
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        counts
    };
    let costs = costs(&server.url(), look).await;
    statements(&costs, ["SELECT", "INSERT", "UPDATE", "DELETE"]);
}

#[tokio::test]
async fn mariadb_runs_as_many_statements_as_documented() {
    let server = MariaDb::start();
    let look = || {
        let mut all = statistics(&server.ask("SHOW GLOBAL STATUS LIKE 'Com\\_%'"), '\t');
        // The program that asks runs a SELECT itself, though none that it prepares.
        let writes = ["Com_insert", "Com_update", "Com_delete"].map(|name| all[name]);
        let selects = all["Com_stmt_execute"] - writes.iter().sum::<u64>();
        all.insert("Com_select".to_owned(), selects);
        all.retain(|name, _| {
            ["Com_select", "Com_insert", "Com_update", "Com_delete"].contains(&name.as_str())
        });
        all
    };
    let costs = costs(&server.url(), look).await;
    statements(
        &costs,
        ["Com_select", "Com_insert", "Com_update", "Com_delete"],
    );
}

/// What it sends is counted at its client: what it receives is one request each.
#[tokio::test]
async fn dynamodb_is_sent_as_many_requests_as_documented() {
    let (server, wire) = (DynamoDb::start(), Wire::default());
    let storage = tests::dynamodb::storage(&server.url(), wire.clone()).unwrap();
    let costs = costs_on(storage, || wire.sent()).await;
    assert_eq!(costs["untouched"], Counts::new());
    assert_eq!(costs["read"], counts(&[("GetItem", 1)]));
    assert_eq!(costs["read again"], counts(&[("GetItem", 1)]));
    assert_eq!(costs["begin"], counts(&[("PutItem", 1)]));
    assert_eq!(costs["write"], counts(&[("GetItem", 1), ("PutItem", 1)]));
    assert_eq!(costs["new id"], counts(&[("GetItem", 1), ("PutItem", 2)]));
    let destroy = [("GetItem", 1), ("PutItem", 1), ("DeleteItem", 1)];
    assert_eq!(costs["destroy"], counts(&destroy));
    let activity = [("GetItem", 2), ("UpdateItem", 1)];
    assert_eq!(costs["activity"], counts(&activity));
}
