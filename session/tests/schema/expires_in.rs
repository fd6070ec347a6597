//! `expires_in`: a value has a shorter life than its session.

use std::time::Duration;

use serde_json::json;
use session::{Backend as _, Session, SessionSchema};

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
