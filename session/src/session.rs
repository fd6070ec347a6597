use std::fmt;
use std::ops::Deref;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::changes::{Changes, FlashLifetime};
use crate::error::Error;
use crate::expiry::{Clock as _, Expiry, SystemClock, from_unix, to_unix, whole_seconds};
use crate::handle::{Handle, Target, View};
use crate::id::SessionId;
use crate::manager::Context;
use crate::schema::{SessionSchema, Untyped};
use crate::state::Fate;
use crate::value::{Step, decode, encode};

/// One request's session, through the accessors of the schema `S`, or by key as `Session` alone.
///
/// In a handler it is an extractor, and extracting it is the one await: it loads the session that the request's cookie
/// stands for, or begins a new one. After that everything here is synchronous, cannot fail, and changes nothing but this
/// handle until the commit after the handler. A clone is another handle of the same session.
///
/// `Session<Visitor>` has the accessors that `#[derive(SessionSchema)]` makes for `Visitor`; the methods below are on every
/// session, and [the last block](#impl-Session) only on the untyped one, which [`untyped`](Self::untyped) gives.
///
/// # Example
///
/// ```
/// use session::Session;
///
/// let session = Session::new();
/// session.set("theme", "dark");
/// session.flash("notice", "Saved.");
/// assert_eq!(session.get::<String>("theme")?.as_deref(), Some("dark"));
/// assert_eq!(session.get::<String>("notice")?.as_deref(), Some("Saved."));
/// assert!(!session.has("notice"), "a flash value is read once");
/// # Ok::<(), session::Error>(())
/// ```
pub struct Session<S: SessionSchema = Untyped> {
    accessors: S::Accessors,
}

// A public method here hides the accessor of a field of its name: the derive has to know it (`METHODS_OF_SESSION`).
impl<S: SessionSchema> Session<S> {
    /// The session's id.
    ///
    /// A new session has its id before it is stored, and keeps it. After [`destroy`](Self::destroy) it is that of the
    /// session that a later write would begin.
    pub fn id(&self) -> SessionId {
        self.handle().state().id.clone()
    }

    /// Whether nothing of the session is stored yet.
    pub fn is_new(&self) -> bool {
        self.handle().state().stored.is_none()
    }

    /// Whether the session has no key, neither lasting nor flash.
    pub fn is_empty(&self) -> bool {
        self.handle().keys().is_empty()
    }

    /// Whether the commit has something to write: a change, a new id or a destroyed session.
    pub fn is_dirty(&self) -> bool {
        self.handle().state().is_dirty()
    }

    /// Whether the session was destroyed, and nothing was written since.
    pub fn is_destroyed(&self) -> bool {
        let state = self.handle().state();
        match state.fate {
            Fate::Alive => false,
            Fate::Destroyed => state.stored.is_none() && state.changes.is_empty(),
            Fate::Gone => true,
        }
    }

    /// When the session began.
    pub fn created_at(&self) -> SystemTime {
        from_unix(self.handle().state().created_at)
    }

    /// When the session expires if no later request uses it.
    ///
    /// What is stored, for a stored session; for a new one what a commit now would store.
    pub fn expires_at(&self) -> SystemTime {
        let handle = self.handle();
        let now = handle.now();
        let expiry = handle.home().map_or_else(Expiry::default, Context::expiry);
        let state = handle.state();
        from_unix(match &state.stored {
            Some(stored) => stored.expires_at,
            None => expiry.deadline(state.created_at, now),
        })
    }

    /// Ends the session: its data is gone from this handle now, from the storage and the browser when the response is sent.
    ///
    /// Nothing brings that session back, also not another request in flight. It is carried out whatever the response is.
    /// Idempotent. A write afterwards begins a new, empty session under a fresh id, so a goodbye can be flashed after a
    /// logout. OWASP ASVS 5.0, 7.4.1 asks for the end on the server.
    ///
    /// # Example
    ///
    /// ```
    /// use session::Session;
    ///
    /// let session = Session::new();
    /// session.set("user_id", 7);
    /// session.destroy();
    /// assert!(session.is_destroyed() && session.is_empty());
    /// session.flash("notice", "Goodbye.");
    /// assert!(!session.is_destroyed());
    /// ```
    pub fn destroy(&self) {
        let now = self.handle().now();
        self.handle().state().destroy(SessionId::generate(), now);
    }

