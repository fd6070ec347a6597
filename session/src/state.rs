use std::borrow::Cow;
use std::fmt;

use crate::changes::Changes;
use crate::error::Error;
use crate::expiry::{Expiry, to_unix};
use crate::id::{SessionId, StorageKey};
use crate::record::Record;
use crate::storage::Loaded;

/// Invariant of the lock: no code of the user's runs under it but a storage's clock, which knows no session. So it is neither
/// poisoned nor taken twice.
pub struct State {
    /// The id that the browser is to have after the response.
    pub(crate) id: SessionId,
    pub(crate) created_at: u64,
    /// When the request asked for it: what its activity counts from, unless it is written to later.
    pub(crate) opened_at: u64,
    /// What the storage holds of this session; nothing for a new one.
    pub(crate) stored: Option<Stored>,
    pub(crate) changes: Changes,
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
    /// How often it has given one another id.
    pub(crate) renewals: u32,
    /// No id could be generated when one was needed: the commit fails.
    pub(crate) fault: Option<Error>,
    /// What commits have left for the response to tell the browser.
    pub(crate) cookie_due: CookieUpdate,
    pub(crate) headers: Headers,
    pub(crate) turn: CommitTurn,
    /// Keys whose stored value did not fit, each reported once.
    pub(crate) misfits: Vec<String>,
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

/// Whether the browser can still be told of a new cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Headers {
    Due,
    /// The response has left, or will never leave.
    Sent,
}

/// Commits of one session take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommitTurn {
    Free,
    /// A commit has it.
    Taken,
}

/// A session as its storage holds it.
#[derive(Clone)]
pub struct Stored {
    pub(crate) key: StorageKey,
    pub(crate) record: Record,
    pub(crate) version: u64,
    /// In seconds since the Unix epoch.
    pub(crate) expires_at: u64,
}

impl Stored {
    #[inline]
    pub(crate) fn of(key: StorageKey, loaded: Loaded) -> Self {
        Self {
            key,
            record: loaded.record,
            version: loaded.version,
            expires_at: to_unix(loaded.expires_at),
        }
    }
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
    /// That it was not carried out has been logged.
    pub(crate) logged: bool,
}

/// What a save means for the browser's cookie.
///
/// # Example
///
/// ```
/// use session::storage::CookieUpdate;
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
    pub(crate) changes: Changes,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) resend: bool,
    pub(crate) headers_sent: bool,
    life: u32,
    renewals: u32,
}

