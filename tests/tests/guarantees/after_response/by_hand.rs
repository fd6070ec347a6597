//! Requests that are served by hand.

use session::storage::{Context, CookieUpdate};
use session::{Error, MemoryStorage, Session, SessionStorage, Sessions};

use super::{act, visit};
use crate::guarantees::stage::{Stage, cookie};

on_backends!(
    the_caller_says_when_the_headers_have_left,
    a_failed_request_stores_nothing_but_a_log_out,
);
in_the_cookie!(
    the_caller_says_when_the_headers_have_left,
    a_failed_request_stores_nothing_but_a_log_out,
);

async fn the_caller_says_when_the_headers_have_left(stage: Stage) {
    let sessions = stage.sessions();
    let session = sessions.open([""; 0]).await.unwrap();
    assert_eq!(sessions.commit(&session).await.unwrap(), None);
    act(&session, "set-key");
    assert!(sessions.commit(&session).await.unwrap().is_some());
    act(&session, "rotate");
    assert!(sessions.commit(&session).await.unwrap().is_some());
    sessions.headers_sent(&session);
    assert_eq!(sessions.commit(&session).await.unwrap(), None);
    act(&session, "rotate");
    let committed = sessions.commit(&session).await;
    assert!(matches!(committed, Err(Error::HeadersSent)));
    let destroyed = sessions.destroy(&session).await;
    if stage.keeps_records() {
        assert_eq!(destroyed.unwrap(), None);
    } else {
        assert!(matches!(destroyed, Err(Error::HeadersSent)));
    }
}

async fn a_failed_request_stores_nothing_but_a_log_out(stage: Stage) {
    let (client, _) = visit(&stage).await;
    let sessions = stage.sessions();
    for what in ["set-key", "login", "look"] {
        let session = sessions.open(client.cookie()).await.unwrap();
        act(&session, what);
        assert_eq!(sessions.abandon(&session).await.unwrap(), None);
        assert_eq!(client.peek("/show").await.ok(), r#"{"first":"first"}"#);
    }
    let session = sessions.open(client.cookie()).await.unwrap();
    act(&session, "goodbye");
    let removal = sessions.abandon(&session).await.unwrap().unwrap();
    assert!(removal.to_str().unwrap().contains("Max-Age=0"));
    if stage.keeps_records() {
        assert_eq!(client.peek("/show").await.ok(), "{}");
    }
    assert_eq!(stage.records(), 0);
}

/// A storage that has a cookie for every commit, and does not know when one can be sent.
struct AlwaysTelling(MemoryStorage);

impl SessionStorage for AlwaysTelling {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        SessionStorage::read(&self.0, value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        SessionStorage::save(&self.0, session, context).await?;
        let value = "told".to_owned();
        Ok(CookieUpdate::Set { value, max_age: 60 })
    }
}

#[tokio::test]
async fn a_cookie_that_cannot_be_sent_is_an_error_whoever_made_it() {
    let sessions = Sessions::new(cookie(), AlwaysTelling(MemoryStorage::new()));
    let session = sessions.open([""; 0]).await.unwrap();
    act(&session, "set-key");
    assert!(sessions.commit(&session).await.unwrap().is_some());
    sessions.headers_sent(&session);
    act(&session, "set-second");
    let committed = session.commit().await;
    assert!(matches!(committed, Err(Error::HeadersSent)));
}
