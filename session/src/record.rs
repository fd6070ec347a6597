use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use crate::expiry::from_unix;

mod ended;
mod layout;
mod order;
mod patch;
mod wire;

pub(crate) use self::ended::{Ended, Forward, Rotated};
use self::layout::{HAS_AGING, HEADER_WORDS, Place, halves, pack, place, sort};
pub(crate) use self::order::order;
pub(crate) use self::patch::Patch;

/// The largest record of all, in bytes: offsets fit their fields with room to spare.
pub(crate) const MAX_RECORD_BYTES: usize = 1 << 28;

/// What a storage keeps for one session, immutable and cheap to clone.
///
/// In memory it is one allocation: an index of keys over the values as they are encoded, so that reading one key decodes
/// one value. When it leaves the process it is JSON, and a value that nobody changed goes back byte for byte:
///
/// ```json
/// {"format":1,"created_at":1790000000,"values":{"theme":"dark","code":"7"},"flash":{"notice":"Saved."},"flash_next":{"step":2},
///  "until":{"code":1790000600},"secret":["code"]}
/// ```
///
/// Of a value with a limit of its own `until` tells the end, in seconds since the Unix epoch; `secret` names the keys whose
/// values are not shown. Both are left out when they are empty.
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
#[derive(Clone)]
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

/// One entry of a record: `value` is JSON text. As bytes where it only goes from one record to the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a, T: ?Sized = str> {
    pub(crate) key: &'a T,
    pub(crate) kind: Kind,
    pub(crate) value: &'a T,
    pub(crate) terms: Terms,
}

pub(crate) type RawEntry<'a> = Entry<'a, [u8]>;

impl<T: ?Sized> Clone for Entry<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Entry<'_, T> {}

impl<'a> Entry<'a> {
    pub(crate) fn raw(self) -> RawEntry<'a> {
        Entry {
            key: self.key.as_bytes(),
            kind: self.kind,
            value: self.value.as_bytes(),
            terms: self.terms,
        }
    }
}

impl<'a> RawEntry<'a> {
    fn text(self) -> Option<Entry<'a>> {
        Some(Entry {
            key: std::str::from_utf8(self.key).ok()?,
            kind: self.kind,
            value: std::str::from_utf8(self.value).ok()?,
            terms: self.terms,
        })
    }
}

/// On what terms a value is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// When it is gone, whatever the session's own limits, in seconds since the Unix epoch.
    pub(crate) until: Option<u64>,
    /// It is not shown. Holds for a key: what lies under one is secret, or is not, as a whole.
    pub(crate) secret: bool,
}

impl Terms {
    /// Whether the value is still there. At its limit it is gone, as a session is.
    pub(crate) fn hold_at(self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Record {
    /// When the session began.
    pub fn created_at(&self) -> SystemTime {
        from_unix(self.created_at_unix())
    }

    /// A record with nothing in it.
    #[cfg(test)]
    pub(crate) fn empty(created_at: u64) -> Self {
        pack(created_at, State::Live, &mut [])
    }

    /// A record of these entries, in the order of key and kind, each key at most once as lasting and at most once as flash.
    pub(crate) fn of(created_at: u64, entries: &mut [RawEntry<'_>]) -> Self {
        pack(created_at, State::Live, entries)
    }

    pub(crate) fn created_at_unix(&self) -> u64 {
        let created_at = self.packed.first_chunk().copied();
        u64::from_le_bytes(created_at.unwrap_or_default())
    }

    /// The lasting value under a key.
    pub(crate) fn lasting(&self, key: &str) -> Option<Entry<'_>> {
        self.raw_lasting(key)?.text()
    }

    /// As [`lasting`](Self::lasting).
    pub(crate) fn raw_lasting(&self, key: &str) -> Option<RawEntry<'_>> {
        self.find(key, Kind::Lasting)
    }

    /// Whether what lies under a key is not to be shown.
    pub(crate) fn is_secret(&self, key: &str) -> bool {
        let first = self.search(key, Kind::Lasting);
        let entry = self.raw_entry(first.unwrap_or_else(|next| next));
        entry.is_some_and(|entry| entry.key == key.as_bytes() && entry.terms.secret)
    }

    /// The JSON of the flash value under a key, and how long it lives.
    pub(crate) fn flash(&self, key: &str) -> Option<Entry<'_>> {
        self.raw_flash(key)?.text()
    }