impl State {
    #[inline]
    pub(crate) fn new(id: SessionId, created_at: u64, stored: Option<Stored>) -> Self {
        let loaded = stored.as_ref().map(|stored| &stored.record);
        Self {
            id,
            created_at,
            opened_at: created_at,
            changes: loaded.map_or_else(Changes::default, Changes::on_load),
            stored,
            rotation: None,
            doomed: Vec::new(),
            presented: false,
            removal_due: false,
            fate: Fate::Alive,
            resend: false,
            life: 0,
            renewals: 0,
            fault: None,
            cookie_due: CookieUpdate::Keep,
            headers: Headers::Due,
            turn: CommitTurn::Free,
            misfits: Vec::new(),
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.stored.as_ref().map(|stored| &stored.record)
    }

    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Changes)) {
        change(&mut self.changes);
    }

    /// Consumes a flash value, unless another thread of this request has just done so: then `false`.
    pub(crate) fn take_flash(&mut self, key: Cow<'static, str>) -> bool {
        let record = self.stored.as_ref().map(|stored| &stored.record);
        let is_there = self.changes.flash(&key, record).is_some();
        if is_there {
            self.changes.take_flash(key, record);
        }
        is_there
    }

    /// Whether a commit would write more than the activity.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.changes.is_empty() || self.rotation.is_some() || self.has_destroyed()
    }

    /// Whether a session that this request destroyed is still to end in the storage or in the browser.
    pub(crate) fn has_destroyed(&self) -> bool {
        !self.doomed.is_empty() || self.removal_due
    }

    /// Whether a commit would neither write nor tell the browser anything.
    pub(crate) fn is_settled(&self, expiry: Expiry) -> bool {
        let is_active = self.stored.as_ref().is_some_and(|stored| {
            let deadline = expiry.deadline(self.created_at, self.opened_at);
            expiry.is_worth_writing(stored.expires_at, deadline)
        });
        let is_told = self.cookie_due == CookieUpdate::Keep && !self.resend;
        is_told && !is_active && !self.is_dirty() && self.fault.is_none()
    }

    /// Ends the session. What follows is another one, new and empty.
    pub(crate) fn destroy(&mut self, next_id: Result<SessionId, Error>, now: u64) {
        self.removal_due |= self.presented || self.stored.is_some();
        if let Some(stored) = self.stored.take() {
            self.doomed.push(Doomed {
                key: stored.key,
                version: stored.version,
                logged: false,
            });
        }
        self.fate = Fate::Destroyed;
        self.life += 1;
        self.changes = self.changes.emptied();
        self.rotation = None;
        self.resend = false;
        self.created_at = now;
        self.renew(next_id);
    }

    /// Gives the session another id.
    pub(crate) fn rotate(&mut self, next_id: Result<SessionId, Error>, grace: u64) {
        let old_id = self.id.clone();
        if self.renew(next_id) && self.stored.is_some() {
            // Rotated twice before a commit: the id between the two was never given out, and closed is closed.
            self.rotation = Some(match self.rotation.take() {
                Some(Rotation {
                    old_id,
                    grace: before,
                }) => Rotation {
                    old_id,
                    grace: before.min(grace),
                },
                None => Rotation { old_id, grace },
            });
        }
    }

    fn renew(&mut self, next_id: Result<SessionId, Error>) -> bool {
        match next_id {
            Ok(id) => {
                self.id = id;
                self.renewals += 1;
                self.fault = None;
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
        self.changes = self.changes.emptied();
        self.resend = false;
        self.fault = None;
        if let Some(rotation) = self.rotation.take() {
            self.id = rotation.old_id;
            self.renewals += 1;
        }
    }

    /// Drops what the response's own commit could not store, which is logged already.
    pub(crate) fn give_up(&mut self) {
        self.abandon();
        for doomed in &mut self.doomed {
            doomed.logged = true;
        }
    }

    /// Reports what was changed when no response could commit it any more, and never was by hand.
    pub(crate) fn report_lost(&self) {
        let is_clean = self.changes.is_empty() && self.rotation.is_none() && self.doomed.is_empty();
        if is_clean || self.headers == Headers::Due || self.fate == Fate::Gone {
            return;
        }
        let keys: Vec<&str> = self.changes.touched().collect();
        let cleared = self.changes.has_cleared();
        let new_id = self.rotation.is_some();
        let destroyed = self.doomed.iter().any(|doomed| !doomed.logged);
        if !keys.is_empty() || cleared || new_id || destroyed {
            tracing::warn!(
                ?keys,
                cleared,
                new_id,
                destroyed,
                "session changes are lost: made after the response, and never committed"
            );
        }
    }

    /// Whether the session has come to its absolute limit while the request was under way: there is nothing to write to.
    pub(crate) fn is_over(&self, expiry: Expiry, now: u64) -> bool {
        self.stored.is_some() && expiry.deadline(self.created_at, now) <= now
    }

    /// Whether everything can be written.
    pub(crate) fn check(&self) -> Result<(), Error> {
        // A destroyed session that nothing follows needs no id.
        let needs_id = self.stored.is_some() || !self.changes.is_empty();
        let fault = self.fault.as_ref().filter(|_| needs_id);
        if let Some(fault) = fault.or_else(|| self.changes.fault()) {
            return Err(fault.clone());
        }
        Ok(())
    }

    /// What there is to write.
    pub(crate) fn snapshot(&mut self) -> Snapshot {
        if !self.changes.is_empty() {
            self.change(Changes::begin_commit);
        }
        Snapshot {
            id: self.id.clone(),
            created_at: self.created_at,
            stored: self.stored.clone(),
            changes: self.changes.clone(),
            rotation: self.rotation.clone(),
            resend: self.resend,
            headers_sent: self.headers == Headers::Sent,
            life: self.life,
            renewals: self.renewals,
        }
    }

    /// Takes in what a save means for the browser's cookie.
    pub(crate) fn take_in(&mut self, update: CookieUpdate) -> Result<(), Error> {
        if self.headers == Headers::Sent {
            // The cookie of a session that was destroyed opens nothing, and may stay.
            self.cookie_due = CookieUpdate::Keep;
            return match update {
                CookieUpdate::Set { .. } => Err(Error::HeadersSent),
                CookieUpdate::Keep | CookieUpdate::Remove => Ok(()),
            };
        }
        if update != CookieUpdate::Keep {
            self.cookie_due = update;
        }
        Ok(())
    }

    /// Takes in that a snapshot was written, under `id` if that is known. What has changed since stays to be written.
    pub(crate) fn written(&mut self, snapshot: &Snapshot, stored: Stored, id: Option<SessionId>) {
        if self.life != snapshot.life {
            // Destroyed while it was being written: what was written is to end, too.
            self.doomed.push(Doomed {
                key: stored.key,
                version: stored.version,
                logged: false,
            });
            self.removal_due = true;
            return;
        }
        let is_renewed_since = self.renewals != snapshot.renewals;
        let id = id.unwrap_or_else(|| snapshot.id.clone());
        if is_renewed_since {
            let grace = self.rotation.as_ref().map_or(0, |rotation| rotation.grace);
            self.rotation = Some(Rotation { old_id: id, grace });
        } else {
            self.rotation = None;
            self.id = id;
        }
        if self.changes.is_as_of(&snapshot.changes) {
            self.changes = self.changes.emptied();
        } else {
            self.change(|changes| changes.subtract(&snapshot.changes));
        }
        self.resend = false;
        self.stored = Some(stored);
    }

    /// Takes in that all of it was written, while nobody else could change any of it.
    pub(crate) fn replaced(&mut self, stored: Stored) {
        self.changes = self.changes.emptied();
        self.rotation = None;
        self.resend = false;
        self.stored = Some(stored);
    }

    /// Takes in that another request destroyed the session.
    pub(crate) fn vanished(&mut self, snapshot: &Snapshot) {
        if self.life == snapshot.life {
            self.vanish();
        }
    }

    /// Takes in that the session is no more. It may be said again of one that was changed since.
    pub(crate) fn vanish(&mut self) {
        self.fate = Fate::Gone;
        self.changes = self.changes.emptied();
        self.rotation = None;
        self.resend = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::Value;
    use crate::record::Terms;

    fn no_random() -> Result<SessionId, Error> {
        Err(getrandom::Error::UNSUPPORTED.into())
    }

    fn stored() -> State {
        let id = SessionId::generate().unwrap();
        let stored = Stored {
            key: id.storage_key(),
            record: Record::empty(0),
            version: 1,
            expires_at: 100,
        };
        State::new(id, 0, Some(stored))
    }

    fn write(state: &mut State) {
        let (json, terms) = (b"1"[..].into(), Terms::default());
        state.change(|changes| changes.set("key".into(), Ok(Value { json, terms })));
    }

    #[test]
    fn a_new_id_that_cannot_be_generated_fails_the_commit_and_keeps_the_old_one() {
        let mut state = stored();
        let before = state.id.clone();
        state.rotate(no_random(), 0);
        assert!(state.id == before && state.rotation.is_none());
        assert!(matches!(state.check(), Err(Error::Random(_))));
        state.rotate(SessionId::generate(), 0);
        assert!(state.check().is_ok() && state.rotation.is_some());
    }

    #[test]
    fn a_destruction_needs_no_new_id_but_what_is_written_after_it_does() {
        let mut state = stored();
        state.destroy(no_random(), 0);
        assert_eq!(state.doomed.len(), 1);
        assert!(state.check().is_ok());
        write(&mut state);
        assert!(matches!(state.check(), Err(Error::Random(_))));
        state.destroy(SessionId::generate(), 0);
        write(&mut state);
        assert!(state.check().is_ok());
    }
}
