//! What goes wrong in an application, or is put together wrongly, on each framework.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use session::testing::{Calls, Counting, Faulty, Verb};
use session::{KeyRing, MemoryStorage, SessionCookie, Sessions};
use tokio::time::timeout;

use super::served::{Framework, Setup};
use crate::support::bookshop::SECRET;
use crate::support::http::{self, Response, Visitor};

macro_rules! on_every_framework {
    ($($test:ident),+ $(,)?) => {
        on_every_framework! { @framework axum Axum $($test)+ }
        on_every_framework! { @framework actix_web ActixWeb $($test)+ }
        on_every_framework! { @framework poem Poem $($test)+ }
        on_every_framework! { @framework salvo Salvo $($test)+ }
        on_every_framework! { @framework rocket Rocket $($test)+ }
    };
    (@framework $name:ident $framework:ident $($test:ident)+) => {
        mod $name {
            use super::Framework;

            $(
                #[test]
                fn $test() {
                    super::$test(Framework::$framework);
                }
            )+
        }
    };
}

on_every_framework! {
    untouched_request_makes_no_storage_call,
    failed_handler_stores_nothing,
    frameworks_error_is_the_response_that_it_becomes,
    handler_that_panics_stores_nothing,
    destruction_is_carried_out_whatever_the_response,
    commit_that_fails_is_a_503,
    storage_that_fails_to_load_is_a_503,
    commit_on_server_error_stores_what_a_failed_handler_left,
    missing_middleware_says_what_to_add,
    second_middleware_is_refused,
}

fn untouched_request_makes_no_storage_call(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    let answer = visitor.get("/untouched");
    assert_eq!((answer.status, &*answer.body), (200, "nothing"));
    assert_eq!(answer.header("vary"), None);
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(stage.counting.take(), Calls::default());
}

