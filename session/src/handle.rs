use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, Range};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::changes::{FlashLifetime, Seen, Text, Value};
use crate::error::Error;
use crate::expiry::{Clock as _, SystemClock, to_unix};
use crate::id::SessionId;
use crate::manager::Context;
use crate::record::{Record, Terms};
use crate::schema::Place;
use crate::state::{CommitTurn, State, Stored};
use crate::value::{Json, Step};

/// How often an update is run again because another thread of the same request got in between.
const MAX_TURNS: u32 = 512;

/// One request's session, whatever the schema it is looked at through.
///
/// Opaque: [`Session`](crate::Session) and the accessors that the derive makes are its interface.
#[derive(Clone)]
pub struct Handle {
    pub(crate) core: Arc<Core>,
    /// What stands before the keys of a schema's fields.
    prefix: Cow<'static, str>,
}

pub(crate) struct Core {
    state: Mutex<State>,
    /// What the session was opened by, and commits through.
    home: Option<Context>,
    /// The same of one that was opened by nothing, from its first commit on.
    later_home: OnceLock<Context>,
    /// A commit has ended while others wait for their turn.
    freed: Notify,
}

impl Drop for Core {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        state.unwrap_or_else(PoisonError::into_inner).report_lost();
    }
}

impl Handle {
    /// A session that is not stored yet and belongs to no request. Without an id it can be looked at, but not committed.
    pub(crate) fn fresh(id: Result<SessionId, Error>, created_at: u64) -> Self {
        let (id, fault) = match id {
            Ok(id) => (id, None),
            Err(error) => (SessionId::unusable(), Some(error)),
        };
        let mut state = State::new(id, created_at, None);
        state.fault = fault;
        Self::of(state, None)
    }

    /// The session of a request whose cookie stands for what a storage held under `id` at that time. With `resend` the browser
    /// gets a new cookie for it.
    pub(crate) fn stored(
        id: SessionId,
        stored: Stored,
        resend: bool,
        now: u64,
        home: &Context,
    ) -> Self {
        let created_at = stored.record.created_at_unix();
        let mut state = State::new(id, created_at, Some(stored));
        state.resend = resend;
        state.opened_at = now;
        state.presented = true;
        Self::of(state, Some(home))
    }

    /// Inlined, the state is made where it stays, or nearly: it is large to be moved about.
    #[inline]
    pub(crate) fn of(state: State, home: Option<&Context>) -> Self {
        Self {
            core: Arc::new(Core {
                state: Mutex::new(state),
                home: home.cloned(),
                later_home: OnceLock::new(),
                freed: Notify::const_new(),
            }),
            prefix: Cow::Borrowed(""),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.core
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn home(&self) -> Option<&Context> {
        let Core {
            home, later_home, ..
        } = &*self.core;
        home.as_ref().or_else(|| later_home.get())
    }

    /// Binds the session to what opened it, unless it is bound already: then `false`. A session has one home for its life.
    pub(crate) fn settle(&self, home: &Context) -> bool {
        self.home().is_none() && self.core.later_home.set(home.clone()).is_ok()
    }

    /// Waits for a commit's turn, which there is nearly always at once.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        match self.turn_now() {
            Some(turn) => turn,
            None => Box::pin(self.next_turn()).await,
        }
    }

