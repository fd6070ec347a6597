use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::changes::{Changes, FlashLifetime, Json, Seen, Step, decode, encode};
use crate::error::Error;
use crate::id::{SessionId, StorageKey};
use crate::manager::Shared;
use crate::record::Record;

/// One request's session, whatever the schema it is looked at through.
///
/// Opaque: [`Session`](crate::Session) and the accessors that the derive makes are its interface.
#[derive(Clone)]
pub struct Handle(pub(crate) Arc<Core>);

pub(crate) struct Core {
    state: Mutex<State>,
    /// What the session was opened by, and commits through.
    home: OnceLock<Arc<Shared>>,
    /// Commits of one session take turns.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// Invariant of the lock: no code of the user's runs under it, so it is neither poisoned nor taken twice.
pub(crate) struct State {
    /// The id that the browser is to have after the response.
    pub(crate) id: SessionId,
    pub(crate) created_at: u64,
    /// What the storage holds of this session; nothing for a new one.
    pub(crate) stored: Option<Stored>,
    pub(crate) changes: Arc<Changes>,
    /// The stored session goes on under `id`, which is not the one it is stored under.
    pub(crate) rotation: Option<Rotation>,
    /// Stored sessions that this request destroyed and whose storage entries are still there.
    pub(crate) doomed: Vec<Doomed>,
    /// The request came with a cookie of the session's name, whatever was in it.
    pub(crate) presented: bool,
    /// The browser holds a cookie of a session that this request destroyed.
    pub(crate) removal_due: bool,
    pub(crate) fate: Fate,
    /// The browser's cookie opens this session, but is to be written anew.
    pub(crate) resend: bool,
    /// How many sessions this request has destroyed.
    pub(crate) life: u32,
    /// No id could be generated when one was needed: the commit fails.
    pub(crate) fault: Option<Error>,
    /// What commits have left for the response to tell the browser.
    pub(crate) cookie_due: CookieUpdate,
    /// Keys whose stored value did not fit, each reported once.
    misfits: Vec<String>,
}

/// What has become of a session in the course of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    /// This request destroyed it: what follows is another session.
    Destroyed,
    /// Another request destroyed it: nothing of this one is stored any more.
    Gone,
}

/// A session as its storage holds it.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) key: StorageKey,
    pub(crate) record: Record,
    pub(crate) version: u64,
    /// In seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

/// A stored session that is to go on under another id.
#[derive(Clone)]
pub(crate) struct Rotation {
    pub(crate) old_id: SessionId,
    /// How long the old id still opens the session, in seconds.
    pub(crate) grace: u64,
}

/// A stored session that is to end.
#[derive(Clone, Copy)]
pub(crate) struct Doomed {
    pub(crate) key: StorageKey,
    pub(crate) version: u64,
}

/// What a save means for the browser's cookie.
///
/// # Example
///
/// ```
/// use session::CookieUpdate;
///
/// assert_eq!(CookieUpdate::default(), CookieUpdate::Keep);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub enum CookieUpdate {
    /// The browser's cookie stays as it is. No Set-Cookie.
    #[default]
    Keep,
    /// The browser gets this value.
    Set {
        /// The cookie's value.
        value: String,
        /// What is left of the session's life, in seconds: the cookie's Max-Age.
        max_age: u64,
    },
    /// The browser forgets the cookie.
    Remove,
}

impl fmt::Debug for CookieUpdate {
    /// Does not show the value, which opens the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep => f.write_str("Keep"),
            Self::Set { max_age, .. } => f
                .debug_struct("Set")
                .field("max_age", max_age)
                .finish_non_exhaustive(),
            Self::Remove => f.write_str("Remove"),
        }
    }
}

/// A state's id and changes at one moment: what a commit writes.
pub(crate) struct Snapshot {
    pub(crate) id: SessionId,
    pub(crate) created_at: u64,
    pub(crate) stored: Option<Stored>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) resend: bool,
    life: u32,
}

impl Handle {
    /// A session that is not stored yet. Without an id it can be looked at, but not committed.
    pub(crate) fn fresh(id: Result<SessionId, Error>, created_at: u64) -> Self {
        let (id, fault) = match id {
            Ok(id) => (id, None),
            Err(error) => (SessionId::unusable(), Some(error)),
        };
        Self::with(State {
            fault,
            ..State::new(id, created_at)
        })
    }

    /// A session that a storage holds under `id`. With `resend` the browser gets a new cookie for it.
    pub(crate) fn stored(id: SessionId, stored: Stored, resend: bool) -> Self {
        Self::with(
            State {
                changes: Arc::new(Changes::on_load(&stored.record)),
                resend,
                ..State::new(id, stored.record.created_at_unix())
            }
            .holding(stored),
        )
    }

