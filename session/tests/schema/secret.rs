//! `secret`: what is not shown, whoever looks.

use serde_json::json;
use session::{Session, SessionSchema};

use crate::World;

#[derive(SessionSchema)]
struct Visitor {
    #[session(secret)]
    token: Option<String>,
    #[session(flash, secret)]
    answer: Option<u64>,
    theme: Option<String>,
}

/// The same keys, by a version of the application that knew of no secret.
#[derive(SessionSchema)]
struct Careless {
    token: Option<String>,
}

#[tokio::test]
async fn secret_is_not_shown_by_a_session_that_knows_no_schema() {
    let mut world = World::new();
    world
        .request(|session: &Session<Visitor>| {
            session.set_token("hunter2");
            session.flash_answer(42);
            session.set_theme("dark");
            assert!(!session.untyped().data().to_string().contains("hunter2"));
        })
        .await;
    let session = world.open::<session::Untyped>().await;
    assert_eq!(
        session.data(),
        json!({ "token": "[redacted]", "answer": "[redacted]", "theme": "dark" })
    );
    assert!(!format!("{session:?}").contains("hunter2"));
    assert_eq!(
        session.get::<String>("token").unwrap().as_deref(),
        Some("hunter2")
    );
    assert_eq!(session.schema::<Visitor>().take_answer(), Some(42));
}

#[tokio::test]
async fn key_that_is_secret_stays_so_whoever_writes_to_it() {
    let mut world = World::new();
    world
        .request(|session: &Session<Visitor>| session.set_token("hunter2"))
        .await;
    world
        .request(|session: &Session<Careless>| {
            session.set_token("hunter3");
            assert_eq!(session.untyped().data(), json!({ "token": "[redacted]" }));
        })
        .await;
    let session = world.open::<Careless>().await;
    assert_eq!(session.token().as_deref(), Some("hunter3"));
    assert_eq!(session.untyped().data(), json!({ "token": "[redacted]" }));

    world
        .request(|session: &Session<Careless>| session.unset_token())
        .await;
    world
        .request(|session: &Session<Careless>| session.set_token("not one"))
        .await;
    let data = world.open::<Careless>().await.untyped().data();
    assert_eq!(data, json!({ "token": "not one" }));
}