    async fn next_turn(&self) -> Turn<'_> {
        loop {
            let mut freed = pin!(self.core.freed.notified());
            // From here on no end of a commit is missed.
            freed.as_mut().enable();
            if let Some(turn) = self.turn_now() {
                return turn;
            }
            freed.await;
        }
    }

    /// A commit's turn, unless another commit has it.
    fn turn_now(&self) -> Option<Turn<'_>> {
        let before = std::mem::replace(&mut self.state().turn, CommitTurn::Taken);
        (before == CommitTurn::Free).then(|| Turn(Some(self)))
    }

    /// Drops all that is not stored, unless a commit is writing it at this moment.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        if state.turn == CommitTurn::Free {
            state.abandon();
        }
    }

    /// The same session, with that before every key of the fields that are read and written through it.
    ///
    /// For the schema of a `flatten`ed field. A session's own handle has none.
    pub fn under(&self, prefix: &'static str) -> Self {
        let prefix = match (&*self.prefix, prefix) {
            (_, "") => self.prefix.clone(),
            ("", prefix) => Cow::Borrowed(prefix),
            (outer, prefix) => Cow::Owned([outer, prefix].concat()),
        };
        Self {
            core: Arc::clone(&self.core),
            prefix,
        }
    }

    pub(crate) fn key(&self, key: &'static str) -> Cow<'static, str> {
        match &*self.prefix {
            "" => Cow::Borrowed(key),
            prefix => Cow::Owned([prefix, key].concat()),
        }
    }

    /// The time now, in seconds since the Unix epoch, by the clock of what opened the session.
    pub(crate) fn now(&self) -> u64 {
        self.home()
            .map_or_else(|| to_unix(SystemClock.now()), Context::now_unix)
    }

    /// The keys that the session has, sorted.
    pub(crate) fn keys(&self) -> Vec<String> {
        let now = self.now();
        let state = self.state();
        state.changes.keys(state.record(), now)
    }

    // Lasting values.

    /// The lasting value under the target's key, or under the first former one that has any.
    fn lasting(&self, target: &Target) -> Option<View> {
        target.keys().find_map(|key| self.lasting_at(key))
    }

    pub(crate) fn lasting_at(&self, key: &str) -> Option<View> {
        let view = {
            let state = self.state();
            let seen = state.changes.lasting(key, state.record())?;
            View::of(&seen)
        };
        // The clock may be the user's code, so it is read outside the lock, and only for a value that has a limit.
        let holds = view.terms.until.is_none() || view.terms.hold_at(self.now());
        holds.then_some(view)
    }

    pub(crate) fn set(&self, target: Target, json: Result<Json, Error>) {
        let is_other =
            target.privileged && self.lasting(&target).as_deref() != json.as_deref().ok();
        let terms = target.terms(self);
        let mut state = self.state();
        state.change(|changes| {
            for key in target.former {
                changes.unset_lasting(key);
            }
            changes.set(target.key, json.map(|json| Value { json, terms }));
        });
        if is_other {
            state.rotate(SessionId::generate(), 0);
        }
    }

    pub(crate) fn unset_lasting(&self, target: Target) {
        let was_there = target.privileged && self.lasting(&target).is_some();
        let mut state = self.state();
        // What is not there needs no write to be gone.
        let is_needed = target.keys().any(|key| {
            let record = state.record();
            state.changes.touches(key) || record.is_some_and(|record| record.lasting(key).is_some())
        });
        if is_needed {
            state.change(|changes| {
                for key in target.former.into_iter().chain([target.key]) {
                    changes.unset_lasting(key);
                }
            });
        }
        if was_there {
            state.rotate(SessionId::generate(), 0);
        }
    }

    /// Runs a step on the value as this request sees it, and again at the commit on what another request has made of it.
    pub(crate) fn update(&self, target: Target, step: Step) {
        let step = Arc::new(step);
        let terms = target.terms(self);
        // The step is the user's code, so it runs outside the lock; another thread of this request may come in between. The
        // bound is for a step that itself writes to its key.
        for turn in 1.. {
            let stamp = target.stamp(&self.state());
            let before = self.lasting(&target);
            let outcome = step.run(before.as_deref());
            let is_other = outcome
                .as_ref()
                .map_or(true, |json| json.as_deref() != before.as_deref());
            let had = before.as_ref().map(|before| before.terms);
            let mut state = self.state();
            if target.stamp(&state) == stamp || turn == MAX_TURNS {
                let outcome = outcome.map(|json| json.map(|json| Value::changed(json, had, terms)));
                state.change(|changes| {
                    changes.update(target.key, &target.former, step, outcome, terms);
                });
                if target.privileged && is_other {
                    state.rotate(SessionId::generate(), 0);
                }
                return;
            }
        }
    }

    // Flash values.

    pub(crate) fn flash(&self, target: Target, lifetime: FlashLifetime, json: Result<Json, Error>) {
        let terms = target.terms(self);
        self.state().change(|changes| {
            for key in target.former {
                changes.unset_flash(key);
            }
            changes.set_flash(target.key, lifetime, json.map(|json| Value { json, terms }));
        });
    }

    /// Consumes the flash values of a target, unless another thread of this request has just done so: then `false`.
    pub(crate) fn take_flash(&self, target: &Target) -> bool {
        let mut state = self.state();
        let mut is_taken = false;
        for key in target.keys() {
            is_taken |= state.take_flash(key.clone());
        }
        is_taken
    }

    pub(crate) fn unset_flash(&self, key: &str) {
        let mut state = self.state();
        let record = state.record();
        if state.changes.touches(key) || record.is_some_and(|record| record.flash(key).is_some()) {
            state.change(|changes| changes.unset_flash(key.to_owned().into()));
        }
    }

    pub(crate) fn flash_at(&self, key: &str) -> Option<View> {
        let state = self.state();
        let seen = state.changes.flash(key, state.record())?;
        Some(View::of(&seen))
    }

    pub(crate) fn keep(&self, target: &Target) {
        let mut state = self.state();
        for key in target.keys() {
            let record = state.record();
            if record.is_some_and(|record| record.flash(key).is_some()) {
                state.change(|changes| changes.keep(key.clone()));
            }
        }
    }

    /// Says once in a request that a stored value does not fit.
    pub(crate) fn report(&self, error: &Error) {
        let Error::Mismatch { key, .. } = error else {
            return;
        };
        let mut state = self.state();
        if !state.misfits.contains(key) {
            state.misfits.push(key.clone());
            drop(state);
            tracing::warn!(key, %error, "session value read as absent");
        }
    }
}