    /// Gives the session a new id and keeps its data. The old id opens nothing from the commit on.
    ///
    /// Call it wherever a visitor gains rights, at login above all: an id that somebody planted is worthless then (session
    /// fixation; OWASP ASVS 5.0, 7.2.4). Costs one more storage call. The commit sends a Set-Cookie.
    ///
    /// # Example
    ///
    /// ```
    /// use session::Session;
    ///
    /// let session = Session::new();
    /// session.set("cart", ["Dune"]);
    /// let before = session.id();
    /// session.regenerate_id();
    /// assert_ne!(session.id(), before);
    /// assert!(session.has("cart"));
    /// ```
    pub fn regenerate_id(&self) {
        self.regenerate_id_keeping_old(Duration::ZERO);
    }

    /// Gives the session a new id; the old one still opens the same session for `grace`.
    ///
    /// For clients that may not get the response, such as phones between two networks: the next request with the old
    /// cookie is answered with the new one. Keep the grace short (10 to 60 seconds), and use
    /// [`regenerate_id`](Self::regenerate_id) at login: until the grace ends, a planted id opens the session.
    /// Whole seconds count; a part of a second is rounded up.
    pub fn regenerate_id_keeping_old(&self, grace: Duration) {
        let id = SessionId::generate();
        self.handle().state().rotate(id, whole_seconds(grace));
    }

    /// Removes every key, lasting and flash. The session itself stays, with its id.
    ///
    /// At the commit it removes what other requests have set meanwhile, too.
    pub fn clear(&self) {
        self.handle().state().change(Changes::clear);
    }

    /// The same session by key.
    pub fn untyped(&self) -> Session {
        self.schema()
    }

    /// The same session through another schema.
    pub fn schema<T: SessionSchema>(&self) -> Session<T> {
        Session::from_handle(self.handle().clone())
    }

    /// Writes what has changed now, instead of after the handler.
    ///
    /// For long handlers: a Set-Cookie that it calls for goes with the response, and the commit after the handler writes what
    /// has changed since, if anything.
    ///
    /// And for what outlives the response, such as a stream, a web socket or a task that has kept a clone. Nothing commits
    /// for it, and no cookie can be set any more: once the response's headers have left, a commit stores what needs none.
    /// A [`destroy`](Self::destroy) is carried out in the storage; the browser is left with a cookie that opens nothing.
    /// What is never committed is lost, and logged as a warning with its keys when the last clone is dropped. See
    /// [streams and tasks](crate::web#streams-web-sockets-and-tasks).
    ///
    /// # Errors
    ///
    /// [`Error::HeadersSent`] when the response's headers have left and a new cookie would be needed: for a session that was
    /// never stored, a new id, and anything but activity in the cookie storage. Nothing is stored then.
    /// [`Error::Storage`] and [`Error::Contended`] when the storage did not take it; then everything is still to be written.
    /// [`Error::Unserializable`], [`Error::TooDeep`] and [`Error::TooLarge`] for a value that cannot be stored;
    /// [`Error::Random`] when an id was needed and could not be generated; [`Error::Detached`] for a session that was made
    /// by [`Session::new`].
    pub async fn commit(&self) -> Result<(), Error> {
        let handle = self.handle();
        let home = handle.home().ok_or(Error::Detached)?;
        home.save(&Session::from_handle(handle.clone())).await
    }

    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self {
            accessors: S::__accessors(handle),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        S::__handle(&self.accessors)
    }
}

