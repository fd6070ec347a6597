//! Sessions in salvo: [`SessionHoop`], and [`Session<S>`](crate::Session) as an argument of a handler.
//!
//! # Example
//!
//! ```
//! # extern crate salvo_core as salvo;
//! use salvo::prelude::*;
//! use session::web::salvo::SessionHoop;
//! use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionSchema};
//!
//! #[derive(SessionSchema)]
//! struct Visitor {
//!     #[session(default)]
//!     visits: u32,
//! }
//!
//! #[handler]
//! async fn count(session: Session<Visitor>) -> String {
//!     session.update_visits(|visits| *visits += 1);
//!     format!("visit {}", session.visits())
//! }
//!
//! # use salvo::http::header::{COOKIE, SET_COOKIE};
//! # use salvo::routing::{FlowCtrl, PathState};
//! # async fn answer(router: &Router, cookie: &str) -> Response {
//! #     let (mut request, mut response) = (Request::new(), Response::new());
//! #     request.headers_mut().insert(COOKIE, cookie.parse().expect("a value"));
//! #     let mut path = PathState::from_borrowed_path("/");
//! #     let matched = router.detect(&mut request, &mut path).await.expect("a route");
//! #     let mut flow = FlowCtrl::new([matched.hoops, vec![matched.goal]].concat());
//! #     flow.call_next(&mut request, &mut Depot::new(), &mut response).await;
//! #     response
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
//! let router = Router::new()
//!     .hoop(SessionHoop::new(cookie, MemoryStorage::new()))
//!     .get(count);
//! # let first = answer(&router, "").await;
//! # let set_cookie = first.headers()[SET_COOKIE].to_str()?;
//! # let mut second = answer(&router, set_cookie.split(';').next().unwrap_or_default()).await;
//! # assert_eq!(second.headers()["vary"], "Cookie");
//! # let body = http_body_util::BodyExt::collect(second.take_body()).await?.to_bytes();
//! # assert_eq!(body, "visit 2");
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! Every guarantee. A response without a body and with an error's status gets one from salvo's catcher: so does the 503 of
//! a commit that failed.

use std::panic::resume_unwind;

use http::header::COOKIE;
use http::{HeaderValue, StatusCode};
use salvo_core::extract::{Extractible, Metadata};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::storage::SessionStorage;
use crate::web::rejection::Rejection;
use crate::web::request::{RequestSession, Settings, mark};
use crate::web::unwind::caught;

const ADD: &str = "`.hoop(SessionHoop::new(cookie, storage))` to its `Router`";

/// Gives every request its session, and commits it after the handler, as [`SessionLayer`](crate::SessionLayer) does.
///
/// The [module](self) has an example.
#[derive(Debug, Clone)]
pub struct SessionHoop {
    settings: Settings,
}

impl SessionHoop {
    /// A hoop over sessions under that cookie, in that storage.
    pub fn new(cookie: SessionCookie, storage: impl SessionStorage) -> Self {
        Self::from(Sessions::new(cookie, storage))
    }

    /// Sets how long sessions live.
    ///
    /// # Panics
    ///
    /// When a limit is zero.
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self {
            settings: self.settings.expiry(expiry),
        }
    }

    /// Says whether the session is committed although the response is a 5xx.
    ///
    /// # Default
    ///
    /// `false`: a handler that fails stores nothing, but for a [`destroy`](Session::destroy), which is always carried out.
    pub fn commit_on_server_error(mut self, commit: bool) -> Self {
        self.settings.commit_on_server_error = commit;
        self
    }
}

/// A hoop over sessions that are also used by hand elsewhere, or that need settings which it does not repeat.
impl From<Sessions> for SessionHoop {
    fn from(sessions: Sessions) -> Self {
        Self {
            settings: sessions.into(),
        }
    }
}

#[async_trait]
impl Handler for SessionHoop {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let outer = depot.get_typed::<RequestSession>().ok();
        let Some(mut exchange) = self.settings.begin(outer) else {
            response.status_code(StatusCode::INTERNAL_SERVER_ERROR);
            flow.skip_rest();
            return;
        };
        depot.insert_typed(exchange.session());
        let outcome = caught(flow.call_next(request, depot, response)).await;
        // No status yet is that of a handler which went well.
        let status = outcome
            .is_ok()
            .then(|| response.status_code.unwrap_or_default().as_u16());
        if let Some((committed, set_cookie)) = exchange.end(status).finished().await {
            if committed.is_err() {
                *response = Response::new();
                response.status_code(StatusCode::SERVICE_UNAVAILABLE);
            }
            mark(response.headers_mut(), set_cookie);
        }
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }
}

impl<'ex, S: SessionSchema> Extractible<'ex> for Session<S> {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("Session");
        &METADATA
    }

    #[allow(refining_impl_trait, reason = "a handler may look at why it got none")]
    async fn extract(request: &'ex mut Request, depot: &'ex mut Depot) -> Result<Self, Rejection> {
        let session = depot
            .get_typed::<RequestSession>()
            .map_err(|_| Rejection::MissingLayer { add: ADD })?;
        let fields = || request.headers().get_all(COOKIE).into_iter();
        let fields = || fields().map(HeaderValue::as_bytes);
        session.session(fields).await
    }
}

#[async_trait]
impl Writer for Rejection {
    async fn write(self, _request: &mut Request, _depot: &mut Depot, response: &mut Response) {
        let (status, text) = self.answer();
        response.status_code(status).render(text);
    }
}
