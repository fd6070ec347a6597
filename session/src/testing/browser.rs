mod address;
mod jar;
mod page;

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HOST, LOCATION, SET_COOKIE,
};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tower_service::Service;

use self::jar::Jar;
pub use self::page::Page;
use crate::error::Chain;
use crate::expiry::{Clock, SystemClock};
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;

/// The most redirects that are followed in a row, as in browsers (Fetch Standard §4.4).
const MAX_REDIRECTS: usize = 20;

type AppFuture = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// A browser before an application in this process: for tests of your handlers, without a server or a socket.
///
/// It goes before any tower service, such as axum's `Router` or one with a [`SessionLayer`](crate::SessionLayer) around it. It keeps
/// cookies as browsers do (RFC 6265bis §5), and follows redirects on its host as they do (Fetch Standard §4.4). A clone is
/// another browser that begins with the same cookies: for requests at once, and for visitors who part.
///
/// All its requests are those of somebody who uses this one site: cookies of every `SameSite` go along. A domain counts as
/// a public suffix, for which no cookie is kept, when it has no dot.
///
/// # Default
///
/// The application is at `https://localhost`, redirects are followed, and cookies expire by the clock of the system.
///
/// # Panics
///
/// Its methods panic, with the reason, where a test cannot go on: when the application returns an error instead of a
/// response, when a body breaks off, for an address that is none, and after 20 redirects in a row. The panic of a handler is
/// handed on.
///
/// # Example
///
/// ```
/// use axum::response::{Html, Redirect};
/// use axum::{Router, routing::{get, post}};
/// use session::testing::Browser;
/// use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, SessionSchema, Sessions};
///
/// #[derive(SessionSchema)]
/// struct Visitor {
///     user_id: Option<u64>,
///     #[session(flash)]
///     notice: Option<String>,
/// }
///
/// async fn home(session: Session<Visitor>) -> Html<String> {
///     Html(session.take_notice().unwrap_or_default())
/// }
///
/// async fn log_in(session: Session<Visitor>) -> Redirect {
///     session.set_user_id(7);
///     session.flash_notice("Welcome back.");
///     Redirect::to("/")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
/// let sessions = Sessions::new(cookie, MemoryStorage::new());
/// let app: Router = Router::new()
///     .route("/", get(home))
///     .route("/login", post(log_in))
///     .layer(SessionLayer::from(sessions.clone()));
///
/// let mut browser = Browser::new(app);
/// let page = browser.post_form("/login", &[("name", "ada")]).await;
/// assert_eq!((page.status().as_u16(), page.text()), (200, "Welcome back."));
/// assert_eq!(browser.session::<Visitor>(&sessions).await.user_id(), Some(7));
/// assert_eq!(browser.get("/").await.text(), "");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Browser {
    app: Arc<dyn Fn(Request<Full<Bytes>>) -> AppFuture + Send + Sync>,
    origin: Uri,
    jar: Jar,
    clock: Arc<dyn Clock>,
    follows_redirects: bool,
}

