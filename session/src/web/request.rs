//! The session of one request, for whatever framework: what a middleware, an extractor and the end of a request do.
//!
//! An integration's middleware [begins](Settings::begin) an [`Exchange`], puts its [`RequestSession`] where the framework
//! keeps what belongs to a request, and after the handler does what [`Exchange::end`] says. Its extractor hands the Cookie
//! fields to [`RequestSession::session`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::expiry::Expiry;
use crate::manager::{Finish, Finished, Sessions};
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::web::rejection::Rejection;

/// The settings of a framework's middleware.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sessions: Sessions,
    pub(crate) commit_on_server_error: bool,
}

impl Settings {
    pub(crate) fn expiry(mut self, expiry: Expiry) -> Self {
        self.sessions = self.sessions.expiry(expiry);
        self
    }

    /// Begins with a request; `outer` is the place for a session that it has already.
    ///
    /// `None`, which is logged, if it has one: the middleware stands twice on the route, and answers 500.
    pub(crate) fn begin(&self, outer: Option<&RequestSession>) -> Option<Exchange> {
        if let Some(outer) = outer {
            tracing::error!(
                outer = outer.0.settings.sessions.cookie_name(),
                inner = self.sessions.cookie_name(),
                "two session layers on one route, by the names of their cookies; remove one"
            );
            return None;
        }
        let place = Place {
            settings: self.clone(),
            session: OnceLock::new(),
            is_closed: AtomicBool::new(false),
        };
        Some(Exchange {
            request: RequestSession(Arc::new(place)),
            has_ended: false,
        })
    }
}

impl From<Sessions> for Settings {
    fn from(sessions: Sessions) -> Self {
        Self {
            sessions,
            commit_on_server_error: false,
        }
    }
}

/// Where a request keeps its session: empty until somebody asks for it. A clone is the same place.
#[derive(Clone)]
pub(crate) struct RequestSession(Arc<Place>);

struct Place {
    settings: Settings,
    session: OnceLock<Session>,
    /// The response has left, or will never leave, and nobody had asked for the session.
    is_closed: AtomicBool,
}

/// A request and its response, as the middleware sees them. Dropped without an [`end`](Self::end), as by a client that goes
/// away, it commits nothing.
pub(crate) struct Exchange {
    request: RequestSession,
    has_ended: bool,
}

/// What is left to do when a handler has ended.
pub(crate) enum End {
    /// Nobody asked for the session: the response goes as it is.
    Untouched,
    /// The response is [`mark`]ed with the Set-Cookie that the session's commit has given. After a commit that failed it is an
    /// empty 503 instead, marked as well. It is logged already.
    Done(Finished),
    /// The response waits for the commit; then it is as above.
    Commit(Finish),
}

impl End {
    /// Waits for the commit. `None`: the response goes as it is.
    #[cfg(any(
        feature = "actix-web",
        feature = "poem",
        feature = "rocket",
        feature = "salvo"
    ))]
    pub(crate) async fn finished(self) -> Option<Finished> {
        match self {
            Self::Untouched => None,
            Self::Done(finished) => Some(finished),
            Self::Commit(finish) => Some(finish.await),
        }
    }
}

impl RequestSession {
    /// The request's session, loaded at the first call. A failed load is tried again at the next.
    ///
    /// `cookie_fields` gives the values of the request's Cookie fields, each time it is called.
    pub(crate) async fn session<'a, S: SessionSchema, I: Iterator<Item = &'a [u8]>>(
        &self,
        cookie_fields: impl Fn() -> I,
    ) -> Result<Session<S>, Rejection> {
        let Place {
            settings,
            session: place,
            is_closed,
        } = &*self.0;
        if settings.sessions.refuses::<S>() {
            let schema = std::any::type_name::<S>();
            return Err(Rejection::Privileged { schema });
        }
        let session = if let Some(session) = place.get() {
            session
        } else {
            let opened = settings.sessions.open_from(cookie_fields).await;
            let opened = opened.map_err(Rejection::Unavailable)?;
            // Of two extractors that load at once, the first to be done gives both of them its session.
            place.get_or_init(|| opened)
        };
        // For a task that outlives its request. Also when it asks just as that ends: one of the two sees the other.
        if is_closed.fetch_or(false, Ordering::AcqRel) {
            settings.sessions.headers_sent(session);
        }
        S::__check(session.handle()).map_err(Rejection::Mismatch)?;
        Ok(session.schema())
    }

    fn close(&self) -> Option<&Session> {
        self.0.is_closed.swap(true, Ordering::AcqRel);
        let session = self.0.session.get()?;
        self.0.settings.sessions.headers_sent(session);
        Some(session)
    }
}

impl Exchange {
    /// What the extractor finds the session by.
    pub(crate) fn session(&self) -> RequestSession {
        self.request.clone()
    }

    /// Ends the request after a handler that answered with `status`; `None` when it gave no response but panicked or failed.
    pub(crate) fn end(&mut self, status: Option<u16>) -> End {
        let end = self.end_of(status);
        // Else it has panicked, and is left as one that was dropped.
        self.has_ended = true;
        end
    }

    fn end_of(&self, status: Option<u16>) -> End {
        let Place {
            settings, session, ..
        } = &*self.request.0;
        let Some(session) = session.get() else {
            self.request.close();
            return End::Untouched;
        };
        let failed = match status {
            Some(500..=599) => !settings.commit_on_server_error,
            Some(_) => false,
            None => true,
        };
        let at_once = || settings.sessions.finish_at_once(session);
        match (!failed).then(at_once).flatten() {
            Some(finished) => End::Done(finished),
            None => End::Commit(settings.sessions.finish(session.clone(), failed)),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        if let Some(session) = self.request.close() {
            session.handle().abandon();
        }
    }
}

/// A response's header fields, in whatever type its framework has for them.
pub(crate) trait Fields {
    /// The values of every field of that name.
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]>;

    /// Adds a field. Those of the same name stay.
    fn append(&mut self, name: HeaderName, value: HeaderValue);
}

impl Fields for HeaderMap {
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.get_all(name).into_iter().map(HeaderValue::as_bytes)
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.append(name, value);
    }
}

/// Tells caches that the response depends on the cookie, and that one with a Set-Cookie is for one reader alone (G11).
pub(crate) fn mark(response: &mut impl Fields, set_cookie: Option<HeaderValue>) {
    let varies = response
        .values(&VARY)
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|name| name == b"*" || name.eq_ignore_ascii_case(b"cookie"));
    if !varies {
        response.append(VARY, HeaderValue::from_static("Cookie"));
    }
    if let Some(set_cookie) = set_cookie {
        response.append(SET_COOKIE, set_cookie);
        if response.values(&CACHE_CONTROL).next().is_none() {
            response.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(vary: &'static str, cache_control: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static(vary));
        if let Some(value) = cache_control {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        mark(&mut headers, Some(HeaderValue::from_static("a=b")));
        headers
    }

    #[test]
    fn vary_is_added_to_and_never_doubled() {
        let count = |vary| marked(vary, None).get_all(VARY).iter().count();
        assert_eq!(count("Accept-Encoding"), 2);
        assert_eq!(count("accept, COOKIE"), 1);
        assert_eq!(count("*"), 1);
    }

    #[test]
    fn a_handlers_own_cache_control_stays() {
        assert_eq!(marked("*", None)[CACHE_CONTROL], "no-store");
        assert_eq!(marked("*", Some("private"))[CACHE_CONTROL], "private");
    }
}
