use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// A value as it is stored. Invariant: JSON text, which only `serde_json` writes.
pub(crate) type Json = Arc<[u8]>;

/// Levels of nesting that a value may have: `serde_json` reads 128, and the record takes two around each value.
const MAX_DEPTH: usize = 120;

/// Writes a value as it is stored.
pub(crate) fn encode<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Json, Error> {
    encode_by(key, value, |value, writer| value.serialize(writer))
}

/// What a value is written to.
pub type Writer<'a, 'b> = &'a mut serde_json::Serializer<&'b mut Scratch>;
/// What a value is read from.
pub type Reader<'a, 'b> = &'a mut serde_json::Deserializer<serde_json::de::SliceRead<'b>>;

/// Writes a value as it is stored, by a function of its own.
pub(crate) fn encode_by<T: ?Sized>(
    key: &str,
    value: &T,
    write: impl FnOnce(&T, Writer<'_, '_>) -> Result<(), serde_json::Error>,
) -> Result<Json, Error> {
    let mut scratch = Scratch::new();
    let written = write(value, &mut serde_json::Serializer::new(&mut scratch));
    // The serializer's own message may quote the value, so it goes no further.
    written.map_err(|_| Error::Unserializable {
        key: key.to_owned(),
        type_name: std::any::type_name::<T>(),
    })?;
    let json = scratch.bytes();
    if depth(json) > MAX_DEPTH {
        return Err(Error::TooDeep {
            key: key.to_owned(),
            limit: MAX_DEPTH,
        });
    }
    Ok(json.into())
}

/// Where a value is written to first. A short one, as most are, is copied from here to the one place where it stays.
pub struct Scratch {
    short: [u8; 128],
    short_len: usize,
    /// All of it, once it is no longer short.
    long: Vec<u8>,
}

impl Scratch {
    fn new() -> Self {
        Self {
            short: [0; 128],
            short_len: 0,
            long: Vec::new(),
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.long.is_empty() {
            self.short.get(..self.short_len).unwrap_or_default()
        } else {
            &self.long
        }
    }
}

impl io::Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.short_len + bytes.len();
        match self.short.get_mut(self.short_len..end) {
            Some(place) if self.long.is_empty() => {
                place.copy_from_slice(bytes);
                self.short_len = end;
            }
            _ => {
                if self.long.is_empty() {
                    self.long.extend(self.short.iter().take(self.short_len));
                }
                self.long.extend_from_slice(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a stored value. Strings in it are looked at as text when they are read, and the rest need not be.
pub(crate) fn decode<T: DeserializeOwned>(key: &str, json: &[u8]) -> Result<T, Error> {
    decode_by(key, json, |reader| T::deserialize(reader))
}

/// Reads a stored value, by a function of its own.
pub(crate) fn decode_by<T>(
    key: &str,
    json: &[u8],
    read: impl FnOnce(Reader<'_, '_>) -> Result<T, serde_json::Error>,
) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = read(&mut reader).and_then(|value| reader.end().map(|()| value));
    // The reader's own message may quote the value, so it goes no further.
    value.map_err(|_| Error::Mismatch {
        key: key.to_owned(),
        expected: std::any::type_name::<T>(),
    })
}

fn depth(json: &[u8]) -> usize {
    if !matches!(json, [b'[' | b'{', ..]) {
        return 0;
    }
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A read-modify-write of one value: from what is stored to what is to be stored, run again when that has changed.
///
/// The lock makes a closure that is only `Send` usable from a session that is also `Sync`.
pub(crate) struct Step(Mutex<Box<StepFn>>);

type StepFn = dyn Fn(Option<&[u8]>) -> Result<Option<Json>, Error> + Send;

impl Step {
    pub(crate) fn new(
        step: impl Fn(Option<&[u8]>) -> Result<Option<Json>, Error> + Send + 'static,
    ) -> Self {
        Self(Mutex::new(Box::new(step)))
    }

    pub(crate) fn run(&self, stored: Option<&[u8]>) -> Result<Option<Json>, Error> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(stored)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(depth(b"1"), 0);
        assert_eq!(depth(br#"{"a[[[":["]\"[{"]}"#), 2);
        assert_eq!(depth(b"[[],[[]]]"), 3);
    }

    #[test]
    fn what_nests_too_deep_is_refused_by_its_key_and_what_does_not_is_read_back() {
        let nested =
            |levels| (0..levels).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        let error = encode("tree", &nested(MAX_DEPTH + 1)).unwrap_err();
        assert!(matches!(error, Error::TooDeep { key, limit: MAX_DEPTH } if key == "tree"));
        let json = encode("tree", &nested(MAX_DEPTH)).unwrap();
        assert_eq!(
            decode::<serde_json::Value>("tree", &json).unwrap(),
            nested(MAX_DEPTH)
        );
    }

    #[test]
    fn errors_name_the_key_and_quote_no_value() {
        let error = encode("map", &BTreeMap::from([(vec!["hunter2"], 1)])).unwrap_err();
        assert!(error.to_string().contains("`map`") && !format!("{error:?}").contains("hunter2"));
        let error = decode::<u64>("id", b"\"hunter2\"").unwrap_err();
        assert!(error.to_string().contains("`id`") && !format!("{error:?}").contains("hunter2"));
    }
}