impl Browser {
    /// A browser without cookies before that application.
    pub fn new<A, B>(app: A) -> Self
    where
        A: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        A::Error: Into<Box<dyn StdError + Send + Sync>>,
        A::Future: Send,
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let answer = move |request: Request<Full<Bytes>>| -> AppFuture {
            let mut app = app.clone();
            Box::pin(async move {
                let place = format!("{} {}", request.method(), request.uri());
                if let Err(error) = poll_fn(|context| app.poll_ready(context)).await {
                    fail(&place, "the application is not ready", &*error.into());
                }
                let (head, body) = match app.call(request).await {
                    Ok(response) => response.into_parts(),
                    Err(error) => fail(&place, "the application failed", &*error.into()),
                };
                match body.collect().await {
                    Ok(body) => Response::from_parts(head, body.to_bytes()),
                    Err(error) => fail(&place, "the body of the answer broke off", &*error.into()),
                }
            })
        };
        Self {
            app: Arc::new(answer),
            origin: Uri::from_static("https://localhost/"),
            jar: Jar::default(),
            clock: Arc::new(SystemClock),
            follows_redirects: true,
        }
    }

    /// Says where the application is: `https://shop.example`, `http://127.0.0.1:3000`.
    ///
    /// `Secure` cookies are kept and sent over HTTPS and on this computer: `localhost`, `127.0.0.1`, `[::1]`.
    ///
    /// # Panics
    ///
    /// When that is no address of HTTP or HTTPS.
    #[track_caller]
    pub fn at(mut self, origin: &str) -> Self {
        self.origin = address::parse(origin.as_bytes())
            .unwrap_or_else(|| panic!("`{origin}` is no origin, such as `https://shop.example`"));
        self
    }

    /// Says whether redirects are followed. If not, they are pages like any other.
    pub fn follow_redirects(mut self, follow: bool) -> Self {
        self.follows_redirects = follow;
        self
    }

    /// Sets the clock by which cookies expire.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens a page, and reads it to its end: a stream that has none keeps this waiting.
    pub async fn get(&mut self, path: &str) -> Page {
        self.send(head(Method::GET), path, Bytes::new()).await
    }

    /// Sends a form, in the format that forms have unless they say otherwise (`application/x-www-form-urlencoded`).
    pub async fn post_form(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut head = head(Method::POST);
        head.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        self.send(head, path, Bytes::from(address::form(fields)))
            .await
    }

    /// Sends a request as it is, with the browser's cookies. Its address is a path, or as a whole where the application has
    /// several hosts.
    ///
    /// A Cookie field of the request's own is sent in the place of the browser's cookies. Where there is nothing to send,
    /// the body is `""`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::Request;
    /// use session::testing::Browser;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), http::Error> {
    /// let app: axum::Router = axum::Router::new().route("/notes", axum::routing::put(|note: String| async move { note }));
    /// let mut browser = Browser::new(app);
    /// let page = browser.request(Request::put("/notes").header("accept", "text/plain").body("Dune")?).await;
    /// assert_eq!(page.text(), "Dune");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn request(&mut self, request: Request<impl Into<Vec<u8>>>) -> Page {
        let (head, body) = request.into_parts();
        let (address, body) = (head.uri.to_string(), Bytes::from(body.into()));
        self.send(head, &address, body).await
    }

    /// The value of a cookie that the browser has for the application, on whatever path.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.jar.at_host(&self.origin, self.clock.now());
        cookies.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Gives the browser a cookie as the application would, by a Set-Cookie field: `session=forged; Path=/`.
    ///
    /// # Panics
    ///
    /// When the browser refuses it, with the reason.
    #[track_caller]
    pub fn set_cookie(&mut self, field: &str) {
        self.keep(field.as_bytes());
    }

    /// Forgets all cookies.
    pub fn clear_cookies(&mut self) {
        self.jar = Jar::default();
    }

    /// The session that the browser's cookie opens, by its schema. A new one if it opens none.
    ///
    /// One load of the storage, and nothing is written: to look consumes no flash value and is no activity. What is changed in it
    /// stays in it, unless you commit it: [`change_session`](Self::change_session) does, and keeps the cookie.
    ///
    /// # Panics
    ///
    /// When the storage fails.
    pub async fn session<S: SessionSchema>(&self, sessions: &Sessions) -> Session<S> {
        let cookies = self.jar.at_host(&self.origin, self.clock.now());
        let pairs: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match sessions.open(pairs).await {
            Ok(session) => session.schema(),
            Err(error) => panic!("the session could not be opened: {}", Chain(&error)),
        }
    }

    /// Changes the browser's session beside the application, and keeps the cookie that comes of it: for a test that begins
    /// with a visitor who is logged in, say.
    ///
    /// # Panics
    ///
    /// When the storage fails, what was set cannot be stored, or the browser refuses the cookie.
    ///
    /// # Example
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use session::testing::Browser;
    /// # use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, Sessions};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sessions = Sessions::new(SessionCookie::new("session", KeyRing::generate()?), MemoryStorage::new());
    /// # let app: Router = Router::new()
    /// #     .route("/account", get(async |session: Session| session.data().to_string()))
    /// #     .layer(SessionLayer::from(sessions.clone()));
    /// let mut browser = Browser::new(app);
    /// browser.change_session(&sessions, |session: &Session| session.set("user_id", 7)).await;
    /// assert_eq!(browser.get("/account").await.text(), r#"{"user_id":7}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn change_session<S: SessionSchema>(
        &mut self,
        sessions: &Sessions,
        change: impl FnOnce(&Session<S>),
    ) {
        let session = self.session(sessions).await;
        change(&session);
        let field = match sessions.commit(&session).await {
            Ok(field) => field,
            Err(error) => panic!("the session could not be committed: {}", Chain(&error)),
        };
        if let Some(field) = field {
            self.keep(field.as_bytes());
        }
    }

    #[track_caller]
    fn keep(&mut self, field: &[u8]) {
        let kept = self.jar.keep(field, &self.origin, self.clock.now());
        if let Err(refusal) = kept {
            panic!("the browser refuses a cookie: {refusal}");
        }
    }

    /// Sends a request, and follows where it leads.
    async fn send(&mut self, mut head: Parts, address: &str, mut body: Bytes) -> Page {
        head.uri = address::resolve(&self.origin, address.as_bytes())
            .unwrap_or_else(|| panic!("`{address}` is no address, such as `/` or `/login?next=/`"));
        for _ in 0..=MAX_REDIRECTS {
            let page = self.send_once(&head, body.clone()).await;
            let Some(next) = self.next(&page) else {
                return page;
            };
            if becomes_get(page.status(), &head.method) {
                head.method = Method::GET;
                body = Bytes::new();
                for name in [
                    CONTENT_ENCODING,
                    CONTENT_LANGUAGE,
                    CONTENT_LENGTH,
                    CONTENT_LOCATION,
                    CONTENT_TYPE,
                ] {
                    head.headers.remove(name);
                }
            }
            head.headers.remove(COOKIE);
            head.uri = next;
        }
        panic!(
            "`{address}` leads to more than {MAX_REDIRECTS} redirects in a row, the last to `{}`",
            head.uri
        );
    }

    async fn send_once(&mut self, head: &Parts, body: Bytes) -> Page {
        let address = head.uri.clone();
        let mut head = head.clone();
        // As HTTP/1.1 has it: the host in a field, and of the address what comes after it.
        head.uri = address::path_and_query(&address);
        if let Some(authority) = address.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            head.headers.entry(HOST).or_insert(host);
        }
        if !body.is_empty() {
            head.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        if !head.headers.contains_key(COOKIE)
            && let Some(cookies) = self.jar.field(&address, self.clock.now())
        {
            head.headers.insert(COOKIE, cookies);
        }
        let response = (self.app)(Request::from_parts(head, Full::new(body))).await;
        let now = self.clock.now();
        let fields = response.headers().get_all(SET_COOKIE).into_iter();
        let refused = fields
            .filter_map(|field| self.jar.keep(field.as_bytes(), &address, now).err())
            .collect();
        Page::new(address, response, refused)
    }

    /// Where a page sends this browser next, if it goes there.
    fn next(&self, page: &Page) -> Option<Uri> {
        let is_redirect = matches!(page.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        if !self.follows_redirects || !is_redirect {
            return None;
        }
        let location = page.headers().get(LOCATION)?;
        let next = address::resolve(page.address(), location.as_bytes())?;
        (next.authority() == page.address().authority()).then_some(next)
    }
}

impl fmt::Debug for Browser {
    /// Shows the names of its cookies, not the values, which open sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("origin", &self.origin)
            .field("jar", &self.jar)
            .field("follows_redirects", &self.follows_redirects)
            .finish_non_exhaustive()
    }
}

fn head(method: Method) -> Parts {
    let mut request = Request::new(());
    *request.method_mut() = method;
    request.into_parts().0
}

/// Whether the request after a redirect is a GET without a body.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status {
        StatusCode::SEE_OTHER => method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
        _ => false,
    }
}

fn fail(place: &str, what: &str, error: &(dyn StdError + 'static)) -> ! {
    panic!("{place}: {what}: {}", Chain(error));
}

#[cfg(all(test, feature = "axum", feature = "memory"))]
mod tests;
