//! `expires_in`: a value has a shorter life than its session.

use std::time::Duration;

use serde_json::json;
use session::testing::TestClock;
use session::{
    Backend as _, CookieStorage, KeyRing, Session, SessionCookie, SessionSchema, Sessions,
};

use crate::World;

#[derive(SessionSchema)]
struct Login {
    #[session(expires_in = "10m")]
    code: Option<String>,
    #[session(default, expires_in = "90s")]
    tries: u32,
    name: Option<String>,
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn value_is_gone_in_time_for_every_reader() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| {
            session.set_code("417203");
            session.set_name("Ada");
        })
        .await;
    world.clock.advance(Duration::from_secs(599));
    let session = world.open::<Login>().await;
    assert_eq!(session.code().as_deref(), Some("417203"));

    // Also for a request that is under way.
    world.clock.advance(Duration::from_secs(1));
    for session in [session, world.open::<Login>().await] {
        assert_eq!(session.code(), None);
        assert!(!session.has_code());
        let session = session.untyped();
        assert_eq!(session.get::<String>("code").unwrap(), None);
        assert_eq!(session.peek::<String>("code").unwrap(), None);
        assert!(!session.has("code"));
        assert_eq!(session.keys(), ["name"]);
        assert_eq!(session.data(), json!({ "name": "Ada" }));
    }
}

#[tokio::test]
async fn next_write_drops_it_from_the_storage() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| session.set_code("417203"))
        .await;
    world.clock.advance(10 * MINUTE);
    assert!(stored(&world).await.contains("417203"));
    world.storage.take();
    world
        .request(|session: &Session<Login>| session.code())
        .await;
    assert_eq!(
        world.storage.take().update,
        0,
        "reading is no reason to write"
    );

    world
        .request(|session: &Session<Login>| session.set_name("Ada"))
        .await;
    let stored = stored(&world).await;
    assert!(
        !stored.contains("417203") && !stored.contains("until"),
        "{stored}"
    );
}

#[tokio::test]
async fn setting_it_again_begins_anew_and_changing_it_in_place_does_not() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| session.update_tries(|tries| *tries += 1))
        .await;
    world.clock.advance(MINUTE);
    world
        .request(|session: &Session<Login>| session.update_tries(|tries| *tries += 1))
        .await;
    assert_eq!(world.open::<Login>().await.tries(), 2);
    world.clock.advance(MINUTE);
    assert_eq!(
        world.open::<Login>().await.tries(),
        0,
        "the first try began the time"
    );

    world
        .request(|session: &Session<Login>| session.set_tries(5))
        .await;
    world.clock.advance(MINUTE);
    world
        .request(|session: &Session<Login>| session.set_tries(6))
        .await;
    world.clock.advance(MINUTE);
    assert_eq!(world.open::<Login>().await.tries(), 6);
}

#[tokio::test]
async fn update_that_meets_another_keeps_the_limit_of_the_value_that_it_finds() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| session.set_tries(1))
        .await;
    let session = world.open::<Login>().await;
    session.update_tries(|tries| *tries += 1);
    world.clock.advance(MINUTE);
    world
        .request(|session: &Session<Login>| session.set_tries(10))
        .await;
    world.commit(&session).await;
    assert_eq!(world.open::<Login>().await.tries(), 11);
    world.clock.advance(MINUTE);
    assert_eq!(world.open::<Login>().await.tries(), 11);
    world.clock.advance(MINUTE);
    assert_eq!(world.open::<Login>().await.tries(), 0);
}

#[tokio::test]
async fn another_requests_change_keeps_the_limit() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| session.set_code("417203"))
        .await;
    let slow = world.open::<Login>().await;
    slow.set_name("Ada");
    world
        .request(|session: &Session<Login>| session.set_tries(1))
        .await;
    world.commit(&slow).await;
    let session = world.open::<Login>().await;
    assert_eq!(session.name().as_deref(), Some("Ada"));
    world.clock.advance(10 * MINUTE);
    assert_eq!(session.code(), None);
}

#[tokio::test]
async fn commit_within_a_request_begins_no_second_time() {
    let mut world = World::new();
    let session = world.open::<Login>().await;
    session.update_tries(|tries| *tries += 1);
    world.commit(&session).await;
    world.clock.advance(MINUTE);
    session.update_tries(|tries| *tries += 1);
    world.commit(&session).await;
    assert_eq!(world.open::<Login>().await.tries(), 2);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(session.tries(), 0);
    assert_eq!(world.open::<Login>().await.tries(), 0);
}

#[tokio::test]
async fn value_that_was_removed_and_made_again_begins_anew() {
    let mut world = World::new();
    world
        .request(|session: &Session<Login>| session.set_code("1"))
        .await;
    world.clock.advance(5 * MINUTE);
    world
        .request(|session: &Session<Login>| {
            session.update_code(|code| *code = None);
            session.update_code(|code| *code = Some("2".to_owned()));
        })
        .await;
    world.clock.advance(6 * MINUTE);
    assert_eq!(world.open::<Login>().await.code().as_deref(), Some("2"));
    world.clock.advance(4 * MINUTE);
    assert_eq!(world.open::<Login>().await.code(), None);
}

#[tokio::test]
async fn cookie_that_holds_the_session_holds_the_limit() {
    let clock = TestClock::new();
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
    let sessions = Sessions::new(cookie, CookieStorage::new()).clock(clock.clone());
    let session = sessions.open([""; 0]).await.unwrap().schema::<Login>();
    session.set_code("417203");
    let set_cookie = sessions.commit(&session).await.unwrap().unwrap();
    let pair = set_cookie.to_str().unwrap().split(';').next().unwrap();
    let open = || async { sessions.open([pair]).await.unwrap().schema::<Login>() };
    assert_eq!(open().await.code().as_deref(), Some("417203"));
    clock.advance(10 * MINUTE);
    assert_eq!(open().await.code(), None);
}

#[test]
fn session_that_belongs_to_no_request_has_the_systems_clock() {
    let session = Session::new().schema::<Login>();
    session.set_code("417203");
    assert_eq!(session.code().as_deref(), Some("417203"));
}

/// What the storage holds.
async fn stored(world: &World) -> String {
    let key = world.open::<Login>().await.id().storage_key();
    let loaded = world.storage.load(&key).await.unwrap();
    loaded.expect("the session is stored").record.to_json()
}
