use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

use crate::cookie::{MAX_CANDIDATES, SessionCookie};
use crate::error::Error;
use crate::expiry::{Clock, Expiry, SystemClock, to_unix};
use crate::handle::Handle;
use crate::id::{SessionId, StorageKey};
use crate::record::MAX_RECORD_BYTES;
use crate::schema::{Privilege, SessionSchema};
use crate::session::Session;
use crate::state::{CookieUpdate, State};
use crate::storage::{BoxStorage, SessionStorage};
use crate::text::utf8;

mod ending;

pub(crate) use self::ending::{Finish, Finished, Leaving};

/// Commits that met another's change wait for their turn at one of so many locks.
const TURNS: usize = 64;

/// The life of a session in a request, for whatever framework: open, commit, destroy.
///
/// A web integration such as [`SessionLayer`](crate::SessionLayer) does nothing but call it. By hand it takes the place of
/// get-session, commit-session and destroy-session functions: see [by hand](crate::web#by-hand). Cheap to clone.
///
/// # Default
///
/// [`Expiry::default`], records up to 1 MiB.
///
/// # Example
///
/// ```
/// use http::header::{COOKIE, HeaderMap};
/// use session::{KeyRing, MemoryStorage, SessionCookie, Sessions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
/// let sessions = Sessions::new(cookie, MemoryStorage::new());
/// let request = HeaderMap::new();
///
/// let session = sessions.open(request.get_all(COOKIE)).await?;
/// session.set("theme", "dark");
/// let set_cookie = sessions.commit(&session).await?.expect("the session is new");
/// assert!(set_cookie.to_str()?.starts_with("__Host-session="));
///
/// let pair = set_cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
/// let session = sessions.open([pair]).await?;
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sessions {
    context: Context,
}

impl Sessions {
    /// Sessions under that cookie, in that storage.
    pub fn new(cookie: SessionCookie, storage: impl SessionStorage) -> Self {
        let shared = Shared {
            cookie,
            expiry: Expiry::default(),
            clock: Arc::new(SystemClock),
            max_record_bytes: 1 << 20,
            turns: (0..TURNS).map(|_| tokio::sync::Mutex::new(())).collect(),
            refuses_privileged: storage.refuses_privileged(),
            storage: storage.boxed(),
        };
        Self {
            context: Context(Arc::new(shared)),
        }
    }

    /// Sets how long sessions live.
    ///
    /// # Panics
    ///
    /// When a limit is zero: every session would be expired from the start.
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        assert!(
            !expiry.idle.is_zero() && !expiry.absolute.is_zero(),
            "a session's idle and absolute timeouts are longer than zero"
        );
        self.shared_mut().expiry = expiry;
        self
    }

    /// Sets how large a session may be, in bytes of JSON without the spaces. At most 256 MiB.
    ///
    /// The cookie storage takes what fits into the cookie, whatever is set here.
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.shared_mut().max_record_bytes = bytes.min(MAX_RECORD_BYTES);
        self
    }

    /// Sets the clock by which sessions expire.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.shared_mut().clock = Arc::new(clock);
        self
    }

    /// Opens the session that a request's Cookie fields stand for, or begins a new one. Stores nothing.
    ///
    /// Several fields, and several cookies of one name, are all looked at; the first that opens a session counts. What is
    /// unknown, expired, forged or malformed is a new session under a fresh id, and which of these it was is not told.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] when the storage cannot say what it holds: that is not a new session.
    /// [`Error::Random`] when no id could be generated.
    pub fn open<I>(
        &self,
        cookie_fields: I,
    ) -> impl Future<Output = Result<Session, Error>> + Send + use<I>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let context = self.context.clone();
        let mut values = Vec::new();
        for field in cookie_fields {
            let found = context.cookie().values(field.as_ref());
            values.extend(
                found
                    .map(<[u8]>::to_owned)
                    .take(MAX_CANDIDATES - values.len()),
            );
        }
        async move { context.open(|| values.iter().map(Vec::as_slice)).await }
    }

    /// As [`open`](Self::open), for fields that outlive the call: nothing is copied.
    pub(crate) async fn open_from<'a, I>(
        &self,
        cookie_fields: impl Fn() -> I,
    ) -> Result<Session, Error>
    where
        I: Iterator<Item = &'a [u8]>,
    {
        let cookie = self.context.cookie();
        let values = || cookie_fields().flat_map(|field| cookie.values(field));
        self.context.open(values).await
    }

    /// Writes what has changed, and gives the Set-Cookie field that the response is to carry, if any.
    ///
    /// # Errors
    ///
    /// As [`Session::commit`], but for [`Error::Detached`]: a session made by [`Session::new`] is stored here.
    /// The response must not promise what was not stored: answer 503.
    pub async fn commit<S: SessionSchema>(
        &self,
        session: &Session<S>,
    ) -> Result<Option<HeaderValue>, Error> {
        session.handle().settle(&self.context);
        self.context.save(&session.untyped()).await?;
        self.context.take_set_cookie(session.handle())
    }

    /// Ends the session in the storage, and gives the Set-Cookie field that makes the browser forget it.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] and [`Error::Contended`] when the storage did not take it: the session is still there.
    pub async fn destroy<S: SessionSchema>(
        &self,
        session: &Session<S>,
    ) -> Result<Option<HeaderValue>, Error> {
        session.destroy();
        self.commit(session).await
    }

    /// Whether the storage does not take a schema.
    pub(crate) fn refuses<S: SessionSchema>(&self) -> bool {
        <S::__Privilege as Privilege>::IS_THERE && self.context.0.refuses_privileged
    }

    /// The name of the session's cookie.
    pub(crate) fn cookie_name(&self) -> &str {
        self.context.cookie().name()
    }

    #[cfg(test)]
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.context.0)
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// What a storage is told of the sessions it serves: their cookie, limits and time.
///
/// Made by [`Sessions`]; a [`SessionStorage`] gets it with every call. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Shared>);