fn failed_handler_stores_nothing(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    let answer = visitor.get("/set-and-fail");
    assert_eq!((answer.status, &*answer.body), (500, "it went wrong"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.all("vary"), ["Cookie"]);
    stage.saw_loads_alone();
    assert_eq!(visitor.get("/show").body, r#"{"key":"value"}"#);

    let stranger = http::get(stage.address, "/set-and-fail", None);
    assert_eq!(stranger.header("set-cookie"), None);
}

fn frameworks_error_is_the_response_that_it_becomes(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    let answer = visitor.get("/set-and-give-up");
    assert_eq!(answer.status, 502);
    assert_eq!(answer.all("vary"), ["Cookie"]);
    stage.saw_loads_alone();

    let answer = visitor.get("/set-and-refuse");
    assert_eq!(answer.status, 403);
    assert_eq!(answer.all("vary"), ["Cookie"]);
    assert_eq!(visitor.get("/show").body, r#"{"key":"other"}"#);

    let stranger = http::get(stage.address, "/set-and-refuse", None);
    assert_eq!(stranger.status, 403);
    assert_eq!(stranger.header("cache-control"), Some("no-store"));
    let show = http::get(stage.address, "/show", stranger.cookie());
    assert_eq!(show.body, r#"{"key":"other"}"#);
}

fn handler_that_panics_stores_nothing(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    stage.panics("/set-and-panic", &visitor);
    stage.saw_loads_alone();
    assert_eq!(visitor.get("/show").body, r#"{"key":"value"}"#);
}

fn destruction_is_carried_out_whatever_the_response(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    let cookie = visitor.cookie.clone();
    let answer = visitor.get("/destroy-and-fail");
    assert_eq!(answer.status, 500);
    assert_eq!(answer.cookie(), Some("__Host-session="));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let show = http::get(stage.address, "/show", cookie.as_deref());
    assert_eq!(show.body, "{}");

    let mut visitor = stage.visitor_with_a_session();
    stage.panics("/destroy-and-panic", &visitor);
    assert_eq!(visitor.get("/show").body, "{}");
}

fn commit_that_fails_is_a_503(framework: Framework) {
    let stage = Stage::of(framework);
    for path in ["/set-what-cannot-be-stored", "/set"] {
        if path == "/set" {
            stage.storage.fail(Verb::Create);
        }
        let answer = http::get(stage.address, path, None);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("set-cookie"), None);
        assert_eq!(answer.all("vary"), ["Cookie"]);
        assert!(!answer.body.contains("key"), "{}", answer.body);
    }
    stage.storage.heal();
    assert_eq!(http::get(stage.address, "/set", None).status, 200);
}

fn storage_that_fails_to_load_is_a_503(framework: Framework) {
    let stage = Stage::of(framework);
    let mut visitor = stage.visitor_with_a_session();
    stage.storage.fail(Verb::Load);
    let answer = visitor.get("/set");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("set-cookie"), None);
    if framework != Framework::Rocket {
        let reason = "the session storage is unavailable; try again later";
        assert_eq!(answer.body, reason);
    }
    stage.storage.heal();
    assert_eq!(visitor.get("/show").body, r#"{"key":"value"}"#);
}

fn commit_on_server_error_stores_what_a_failed_handler_left(framework: Framework) {
    let stage = Stage::with(framework, 1, true);
    let mut visitor = stage.visitor_with_a_session();
    assert_eq!(visitor.get("/set-and-fail").status, 500);
    assert_eq!(visitor.get("/show").body, r#"{"key":"other"}"#);

    let mut visitor = stage.visitor_with_a_session();
    stage.panics("/set-and-panic", &visitor);
    let left = match framework {
        // It makes a 500 of a panic before any fairing is asked.
        Framework::Rocket => "other",
        _ => "value",
    };
    assert_eq!(visitor.get("/show").json()["key"], left);
}

fn missing_middleware_says_what_to_add(framework: Framework) {
    let stage = match Stage::try_with(framework, 0, false) {
        Ok(stage) => stage,
        Err(refusal) => {
            assert_eq!(framework, Framework::Rocket, "{refusal}");
            return;
        }
    };
    assert_ne!(framework, Framework::Rocket, "it launched");
    let answer = http::get(stage.address, "/show", None);
    assert_eq!(answer.status, 500);
    let line = match framework {
        Framework::Axum => "`.layer(SessionLayer::new(cookie, storage))`",
        Framework::ActixWeb => "`.wrap(SessionMiddleware::new(cookie, storage))`",
        Framework::Poem => "`.with(SessionMiddleware::new(cookie, storage))`",
        Framework::Salvo => "`.hoop(SessionHoop::new(cookie, storage))`",
        Framework::Rocket => "",
    };
    assert!(answer.body.contains(line), "{}", answer.body);
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(http::get(stage.address, "/untouched", None).body, "nothing");
}

fn second_middleware_is_refused(framework: Framework) {
    let stage = match Stage::try_with(framework, 2, false) {
        Ok(stage) => stage,
        Err(refusal) => {
            assert_eq!(framework, Framework::Rocket, "{refusal}");
            return;
        }
    };
    assert_ne!(framework, Framework::Rocket, "it launched");
    for path in ["/untouched", "/show", "/set"] {
        let answer = http::get(stage.address, path, None);
        assert_eq!(answer.status, 500, "{path}");
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(stage.counting.take(), Calls::default());
}

/// What the documentation says that Rocket does otherwise.
#[tokio::test]
async fn rocket_commits_for_a_client_that_has_gone_away() {
    let stage = Stage::of(Framework::Rocket);
    let cookie = stage.visitor_with_a_session().cookie;
    let load = stage.storage.hold_after(0);
    let mut client = TcpStream::connect(stage.address).expect("it listens");
    let request = format!(
        "GET /set-and-refuse HTTP/1.1\r\nHost: localhost\r\nCookie: {}\r\n\r\n",
        cookie.expect("the session is stored")
    );
    client.write_all(request.as_bytes()).expect("it reads");
    load.reached().await;
    drop(client);
    let commit = stage.storage.hold_after(0);
    load.open();
    let reached = timeout(Duration::from_secs(60), commit.reached()).await;
    reached.expect("the commit reaches the storage");
    commit.open();
}

/// An application on a framework, over a storage that fails on command and counts.
struct Stage {
    storage: Faulty<Counting<MemoryStorage>>,
    counting: Counting<MemoryStorage>,
    address: SocketAddr,
}

impl Stage {
    fn of(framework: Framework) -> Stage {
        Stage::with(framework, 1, false)
    }

    fn with(framework: Framework, middlewares: usize, commit_on_server_error: bool) -> Stage {
        let stage = Stage::try_with(framework, middlewares, commit_on_server_error);
        stage.unwrap_or_else(|refusal| panic!("{refusal}"))
    }

    fn try_with(
        framework: Framework,
        middlewares: usize,
        commit_on_server_error: bool,
    ) -> Result<Stage, String> {
        let counting = Counting::new(MemoryStorage::new());
        let storage = Faulty::new(counting.clone());
        let keys = KeyRing::new(SECRET).expect("long enough");
        let cookie = SessionCookie::new("__Host-session", keys);
        let address = framework.serve(Setup {
            sessions: Sessions::new(cookie, storage.clone()),
            middlewares,
            commit_on_server_error,
        })?;
        Ok(Stage {
            storage,
            counting,
            address,
        })
    }

    /// A visitor whose session holds `{"key":"value"}`, and none of its calls counted.
    fn visitor_with_a_session(&self) -> Visitor {
        let mut visitor = Visitor::of(self.address);
        assert_eq!(visitor.get("/set").body, r#"{"key":"value"}"#);
        assert!(visitor.cookie.is_some());
        self.counting.take();
        visitor
    }

    /// Asks for a page whose handler panics: the framework answers 500, or closes the connection.
    fn panics(&self, path: &str, visitor: &Visitor) {
        let answer: Option<Response> = http::try_get(self.address, path, visitor.cookie.as_deref());
        if let Some(answer) = answer {
            assert_eq!(answer.status, 500);
        }
    }

    fn saw_loads_alone(&self) {
        let calls = self.counting.take();
        let loads = Calls {
            load: calls.load,
            ..Calls::default()
        };
        assert_eq!(calls, loads);
    }
}
