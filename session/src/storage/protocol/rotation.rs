use std::time::SystemTime;

use crate::error::{Error, StorageError};
use crate::expiry::from_unix;
use crate::id::StorageKey;
use crate::record::{Ended, Forward, Record, Rotated};
use crate::state::{Rotation, Stored};
use crate::storage::backend::{Backend, Created, Updated};
use crate::storage::protocol::{MARK_SECONDS, MAX_TRIES, Outcome, Writer, pause};

impl<B: Backend> Writer<'_, B> {
    /// Writes the changes under a new id, and replaces the old record by a mark.
    pub(super) async fn rotate(
        &self,
        seen: &Stored,
        rotation: &Rotation,
    ) -> Result<Outcome, Error> {
        let new_id = &self.snapshot.id;
        let new_key = new_id.storage_key();
        let mut created = None;
        let mut old = seen.clone();
        let mut turn = None;
        for attempt in 0..MAX_TRIES {
            let record = self.apply(&self.snapshot.changes, &old.record, &seen.record)?;
            let expires_at = self.deadline(&record);
            let version = self
                .write_unseen(&new_key, &record, created, expires_at)
                .await?;
            created = Some(version);

            let now = self.context.now_unix();
            // The way from the old id leads on only if the session is still under that id.
            let is_own = old.key == rotation.old_id.storage_key();
            let forward = (rotation.grace > 0 && is_own).then(|| {
                Forward::new(&rotation.old_id, new_id, now.saturating_add(rotation.grace))
            });
            let mark_until = expires_at.min(now.saturating_add(MARK_SECONDS.max(rotation.grace)));
            let ended = Ended::Rotated(Rotated {
                successor: new_key,
                forward,
            });
            let mark = Record::mark(record.created_at_unix(), &ended);
            let claim = self
                .backend
                .update(&old.key, &mark, old.version, from_unix(mark_until));
            match claim.await? {
                Updated::Done { .. } => {
                    let stored = Stored {
                        key: new_key,
                        record,
                        version,
                        expires_at,
                    };
                    return Ok(Outcome::Written {
                        stored,
                        cookie: true,
                    });
                }
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
            let Some(stored) = self.reload(old.key).await? else {
                self.backend.delete(&new_key).await?;
                return Ok(Outcome::Gone);
            };
            old = stored;
        }
        self.backend.delete(&new_key).await?;
        Err(Error::Contended { tries: MAX_TRIES })
    }

    /// Writes a record under a key that nobody else knows, for the first time or again.
    pub(super) async fn write_unseen(
        &self,
        key: &StorageKey,
        record: &Record,
        created: Option<u64>,
        expires_at: u64,
    ) -> Result<u64, Error> {
        let expires_at = from_unix(expires_at);
        let version = match created {
            None => match self.backend.create(key, record, expires_at).await? {
                Created::Done { version } => Some(version),
                // An earlier try of ours was carried out, though its answer did not come or a later step failed.
                Created::Taken => match self.backend.load(key).await? {
                    Some(ours) => self.replace(key, record, ours.version, expires_at).await?,
                    None => None,
                },
            },
            Some(version) => self.replace(key, record, version, expires_at).await?,
        };
        version.ok_or_else(|| {
            StorageError::unavailable("somebody else wrote under a fresh session key").into()
        })
    }

    async fn replace(
        &self,
        key: &StorageKey,
        record: &Record,
        version: u64,
        expires_at: SystemTime,
    ) -> Result<Option<u64>, Error> {
        Ok(
            match self
                .backend
                .update(key, record, version, expires_at)
                .await?
            {
                Updated::Done { version } => Some(version),
                Updated::Conflict | Updated::Gone => None,
            },
        )
    }
}
