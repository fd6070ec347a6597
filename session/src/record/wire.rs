//! A record as JSON.

use crate::error::StorageError;
use crate::record::{MAX_RECORD_BYTES, Record};
use crate::text::utf8;

mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

/// The format that is written. Every format up to it can be read.
const FORMAT: u32 = 1;
/// How every record begins that is written.
const HEAD: &[u8] = br#"{"format":1,"created_at":"#;

impl Record {
    /// Reads a record from its JSON, of this format or an older one.
    ///
    /// # Errors
    ///
    /// [`StorageError::Corrupt`] when the text is not a record, and [`StorageError::Unavailable`] when it is one of a newer
    /// format: another version of the application still knows it, so nothing may be lost.
    pub fn from_json(json: &[u8]) -> Result<Self, StorageError> {
        if json.len() > MAX_RECORD_BYTES {
            return Err(StorageError::corrupt(
                "the record is larger than any that is written",
            ));
        }
        if let Some(record) = Self::scan(json) {
            return Ok(record);
        }
        let json = utf8(json).ok_or_else(|| StorageError::corrupt("the record is not UTF-8"))?;
        Self::parse(json)
    }

    /// Writes the record as JSON, on one line.
    pub fn to_json(&self) -> String {
        let mut json = Vec::with_capacity(self.json_estimate());
        self.write_json(&mut json);
        // Invariant: keys and values are text, and so is what stands between them.
        String::from_utf8(json).unwrap_or_default()
    }
}
