use crate::record::layout::{is_special, put};
use crate::record::wire::HEAD;
use crate::record::{Kind, RawEntry, Record, State};

const VALUES: &[u8] = br#","values":{"#;

impl Record {
    /// About how long the record is as JSON, in bytes.
    pub(crate) fn json_estimate(&self) -> usize {
        self.packed.len() + 64
    }

    /// Writes the record as JSON behind what is there.
    pub(crate) fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(HEAD);
        json.extend_from_slice(self.created_at_unix().to_string().as_bytes());
        if self.write_plain(json).is_some() {
            return;
        }
        let (name, kind) = match self.state() {
            State::Live => ("values", Kind::Lasting),
            State::Ended => ("ended", Kind::Ended),
        };
        let of = |kind| self.raw_entries().filter(move |entry| entry.kind == kind);
        object(name, true, json, of(kind), value);
        object("flash", false, json, of(Kind::Flash), value);
        object("flash_next", false, json, of(Kind::FlashNext), value);
        let limited = |entry: &RawEntry<'_>| entry.terms.until.is_some();
        let limited = self.raw_entries().filter(limited);
        object("until", false, json, limited, until);
        secret(self.raw_entries(), json);
        json.push(b'}');
    }

    /// Writes all that is behind the head, or nothing unless that is lasting values alone, on no terms of their own and under
    /// keys without escapes. Mostly it is: how much room they take is known, and they are put into it one by one.
    fn write_plain(&self, json: &mut Vec<u8>) -> Option<()> {
        const AROUND: usize = br#""":,"#.len();
        if self.state() == State::Ended || self.index().iter().any(|word| is_special(*word)) {
            return None;
        }
        let before = json.len();
        let text = self.text_bytes() + self.len() * AROUND;
        json.resize(before + VALUES.len() + text, 0);
        if self.put_plain(json.get_mut(before..)?).is_none() {
            json.truncate(before);
            return None;
        }
        // There is no comma behind the last.
        json.pop_if(|last| *last == b',');
        json.extend_from_slice(b"}}");
        Some(())
    }

    fn put_plain(&self, place: &mut [u8]) -> Option<()> {
        let mut place = put(place, VALUES)?;
        for entry in self.raw_entries() {
            if !is_plain(entry.key) {
                return None;
            }
            place = put(place, b"\"")?;
            place = put(place, entry.key)?;
            place = put(place, b"\":")?;
            place = put(place, entry.value)?;
            place = put(place, b",")?;
        }
        Some(())
    }
}

/// Writes an object behind what is there: when it is empty only if it is `always` to be there.
fn object<'a>(
    name: &str,
    always: bool,
    json: &mut Vec<u8>,
    entries: impl Iterator<Item = RawEntry<'a>>,
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
        write(&entry, json);
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

fn secret<'a>(entries: impl Iterator<Item = RawEntry<'a>>, json: &mut Vec<u8>) {
    let secret = entries.filter(|entry| entry.terms.secret);
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
    if is_plain(key) {
        json.push(b'"');
        json.extend_from_slice(key);
        json.push(b'"');
    } else {
        let text = serde_json::Value::from(String::from_utf8_lossy(key));
        json.extend_from_slice(text.to_string().as_bytes());
    }
}

/// Whether a key is written as it is.
fn is_plain(key: &[u8]) -> bool {
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    key.iter().all(is_plain)
}