/// Commits of one session take turns; this is one.
pub(crate) struct Turn<'a>(Option<&'a Handle>);

impl Turn<'_> {
    /// Ends the turn of who holds the session's lock anyway.
    pub(crate) fn end(mut self, mut state: MutexGuard<'_, State>) {
        if let Some(handle) = self.0.take() {
            state.turn = CommitTurn::Free;
            drop(state);
            handle.core.freed.notify_one();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.state().turn = CommitTurn::Free;
            handle.core.freed.notify_one();
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

/// What a change is about: a key, and what is said of its value.
pub(crate) struct Target {
    key: Cow<'static, str>,
    /// Other keys that the value may be found under. A change removes what is there.
    former: Vec<Cow<'static, str>>,
    /// Seconds from the change on.
    expires_in: Option<u64>,
    secret: bool,
    /// A change to another value gives the session another id.
    privileged: bool,
}

impl Target {
    /// A key without a schema.
    pub(crate) fn key(key: impl Into<Cow<'static, str>>) -> Self {
        Self {
            key: key.into(),
            former: Vec::new(),
            expires_in: None,
            secret: false,
            privileged: false,
        }
    }

    /// A schema's field.
    pub(crate) fn field(place: &Place, handle: &Handle) -> Self {
        Self {
            key: handle.key(place.key),
            former: match place.aliases {
                [] => Vec::new(),
                aliases => aliases.iter().map(|key| handle.key(key)).collect(),
            },
            expires_in: place.expires_in,
            secret: place.secret,
            privileged: place.privileged,
        }
    }

    /// Where the value may be, first a former key: every change through the schema empties it, so what is there now was
    /// written later, by a version of the application that knows no other.
    fn keys(&self) -> impl Iterator<Item = &Cow<'static, str>> {
        self.former.iter().chain([&self.key])
    }

    /// Differs whenever what this request does to the value has changed.
    fn stamp(&self, state: &State) -> u64 {
        let stamps = self.keys().map(|key| state.changes.lasting_stamp(key));
        stamps.max().unwrap_or(0)
    }

    fn terms(&self, handle: &Handle) -> Terms {
        let until = |seconds| handle.now().saturating_add(seconds);
        Terms {
            until: self.expires_in.map(until),
            secret: self.secret,
        }
    }
}

/// The JSON of a value, held apart from the session's lock.
pub(crate) struct View {
    source: Source,
    pub(crate) terms: Terms,
}

enum Source {
    Changed(Json),
    Stored(Record, Range<usize>),
}

impl View {
    fn of(seen: &Seen<'_>) -> Self {
        let source = match seen.text {
            Text::Stored(record, value) => Source::Stored(record.clone(), record.range_of(value)),
            Text::Changed(json) => Source::Changed(Json::clone(json)),
        };
        let terms = seen.terms;
        Self { source, terms }
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.source {
            Source::Changed(json) => json,
            Source::Stored(record, range) => record.bytes(range.clone()),
        }
    }
}