    /// As [`flash`](Self::flash).
    pub(crate) fn raw_flash(&self, key: &str) -> Option<RawEntry<'_>> {
        let first = self.search(key, Kind::Flash).unwrap_or_else(|next| next);
        self.raw_entry(first)
            .filter(|entry| entry.key == key.as_bytes() && entry.kind != Kind::Ended)
    }

    /// All entries, by key; under one key the lasting value first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.raw_entries().filter_map(RawEntry::text)
    }

    /// As [`entries`](Self::entries).
    pub(crate) fn raw_entries(&self) -> impl Iterator<Item = RawEntry<'_>> {
        let index = self.index();
        index.iter().enumerate().filter_map(move |(entry, word)| {
            let end = self.start_in(index, entry + 1);
            self.raw_at(place(halves(*word), end))
        })
    }

    /// Where a value of this record stands in it.
    pub(crate) fn range_of(&self, value: &[u8]) -> Range<usize> {
        let start = value
            .as_ptr()
            .addr()
            .wrapping_sub(self.packed.as_ptr().addr());
        start..start.saturating_add(value.len())
    }

    /// What stands at a place given by [`range_of`](Self::range_of).
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.packed.get(range).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.word(1).map_or(0, |(entries, _)| entries as usize)
    }

    fn find(&self, key: &str, kind: Kind) -> Option<RawEntry<'_>> {
        self.raw_entry(self.search(key, kind).ok()?)
    }

    /// The place of an entry in the index, or where it would be.
    fn search(&self, key: &str, kind: Kind) -> Result<usize, usize> {
        let index = self.index();
        let (mut low, mut high) = (0, index.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let Some(word) = index.get(middle) else {
                break;
            };
            let (place, found_kind) = layout::key(halves(*word));
            let found = self.packed.get(place).unwrap_or_default();
            // The order of UTF-8 is that of its bytes: what is only passed by need not be looked at as text.
            match found.cmp(key.as_bytes()).then(found_kind.cmp(&kind)) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Whether there are flash values for the next request alone.
    pub(crate) fn has_aging(&self) -> bool {
        self.word(1)
            .is_some_and(|(_, marks)| marks & HAS_AGING != 0)
    }

    fn raw_entry(&self, index: usize) -> Option<RawEntry<'_>> {
        self.raw_at(self.place(index)?)
    }

    fn raw_at(&self, place: Place) -> Option<RawEntry<'_>> {
        let until = self.packed.get(place.key.end..place.value.start)?;
        Some(Entry {
            key: self.packed.get(place.key)?,
            kind: place.kind,
            value: self.packed.get(place.value)?,
            terms: Terms {
                until: until.try_into().ok().map(u64::from_le_bytes),
                secret: place.secret,
            },
        })
    }

    /// A word for each entry.
    fn index(&self) -> &[[u8; 8]] {
        let words = self.packed.as_chunks::<8>().0;
        let index = words.get(HEADER_WORDS..HEADER_WORDS + self.len());
        index.unwrap_or_default()
    }

    /// Where an entry stands, as the index says.
    fn place(&self, entry: usize) -> Option<Place> {
        let index = self.index();
        let word = index.get(entry)?;
        Some(place(halves(*word), self.start_in(index, entry + 1)))
    }

    /// Where an entry begins, or after the last the end.
    fn start_in(&self, index: &[[u8; 8]], entry: usize) -> usize {
        let word = index.get(entry);
        word.map_or(self.packed.len(), |word| halves(*word).0 as usize)
    }

    /// A word's low and high half.
    fn word(&self, index: usize) -> Option<(u32, u32)> {
        let bytes = self.packed.get(index * 8..)?.first_chunk()?;
        Some(halves(*bytes))
    }

    fn state(&self) -> State {
        match self.word(1) {
            Some((_, marks)) if marks & State::Ended as u32 != 0 => State::Ended,
            _ => State::Live,
        }
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        // Mostly they are one and the same, which need not be read.
        Arc::ptr_eq(&self.packed, &other.packed) || self.packed == other.packed
    }
}

impl Eq for Record {}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(created_at: u64, entries: &[Entry<'_>]) -> Record {
        let mut entries: Vec<_> = entries.iter().map(|entry| entry.raw()).collect();
        entries.sort_by_key(|entry| entry.kind);
        sort(&mut entries);
        Record::of(created_at, &mut entries)
    }

    fn entry<'a>(key: &'a str, kind: Kind, value: &'a str) -> Entry<'a> {
        Entry {
            key,
            kind,
            value,
            terms: Terms::default(),
        }
    }

    #[test]
    fn a_record_keeps_the_terms_of_its_values() {
        let terms = Terms {
            until: Some(u64::MAX),
            secret: true,
        };
        let code = Entry {
            terms,
            ..entry("code", Kind::Lasting, "1")
        };
        let entries = [
            entry("code", Kind::Flash, "2"),
            code,
            entry("theme", Kind::Lasting, "3"),
        ];
        let record = of(7, &entries);
        assert_eq!(record.lasting("code"), Some(code));
        assert_eq!(
            record.lasting("theme"),
            Some(entry("theme", Kind::Lasting, "3"))
        );
        let flash = record.flash("code").unwrap();
        assert!(flash.terms.secret, "a key is secret as a whole");
        assert_eq!((flash.value, flash.terms.until), ("2", None));
        assert!(record.is_secret("code") && !record.is_secret("theme"));
        assert_eq!(
            Record::from_json(record.to_json().as_bytes()).unwrap(),
            record
        );
    }

    #[test]
    fn a_record_finds_each_entry_by_key_and_kind() {
        let entries = [
            entry("theme", Kind::Lasting, r#""dark""#),
            entry("notice", Kind::FlashNext, "1"),
            entry("theme", Kind::Flash, "true"),
            entry("a", Kind::Lasting, "null"),
        ];
        let record = of(7, &entries);
        assert_eq!(record.created_at_unix(), 7);
        assert_eq!(record.len(), 4);
        assert_eq!(
            record.lasting("theme").map(|entry| entry.value),
            Some(r#""dark""#)
        );
        assert_eq!(record.lasting("a").map(|entry| entry.value), Some("null"));
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
        let record = of(7, &[entry("k", Kind::Lasting, "\"hunter2\"")]);
        assert_eq!(format!("{record:?}"), "Record { entries: 1, .. }");
    }
}
