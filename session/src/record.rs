use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use crate::expiry::from_unix;

mod ended;
mod wire;

pub(crate) use self::ended::{Ended, Forward, Rotated};

/// The largest record of all, in bytes: offsets fit their fields with room to spare.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 28;

/// What a storage keeps for one session, immutable and cheap to clone.
///
/// In memory it is one allocation: an index of keys over the values as they are encoded, so that reading one key decodes
/// one value. When it leaves the process it is JSON, and a value that nobody changed goes back byte for byte:
///
/// ```json
/// {"format":1,"created_at":1790000000,"values":{"theme":"dark"},"flash":{"notice":"Saved."},"flash_next":{"step":2}}
/// ```
///
/// A record can also be the mark that a session ended: its id was replaced by another, or it was destroyed. A backend
/// treats it like any other.
///
/// # Example
///
/// ```
/// use session::Record;
///
/// let json = r#"{"format":1,"created_at":1790000000,"values":{"theme":"dark"}}"#;
/// let record = Record::from_json(json.as_bytes())?;
/// assert_eq!(record.to_json(), json);
/// # Ok::<(), session::StorageError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Invariant: as [`pack`] lays it out.
    packed: Arc<[u8]>,
}

/// Which of the places of a record an entry is in. The order is that of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Kind {
    Lasting = 0,
    Flash = 1,
    FlashNext = 2,
    /// A field of the mark that a session ended.
    Ended = 3,
}

/// One entry of a record: `value` is JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) kind: Kind,
    pub(crate) value: &'a str,
}

impl Record {
    /// When the session began.
    pub fn created_at(&self) -> SystemTime {
        from_unix(self.created_at_unix())
    }

    /// A record with nothing in it.
    pub(crate) fn empty(created_at: u64) -> Self {
        pack(created_at, State::Live, &mut Vec::new())
    }

    /// A record of these entries, in any order, each key at most once as lasting and at most once as flash.
    pub(crate) fn of(created_at: u64, entries: &mut Vec<Entry<'_>>) -> Self {
        pack(created_at, State::Live, entries)
    }

    pub(crate) fn created_at_unix(&self) -> u64 {
        let created_at = self.packed.first_chunk().copied();
        u64::from_le_bytes(created_at.unwrap_or_default())
    }

    /// The JSON of the lasting value under a key.
    pub(crate) fn lasting(&self, key: &str) -> Option<&str> {
        self.find(key, Kind::Lasting)
    }

    /// The JSON of the flash value under a key, and how long it lives.
    pub(crate) fn flash(&self, key: &str) -> Option<Entry<'_>> {
        let first = self.search(key, Kind::Flash).unwrap_or_else(|next| next);
        self.entry(first)
            .filter(|entry| entry.key == key && entry.kind != Kind::Ended)
    }

    /// All entries, by key; under one key the lasting value first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.len()).filter_map(|index| self.entry(index))
    }

    /// Where a value of this record stands in it.
    pub(crate) fn range_of(&self, value: &str) -> Range<usize> {
        let start = value
            .as_ptr()
            .addr()
            .wrapping_sub(self.packed.as_ptr().addr());
        start..start.saturating_add(value.len())
    }

    /// The text that stands at a place given by [`range_of`](Self::range_of).
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        self.packed
            .get(range)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.halves(1).map_or(0, |(entries, _)| entries as usize)
    }

    fn find(&self, key: &str, kind: Kind) -> Option<&str> {
        let index = self.search(key, kind).ok()?;
        Some(self.entry(index)?.value)
    }

    /// The place of an entry in the index, or where it would be.
    fn search(&self, key: &str, kind: Kind) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(entry) = self.entry(middle) else {
                return Err(low);
            };
            match entry.key.cmp(key).then(entry.kind.cmp(&kind)) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        if index >= self.len() {
            return None;
        }
        let (key_start, key_len, kind) = Self::unpack(self.halves(HEADER_WORDS + index)?);
        let end = match self.halves(HEADER_WORDS + index + 1) {
            Some(next) if index + 1 < self.len() => Self::unpack(next).0,
            _ => self.packed.len(),
        };
        let key_end = key_start + key_len;
        Some(Entry {
            key: std::str::from_utf8(self.packed.get(key_start..key_end)?).ok()?,
            kind,
            value: std::str::from_utf8(self.packed.get(key_end..end)?).ok()?,
        })
    }

    /// A word of the index: where the key starts, how long it is, and the kind.
    fn unpack((start, key_len_and_kind): (u32, u32)) -> (usize, usize, Kind) {
        let kind = match key_len_and_kind >> 30 {
            0 => Kind::Lasting,
            1 => Kind::Flash,
            2 => Kind::FlashNext,
            _ => Kind::Ended,
        };
        let key_len = key_len_and_kind & ((1 << 30) - 1);
        (start as usize, key_len as usize, kind)
    }

    /// A word's low and high half.
    fn halves(&self, index: usize) -> Option<(u32, u32)> {
        let bytes = self.packed.get(index * 8..index * 8 + 8)?;
        let (low, high) = bytes.split_first_chunk()?;
        Some((
            u32::from_le_bytes(*low),
            u32::from_le_bytes(high.try_into().ok()?),
        ))
    }

    fn state(&self) -> State {
        match self.halves(1) {
            Some((_, 1)) => State::Ended,
            _ => State::Live,
        }
    }
}

