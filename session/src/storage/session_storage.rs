use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Error;
use crate::manager::{Context, Finish, Finished, Leaving, Sessions};
use crate::session::Session;
use crate::state::{CookieUpdate, State};
use crate::storage::backend::Backend;
use crate::storage::protocol;

/// What a layer takes: it turns a cookie's value into a session, and a session into a cookie's value.
///
/// Every [`Backend`] is one: for a database, implement that. Implement this trait to combine storages, as below, or to
/// watch one.
///
/// # Example
///
/// A move from one storage to another without a log-out: read from the new one, then from the old one.
///
/// ```
/// use session::storage::{Context, CookieUpdate, SessionStorage};
/// use session::{Error, KeyRing, MemoryStorage, Session, SessionCookie, Sessions};
///
/// struct Moving<A, B> {
///     to: A,
///     from: B,
/// }
///
/// impl<A: SessionStorage, B: SessionStorage> SessionStorage for Moving<A, B> {
///     async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
///         if let Some(session) = self.to.read(value, context).await? {
///             return Ok(Some(session));
///         }
///         let Some(old) = self.from.read(value, context).await? else {
///             return Ok(None);
///         };
///         // What the old storage holds becomes a session that the new one has not seen yet: the commit stores it there.
///         Session::with_data(old.data()).map(Some)
///     }
///
///     async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
///         self.to.save(session, context).await
///     }
///
///     fn refuses_privileged(&self) -> bool {
///         self.to.refuses_privileged()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookie = SessionCookie::new("session", KeyRing::generate()?);
/// let (old, new) = (MemoryStorage::new(), MemoryStorage::new());
///
/// let before = Sessions::new(cookie.clone(), old.clone());
/// let session = before.open([""; 0]).await?;
/// session.set("theme", "dark");
/// let set_cookie = before.commit(&session).await?.expect("a new session");
/// let pair = set_cookie.to_str()?.split(';').next().unwrap_or_default().to_owned();
///
/// let after = Sessions::new(cookie, Moving { to: new.clone(), from: old.clone() });
/// let session = after.open([&pair]).await?;
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
/// after.commit(&session).await?;
/// assert_eq!(new.len(), 1);
/// # Ok(())
/// # }
/// ```
pub trait SessionStorage: Send + Sync + 'static {
    /// Reads the session that a cookie's value stands for. `None` when it opens nothing; stores nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Storage`] when the storage cannot say what it holds.
    fn read(
        &self,
        cookie_value: &str,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Session>, Error>> + Send;

    /// Writes what has changed in a session, and says what that means for its cookie.
    ///
    /// A layer leaves the call out at the end of a request that has changed nothing, when the session's activity was
    /// written less than a tenth of the idle timeout ago and its cookie is up to date.
    ///
    /// Once the response's headers have left, a commit for which this asks to [set](CookieUpdate::Set) a cookie fails by
    /// [`Error::HeadersSent`]. The storages here know it before, and store nothing then.
    ///
    /// # Errors
    ///
    /// As [`Session::commit`]. What was not stored is still to be written.
    fn save(
        &self,
        session: &Session,
        context: &Context,
    ) -> impl Future<Output = Result<CookieUpdate, Error>> + Send;

    /// Whether it takes no schema with a [`privileged`](crate::Unprivileged) field: then an extractor for one is refused
    /// ([`Rejection::Privileged`](crate::web::Rejection)), and the request answered by a 500.
    ///
    /// For a storage that cannot keep what log-ins depend on, such as `WorkersKvStorage`. It is asked once, when the layer is made. A
    /// storage that stands before others says what they say.
    ///
    /// # Default
    ///
    /// `false`: every schema is taken.
    fn refuses_privileged(&self) -> bool {
        false
    }

    /// [`read`](Self::read) by a storage that need not wait for it. `None`: it is to be waited for.
    #[doc(hidden)]
    fn __read_at_once(
        &self,
        _cookie_value: &[u8],
        _context: &Context,
    ) -> Option<Result<Option<Session>, Error>> {
        None
    }

    /// [`save`](Self::save) likewise, of the session with this state, whose lock the caller has.
    #[doc(hidden)]
    fn __save_at_once(
        &self,
        _state: &mut State,
        _context: &Context,
        _now: u64,
    ) -> Option<Result<CookieUpdate, Error>> {
        None
    }

    /// The same storage without its type, so that it can be chosen at run time.
    fn boxed(self) -> BoxStorage
    where
        Self: Sized,
    {
        BoxStorage(Arc::new(self))
    }
}

