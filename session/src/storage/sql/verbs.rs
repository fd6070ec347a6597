//! What a storage does, each step as one statement.

use std::time::{Instant, SystemTime};

use super::dialect::Dialect;
use super::dialect::Value::{Number, Text};
use super::statements::SWEEP_BATCH;
use super::{SqlStorage, seconds};
use crate::error::StorageError;
use crate::expiry::from_unix;
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::{Backend, Created, Loaded, Touched, Updated};
use crate::storage::sweep::Sweep;

impl<D: Dialect> Backend for SqlStorage<D> {
    async fn load(&self, key: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        let key = key.to_string();
        self.bounded(async {
            let found = self.find(&key).await?;
            found.map(|row| loaded::<D>(&row)).transpose()
        })
        .await
    }

    async fn create(
        &self,
        key: &StorageKey,
        record: &Record,
        expires_at: SystemTime,
    ) -> Result<Created, StorageError> {
        const FIRST_VERSION: u32 = 1;
        let (key, record) = (key.to_string(), record.to_json());
        let values = [
            Text(&key),
            Text(&record),
            Number(FIRST_VERSION.into()),
            seconds(expires_at),
        ];
        let done = Created::Done {
            version: FIRST_VERSION.into(),
        };
        self.bounded(async {
            if self.insert(&values, record.len()).await? {
                return Ok(done);
            }
            // The key is taken, unless by what has expired and was not swept yet.
            let expired = [Text(&key), self.now()];
            let made_room = self
                .write(&self.settings.statements.delete_if_expired, &expired)
                .await?
                > 0;
            if made_room && self.insert(&values, record.len()).await? {
                return Ok(done);
            }
            Ok(Created::Taken)
        })
        .await
    }

    async fn update(
        &self,
        key: &StorageKey,
        record: &Record,
        seen_version: u64,
        expires_at: SystemTime,
    ) -> Result<Updated, StorageError> {
        let (key, record) = (key.to_string(), record.to_json());
        let values = [
            Text(&record),
            seconds(expires_at),
            Text(&key),
            Number(seen_version.cast_signed()),
            self.now(),
        ];
        self.bounded(async {
            match self.write(&self.settings.statements.update, &values).await {
                Ok(0) => {}
                Ok(_) => {
                    let version = seen_version.wrapping_add(1);
                    return Ok(Updated::Done { version });
                }
                Err(error) => return Err(self.refused(record.len(), error).await),
            }
            Ok(match self.find(&key).await? {
                Some(_) => Updated::Conflict,
                None => Updated::Gone,
            })
        })
        .await
    }

    async fn touch(
        &self,
        key: &StorageKey,
        expires_at: SystemTime,
    ) -> Result<Touched, StorageError> {
        let key = key.to_string();
        let values = [seconds(expires_at), Text(&key), self.now()];
        self.bounded(async {
            Ok(
                match self.write(&self.settings.statements.touch, &values).await? {
                    0 => Touched::Gone,
                    _ => Touched::Done,
                },
            )
        })
        .await
    }

    async fn delete(&self, key: &StorageKey) -> Result<(), StorageError> {
        let key = key.to_string();
        self.bounded(async {
            self.write(&self.settings.statements.delete, &[Text(&key)])
                .await?;
            Ok(())
        })
        .await
    }
}

/// In batches of a thousand, by the index on the expiry, with a pause after each as long as it took: requests go on meanwhile.
impl<D: Dialect> Sweep for SqlStorage<D> {
    async fn delete_expired(&self) -> Result<u64, StorageError> {
        let now = [self.now()];
        let mut deleted = 0;
        loop {
            let begun = Instant::now();
            let batch = self
                .bounded(async { Ok(self.write(&self.settings.statements.sweep, &now).await?) })
                .await?;
            deleted += batch;
            if batch < SWEEP_BATCH {
                return Ok(deleted);
            }
            // SQLite's writers poll for its one lock: without a pause they would hardly ever find it free.
            tokio::time::sleep(begun.elapsed()).await;
        }
    }
}

fn loaded<D: Dialect>(row: &D::Row) -> Result<Loaded, StorageError> {
    // The driver's error is not passed on, since it may quote what it could not read.
    let columns = D::columns(row).map_err(|_| StorageError::corrupt("the row is not a session"))?;
    Ok(Loaded {
        record: Record::from_json(columns.record.as_bytes())?,
        version: columns.version.cast_unsigned(),
        expires_at: from_unix(u64::try_from(columns.expires_at).unwrap_or(0)),
    })
}
