use std::ops::Range;
use std::sync::Arc;

use crate::record::{Kind, RawEntry, Record, State, Terms, order};

/// Where an entry stands in its record. Between key and value is the value's limit, if it has one.
pub(super) struct Place {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    pub(super) kind: Kind,
    pub(super) secret: bool,
}

/// The words before the index: when the session began; how many entries there are (low half), and the state, with
/// [`HAS_AGING`] and [`HAS_TERMS`] beside it (high half).
pub(super) const HEADER_WORDS: usize = 2;
/// In the header: there are flash values for the next request alone. All records are asked for them when they are loaded.
pub(super) const HAS_AGING: u32 = 1 << 1;
/// In the header: there are values with a limit of their own, or that are not shown.
pub(super) const HAS_TERMS: u32 = 1 << 2;
/// In a word of the index, above the length of the key: the value stands behind its limit, 8 bytes.
const HAS_LIMIT: u32 = 1 << 28;
/// And this: the value is not shown.
const IS_SECRET: u32 = 1 << 29;

/// A word's low and high half.
pub(super) fn halves(word: [u8; 8]) -> (u32, u32) {
    match word.as_chunks().0 {
        [low, high] => (u32::from_le_bytes(*low), u32::from_le_bytes(*high)),
        // Invariant: eight bytes are two times four.
        _ => (0, 0),
    }
}

/// Where the key of an entry stands that has this word in the index, and the entry's kind.
pub(super) fn key((start, mark): (u32, u32)) -> (Range<usize>, Kind) {
    let start = start as usize;
    let end = start + (mark & (HAS_LIMIT - 1)) as usize;
    let kind = match mark >> 30 {
        0 => Kind::Lasting,
        1 => Kind::Flash,
        2 => Kind::FlashNext,
        _ => Kind::Ended,
    };
    (start..end, kind)
}

/// Whether an entry with this word in the index is anything but a lasting value on no terms of its own.
pub(super) fn is_special(word: [u8; 8]) -> bool {
    let (_, mark) = halves(word);
    mark >= HAS_LIMIT
}

/// Where an entry stands that has this word in the index and ends there.
pub(super) fn place(word: (u32, u32), end: usize) -> Place {
    let (key, kind) = key(word);
    let (_, mark) = word;
    let limit = if mark & HAS_LIMIT == 0 { 0 } else { 8 };
    let value = key.end + limit..end;
    Place {
        key,
        value,
        kind,
        secret: mark & IS_SECRET != 0,
    }
}

/// A record of entries that are in the order of key and kind.
///
/// The caller keeps the whole under [`MAX_RECORD_BYTES`], so that a start fits 32 bits and a key's length 28.
pub(super) fn pack(created_at: u64, state: State, entries: &mut [RawEntry<'_>]) -> Record {
    if entries.iter().any(|entry| entry.terms.secret) {
        for under_one_key in entries.chunk_by_mut(|a, b| a.key == b.key) {
            let secret = under_one_key.iter().any(|entry| entry.terms.secret);
            for entry in under_one_key {
                entry.terms.secret = secret;
            }
        }
    }
    lay_out(created_at, state, entries.iter().copied())
}

/// Lays a record out: the header, a word for each entry, then without gaps the keys, each followed by its value's limit, if
/// it has one, and its value.
///
/// The entries are as for [`pack`], and those under one key are all secret, or none is.
pub(super) fn lay_out<'a>(
    created_at: u64,
    state: State,
    entries: impl ExactSizeIterator<Item = RawEntry<'a>> + Clone,
) -> Record {
    let (mut text, mut marks) = (0, state as u32);
    for entry in entries.clone() {
        text += bytes(&entry);
        if entry.kind == Kind::FlashNext {
            marks |= HAS_AGING;
        }
        if entry.terms != Terms::default() {
            marks |= HAS_TERMS;
        }
    }
    let start = (HEADER_WORDS + entries.len()) * 8;
    // One allocation, filled in place.
    let mut packed: Arc<[u8]> = std::iter::repeat_n(0, start + text).collect();
    let header = [created_at, u64::from(marks) << 32 | entries.len() as u64];
    let filled = Arc::get_mut(&mut packed)
        .and_then(|packed| packed.split_at_mut_checked(start))
        .and_then(|(head, text)| fill(head.as_chunks_mut().0, text, header, entries));
    debug_assert!(filled.is_some(), "there is room for all");
    Record { packed }
}

/// The bytes of an entry's key, limit and value.
fn bytes(entry: &RawEntry<'_>) -> usize {
    entry.key.len() + entry.value.len() + entry.terms.until.map_or(0, |_| 8)
}

fn fill<'a>(
    words: &mut [[u8; 8]],
    mut text: &mut [u8],
    header: [u64; HEADER_WORDS],
    entries: impl Iterator<Item = RawEntry<'a>>,
) -> Option<()> {
    let mut start = words.len() * 8;
    let (place, index) = words.split_first_chunk_mut()?;
    *place = header.map(u64::to_le_bytes);
    for (word, entry) in index.iter_mut().zip(entries) {
        let limit = entry.terms.until.map_or(0, |_| HAS_LIMIT);
        let secret = if entry.terms.secret { IS_SECRET } else { 0 };
        let mark = (entry.kind as u64) << 30 | entry.key.len() as u64 | u64::from(limit | secret);
        *word = (mark << 32 | start as u64).to_le_bytes();
        start += bytes(&entry);
        text = put(text, entry.key)?;
        if let Some(until) = entry.terms.until {
            text = put(text, &until.to_le_bytes())?;
        }
        text = put(text, entry.value)?;
    }
    Some(())
}

/// Puts bytes at the beginning of a place, and gives what is left of it.
pub(super) fn put<'a>(place: &'a mut [u8], bytes: &[u8]) -> Option<&'a mut [u8]> {
    let (place, rest) = place.split_at_mut_checked(bytes.len())?;
    place.copy_from_slice(bytes);
    Some(rest)
}

/// Brings entries that are in the order of their kinds into that of key and kind.
pub(super) fn sort(entries: &mut Vec<RawEntry<'_>>) {
    let places = order(entries.iter().map(|entry| entry.key));
    *entries = places
        .filter_map(|place| entries.get(place).copied())
        .collect();
}
