use axum::Router;
use axum::body::Body;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

/// A browser in front of an application in this process: it keeps the one cookie that it is given.
///
/// A clone is another browser with the same cookie.
#[derive(Clone)]
pub(crate) struct Client {
    router: Router,
    cookie: Option<String>,
}

impl Client {
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            cookie: None,
        }
    }

    /// The cookie as the Cookie field carries it: `name=value`.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// The cookie's value alone.
    pub(crate) fn value(&self) -> &str {
        let (_, value) = self.cookie().unwrap().split_once('=').unwrap();
        value
    }

    /// A browser of that application that holds this cookie, `name=value`.
    pub(crate) fn with_cookie(&self, cookie: impl Into<String>) -> Self {
        Self {
            cookie: Some(cookie.into()),
            ..self.clone()
        }
    }

    /// A browser of that application that holds no cookie.
    pub(crate) fn anonymous(&self) -> Self {
        Self::new(self.router.clone())
    }

    /// The same browser in front of another application.
    pub(crate) fn moved_to(&self, router: Router) -> Self {
        Self {
            router,
            ..self.clone()
        }
    }

    /// Requests a page, and keeps or forgets the cookie as the answer says.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let answer = self.peek(path).await;
        self.take_in(&answer);
        answer
    }

    /// Requests a page with the cookie, and heeds no Set-Cookie.
    pub(crate) async fn peek(&self, path: &str) -> Answer {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(cookie) = &self.cookie {
            let cookie = HeaderValue::from_str(cookie).unwrap();
            request.headers_mut().insert(COOKIE, cookie);
        }
        self.send(request).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.into()).unwrap(),
        }
    }

    /// Begins a request that goes on beside the others.
    pub(crate) fn start(&self, path: &str) -> JoinHandle<Answer> {
        let (client, path) = (self.clone(), path.to_owned());
        tokio::spawn(async move { client.peek(&path).await })
    }

    /// Keeps or forgets the cookie as an answer says.
    pub(crate) fn take_in(&mut self, answer: &Answer) {
        match answer.cookie() {
            SetCookie::None => {}
            SetCookie::Set { pair, .. } => self.cookie = Some(pair),
            SetCookie::Removed => self.cookie = None,
        }
    }
}

/// A response that has arrived as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What an answer tells the browser of its cookie.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SetCookie {
    None,
    Set { pair: String, max_age: u64 },
    Removed,
}

impl Answer {
    /// The body, once the status is what it should be.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        &self.body
    }

    pub(crate) fn header(&self, name: http::HeaderName) -> Vec<&str> {
        let values = self.headers.get_all(name).into_iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// What the one Set-Cookie field says, if there is one. Two are a mistake.
    #[track_caller]
    pub(crate) fn cookie(&self) -> SetCookie {
        let fields = self.header(SET_COOKIE);
        assert!(fields.len() <= 1, "two Set-Cookie fields");
        let Some(field) = fields.first() else {
            return SetCookie::None;
        };
        let mut parts = field.split("; ");
        let pair = parts.next().unwrap().to_owned();
        let max_age = parts
            .find_map(|part| part.strip_prefix("Max-Age="))
            .expect("a Max-Age")
            .parse()
            .unwrap();
        if max_age == 0 {
            assert!(pair.ends_with('='), "a removal carries no value");
            return SetCookie::Removed;
        }
        SetCookie::Set { pair, max_age }
    }

    #[track_caller]
    pub(crate) fn sets_no_cookie(&self) {
        assert_eq!(self.cookie(), SetCookie::None);
    }

    /// The Max-Age of the cookie that the answer sets.
    #[track_caller]
    pub(crate) fn max_age(&self) -> u64 {
        match self.cookie() {
            SetCookie::Set { max_age, .. } => max_age,
            other => panic!("{other:?} sets no cookie"),
        }
    }
}