/// What every session of one [`Sessions`] leads back to.
#[derive(Clone)]
struct Shared {
    cookie: SessionCookie,
    expiry: Expiry,
    clock: Arc<dyn Clock>,
    max_record_bytes: usize,
    turns: Arc<[tokio::sync::Mutex<()>]>,
    storage: BoxStorage,
    refuses_privileged: bool,
}

impl Context {
    /// The cookie that carries the session.
    pub fn cookie(&self) -> &SessionCookie {
        &self.0.cookie
    }

    /// How long sessions live.
    pub fn expiry(&self) -> Expiry {
        self.0.expiry
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The largest record that may be stored, in bytes.
    pub fn max_record_bytes(&self) -> usize {
        self.0.max_record_bytes
    }

    pub(crate) fn now_unix(&self) -> u64 {
        to_unix(self.0.clock.now())
    }

    /// Waits for the turn of a commit that met another's change: within a process they no longer meet after that.
    ///
    /// On Workers nobody waits: a request that waits for another has no I/O of its own under way, which the platform takes for
    /// a hang and ends (<https://developers.cloudflare.com/workers/observability/errors/>, "will never generate a response").
    pub(crate) async fn turn(&self, key: &StorageKey) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if cfg!(all(target_family = "wasm", target_os = "unknown")) {
            return None;
        }
        let [first, ..] = key.as_bytes();
        let turn = self.0.turns.get(usize::from(*first) % TURNS)?;
        Some(turn.lock().await)
    }

    /// What waits has little in hand: candidates are looked for anew, and those after the first, which nearly all requests are
    /// without, are boxed.
    async fn open<'a, I>(&self, values: impl Fn() -> I) -> Result<Session, Error>
    where
        I: Iterator<Item = &'a [u8]>,
    {
        if let Some(session) = self.open_at_once(values()) {
            return session;
        }
        if let Some(first) = values().next()
            && let Some(session) = self.read(first).await?
        {
            return Ok(session);
        }
        let others = async {
            for next in values().take(MAX_CANDIDATES).skip(1) {
                if let Some(session) = self.read(next).await? {
                    return Ok(session);
                }
            }
            self.begin(true)
        };
        Box::pin(others).await
    }

    /// The session, when all that has to be known of it is known at once.
    fn open_at_once<'a>(
        &self,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Option<Result<Session, Error>> {
        let mut presented = false;
        for value in values.take(MAX_CANDIDATES) {
            presented = true;
            let session = self.0.storage.__read_at_once(value, self)?;
            if let Some(session) = session.transpose() {
                return Some(session);
            }
        }
        Some(self.begin(presented))
    }

    async fn read(&self, value: &[u8]) -> Result<Option<Session>, Error> {
        let Some(value) = utf8(value) else {
            return Ok(None);
        };
        let session = self.0.storage.read(value, self).await?;
        if let Some(session) = &session {
            // One that a storage has made by itself, of another's data for example.
            if session.handle().settle(self) {
                session.handle().state().presented = true;
            }
        }
        Ok(session)
    }

    /// A new session. `presented`: the request had a cookie of that name, though it opened nothing.
    fn begin(&self, presented: bool) -> Result<Session, Error> {
        let mut state = State::new(SessionId::generate()?, self.now_unix(), None);
        state.presented = presented;
        Ok(Session::from_handle(Handle::of(state, Some(self))))
    }

    /// Lets the storage write the session, and notes what the browser is to be told.
    pub(crate) async fn save(&self, session: &Session) -> Result<(), Error> {
        let _turn = session.handle().turn().await;
        self.save_in(&self.0.storage, session).await
    }

    /// [`save`](Self::save), for who has the session's turn.
    async fn save_in(&self, storage: &impl SessionStorage, session: &Session) -> Result<(), Error> {
        let update = storage.save(session, self).await?;
        session.handle().state().take_in(update)
    }

    fn take_set_cookie(&self, handle: &Handle) -> Result<Option<HeaderValue>, Error> {
        let due = std::mem::take(&mut handle.state().cookie_due);
        self.set_cookie(due)
    }

    /// The Set-Cookie field of an update.
    fn set_cookie(&self, update: CookieUpdate) -> Result<Option<HeaderValue>, Error> {
        match update {
            CookieUpdate::Keep => Ok(None),
            CookieUpdate::Set { value, max_age } => self.0.cookie.set(&value, max_age).map(Some),
            CookieUpdate::Remove => Ok(Some(self.0.cookie.removal())),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cookie", &self.0.cookie)
            .field("expiry", &self.0.expiry)
            .field("max_record_bytes", &self.0.max_record_bytes)
            .finish_non_exhaustive()
    }
}
