use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::changes::{Changes, FlashLifetime, Seen};
use crate::error::Error;
use crate::id::SessionId;
use crate::manager::Shared;
use crate::record::Record;
use crate::state::{State, Stored};
use crate::value::{Json, Step, decode, encode};

/// How often an update is run again because another thread of the same request got in between.
const MAX_TURNS: u32 = 512;

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
        // The step is the user's code, so it runs outside the lock; another thread of this request may come in between. The
        // bound is for a step that itself writes to its key.
        for turn in 1.. {
            let stamp = self.state().changes.lasting_stamp(&key);
            let seen = self.lasting_json(&key);
            let outcome = step.run(seen.as_deref());
            let mut state = self.state();
            if state.changes.lasting_stamp(&key) == stamp || turn == MAX_TURNS {
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
        self.state().take_flash(key).then_some(value)
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