    fn with(state: State) -> Self {
        Self(Arc::new(Core {
            state: Mutex::new(state),
            home: OnceLock::new(),
            turn: tokio::sync::Mutex::new(()),
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn home(&self) -> Option<&Arc<Shared>> {
        self.0.home.get()
    }

    /// Binds the session to what opened it. A session has one home for its life.
    pub(crate) fn settle(&self, home: &Arc<Shared>) {
        self.0.home.get_or_init(|| Arc::clone(home));
    }

    // Lasting values.

    pub(crate) fn lasting<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let json = self.lasting_json(key)?;
        self.decode_or_report(key, &json)
    }

    pub(crate) fn lasting_json(&self, key: &str) -> Option<View> {
        let state = self.state();
        let seen = state.changes.lasting(key, state.record())?;
        Some(View::of(&seen, &state))
    }

    pub(crate) fn has_lasting(&self, key: &str) -> bool {
        let state = self.state();
        state.changes.lasting(key, state.record()).is_some()
    }

    pub(crate) fn set<T: Serialize + ?Sized>(&self, key: impl Into<Cow<'static, str>>, value: &T) {
        let key = key.into();
        let value = encode(&key, value);
        self.state().change(|changes| changes.set(key, value));
    }

    pub(crate) fn unset_lasting(&self, key: impl Into<Cow<'static, str>>) {
        let key = key.into();
        let mut state = self.state();
        // What is not there needs no write to be gone.
        if state.changes.touches(&key)
            || state
                .record()
                .is_some_and(|record| record.lasting(&key).is_some())
        {
            state.change(|changes| changes.unset_lasting(key));
        }
    }

    /// Runs `change` on the value as this request sees it, and again at the commit on what another request has made of it.
    pub(crate) fn update<T>(
        &self,
        key: impl Into<Cow<'static, str>>,
        change: impl Fn(&mut Option<T>) + Send + 'static,
    ) where
        T: Serialize + DeserializeOwned + 'static,
    {
        let key = key.into();
        let step = Step::new({
            let key = key.clone();
            move |stored| {
                let mut value = stored.and_then(|json| decode::<T>(&key, json).ok());
                change(&mut value);
                value.map(|value| encode(&key, &value)).transpose()
            }
        });
        // The step is the user's code, so it runs outside the lock; another thread of this request may come in between.
        loop {
            let stamp = self.state().changes.stamp();
            let seen = self.lasting_json(&key);
            let outcome = step.run(seen.as_deref());
            let mut state = self.state();
            if state.changes.stamp() == stamp {
                state.change(|changes| changes.update(key, step, outcome));
                return;
            }
        }
    }

    // Flash values.

    pub(crate) fn flash<T: Serialize + ?Sized>(
        &self,
        key: impl Into<Cow<'static, str>>,
        lifetime: FlashLifetime,
        value: &T,
    ) {
        let key = key.into();
        let value = encode(&key, value);
        self.state()
            .change(|changes| changes.set_flash(key, lifetime, value));
    }

    /// Reads a flash value and consumes it, unless it does not fit: then it stays for whoever can read it.
    pub(crate) fn take_flash<T: DeserializeOwned>(
        &self,
        key: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        let key = key.into();
        let json = self.flash_json(&key)?;
        let value = self.decode_or_report(&key, &json)?;
        self.state().change(|changes| changes.take_flash(key));
        Some(value)
    }

    pub(crate) fn peek_flash<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let json = self.flash_json(key)?;
        self.decode_or_report(key, &json)
    }

    pub(crate) fn flash_json(&self, key: &str) -> Option<View> {
        let state = self.state();
        let seen = state.changes.flash(key, state.record())?;
        Some(View::of(&seen, &state))
    }

    pub(crate) fn has_flash(&self, key: &str) -> bool {
        let state = self.state();
        state.changes.flash(key, state.record()).is_some()
    }

    pub(crate) fn keep(&self, key: impl Into<Cow<'static, str>>) {
        let key = key.into();
        let mut state = self.state();
        if state
            .record()
            .is_some_and(|record| record.flash(&key).is_some())
        {
            state.change(|changes| changes.keep(key));
        }
    }

    fn decode_or_report<T: DeserializeOwned>(&self, key: &str, json: &str) -> Option<T> {
        match decode(key, json) {
            Ok(value) => Some(value),
            Err(error) => {
                let mut state = self.state();
                if !state.misfits.iter().any(|known| known == key) {
                    state.misfits.push(key.to_owned());
                    drop(state);
                    tracing::warn!(key, %error, "session value read as absent");
                }
                None
            }
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Session")
            .field("id", &state.id)
            .field("is_new", &state.stored.is_none())
            .field("fate", &state.fate)
            .finish_non_exhaustive()
    }
}

impl State {
    fn new(id: SessionId, created_at: u64) -> Self {
        Self {
            id,
            created_at,
            stored: None,
            changes: Arc::default(),
            rotation: None,
            doomed: Vec::new(),
            presented: false,
            removal_due: false,
            fate: Fate::Alive,
            resend: false,
            life: 0,
            fault: None,
            cookie_due: CookieUpdate::Keep,
            misfits: Vec::new(),
        }
    }

    fn holding(mut self, stored: Stored) -> Self {
        self.stored = Some(stored);
        self
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.stored.as_ref().map(|stored| &stored.record)
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Changes)) {
        change(Arc::make_mut(&mut self.changes));
    }

    /// Whether a commit would write more than the activity.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.changes.is_empty()
            || self.rotation.is_some()
            || !self.doomed.is_empty()
            || self.removal_due
    }

    /// Ends the session. What follows is another one, new and empty.
    pub(crate) fn destroy(&mut self, next_id: Result<SessionId, Error>, now: u64) {
        self.removal_due |= self.presented || self.stored.is_some();
        if let Some(stored) = self.stored.take() {
            self.doomed.push(Doomed {
                key: stored.key,
                version: stored.version,
            });
        }
        self.fate = Fate::Destroyed;
        self.life += 1;
        self.changes = Arc::default();
        self.rotation = None;
        self.resend = false;
        self.created_at = now;
        self.renew(next_id);
    }

    /// Gives the session another id.
    pub(crate) fn rotate(&mut self, next_id: Result<SessionId, Error>, grace: u64) {
        let old_id = self.id.clone();
        if self.renew(next_id) && self.stored.is_some() {
            // Rotated twice before a commit: the id between the two was never given out.
            let old_id = self
                .rotation
                .take()
                .map_or(old_id, |rotation| rotation.old_id);
            self.rotation = Some(Rotation { old_id, grace });
        }
    }

    fn renew(&mut self, next_id: Result<SessionId, Error>) -> bool {
        match next_id {
            Ok(id) => {
                self.id = id;
                true
            }
            Err(error) => {
                self.fault = Some(error);
                false
            }
        }
    }

    /// Drops all that is not stored, but for what was destroyed.
    pub(crate) fn abandon(&mut self) {
        self.changes = Arc::default();
        self.resend = false;
        self.fault = None;
        if let Some(rotation) = self.rotation.take() {
            self.id = rotation.old_id;
        }
    }

    /// What there is to write, if everything can be written.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        if let Some(fault) = self.fault.as_ref().or_else(|| self.changes.fault()) {
            return Err(fault.clone());
        }
        Ok(Snapshot {
            id: self.id.clone(),
            created_at: self.created_at,
            stored: self.stored.clone(),
            changes: Arc::clone(&self.changes),
            rotation: self.rotation.clone(),
            resend: self.resend,
            life: self.life,
        })
    }

    /// Takes in that a snapshot was written. What has changed since stays to be written.
    pub(crate) fn written(&mut self, snapshot: &Snapshot, stored: Stored) {
        if self.life != snapshot.life {
            // Destroyed while it was being written: what was written is to end, too.
            self.doomed.push(Doomed {
                key: stored.key,
                version: stored.version,
            });
            self.removal_due = true;
            return;
        }
        self.rotation = (self.id != snapshot.id).then(|| Rotation {
            old_id: snapshot.id.clone(),
            grace: self.rotation.as_ref().map_or(0, |rotation| rotation.grace),
        });
        if Arc::ptr_eq(&self.changes, &snapshot.changes) {
            self.changes = Arc::default();
        } else {
            self.change(|changes| changes.subtract(&snapshot.changes));
        }
        self.resend = false;
        self.stored = Some(stored);
    }

    /// Takes in that another request destroyed the session.
    pub(crate) fn vanished(&mut self, snapshot: &Snapshot) {
        if self.life == snapshot.life {
            self.fate = Fate::Gone;
            self.drop_changes();
        }
    }

    /// Drops changes that were made after another request's destruction had been seen.
    pub(crate) fn drop_changes(&mut self) {
        self.changes = Arc::default();
        self.rotation = None;
        self.resend = false;
    }
}

/// The JSON of a value, held apart from the session's lock.
pub(crate) enum View {
    Changed(Json),
    Stored(Record, Range<usize>),
}

impl View {
    fn of(seen: &Seen<'_>, state: &State) -> Self {
        match (seen, state.record()) {
            (Seen::Stored(value), Some(record)) => {
                Self::Stored(record.clone(), record.range_of(value))
            }
            (Seen::Stored(value), None) => Self::Changed(Json::from(*value)),
            (Seen::Changed(json), _) => Self::Changed(Json::clone(json)),
        }
    }
}

impl Deref for View {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Changed(json) => json,
            Self::Stored(record, range) => record.text(range.clone()),
        }
    }
}