/// The dynamic core: every key by name.
///
/// Lasting and flash values live apart: a lasting value hides a flash value of the same key. A key that is set to `null`
/// is there, with the value `null`.
impl Session {
    /// A new, empty session that belongs to no request: for tests and jobs.
    ///
    /// [`Sessions::commit`](crate::Sessions::commit) stores it. If the operating system has no random bytes for its id,
    /// that commit fails.
    #[allow(
        clippy::new_without_default,
        reason = "each call makes another session; a default is always the same"
    )]
    pub fn new() -> Self {
        Self::from_handle(Handle::fresh(
            SessionId::generate(),
            to_unix(SystemClock.now()),
        ))
    }

    /// A new session that holds what `data`, an object in JSON, does: for tests and jobs.
    ///
    /// # Errors
    ///
    /// [`Error::NotAnObject`] when `data` is anything else or cannot be written as JSON.
    ///
    /// # Example
    ///
    /// ```
    /// use session::Session;
    /// use std::collections::BTreeMap;
    ///
    /// let session = Session::with_data(BTreeMap::from([("user_id", 7)]))?;
    /// assert_eq!(session.get::<u64>("user_id")?, Some(7));
    /// # Ok::<(), session::Error>(())
    /// ```
    pub fn with_data(data: impl Serialize) -> Result<Self, Error> {
        let Ok(Value::Object(data)) = serde_json::to_value(data) else {
            return Err(Error::NotAnObject);
        };
        let session = Self::new();
        for (key, value) in data {
            let json = encode(&key, &value);
            session.handle().set(Target::key(key), json);
        }
        Ok(session)
    }

    /// The value under a key, or `None` when there is none. A flash value is consumed: the next `get` does not find it.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when the value is not a `T`. It stays where it is, a flash value unread.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let handle = self.handle();
        if let Some(json) = handle.lasting_at(key) {
            return decode(key, &json).map(Some);
        }
        let Some(json) = handle.flash_at(key) else {
            return Ok(None);
        };
        let value = decode(key, &json)?;
        let is_taken = handle.state().take_flash(key.to_owned().into());
        Ok(is_taken.then_some(value))
    }

    /// The value under a key, without consuming a flash value.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when the value is not a `T`.
    pub fn peek<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        self.view(key).map(|json| decode(key, &json)).transpose()
    }

    /// Sets a lasting value. A value that cannot be written as JSON makes the commit fail.
    pub fn set(&self, key: &str, value: impl Serialize) {
        self.handle()
            .set(Target::key(key.to_owned()), encode(key, &value));
    }

    /// Changes a lasting value as one atomic step: `change` gets what is there, or `None`, and leaves what is to be there.
    ///
    /// It runs now, on what this request sees. When another request has changed the value by the time of the commit, it runs again
    /// on that value, so no update is lost. It may thus run more than once, and should do nothing but compute.
    /// A value that is not a `T` counts as `None`.
    ///
    /// # Example
    ///
    /// ```
    /// use session::Session;
    ///
    /// let session = Session::new();
    /// session.update("visits", |visits: &mut Option<u32>| *visits.get_or_insert(0) += 1);
    /// assert_eq!(session.get::<u32>("visits")?, Some(1));
    /// # Ok::<(), session::Error>(())
    /// ```
    pub fn update<T>(&self, key: &str, change: impl Fn(&mut Option<T>) + Send + 'static)
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let step = {
            let key = key.to_owned();
            Step::new(move |stored| {
                let mut value = stored.and_then(|json| decode::<T>(&key, json).ok());
                change(&mut value);
                value.map(|value| encode(&key, &value)).transpose()
            })
        };
        self.handle().update(Target::key(key.to_owned()), step);
    }

    /// Whether there is a value under a key, lasting or flash.
    pub fn has(&self, key: &str) -> bool {
        self.view(key).is_some()
    }

    /// Removes what is under a key, lasting and flash.
    pub fn unset(&self, key: &str) {
        self.handle().unset_lasting(Target::key(key.to_owned()));
        self.handle().unset_flash(key);
    }

    /// Sets a flash value that stays until it is read.
    pub fn flash(&self, key: &str, value: impl Serialize) {
        let (target, json) = (Target::key(key.to_owned()), encode(key, &value));
        self.handle().flash(target, FlashLifetime::UntilRead, json);
    }

    /// Sets a flash value for the next request that extracts the session: after it the value is gone, read or not.
    pub fn flash_next(&self, key: &str, value: impl Serialize) {
        let (target, json) = (Target::key(key.to_owned()), encode(key, &value));
        self.handle()
            .flash(target, FlashLifetime::NextRequest, json);
    }

    /// Keeps a stored flash value that this request has read, or that would go with it, for one more request.
    pub fn keep(&self, key: &str) {
        self.handle().keep(&Target::key(key.to_owned()));
    }

    /// The keys that the session has, lasting and flash, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.handle().keys()
    }

    /// What the session holds, as a JSON object: each of its [`keys`](Self::keys) with its value. Consumes no flash value.
    ///
    /// It shows whatever the application has stored: it is for inspection, not for logs. In place of a value that a schema
    /// has stored as `#[session(secret)]` it shows `"[redacted]"`.
    pub fn data(&self) -> Value {
        let value = |key: &String| {
            let view = self.view(key)?;
            if view.terms.secret {
                return Some(Value::from("[redacted]"));
            }
            serde_json::from_slice(&view).ok()
        };
        let entries = self.keys().into_iter().map(|key| {
            let value = value(&key).unwrap_or(Value::Null);
            (key, value)
        });
        Value::Object(entries.collect())
    }

    fn view(&self, key: &str) -> Option<View> {
        let handle = self.handle();
        handle.lasting_at(key).or_else(|| handle.flash_at(key))
    }
}

impl<S: SessionSchema> Deref for Session<S> {
    type Target = S::Accessors;

    fn deref(&self) -> &S::Accessors {
        &self.accessors
    }
}

impl<S: SessionSchema> Clone for Session<S> {
    fn clone(&self) -> Self {
        Self {
            accessors: self.accessors.clone(),
        }
    }
}

impl<S: SessionSchema> fmt::Debug for Session<S> {
    /// Shows what kind of session it is: not its id, not its keys, not its values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle().fmt(f)
    }
}
