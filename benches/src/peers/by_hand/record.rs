//! A session's values as an object of JSON without spaces, found by scanning.
//!
//! These routes alone write it: values are numbers, and texts that need no escape. The key they ask for is the first, which makes
//! the scan as short as it can be.

use std::sync::Arc;

use memchr::{memchr, memchr2};
use serde::Serialize;

/// A key and its value.
pub(super) struct Entry<'a> {
    start: usize,
    text: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

/// The entries in order; none of an empty text.
pub(super) fn entries(record: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    // Behind the brace, and then behind a comma.
    let mut start = 1;
    std::iter::from_fn(move || {
        if *record.get(start)? != b'"' {
            return None;
        }
        let key = &record[start + 1..];
        let key = &key[..memchr(b'"', key)?];
        let value = &record[start + key.len() + 3..];
        let length = if value.starts_with(b"\"") {
            memchr(b'"', &value[1..])? + 2
        } else {
            memchr2(b',', b'}', value)?
        };
        let value = &value[..length];
        let text = &record[start..][..key.len() + 3 + length];
        let entry = Entry {
            start,
            text,
            key,
            value,
        };
        start += text.len() + 1;
        Some(entry)
    })
}

/// The JSON of one value.
pub(super) fn get<'a>(record: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let entry = entries(record).find(|entry| entry.key == key.as_bytes())?;
    Some(entry.value)
}

/// Adds an entry behind the others of a record that is empty at first. No route sets a key twice.
pub(super) fn add(record: &mut Vec<u8>, key: &str, value: impl Serialize) {
    if record.pop().is_none() {
        // For what a login sets.
        record.reserve(64);
    }
    record.push(if record.is_empty() { b'{' } else { b',' });
    record.push(b'"');
    record.extend_from_slice(key.as_bytes());
    record.extend_from_slice(b"\":");
    serde_json::to_writer(&mut *record, &value).expect("numbers and texts are JSON");
    record.push(b'}');
}

/// The pieces of a record in which that entry is the one of its key.
pub(super) fn put<'a>(record: &'a [u8], entry: &Entry<'a>) -> [&'a [u8]; 4] {
    match entries(record).find(|old| old.key == entry.key) {
        Some(old) => {
            let (before, rest) = record.split_at(old.start);
            [before, b"", entry.text, &rest[old.text.len()..]]
        }
        None => [&record[..record.len() - 1], b",", entry.text, b"}"],
    }
}

/// Those pieces together: one allocation, filled in place.
pub(super) fn joined(pieces: [&[u8]; 4]) -> Arc<[u8]> {
    let length = pieces.iter().map(|piece| piece.len()).sum();
    let mut joined: Arc<[u8]> = std::iter::repeat_n(0, length).collect();
    let mut rest = Arc::get_mut(&mut joined).expect("nobody else has it yet");
    for piece in pieces {
        let (place, after) = rest.split_at_mut(piece.len());
        place.copy_from_slice(piece);
        rest = after;
    }
    joined
}
