use crate::changes::{Changes, largest};
use crate::error::{Error, StorageError};
use crate::expiry::from_unix;
use crate::id::{SessionId, StorageKey};
use crate::manager::Context;
use crate::record::{Ended, Record};
use crate::state::{Snapshot, Stored};
use crate::storage::backend::{Backend, Touched, Updated};
use crate::storage::protocol::{MAX_HOPS, MAX_TRIES, load, pause};

/// One commit of one snapshot.
pub(super) struct Writer<'a, B> {
    pub(super) backend: &'a B,
    pub(super) context: &'a Context,
    pub(super) snapshot: &'a Snapshot,
    /// When the commit began, in seconds since the Unix epoch.
    pub(super) now: u64,
}

pub(super) enum Outcome {
    Nothing,
    Gone,
    Written {
        stored: Stored,
        /// The id under which it is stored, if that is this request's to know.
        id: Option<SessionId>,
        /// Whether the browser is to be told.
        cookie: bool,
    },
}

/// A record to be written.
struct Next {
    record: Record,
    expires_at: u64,
    /// The deadline is another than the one that is stored.
    moves: bool,
}

impl Next {
    fn stored(self, key: StorageKey, version: u64) -> Stored {
        Stored {
            key,
            record: self.record,
            version,
            expires_at: self.expires_at,
        }
    }
}

/// Where a session has got to.
pub(super) struct Found {
    pub(super) stored: Stored,
    /// Its id. None when another request has replaced it and gave no way from the old id to the new one: then it is for
    /// that request alone to give out.
    pub(super) id: Option<SessionId>,
}

