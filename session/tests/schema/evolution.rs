//! An application changes, and the sessions that its older version stored stay.

use serde_json::json;
use session::{Record, Session, SessionSchema};

use crate::World;

/// The first version of an application.
#[derive(SessionSchema)]
struct Old {
    uid: Option<u64>,
    #[session(default)]
    cart: Vec<String>,
    referrer: Option<String>,
    #[session(flash)]
    message: Option<String>,
}

/// The next: one field renamed, one of another type, one removed, one added.
#[derive(SessionSchema)]
struct New {
    #[session(alias = "userid", alias = "uid")]
    user_id: Option<u64>,
    #[session(default)]
    cart: u32,
    theme: Option<String>,
    #[session(flash, alias = "message")]
    notice: Option<String>,
}

/// What the first version has stored.
async fn stored_by_the_old() -> World {
    let golden = include_str!("../../golden/schema-v1.json").trim_end();
    let record = Record::from_json(golden.as_bytes()).unwrap();
    assert_eq!(record.to_json(), golden);
    let stored: serde_json::Value = serde_json::from_str(golden).unwrap();
    let mut world = World::new();
    world
        .request(|session: &Session<Old>| {
            let untyped = session.untyped();
            for (key, value) in stored["values"].as_object().unwrap() {
                untyped.set(key, value);
            }
            for (key, value) in stored["flash"].as_object().unwrap() {
                untyped.flash(key, value);
            }
        })
        .await;
    world
}

#[tokio::test]
async fn renamed_field_reads_its_old_key_and_writes_the_new_one() {
    let mut world = stored_by_the_old().await;
    let read = world
        .request(|session: &Session<New>| session.user_id())
        .await;
    assert_eq!(read, Some(7));

    world
        .request(|session: &Session<New>| session.set_user_id(8))
        .await;
    let session = world.open::<New>().await;
    assert_eq!(session.user_id(), Some(8));
    assert!(session.untyped().has("user_id") && !session.untyped().has("uid"));
}

#[tokio::test]
async fn old_key_goes_with_the_value() {
    let mut world = stored_by_the_old().await;
    world
        .request(|session: &Session<New>| {
            session.unset_user_id();
            assert_eq!(session.user_id(), None);
            assert!(!session.has_user_id());
        })
        .await;
    let session = world.open::<New>().await;
    assert!(!session.has_user_id() && !session.untyped().has("uid"));
}

#[tokio::test]
async fn update_begins_with_what_the_old_key_holds_also_when_that_changes_meanwhile() {
    let mut world = stored_by_the_old().await;
    let session = world.open::<New>().await;
    session.update_user_id(|id| *id = id.map(|id| id + 1));
    assert_eq!(session.user_id(), Some(8));

    world
        .request(|session: &Session<Old>| session.set_uid(41))
        .await;
    world.commit(&session).await;
    let session = world.open::<New>().await;
    assert_eq!(session.user_id(), Some(42));
    assert!(!session.untyped().has("uid"));
}

#[tokio::test]
async fn value_that_an_old_version_wrote_after_the_new_one_is_the_later_one() {
    let mut world = stored_by_the_old().await;
    world
        .request(|session: &Session<New>| session.set_user_id(8))
        .await;
    world
        .request(|session: &Session<Old>| session.set_uid(9))
        .await;
    let read = world
        .request(|session: &Session<New>| session.user_id())
        .await;
    assert_eq!(read, Some(9));
}

#[tokio::test]
async fn write_to_the_new_key_outlives_one_to_the_old_key_that_was_committed_before() {
    let mut world = stored_by_the_old().await;
    let session = world.open::<New>().await;
    session.set_user_id(8);
    world
        .request(|session: &Session<Old>| session.set_uid(9))
        .await;
    world.commit(&session).await;
    let session = world.open::<New>().await;
    assert_eq!(session.user_id(), Some(8), "the last commit wins");
    assert!(!session.untyped().has("uid"));
}

#[tokio::test]
async fn renamed_flash_value_is_read_once() {
    let mut world = stored_by_the_old().await;
    let session = world.open::<New>().await;
    assert!(session.has_notice());
    assert_eq!(session.peek_notice().as_deref(), Some("Saved."));
    assert_eq!(session.take_notice().as_deref(), Some("Saved."));
    assert_eq!(session.take_notice(), None);
    world.commit(&session).await;
    assert!(!world.open::<Old>().await.has_message());
}

#[tokio::test]
async fn value_of_a_changed_type_is_absent_and_stays_until_it_is_overwritten() {
    let mut world = stored_by_the_old().await;
    world
        .request(|session: &Session<New>| {
            assert_eq!(session.cart(), 0, "what does not fit reads as absent");
            assert!(session.has_cart(), "it is there all the same");
            session.set_theme("dark");
        })
        .await;
    let cart = world.request(|session: &Session<Old>| session.cart()).await;
    assert_eq!(cart, ["Emma"], "a rollback loses nothing");

    world
        .request(|session: &Session<New>| session.set_cart(2))
        .await;
    assert_eq!(world.open::<New>().await.cart(), 2);
}

#[tokio::test]
async fn two_versions_alternate_and_keep_what_they_do_not_know() {
    let mut world = stored_by_the_old().await;
    for round in 0..3 {
        world
            .request(|session: &Session<New>| session.set_theme(format!("theme {round}")))
            .await;
        world
            .request(|session: &Session<Old>| {
                session.update_cart(|cart| cart.push("Dune".to_owned()));
            })
            .await;
    }
    let session = world.open::<Old>().await;
    assert_eq!(session.cart().len(), 4);
    assert_eq!(session.referrer().as_deref(), Some("example.org"));
    assert_eq!(
        session.untyped().data(),
        json!({
            "uid": 7,
            "cart": ["Emma", "Dune", "Dune", "Dune"],
            "referrer": "example.org",
            "message": "Saved.",
            "theme": "theme 2",
        })
    );
    assert_eq!(world.open::<New>().await.user_id(), Some(7));
}