impl fmt::Debug for Record {
    /// Shows how much there is, and nothing of what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("entries", &self.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live = 0,
    Ended = 1,
}

/// The words before the index: when the session began; how many entries there are (low half) and the state (high half).
const HEADER_WORDS: usize = 2;

/// Lays a record out: the header, a word for each entry in the order of key and kind, then keys and values without gaps.
///
/// The caller keeps the whole under [`MAX_RECORD_BYTES`], so that a start fits 32 bits and a key's length 30.
fn pack(created_at: u64, state: State, entries: &mut Vec<Entry<'_>>) -> Record {
    entries.sort_unstable_by(|a, b| a.key.cmp(b.key).then(a.kind.cmp(&b.kind)));
    let text: usize = entries
        .iter()
        .map(|entry| entry.key.len() + entry.value.len())
        .sum();
    let mut start = (HEADER_WORDS + entries.len()) * 8;
    let mut packed = Vec::with_capacity(start + text);
    packed.extend_from_slice(&created_at.to_le_bytes());
    packed.extend_from_slice(&((state as u64) << 32 | entries.len() as u64).to_le_bytes());
    for entry in &*entries {
        let word = (entry.kind as u64) << 62 | (entry.key.len() as u64) << 32 | start as u64;
        packed.extend_from_slice(&word.to_le_bytes());
        start += entry.key.len() + entry.value.len();
    }
    for entry in &*entries {
        packed.extend_from_slice(entry.key.as_bytes());
        packed.extend_from_slice(entry.value.as_bytes());
    }
    Record {
        packed: packed.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(key: &'a str, kind: Kind, value: &'a str) -> Entry<'a> {
        Entry { key, kind, value }
    }

    #[test]
    fn a_record_finds_each_entry_by_key_and_kind() {
        let mut entries = vec![
            entry("theme", Kind::Lasting, r#""dark""#),
            entry("notice", Kind::FlashNext, "1"),
            entry("theme", Kind::Flash, "true"),
            entry("a", Kind::Lasting, "null"),
        ];
        let record = Record::of(7, &mut entries);
        assert_eq!(record.created_at_unix(), 7);
        assert_eq!(record.len(), 4);
        assert_eq!(record.lasting("theme"), Some(r#""dark""#));
        assert_eq!(record.lasting("a"), Some("null"));
        assert_eq!(record.lasting("notice"), None);
        assert_eq!(
            record.flash("theme"),
            Some(entry("theme", Kind::Flash, "true"))
        );
        assert_eq!(
            record.flash("notice"),
            Some(entry("notice", Kind::FlashNext, "1"))
        );
        assert_eq!(record.flash("a"), None);
        assert_eq!(record.flash("zzz"), None);
    }

    #[test]
    fn debug_shows_no_value() {
        let record = Record::of(7, &mut vec![entry("k", Kind::Lasting, "\"hunter2\"")]);
        assert_eq!(format!("{record:?}"), "Record { entries: 1, .. }");
    }
}
