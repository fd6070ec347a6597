//! How a web framework's requests reach [`Sessions`](crate::Sessions). An integration adds no rules of its own.
//!
//! | for | feature | page |
//! |---|---|---|
//! | axum, tower | `axum`, `tower` | [`SessionLayer`] |
//! | actix-web | `actix-web` | `web::actix_web` |
//! | poem | `poem` | `web::poem` |
//! | salvo | `salvo` | `web::salvo` |
//! | Rocket | `rocket` | `web::rocket` |
//! | hyper, and whatever else | – | [by hand](#by-hand) |
//!
//! # Order of layers
//!
//! From the outermost to the innermost; in axum the layer that is added last is the outermost. What either
//! place comes to is tested with tower-http's layers.
//!
//! | layer | place | why |
//! |---|---|---|
//! | tracing | outside | it sees the 503 of a commit that failed, and what the session logs is in the request's span |
//! | catch-panic | outside | a panic passes the session layer as what it is. Inside it is a 500, which [`commit_on_server_error`] commits as any other |
//! | time limit | outside | a request that is out of time is dropped, and with it what its handler has changed so far. Inside the same holds only for a limit that answers 5xx: a 408 is an answer like any other, which commits what a handler had done when it was cut off |
//! | CORS | outside | the 503 of a commit that failed is one that scripts of other origins may read, too; preflight requests end before they get here |
//! | compression | either side | each adds its own name to Vary |
//! | **session** | | |
//! | what uses the session: authentication, CSRF protection, rate limits by user, the handlers | inside | it extracts the session as a handler does |
//!
//! A route has one session layer. On a nested router inside of another it is refused, also where nobody asks for the
//! session: 500, and a log line with the names of both cookies. Routers beside each other can have a layer each.
//!
//! # Streams, web sockets and tasks
//!
//! A clone of the session outlives the response wherever it is taken: into the body of a stream or of server-sent events,
//! into a web socket, into a spawned task. The commit after the handler is made before the response's headers leave, so it
//! knows nothing of what comes later. Whoever has the clone commits by hand, with [`Session::commit`]:
//!
//! | after the headers have left | server-side storage | [`CookieStorage`](crate::CookieStorage) |
//! |---|---|---|
//! | a change of a stored session | stored | [`Error::HeadersSent`] |
//! | a change of a session that was never stored | [`Error::HeadersSent`] | [`Error::HeadersSent`] |
//! | `regenerate_id`, a `privileged` field | [`Error::HeadersSent`] | [`Error::HeadersSent`] |
//! | `destroy` | carried out; the browser keeps a cookie that opens nothing | [`Error::HeadersSent`] |
//! | nothing but activity | written, and the cookie is renewed by the next request | left to the next request |
//!
//! What an error leaves is stored in no part. So begin the session in a response that can say so, as by a write in the
//! handler that returns the stream, and change rights in a request of their own. When the last clone is dropped
//! with changes that were never committed, one warning names their keys.
//!
//! A clone sees what it has read and what its own commits have merged. When one finds that another request has destroyed
//! the session, it drops its changes, and [`Session::is_destroyed`] says so. To see the session as it is now, open it again by the
//! cookie: `examples/websocket.rs` does both.
//!
//! # By hand
//!
//! [`Sessions`](crate::Sessions) does for any router, and for code outside of requests, what the layers do. Code that got,
//! committed and destroyed sessions by functions of those names becomes:
//!
//! | there | here |
//! |---|---|
//! | `getSession(cookieHeader)` | [`open`]`(headers.get_all(COOKIE))` |
//! | `session.get`, `set`, `has`, `unset`, `flash` | the same on [`Session`], or the accessors of a schema |
//! | `commitSession(session)`: a header to set, each time | [`commit`]`(&session)`: a Set-Cookie when one is due, else `None` |
//! | `destroySession(session)` | [`destroy`]`(&session)`, or [`Session::destroy`] and the commit that comes anyway |
//! | `commitSession` is left out when something fails | [`abandon`]`(&session)`, which still carries out a log-out |
//!
//! The rest of what a layer does is a few lines: to caches the response depends on the cookie, and when the commit fails
//! the response is not sent as it is.
//!
//! ```
//! use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
//! use http::{HeaderValue, Request, Response, StatusCode};
//! use session::{Error, KeyRing, MemoryStorage, Session, SessionCookie, Sessions};
//!
//! async fn answer<B>(sessions: &Sessions, request: &Request<B>) -> Response<String> {
//!     in_session(sessions, request).await.unwrap_or_else(|error| {
//!         eprintln!("{error}"); // with its sources, in a program
//!         let mut response = Response::new(String::new());
//!         *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!         response
//!     })
//! }
//!
//! async fn in_session<B>(sessions: &Sessions, request: &Request<B>) -> Result<Response<String>, Error> {
//!     let session = sessions.open(request.headers().get_all(COOKIE)).await?;
//!     let mut response = visit(&session);
//!     let set_cookie = if response.status().is_server_error() {
//!         sessions.abandon(&session).await?
//!     } else {
//!         sessions.commit(&session).await?
//!     };
//!     let headers = response.headers_mut();
//!     headers.append(VARY, HeaderValue::from_static("Cookie"));
//!     if let Some(set_cookie) = set_cookie {
//!         headers.append(SET_COOKIE, set_cookie);
//!         headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
//!     }
//!     Ok(response)
//! }
//!
//! fn visit(session: &Session) -> Response<String> {
//!     session.update("visits", |visits: &mut Option<u32>| *visits.get_or_insert(0) += 1);
//!     Response::new(session.data().to_string())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
//! let sessions = Sessions::new(cookie, MemoryStorage::new());
//!
//! let first = answer(&sessions, &Request::new(())).await;
//! let (pair, _) = first.headers()[SET_COOKIE].to_str()?.split_once(';').unwrap_or_default();
//! let second = Request::builder().header(COOKIE, pair).body(())?;
//! assert_eq!(answer(&sessions, &second).await.body(), r#"{"visits":2}"#);
//! # Ok(())
//! # }
//! ```
//!
//! Where a stream or a task keeps a clone beyond the response, say so by [`headers_sent`] once the response's own commit is done.
//!
//! [`abandon`]: crate::Sessions::abandon
//! [`commit`]: crate::Sessions::commit
//! [`commit_on_server_error`]: crate::SessionLayer::commit_on_server_error
//! [`destroy`]: crate::Sessions::destroy
//! [`Error::HeadersSent`]: crate::Error::HeadersSent
//! [`headers_sent`]: crate::Sessions::headers_sent
//! [`open`]: crate::Sessions::open
//! [`Session`]: crate::Session
//! [`Session::commit`]: crate::Session::commit
//! [`Session::destroy`]: crate::Session::destroy
//! [`Session::is_destroyed`]: crate::Session::is_destroyed

#[cfg(feature = "actix-web")]
pub mod actix_web;
#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tower")]
mod extract;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg_attr(
    not(any(
        feature = "actix-web",
        feature = "axum",
        feature = "poem",
        feature = "rocket",
        feature = "salvo"
    )),
    allow(dead_code, reason = "the frameworks' extractors answer with it")
)]
mod rejection;
#[cfg_attr(
    not(any(
        feature = "actix-web",
        feature = "poem",
        feature = "rocket",
        feature = "salvo",
        feature = "tower"
    )),
    allow(dead_code, reason = "the frameworks' middleware calls it")
)]
mod request;
#[cfg(feature = "rocket")]
pub mod rocket;
#[cfg(feature = "salvo")]
pub mod salvo;
#[cfg(feature = "tower")]
mod tower;
#[cfg(any(feature = "actix-web", feature = "poem", feature = "salvo"))]
mod unwind;

#[cfg(feature = "tower")]
pub use self::extract::session_of;
pub use self::rejection::Rejection;
#[cfg(feature = "tower")]
pub use self::tower::{ResponseFuture, SessionLayer, SessionService};
