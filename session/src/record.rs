use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::StorageError;
use crate::expiry::from_unix;
use crate::id::StorageKey;

/// The format that is written. Every format up to it can be read.
const FORMAT: u32 = 1;
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

/// The mark that a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Destroyed,
    Rotated(Rotated),
}

/// Where a session went when its id was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub(crate) successor: StorageKey,
    pub(crate) forward: Option<Forward>,
}

/// The way from an old id to the new one, for as long as the old one is still honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forward {
    /// The new id under a pad that only the old id yields: at rest no id stands in the clear.
    pub(crate) padded_id: [u8; 32],
    pub(crate) until: u64,
}

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
        // The reader's own message may quote what is stored, so it goes no further than its position.
        let wire: Wire<'_> = serde_json::from_slice(json).map_err(|error| {
            StorageError::corrupt(format!(
                "no record's JSON at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        if wire.format > FORMAT {
            return Err(StorageError::unavailable(format!(
                "the record has format {}, which is newer than this library's {FORMAT}",
                wire.format
            )));
        }
        let mut entries = Vec::new();
        let places = [
            (Kind::Lasting, &wire.values),
            (Kind::Flash, &wire.flash),
            (Kind::FlashNext, &wire.flash_next),
        ];
        for (kind, map) in places {
            entries.extend(map.0.iter().map(|(key, value)| Entry {
                key,
                kind,
                value: value.get(),
            }));
        }
        if let Some(ended) = &wire.ended {
            let kind = Kind::Ended;
            entries.clear();
            entries.extend(ended.0.iter().map(|(key, value)| Entry {
                key,
                kind,
                value: value.get(),
            }));
        }
        let state = if wire.ended.is_some() {
            State::Ended
        } else {
            State::Live
        };
        let record = pack(wire.created_at, state, &mut entries);
        if state == State::Ended && record.ended().is_none() {
            return Err(StorageError::corrupt(
                "the mark of an ended session is incomplete",
            ));
        }
        Ok(record)
    }

    /// Writes the record as JSON, on one line.
    pub fn to_json(&self) -> String {
        let mut json = String::with_capacity(self.packed.len() + 64);
        let created_at = self.created_at_unix();
        let _ = write!(json, r#"{{"format":{FORMAT},"created_at":{created_at}"#);
        let ended = self.state() == State::Ended;
        let places = [
            ("values", Kind::Lasting, !ended),
            ("flash", Kind::Flash, false),
            ("flash_next", Kind::FlashNext, false),
            ("ended", Kind::Ended, ended),
        ];
        for (place, kind, always) in places {
            let mut open = false;
            for entry in self.entries().filter(|entry| entry.kind == kind) {
                json.push_str(if open { "," } else { ",\"" });
                if !open {
                    json.push_str(place);
                    json.push_str("\":{");
                    open = true;
                }
                push_json_string(entry.key, &mut json);
                json.push(':');
                json.push_str(entry.value);
            }
            if open {
                json.push('}');
            } else if always {
                json.push_str(",\"");
                json.push_str(place);
                json.push_str("\":{}");
            }
        }
        json.push('}');
        json
    }

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

    /// The mark that a session ended.
    pub(crate) fn mark(created_at: u64, ended: &Ended) -> Self {
        let Ended::Rotated(Rotated { successor, forward }) = ended else {
            return pack(created_at, State::Ended, &mut Vec::new());
        };
        let successor = format!("\"{successor}\"");
        let mut entries = vec![("successor", successor.as_str())];
        let id_and_until = forward.as_ref().map(|forward| {
            let id = URL_SAFE_NO_PAD.encode(forward.padded_id);
            (format!("\"{id}\""), forward.until.to_string())
        });
        if let Some((id, until)) = &id_and_until {
            entries.extend([("forward", id.as_str()), ("until", until.as_str())]);
        }
        let kind = Kind::Ended;
        let mut entries = entries
            .into_iter()
            .map(|(key, value)| Entry { key, kind, value })
            .collect();
        pack(created_at, State::Ended, &mut entries)
    }

    /// How the session ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        if self.state() == State::Live {
            return None;
        }
        if self.len() == 0 {
            return Some(Ended::Destroyed);
        }
        let text = |key| {
            let value = self.find(key, Kind::Ended)?;
            serde_json::from_str::<String>(value).ok()
        };
        let successor = text("successor")?.parse().ok()?;
        let forward = text("forward").and_then(|id| {
            Some(Forward {
                padded_id: URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?,
                until: self.find("until", Kind::Ended)?.parse().ok()?,
            })
        });
        Some(Ended::Rotated(Rotated { successor, forward }))
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

