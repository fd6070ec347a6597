//! Sessions in Rocket: [`SessionFairing`] and the request guard [`Session<S>`](crate::Session).
//!
//! # Example
//!
//! ```
//! use rocket::local::asynchronous::Client;
//! use rocket::{get, routes};
//! use session::web::rocket::SessionFairing;
//! use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionSchema};
//!
//! #[derive(SessionSchema)]
//! struct Visitor {
//!     #[session(default)]
//!     visits: u32,
//! }
//!
//! #[get("/")]
//! async fn count(session: Session<Visitor>) -> String {
//!     session.update_visits(|visits| *visits += 1);
//!     format!("visit {}", session.visits())
//! }
//!
//! # #[rocket::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
//! let app = rocket::build()
//!     .mount("/", routes![count])
//!     .attach(SessionFairing::new(cookie, MemoryStorage::new()));
//!
//! let browser = Client::tracked(app).await?;
//! let first = browser.get("/").dispatch().await;
//! assert_eq!(first.headers().get_one("vary"), Some("Cookie"));
//! assert_eq!(browser.get("/").dispatch().await.into_string().await.as_deref(), Some("visit 2"));
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! Every guarantee, in Rocket's ways:
//!
//! - A route with the guard and no fairing, or a second fairing, keeps Rocket from launching; the log says why.
//! - A request whose session cannot be loaded is answered by the catcher of its status (500 or 503). The reason is in
//!   the log, and for a route that takes `Result<Session<S>, Rejection>`.
//! - Rocket turns a panic into a 500 before any fairing sees it. So
//!   [`commit_on_server_error`](SessionFairing::commit_on_server_error) commits after a panic as well, as nowhere else.
//! - Rocket runs a handler to its end when the client has gone away meanwhile, and so its session is committed.
//! - Attach it after fairings that change a response's status: what they make a 5xx is not committed then.

use std::sync::{Mutex, PoisonError};

use http::header::COOKIE;
use http::{HeaderName, HeaderValue};
use rocket::fairing::{self, Fairing, Info, Kind};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Build, Ignite, Request, Response, Rocket, Sentinel, async_trait};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::storage::SessionStorage;
use crate::web::rejection::Rejection;
use crate::web::request::{Exchange, Fields, RequestSession, Settings, mark};

const ADD: &str = "`.attach(SessionFairing::new(cookie, storage))` to its `Rocket`";

/// Gives every request its session, and commits it after the handler, as [`SessionLayer`](crate::SessionLayer) does.
///
/// The [module](self) has an example.
#[derive(Debug, Clone)]
pub struct SessionFairing {
    settings: Settings,
}

impl SessionFairing {
    /// A fairing over sessions under that cookie, in that storage.
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

    /// Says whether the session is committed although the response is a 5xx, which in Rocket is also what a panic becomes.
    ///
    /// # Default
    ///
    /// `false`: a handler that fails stores nothing, but for a [`destroy`](Session::destroy), which is always carried out.
    pub fn commit_on_server_error(mut self, commit: bool) -> Self {
        self.settings.commit_on_server_error = commit;
        self
    }
}

/// A fairing over sessions that are also used by hand elsewhere, or that need settings which it does not repeat.
impl From<Sessions> for SessionFairing {
    fn from(sessions: Sessions) -> Self {
        Self {
            settings: sessions.into(),
        }
    }
}

#[async_trait]
impl Fairing for SessionFairing {
    fn info(&self) -> Info {
        Info {
            name: "session",
            kind: Kind::Ignite | Kind::Response,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        if let Some(other) = rocket.state::<Settings>() {
            tracing::error!(
                first = other.sessions.cookie_name(),
                second = self.settings.sessions.cookie_name(),
                "two session fairings on one Rocket, by the names of their cookies; remove one"
            );
            return Err(rocket);
        }
        Ok(rocket.manage(self.settings.clone()))
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(mut exchange) = kept_in(request).and_then(Kept::take_exchange) else {
            return;
        };
        let end = exchange.end(Some(response.status().code));
        if let Some((committed, set_cookie)) = end.finished().await {
            if committed.is_err() {
                *response = Response::new();
                response.set_status(Status::ServiceUnavailable);
            }
            mark(response, set_cookie);
        }
    }
}

/// What a request keeps of its session, which Rocket lends to everybody and drops with the request.
struct Kept {
    session: RequestSession,
    exchange: Mutex<Option<Exchange>>,
}

impl Kept {
    fn of(exchange: Exchange) -> Self {
        Self {
            session: exchange.session(),
            exchange: Mutex::new(Some(exchange)),
        }
    }

    fn take_exchange(&self) -> Option<Exchange> {
        let exchange = self.exchange.lock();
        exchange.unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the request keeps, begun now if it is not yet, when its Rocket has a [`SessionFairing`].
fn kept_in<'r>(request: &'r Request<'_>) -> Option<&'r Kept> {
    let settings = request.rocket().state::<Settings>()?;
    let kept = request.local_cache(|| settings.begin(None).map(Kept::of));
    kept.as_ref()
}

/// The cookies of Rocket's local client, as Cookie fields: it hands them over without writing one.
fn jar_without_field(request: &Request<'_>) -> Vec<String> {
    if request.headers().contains(COOKIE.as_str()) {
        return Vec::new();
    }
    let cookies = request.cookies().iter();
    cookies
        .map(|cookie| cookie.stripped().to_string())
        .collect()
}

#[async_trait]
impl<'r, S: SessionSchema> FromRequest<'r> for Session<S> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Rejection> {
        let loaded = match kept_in(request) {
            Some(Kept { session, .. }) => {
                let jar = jar_without_field(request);
                let fields = || {
                    let fields = request.headers().get(COOKIE.as_str());
                    fields.chain(jar.iter().map(String::as_str))
                };
                session.session(|| fields().map(str::as_bytes)).await
            }
            None => Err(Rejection::MissingLayer { add: ADD }),
        };
        match loaded {
            Ok(session) => Outcome::Success(session),
            Err(rejection) => {
                let (status, _) = rejection.answer();
                Outcome::Error((Status::new(status.as_u16()), rejection))
            }
        }
    }
}

/// A Rocket with a route that takes a session, and without the [`SessionFairing`], does not launch.
impl<S: SessionSchema> Sentinel for Session<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        let is_missing = rocket.state::<Settings>().is_none();
        if is_missing {
            tracing::error!("a route takes a session, and there is none; add {ADD}");
        }
        is_missing
    }
}

impl Fields for Response<'_> {
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers().get(name.as_str()).map(str::as_bytes)
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.adjoin_raw_header(name.as_str().to_owned(), value);
    }
}
