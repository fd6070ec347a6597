use tokio::sync::MutexGuard;

use crate::error::{Error, StorageError};
use crate::expiry::from_unix;
use crate::id::StorageKey;
use crate::record::{Ended, Forward, Record, Rotated};
use crate::state::{Rotation, Stored};
use crate::storage::backend::{Backend, Created, Updated};
use crate::storage::protocol::writer::{Found, Outcome, Writer, refused};
use crate::storage::protocol::{MARK_SECONDS, MAX_TRIES, pause};

impl<B: Backend> Writer<'_, B> {
    /// Writes the changes under a new id, and replaces the old record by a mark.
    ///
    /// When another request has replaced the id before, a rotation for safety replaces that one's id, too: whoever
    /// planted the old id may have made it. One that keeps the old id open defends against nothing, so it joins the
    /// other: requests that are made at once and renew the id together end up with one id, not with dead ones.
    pub(super) async fn rotate(
        &self,
        seen: &Stored,
        rotation: &Rotation,
    ) -> Result<Outcome, Error> {
        self.check_cookie()?;
        let new_id = &self.snapshot.id;
        let new_key = new_id.storage_key();
        let old_key = rotation.old_id.storage_key();
        let mut created = None;
        let mut old = seen.clone();
        let mut turn = None;
        for attempt in 0..MAX_TRIES {
            let is_own = old.key == old_key;
            if rotation.grace > 0 && !is_own {
                return self
                    .join(seen, rotation, created.map(|_| new_key), turn)
                    .await;
            }
            let record = self.apply(&self.snapshot.changes, &old.record, &seen.record)?;
            let expires_at = self.deadline(&record);
            let version = self
                .write_unseen(&new_key, &record, created, expires_at)
                .await?;
            created = Some(version);

            let mark = self.mark(&record, rotation, new_key);
            let now = self.context.now_unix();
            let mark_until = now.saturating_add(MARK_SECONDS.max(rotation.grace));
            let claim = self
                .backend
                .update(&old.key, &mark, old.version, from_unix(mark_until));
            let stored = Stored {
                key: new_key,
                record,
                version,
                expires_at,
            };
            let written = Outcome::Written {
                stored,
                id: Some(new_id.clone()),
                cookie: true,
            };
            match claim.await? {
                Updated::Done { .. } => return Ok(written),
                Updated::Gone => {
                    self.backend.delete(&new_key).await?;
                    return Ok(Outcome::Gone);
                }
                Updated::Conflict => {}
            }
            match &turn {
                None => turn = self.context.turn(&seen.key).await,
                Some(_) => pause(attempt).await,
            }
            let Some(Found { stored, .. }) = self.find(old.key, None).await? else {
                self.backend.delete(&new_key).await?;
                return Ok(Outcome::Gone);
            };
            if stored.key == new_key {
                // The mark of an earlier try of ours is there, though its answer did not come.
                return Ok(written);
            }
            old = stored;
        }
        self.backend.delete(&new_key).await?;
        Err(Error::Contended { tries: MAX_TRIES })
    }

    /// Takes the id that another request has given the session, if there is a way to it, and writes the changes there.
    async fn join(
        &self,
        seen: &Stored,
        rotation: &Rotation,
        unused: Option<StorageKey>,
        turn: Option<MutexGuard<'_, ()>>,
    ) -> Result<Outcome, Error> {
        let _turn = match turn {
            None => self.context.turn(&seen.key).await,
            held => held,
        };
        if let Some(key) = unused {
            self.backend.delete(&key).await?;
        }
        let old_id = rotation.old_id.clone();
        let mut found = self.find(old_id.storage_key(), Some(old_id)).await?;
        if found.is_none() {
            // An id that was never stored: an earlier commit of this request has found its own id closed.
            found = self.find(seen.key, None).await?;
        }
        match found {
            Some(found) => self.update_found(seen, found).await,
            None => Ok(Outcome::Gone),
        }
    }

    fn mark(&self, record: &Record, rotation: &Rotation, successor: StorageKey) -> Record {
        let until = self.context.now_unix().saturating_add(rotation.grace);
        let forward =
            (rotation.grace > 0).then(|| Forward::new(&rotation.old_id, &self.snapshot.id, until));
        let ended = Ended::Rotated(Rotated { successor, forward });
        Record::mark(record.created_at_unix(), &ended)
    }

    /// Writes a record under a key that nobody else knows, for the first time or again.
    pub(super) async fn write_unseen(
        &self,
        key: &StorageKey,
        record: &Record,
        created: Option<u64>,
        expires_at: u64,
    ) -> Result<u64, Error> {
        let Some(version) = created else {
            let create = self.backend.create(key, record, from_unix(expires_at));
            return match create.await.map_err(|error| refused(error, record))? {
                Created::Done { version } => Ok(version),
                // An earlier try of ours was carried out, though its answer did not come or a later step failed.
                Created::Taken => Box::pin(self.write_over(key, record, expires_at)).await,
            };
        };
        match self.put(key, record, version, expires_at).await? {
            Updated::Done { version } => Ok(version),
            Updated::Conflict | Updated::Gone => Err(meddled()),
        }
    }

    async fn write_over(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: u64,
    ) -> Result<u64, Error> {
        let Some(ours) = self.backend.load(key).await? else {
            return Err(meddled());
        };
        match self.put(key, record, ours.version, expires_at).await? {
            Updated::Done { version } => Ok(version),
            Updated::Conflict | Updated::Gone => Err(meddled()),
        }
    }
}

fn meddled() -> Error {
    StorageError::unavailable("somebody else wrote under a fresh session key").into()
}