impl<B: Backend> SessionStorage for B {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        protocol::read(self, value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        protocol::save(self, session, context).await
    }

    fn __read_at_once(
        &self,
        value: &[u8],
        context: &Context,
    ) -> Option<Result<Option<Session>, Error>> {
        Some(Ok(protocol::at_once::read(
            self.__in_process()?,
            value,
            context,
        )))
    }

    fn __save_at_once(
        &self,
        state: &mut State,
        context: &Context,
        now: u64,
    ) -> Option<Result<CookieUpdate, Error>> {
        protocol::at_once::save(self.__in_process()?, state, context, now).map(Ok)
    }
}

/// A [`SessionStorage`] without its type. Cheap to clone; the clones share the storage.
#[derive(Clone)]
pub struct BoxStorage(Arc<dyn DynStorage>);

impl SessionStorage for BoxStorage {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        self.0.read(value, context).await
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        self.0.save(session, context).await
    }

    fn refuses_privileged(&self) -> bool {
        self.0.refuses_privileged()
    }

    fn __read_at_once(
        &self,
        value: &[u8],
        context: &Context,
    ) -> Option<Result<Option<Session>, Error>> {
        self.0.read_at_once(value, context)
    }

    fn __save_at_once(
        &self,
        state: &mut State,
        context: &Context,
        now: u64,
    ) -> Option<Result<CookieUpdate, Error>> {
        self.0.save_at_once(state, context, now)
    }

    fn boxed(self) -> Self {
        self
    }
}

impl BoxStorage {
    /// [`Sessions::finish_in`] over the storage itself: boxed as a whole, not once more inside.
    pub(crate) fn finish(
        &self,
        sessions: Sessions,
        leaving: Leaving,
        handler_failed: bool,
    ) -> Finish {
        Arc::clone(&self.0).finish(sessions, leaving, handler_failed)
    }
}

impl fmt::Debug for BoxStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxStorage(..)")
    }
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The same verbs in a form that a `dyn` can have.
trait DynStorage: Send + Sync {
    fn read<'a>(
        &'a self,
        value: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Option<Session>, Error>>;

    fn save<'a>(
        &'a self,
        session: &'a Session,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<CookieUpdate, Error>>;

    fn refuses_privileged(&self) -> bool;

    fn read_at_once(
        &self,
        value: &[u8],
        context: &Context,
    ) -> Option<Result<Option<Session>, Error>>;

    fn save_at_once(
        &self,
        state: &mut State,
        context: &Context,
        now: u64,
    ) -> Option<Result<CookieUpdate, Error>>;

    fn finish(
        self: Arc<Self>,
        sessions: Sessions,
        leaving: Leaving,
        handler_failed: bool,
    ) -> BoxFuture<'static, Finished>;
}

impl<T: SessionStorage> DynStorage for T {
    fn read<'a>(
        &'a self,
        value: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Option<Session>, Error>> {
        Box::pin(SessionStorage::read(self, value, context))
    }

    fn save<'a>(
        &'a self,
        session: &'a Session,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<CookieUpdate, Error>> {
        Box::pin(SessionStorage::save(self, session, context))
    }

    fn refuses_privileged(&self) -> bool {
        SessionStorage::refuses_privileged(self)
    }

    fn read_at_once(
        &self,
        value: &[u8],
        context: &Context,
    ) -> Option<Result<Option<Session>, Error>> {
        self.__read_at_once(value, context)
    }

    fn save_at_once(
        &self,
        state: &mut State,
        context: &Context,
        now: u64,
    ) -> Option<Result<CookieUpdate, Error>> {
        self.__save_at_once(state, context, now)
    }

    fn finish(
        self: Arc<Self>,
        sessions: Sessions,
        leaving: Leaving,
        handler_failed: bool,
    ) -> BoxFuture<'static, Finished> {
        let finished = async move {
            let Leaving(session) = &leaving;
            sessions.finish_in(&*self, session, handler_failed).await
        };
        Box::pin(finished)
    }
}