fn push_json_string(text: &str, json: &mut String) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// The serialized shape of a record, borrowed from the text.
struct Wire<'a> {
    format: u32,
    created_at: u64,
    values: Map<'a>,
    flash: Map<'a>,
    flash_next: Map<'a>,
    ended: Option<Map<'a>>,
}

#[derive(Default)]
struct Map<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Wire<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WireVisitor;

        impl<'de> Visitor<'de> for WireVisitor {
            type Value = Wire<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a session record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Wire<'de>, A::Error> {
                use serde::de::Error as _;

                let (mut format, mut created_at, mut values) = (None, None, None);
                let (mut flash, mut flash_next, mut ended) = (None, None, None);
                while let Some(Key(field)) = map.next_key()? {
                    match &*field {
                        "format" => format = Some(map.next_value()?),
                        "created_at" => created_at = Some(map.next_value()?),
                        "values" => values = Some(map.next_value()?),
                        "flash" => flash = Some(map.next_value()?),
                        "flash_next" => flash_next = Some(map.next_value()?),
                        "ended" => ended = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Wire {
                    format: format.ok_or_else(|| A::Error::missing_field("format"))?,
                    created_at: created_at.ok_or_else(|| A::Error::missing_field("created_at"))?,
                    values: values.unwrap_or_default(),
                    flash: flash.unwrap_or_default(),
                    flash_next: flash_next.unwrap_or_default(),
                    ended,
                })
            }
        }
        deserializer.deserialize_map(WireVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Map<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Map<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of session values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<'de>, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.insert(key, value);
                }
                Ok(Map(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// An object's key, borrowed unless it is written with escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

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

    /// Golden: what an earlier version wrote stays readable, byte for byte where nobody touched it.
    #[test]
    fn format_1_is_read_and_written_back_byte_for_byte() {
        let golden = include_str!("../golden/record-v1.json").trim_end();
        let record = Record::from_json(golden.as_bytes()).unwrap();
        assert_eq!(record.to_json(), golden);
        assert_eq!(record.lasting("price"), Some("1.10"));
        assert_eq!(
            record.lasting("cart"),
            Some(r#"[{"title":"Dune", "count":2}]"#)
        );
        assert_eq!(record.lasting("odd \"key\"\n"), Some("null"));
        assert!(record.ended().is_none());
    }

    #[test]
    fn marks_of_ended_sessions_go_there_and_back() {
        let successor = SessionId::unusable().storage_key();
        let forward = Some(Forward {
            padded_id: [9; 32],
            until: 1234,
        });
        for ended in [
            Ended::Destroyed,
            Ended::Rotated(Rotated {
                successor,
                forward: None,
            }),
            Ended::Rotated(Rotated { successor, forward }),
        ] {
            let record = Record::mark(5, &ended);
            assert_eq!(record.ended(), Some(ended));
            assert_eq!(
                Record::from_json(record.to_json().as_bytes()).unwrap(),
                record
            );
        }
    }

    #[test]
    fn what_is_not_a_record_is_corrupt_and_quotes_nothing() {
        for bad in [
            "",
            "{}",
            "[]",
            r#"{"format":1,"created_at":"hunter2","values":{}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":}}"#,
            r#"{"format":1,"created_at":1,"values":{}} trailing"#,
            r#"{"format":1,"created_at":1,"ended":{"successor":"hunter2"}}"#,
        ] {
            let error = Record::from_json(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, StorageError::Corrupt(_)), "{bad}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_newer_format_is_not_taken_for_a_corrupt_one() {
        let newer = r#"{"format":2,"created_at":1,"values":{}}"#;
        let error = Record::from_json(newer.as_bytes()).unwrap_err();
        assert!(matches!(error, StorageError::Unavailable(_)));
    }

    #[test]
    fn deep_json_neither_overflows_the_stack_nor_is_lost() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let json = format!(r#"{{"format":1,"created_at":1,"values":{{"deep":{deep}}}}}"#);
        if let Ok(record) = Record::from_json(json.as_bytes()) {
            assert_eq!(record.to_json(), json);
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let record = Record::of(7, &mut vec![entry("k", Kind::Lasting, "\"hunter2\"")]);
        assert_eq!(format!("{record:?}"), "Record { entries: 1, .. }");
    }
}
