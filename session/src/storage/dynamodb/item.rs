//! A session as an item of a table.

use std::collections::HashMap;
use std::fmt;
use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;

use super::names::{Names, RECORD, VERSION};
use crate::error::StorageError;
use crate::expiry::{from_unix, to_unix};
use crate::id::StorageKey;
use crate::record::Record;
use crate::storage::backend::Loaded;

pub(super) type Item = HashMap<String, AttributeValue>;

/// What DynamoDB takes of an item, its attributes' names and values together.
const MAX_ITEM_BYTES: usize = 400 * 1024;
/// What a key takes, in hex digits.
const KEY_BYTES: usize = 64;
/// More than two numbers take: a byte for two of their digits, and one.
const NUMBER_BYTES: usize = 2 * 16;

pub(super) fn text(text: impl fmt::Display) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// What the item says of its version, if it is one of ours.
pub(super) fn version(item: &Item) -> Option<u64> {
    number_of(item, VERSION)
}

fn number_of(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

impl Names {
    pub(super) fn item(
        &self,
        key: &StorageKey,
        record: String,
        version: u64,
        expires_at: SystemTime,
    ) -> Item {
        Item::from([
            (self.key.clone(), text(key)),
            (self.ttl.clone(), number(to_unix(expires_at))),
            (VERSION.to_owned(), number(version)),
            (RECORD.to_owned(), AttributeValue::S(record)),
        ])
    }

    /// Whether DynamoDB takes an item with that record.
    pub(super) fn check_size(&self, record: &str) -> Result<(), StorageError> {
        let names = self.key.len() + self.ttl.len() + VERSION.len() + RECORD.len();
        let limit = MAX_ITEM_BYTES - KEY_BYTES - NUMBER_BYTES - names;
        if record.len() > limit {
            return Err(StorageError::too_large(record.len(), limit));
        }
        Ok(())
    }

    /// Whether its deadline has come. What has none is not ours, and not ours to end.
    pub(super) fn has_expired(&self, item: &Item, now: u64) -> bool {
        number_of(item, &self.ttl).is_some_and(|deadline| deadline <= now)
    }

    /// The session in an item, unless it has expired.
    pub(super) fn loaded(&self, item: &Item, now: u64) -> Result<Option<Loaded>, StorageError> {
        if self.has_expired(item, now) {
            return Ok(None);
        }
        let deadline = number_of(item, &self.ttl);
        let record = item.get(RECORD).and_then(|record| record.as_s().ok());
        let (Some(deadline), Some(version), Some(record)) = (deadline, version(item), record)
        else {
            return Err(StorageError::corrupt("the item is not a session"));
        };
        Ok(Some(Loaded {
            record: Record::from_json(record.as_bytes())?,
            version,
            expires_at: from_unix(deadline),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000;
    const RECORD_JSON: &str =
        r#"{"format":1,"created_at":1790000000,"values":{"_ttl":0,"record":"x"}}"#;

    fn item(expires_at: u64) -> Item {
        let key = format!("{:064x}", 7).parse().unwrap();
        let expires_at = from_unix(expires_at);
        Names::default().item(&key, RECORD_JSON.to_owned(), u64::MAX, expires_at)
    }

    #[test]
    fn an_item_reads_as_it_was_written_whatever_the_keys_of_the_session_are() {
        let item = item(NOW + 1);
        let mut names: Vec<_> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["_idx", "_ttl", "record", "version"]);
        let loaded = Names::default().loaded(&item, NOW).unwrap().unwrap();
        assert_eq!(loaded.record.to_json(), RECORD_JSON);
        assert_eq!(loaded.version, u64::MAX);
        assert_eq!(loaded.expires_at, from_unix(NOW + 1));
    }

    #[test]
    fn an_item_at_its_deadline_has_expired() {
        for (deadline, is_there) in [(NOW + 1, true), (NOW, false), (0, false)] {
            let loaded = Names::default().loaded(&item(deadline), NOW).unwrap();
            assert_eq!(loaded.is_some(), is_there, "{deadline}");
        }
    }

    #[test]
    fn what_is_no_session_is_corrupt_and_has_not_expired() {
        for name in ["_ttl", "version", "record"] {
            for foreign in [None, Some(text("x")), Some(AttributeValue::Bool(true))] {
                let mut item = item(NOW + 1);
                match foreign {
                    Some(value) => item.insert(name.to_owned(), value),
                    None => item.remove(name),
                };
                assert!(!Names::default().has_expired(&item, NOW));
                let loaded = Names::default().loaded(&item, NOW);
                assert!(matches!(loaded, Err(StorageError::Corrupt(_))), "{item:?}");
            }
        }
    }

    #[test]
    fn the_limit_leaves_room_for_the_other_attributes() {
        let names = Names::default();
        let limit = 409_600 - "_idx".len() - 64 - "_ttlversionrecord".len() - 32;
        names.check_size(&"x".repeat(limit)).unwrap();
        let refused = names.check_size(&"x".repeat(limit + 1));
        assert!(
            matches!(refused, Err(StorageError::TooLarge { bytes, limit: at, .. }) if (bytes, at) == (limit + 1, limit))
        );
        let longer = names
            .with_attributes("i".repeat(255), "t".repeat(255))
            .unwrap();
        assert!(longer.check_size(&"x".repeat(limit)).is_err());
    }
}
