//! A commit that panics, in a storage or a clock of the user's: its response never leaves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use session::storage::{Context, CookieUpdate};
use session::{Clock, Error, MemoryStorage, Session, SessionLayer, SessionStorage, Sessions};
use tower::ServiceExt as _;

use crate::guarantees::stage::cookie;

/// Panics when it is used the next time after it was armed.
#[derive(Clone, Default)]
struct Trap(Arc<AtomicBool>);

impl Trap {
    fn arm(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn step_on(&self) {
        assert!(!self.0.swap(false, Ordering::SeqCst), "it was armed");
    }
}

impl Clock for Trap {
    fn now(&self) -> SystemTime {
        self.step_on();
        SystemTime::now()
    }
}

struct Trapped(MemoryStorage, Trap);

impl SessionStorage for Trapped {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        SessionStorage::read(&self.0, value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        self.1.step_on();
        SessionStorage::save(&self.0, session, context).await
    }
}

async fn counts_as_one_that_has_left(sessions: Sessions, trap: Trap) {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let set = async move |session: Session| {
        session.set("key", 1);
        *keep.lock().unwrap() = Some(session.clone());
        trap.arm();
    };
    let app = Router::new()
        .route("/", get(set))
        .layer(SessionLayer::from(sessions));
    let request = Request::new(Body::empty());
    let answer = tokio::spawn(app.oneshot(request)).await;
    assert!(answer.unwrap_err().is_panic());

    let session: Session = kept.lock().unwrap().take().unwrap();
    session.set("key", 2);
    let committed = session.commit().await;
    assert!(
        matches!(committed, Err(Error::HeadersSent)),
        "{committed:?}"
    );
}

#[tokio::test]
async fn a_response_whose_storage_panics_counts_as_one_that_has_left() {
    let trap = Trap::default();
    let storage = Trapped(MemoryStorage::new(), trap.clone());
    counts_as_one_that_has_left(Sessions::new(cookie(), storage), trap).await;
}

#[tokio::test]
async fn a_response_whose_clock_panics_counts_as_one_that_has_left() {
    let trap = Trap::default();
    let sessions = Sessions::new(cookie(), MemoryStorage::new()).clock(trap.clone());
    counts_as_one_that_has_left(sessions, trap).await;
}
