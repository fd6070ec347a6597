use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::StorageError;
use crate::record::wire::FORMAT;
use crate::record::{Entry, Kind, RawEntry, Record, State, Terms, order, pack, sort};

impl Record {
    /// Reads whatever JSON is a record.
    pub(super) fn parse(json: &str) -> Result<Self, StorageError> {
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