impl<B: Backend> Writer<'_, B> {
    /// A new session is stored once it holds something.
    pub(super) async fn create(&self) -> Result<Outcome, Error> {
        let Snapshot {
            id,
            created_at,
            changes,
            ..
        } = self.snapshot;
        if changes.is_empty() {
            return Ok(Outcome::Nothing);
        }
        let context = self.context;
        let limit = context.max_record_bytes();
        let record = changes.begin(*created_at, limit, self.now)?;
        if record.len() == 0 {
            return Ok(Outcome::Nothing);
        }
        self.check_cookie()?;
        let expires_at = self.deadline(&record);
        let key = id.storage_key();
        let version = self.write_unseen(&key, &record, None, expires_at).await?;
        let stored = Stored {
            key,
            record,
            version,
            expires_at,
        };
        Ok(Outcome::Written {
            stored,
            id: Some(id.clone()),
            cookie: true,
        })
    }

    /// Writes a session's activity, once per tenth of the idle timeout, and renews its cookie.
    pub(super) async fn touch(&self, seen: &Stored) -> Result<Outcome, Error> {
        let moved = self.moved_deadline(seen);
        if moved.is_none() && !self.snapshot.resend {
            return Ok(Outcome::Nothing);
        }
        // Also when it is for the cookie alone: a storage that remembers readings looks again after a touch.
        let expires_at = moved.unwrap_or(seen.expires_at);
        if self.backend.touch(&seen.key, from_unix(expires_at)).await? == Touched::Gone {
            return Ok(Outcome::Gone);
        }
        // Neither a touch nor an old cookie says what the session is by now. If another request has replaced its id, a
        // cookie with the old one would take the browser's new one away.
        let Some(Found { stored, id }) = self.find(seen.key, self.own_id(seen)).await? else {
            return Ok(Outcome::Gone);
        };
        // What has changed meanwhile is not what this request has seen: it keeps its record, and the version with it.
        let stored = if stored.key == seen.key {
            Stored {
                expires_at: stored.expires_at,
                ..seen.clone()
            }
        } else {
            stored
        };
        Ok(Outcome::Written {
            stored,
            id,
            cookie: true,
        })
    }

    /// Writes the changes to the session as it was loaded, or to whatever it has become.
    pub(super) async fn update(&self, seen: &Stored) -> Result<Outcome, Error> {
        let next = self.next(seen, seen)?;
        match self
            .put(&seen.key, &next.record, seen.version, next.expires_at)
            .await?
        {
            Updated::Done { version } => {
                let cookie = next.moves || self.snapshot.resend;
                Ok(Outcome::Written {
                    stored: next.stored(seen.key, version),
                    id: cookie.then(|| self.own_id(seen)).flatten(),
                    cookie,
                })
            }
            Updated::Gone => Ok(Outcome::Gone),
            Updated::Conflict => Box::pin(self.update_changed(seen)).await,
        }
    }

    /// Writes the changes to a session that another request has changed.
    async fn update_changed(&self, seen: &Stored) -> Result<Outcome, Error> {
        let _turn = self.context.turn(&seen.key).await;
        match self.find(seen.key, self.own_id(seen)).await? {
            Some(found) => self.update_found(seen, found).await,
            None => Ok(Outcome::Gone),
        }
    }

    /// As [`update`](Self::update), from where the session was found after a first try. The caller has the turn.
    pub(super) async fn update_found(
        &self,
        seen: &Stored,
        mut found: Found,
    ) -> Result<Outcome, Error> {
        for attempt in 1..MAX_TRIES {
            let Found { stored: fresh, id } = found;
            let next = self.next(&fresh, seen)?;
            match self
                .put(&fresh.key, &next.record, fresh.version, next.expires_at)
                .await?
            {
                Updated::Done { version } => {
                    let has_moved_on = id.as_ref().is_some_and(|id| *id != self.snapshot.id);
                    let cookie = next.moves || self.snapshot.resend || has_moved_on;
                    let stored = next.stored(fresh.key, version);
                    return Ok(Outcome::Written { stored, id, cookie });
                }
                Updated::Gone => return Ok(Outcome::Gone),
                Updated::Conflict => pause(attempt).await,
            }
            match self.find(fresh.key, id).await? {
                Some(next) => found = next,
                None => return Ok(Outcome::Gone),
            }
        }
        Err(Error::Contended { tries: MAX_TRIES })
    }

    /// Replaces a record, if it is still the one of that version.
    pub(super) async fn put(
        &self,
        key: &StorageKey,
        record: &Record,
        version: u64,
        expires_at: u64,
    ) -> Result<Updated, Error> {
        let update = self
            .backend
            .update(key, record, version, from_unix(expires_at));
        update.await.map_err(|error| refused(error, record))
    }

    /// What the changes make of a session.
    fn next(&self, fresh: &Stored, seen: &Stored) -> Result<Next, Error> {
        let record = self.apply(&self.snapshot.changes, &fresh.record, &seen.record)?;
        // The deadline and the cookie's age move together, so a write within a tenth of the idle timeout moves neither.
        let moved = self.moved_deadline(fresh);
        Ok(Next {
            record,
            expires_at: moved.unwrap_or(fresh.expires_at),
            moves: moved.is_some(),
        })
    }

    /// Loads the session again, wherever it has got to from `key`, whose id may be known.
    pub(super) async fn find(
        &self,
        mut key: StorageKey,
        mut id: Option<SessionId>,
    ) -> Result<Option<Found>, Error> {
        for _ in 0..MAX_HOPS {
            let Some(stored) = load(self.backend, key, self.context).await? else {
                return Ok(None);
            };
            match stored.record.ended() {
                None => return Ok(Some(Found { stored, id })),
                Some(Ended::Destroyed) => return Ok(None),
                Some(Ended::Rotated(rotated)) => {
                    let now = self.context.now_unix();
                    let forward = rotated.forward.filter(|forward| now < forward.until);
                    id = id.zip(forward).map(|(id, forward)| forward.follow(&id));
                    key = rotated.successor;
                }
            }
        }
        Ok(None)
    }

    /// The id that the request's session is stored under, if it is the request's to know.
    fn own_id(&self, stored: &Stored) -> Option<SessionId> {
        let Snapshot { id, rotation, .. } = self.snapshot;
        let id = rotation.as_ref().map_or(id, |rotation| &rotation.old_id);
        (id.storage_key() == stored.key).then(|| id.clone())
    }

    pub(super) fn apply(
        &self,
        changes: &Changes,
        fresh: &Record,
        seen: &Record,
    ) -> Result<Record, Error> {
        let context = self.context;
        let limit = context.max_record_bytes();
        changes.apply(fresh, Some(seen), limit, self.now)
    }

    /// Whether the browser can still be given a cookie.
    pub(super) fn check_cookie(&self) -> Result<(), Error> {
        if self.snapshot.headers_sent {
            return Err(Error::HeadersSent);
        }
        Ok(())
    }

    /// When a session that is used now expires, if that has moved enough to be written.
    fn moved_deadline(&self, stored: &Stored) -> Option<u64> {
        let expiry = self.context.expiry();
        let mut deadline = self.deadline(&stored.record);
        if self.snapshot.headers_sent {
            // Short of what the next request would write: it still moves the deadline, and renews the cookie with it. Else
            // a busy socket would keep a session alive whose cookie runs out.
            deadline = deadline
                .saturating_sub(expiry.step())
                .max(stored.expires_at);
        }
        let is_worth_it = expiry.is_worth_writing(stored.expires_at, deadline);
        is_worth_it.then_some(deadline)
    }

    pub(super) fn deadline(&self, record: &Record) -> u64 {
        let expiry = self.context.expiry();
        expiry.deadline(record.created_at_unix(), self.now)
    }
}

/// What a commit answers when the storage does not take a record: one that is too large is the application's to mend.
pub(super) fn refused(error: StorageError, record: &Record) -> Error {
    match error {
        StorageError::TooLarge { bytes, limit } => Error::TooLarge {
            bytes,
            limit,
            largest: largest(record.raw_entries()),
        },
        other => other.into(),
    }
}
