use std::time::SystemTime;

use crate::error::StorageError;
use crate::expiry::{from_unix, to_unix};
use crate::record::Record;
use crate::storage::backend::Loaded;

/// A value of a storage that keeps strings: `<version>:<deadline>:<record>`. Version and deadline have a fixed width, so that
/// Redis' scripts know where they are.
pub(super) struct Entry {
    /// Of each write its own, not counted in the entry: so a call that was made twice recognizes what it has done, and a storage
    /// that cannot compare and write in one step does not give two writes one version.
    pub(super) version: u64,
    /// In seconds since the Unix epoch.
    pub(super) deadline: u64,
    pub(super) value: String,
}

impl Entry {
    pub(super) fn new(version: u64, record: &Record, expires_at: SystemTime) -> Self {
        let deadline = deadline(expires_at);
        let head = format!("{version:016x}:{deadline:012}:");
        let mut value = Vec::with_capacity(head.len() + record.json_estimate());
        value.extend_from_slice(head.as_bytes());
        record.write_json(&mut value);
        Self {
            version,
            deadline,
            // Invariant: a record's JSON is text.
            value: String::from_utf8(value).unwrap_or_default(),
        }
    }

    /// What a value says; an error if it is none of ours.
    pub(super) fn loaded(value: &[u8]) -> Result<Loaded, StorageError> {
        let (version, deadline, record) =
            split(value).ok_or_else(|| StorageError::corrupt("no version and deadline"))?;
        Ok(Loaded {
            record: Record::from_json(record)?,
            version,
            expires_at: from_unix(deadline),
        })
    }
}

fn split(value: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (version, rest) = value.split_at_checked(16)?;
    let (deadline, record) = rest.strip_prefix(b":")?.split_at_checked(12)?;
    let version = u64::from_str_radix(std::str::from_utf8(version).ok()?, 16).ok()?;
    let deadline = std::str::from_utf8(deadline).ok()?.parse().ok()?;
    Some((version, deadline, record.strip_prefix(b":")?))
}

/// As Redis takes it: it refuses a zero.
pub(super) fn deadline(expires_at: SystemTime) -> u64 {
    to_unix(expires_at).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_it_was_written() {
        let record =
            Record::from_json(br#"{"format":1,"created_at":1790000000,"values":{"theme":"dark"}}"#);
        let record = record.unwrap();
        // The last time that a deadline can be.
        let last = from_unix(u64::MAX);
        for expires_at in [from_unix(1_790_604_800), last] {
            let entry = Entry::new(0x05b1_e0c6, &record, expires_at);
            let loaded = Entry::loaded(entry.value.as_bytes()).unwrap();
            assert_eq!(loaded.record, record);
            assert_eq!(
                (loaded.version, loaded.expires_at),
                (entry.version, expires_at)
            );
            assert_eq!(entry.value[..16], format!("{:016x}", entry.version));
            assert_eq!(entry.value[17..29], format!("{:012}", entry.deadline));
        }
    }

    #[test]
    fn what_is_no_entry_is_corrupt() {
        for value in [
            "",
            "hello",
            "0000000000000001",
            "0000000000000001:001790604800",
            "0000000000000001:001790604800:",
            "0000000000000001:001790604800:{}",
            "000000000000000g:001790604800:{\"format\":1,\"created_at\":1,\"values\":{}}",
        ] {
            assert!(
                matches!(
                    Entry::loaded(value.as_bytes()),
                    Err(StorageError::Corrupt(_))
                ),
                "{value}"
            );
        }
    }
}
