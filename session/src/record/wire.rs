use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::StorageError;
use crate::record::{
    Entry, Kind, MAX_RECORD_BYTES, RawEntry, Record, State, Terms, order, pack, sort,
};

/// The format that is written. Every format up to it can be read.
const FORMAT: u32 = 1;
/// How every record begins that is written.
pub(super) const HEAD: &[u8] = br#"{"format":1,"created_at":"#;

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
        let json = std::str::from_utf8(json)
            .map_err(|_| StorageError::corrupt("the record is not UTF-8"))?;
        Self::scan(json).map_or_else(|| Self::parse(json), Ok)
    }

    /// Reads whatever JSON is a record.
    fn parse(json: &str) -> Result<Self, StorageError> {
        // The reader's own message may quote what is stored, so it goes no further than its position.
        let wire: Wire<'_> = serde_json::from_str(json).map_err(|error| {
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
        let secret = &wire.secret;
        let lasting = wire.values.iter().map(|(key, value)| Entry {
            key: key.as_bytes(),
            kind: Kind::Lasting,
            value: value.get().as_bytes(),
            terms: Terms {
                until: wire.until.get(key).copied(),
                secret: secret.get(key).is_some(),
            },
        });
        let flash = [
            (Kind::Flash, &wire.flash),
            (Kind::FlashNext, &wire.flash_next),
        ];
        let flash = flash.into_iter().flat_map(|(kind, map)| {
            map.iter().map(move |(key, value)| Entry {
                key: key.as_bytes(),
                kind,
                value: value.get().as_bytes(),
                terms: Terms {
                    until: None,
                    secret: secret.get(key).is_some(),
                },
            })
        });
        let ended = wire.ended.as_ref();
        let mark = ended.into_iter().flat_map(Map::iter);
        let mark = mark.map(|(key, value)| Entry {
            key: key.as_bytes(),
            kind: Kind::Ended,
            value: value.get().as_bytes(),
            terms: Terms::default(),
        });
        let (state, mut entries): (_, Vec<RawEntry<'_>>) = match ended {
            None => (State::Live, lasting.chain(flash).collect()),
            Some(_) => (State::Ended, mark.collect()),
        };
        sort(&mut entries);
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
        let mut json = Vec::with_capacity(self.json_estimate());
        self.write_json(&mut json);
        // Invariant: keys and values are text, and so is what stands between them.
        String::from_utf8(json).unwrap_or_default()
    }

    /// About how long the record is as JSON, in bytes.
    pub(crate) fn json_estimate(&self) -> usize {
        self.packed.len() + 64
    }

    /// Writes the record as JSON behind what is there.
    pub(crate) fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(HEAD);
        json.extend_from_slice(self.created_at_unix().to_string().as_bytes());
        let entries: Vec<_> = self.raw_entries().collect();
        let of = |kind| entries.iter().filter(move |entry| entry.kind == kind);
        if self.state() == State::Ended {
            object("ended", true, json, of(Kind::Ended), value);
        } else {
            object("values", true, json, of(Kind::Lasting), value);
            object("flash", false, json, of(Kind::Flash), value);
            object("flash_next", false, json, of(Kind::FlashNext), value);
            let limited = entries.iter().filter(|entry| entry.terms.until.is_some());
            object("until", false, json, limited, until);
            secret(&entries, json);
        }
        json.push(b'}');
    }
}

/// Writes an object behind what is there: when it is empty only if it is `always` to be there.
fn object<'a>(
    name: &str,
    always: bool,
    json: &mut Vec<u8>,
    entries: impl Iterator<Item = &'a RawEntry<'a>>,
    write: impl Fn(&RawEntry<'_>, &mut Vec<u8>),
) {
    let mut entries = entries.peekable();
    if entries.peek().is_none() && !always {
        return;
    }
    json.extend_from_slice(b",\"");
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":{");
    for (index, entry) in entries.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_key(entry.key, json);
        json.push(b':');
        write(entry, json);
    }
    json.push(b'}');
}

fn value(entry: &RawEntry<'_>, json: &mut Vec<u8>) {
    json.extend_from_slice(entry.value);
}

fn until(entry: &RawEntry<'_>, json: &mut Vec<u8>) {
    let until = entry.terms.until.unwrap_or_default();
    json.extend_from_slice(until.to_string().as_bytes());
}

fn secret(entries: &[RawEntry<'_>], json: &mut Vec<u8>) {
    let secret = entries.iter().filter(|entry| entry.terms.secret);
    // In order already: a lasting and a flash value of one key stand side by side.
    let mut secret: Vec<&[u8]> = secret.map(|entry| entry.key).collect();
    secret.dedup();
    for (index, key) in secret.iter().enumerate() {
        let before: &[u8] = if index == 0 { b",\"secret\":[" } else { b"," };
        json.extend_from_slice(before);
        push_key(key, json);
    }
    if !secret.is_empty() {
        json.push(b']');
    }
}

fn push_key(key: &[u8], json: &mut Vec<u8>) {
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    if key.iter().all(is_plain) {
        json.push(b'"');
        json.extend_from_slice(key);
        json.push(b'"');
    } else {
        let text = serde_json::Value::from(String::from_utf8_lossy(key));
        json.extend_from_slice(text.to_string().as_bytes());
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
    until: Map<'a, u64>,
    secret: Map<'a, ()>,
}

/// An object. Invariant: in the order of its keys, each once.
struct Map<'a, V = &'a RawValue>(Vec<(Cow<'a, str>, V)>);

impl<'a, V> Map<'a, V> {
    /// Of a key that is there twice the last value counts.
    fn new(entries: Vec<(Cow<'a, str>, V)>) -> Self {
        // What this library has written is in order.
        if entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Self(entries);
        }
        let places: Vec<_> = order(entries.iter().map(|(key, _)| key.as_bytes())).collect();
        let mut entries: Vec<_> = entries.into_iter().map(Some).collect();
        let mut sorted = Vec::with_capacity(entries.len());
        for place in places {
            let Some(entry) = entries.get_mut(place).and_then(Option::take) else {
                continue;
            };
            if sorted.last().is_some_and(|(key, _)| *key == entry.0) {
                sorted.pop();
            }
            sorted.push(entry);
        }
        Self(sorted)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    fn get(&self, key: &str) -> Option<&V> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(key));
        self.0.get(place.ok()?).map(|(_, value)| value)
    }
}

impl<V> Default for Map<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

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
                let (mut until, mut secret) = (None, None::<Vec<Key<'_>>>);
                while let Some(Key(field)) = map.next_key()? {
                    match &*field {
                        "format" => format = Some(map.next_value()?),
                        "created_at" => created_at = Some(map.next_value()?),
                        "values" => values = Some(map.next_value()?),
                        "flash" => flash = Some(map.next_value()?),
                        "flash_next" => flash_next = Some(map.next_value()?),
                        "ended" => ended = Some(map.next_value()?),
                        "until" => until = Some(map.next_value()?),
                        "secret" => secret = Some(map.next_value()?),
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
                    until: until.unwrap_or_default(),
                    secret: Map::new(
                        secret
                            .unwrap_or_default()
                            .into_iter()
                            .map(|Key(key)| (key, ()))
                            .collect(),
                    ),
                })
            }
        }
        deserializer.deserialize_map(WireVisitor)
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Map<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
            type Value = Map<'de, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of session values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((key, value));
                }
                Ok(Map::new(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
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

    /// Golden: what an earlier version wrote stays readable, byte for byte where nobody touched it.
    #[test]
    fn format_1_is_read_and_written_back_byte_for_byte() {
        let golden = include_str!("../../golden/record-v1.json").trim_end();
        let record = Record::from_json(golden.as_bytes()).unwrap();
        let lasting = |key| record.lasting(key).map(|entry| entry.value);
        assert_eq!(record.to_json(), golden);
        assert_eq!(lasting("price"), Some("1.10"));
        assert_eq!(lasting("cart"), Some(r#"[{"title":"Dune", "count":2}]"#));
        assert_eq!(lasting("odd \"key\"\n"), Some("null"));
        assert!(
            record
                .entries()
                .all(|entry| entry.terms == Terms::default())
        );
        assert!(record.ended().is_none());
    }

    #[test]
    fn format_1_with_the_terms_of_values_is_read_and_written_back_byte_for_byte() {
        let golden = include_str!("../../golden/record-v1-terms.json").trim_end();
        let record = Record::from_json(golden.as_bytes()).unwrap();
        assert_eq!(record.to_json(), golden);
        let terms = |key| record.lasting(key).map(|entry| entry.terms);
        let (until, secret) = (Some(1_790_000_600), true);
        assert_eq!(terms("code"), Some(Terms { until, secret }));
        assert_eq!(
            terms("theme"),
            Some(Terms {
                until: None,
                secret: false
            })
        );
        assert!(record.is_secret("answer"));
    }

    /// Every text that is one byte away from a record, by a change, an omission or a repetition.
    #[test]
    fn the_short_way_reads_nothing_that_the_long_way_reads_otherwise() {
        const AS_WRITTEN: [&str; 4] = [
            r#"{"format":1,"created_at":1790000000,"values":{}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":"b c","b":-12,"c":true,"d":false,"e":null,"ü":"ß"},"flash":{"a":0}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":[1,[],{},[2,{"x":"y","z":[null]}]],"b":{"k":{"l":7}}},"flash_next":{"b":1}}"#,
            r#"{"format":1,"created_at":1844674407370955161,"values":{"a":15},"flash":{"x":1,"y":2},"flash_next":{"y":1}}"#,
        ];
        let mut read = 0;
        let mut compare = |text: &[u8]| {
            let Ok(text) = std::str::from_utf8(text) else {
                return;
            };
            if let Some(record) = Record::scan(text) {
                assert_eq!(Record::parse(text).ok(), Some(record), "{text}");
                read += 1;
            }
        };
        for text in AS_WRITTEN.map(str::as_bytes) {
            for index in 0..text.len() {
                for byte in (0..0x80).chain([0xC3]) {
                    let mut changed = text.to_vec();
                    changed[index] = byte;
                    compare(&changed);
                }
                let (before, after) = text.split_at(index);
                compare(before);
                compare(&[before, &after[1..]].concat());
                compare(&[before, &after[..1], after].concat());
            }
        }
        assert!(read > 1000, "{read}");
    }

    #[test]
    fn what_is_written_is_read_the_short_way_and_all_else_the_long_way() {
        for json in [
            r#"{"format":1,"created_at":1790000000,"values":{}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":"b","b":[{"c":-1}]},"flash":{"a":true}}"#,
            r#"{"format":1,"created_at":1,"values":{},"flash_next":{"a":"ü"}}"#,
        ] {
            let record = Record::scan(json).unwrap();
            assert_eq!(record.to_json(), json);
        }
        for json in [
            r#"{ "format":1,"created_at":1,"values":{}}"#,
            r#"{"format":1,"created_at":1,"values":{"b":1,"a":2}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":1,"a":2}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":1.5}}"#,
            r#"{"format":1,"created_at":1,"values":{"a":"\n"}}"#,
            r#"{"format":1,"created_at":1,"values":{},"more":1}"#,
            r#"{"format":1,"created_at":1,"values":{"a":1},"until":{"a":5}}"#,
        ] {
            assert!(Record::scan(json).is_none(), "{json}");
            assert!(Record::parse(json).is_ok(), "{json}");
        }
    }

    #[test]
    fn terms_of_values_that_are_not_there_are_dropped() {
        let json =
            r#"{"format":1,"created_at":1,"values":{},"until":{"gone":5},"secret":["gone"]}"#;
        let record = Record::from_json(json.as_bytes()).unwrap();
        assert_eq!(
            record.to_json(),
            r#"{"format":1,"created_at":1,"values":{}}"#
        );
    }

    #[test]
    fn keys_in_any_order_are_read_and_of_one_that_is_there_twice_the_last_value() {
        let json = r#"{"format":1,"created_at":1,"values":{"b":1,"c":2,"a":3,"b":4,"c":5,"b":6}}"#;
        let record = Record::from_json(json.as_bytes()).unwrap();
        assert_eq!(
            record.to_json(),
            r#"{"format":1,"created_at":1,"values":{"a":3,"b":6,"c":5}}"#
        );
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
            r#"{"format":1,"created_at":1,"values":{},"until":{"a":"hunter2"}}"#,
            r#"{"format":1,"created_at":1,"values":{},"secret":"hunter2"}"#,
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
}
