use std::sync::Arc;

use crate::record::layout::{HAS_AGING, HAS_TERMS, HEADER_WORDS, lay_out, put};
use crate::record::{Kind, RawEntry, Record, State, Terms};

/// A lasting value that is put into a record, on no terms of its own.
pub(crate) struct Patch<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a [u8],
}

/// Where a patch goes: over the entry at that place of the index, or before it.
struct Edit<'a> {
    at: usize,
    replaces: bool,
    patch: Patch<'a>,
}

impl Record {
    /// A record of these values. They are in the order of their keys.
    ///
    /// `None` when that comes to more than `most` bytes of keys and values.
    pub(crate) fn plain<'a>(
        created_at: u64,
        patches: impl ExactSizeIterator<Item = Patch<'a>> + Clone,
        most: usize,
    ) -> Option<Self> {
        let bytes = |patch: Patch<'_>| patch.key.len() + patch.value.len();
        let text: usize = patches.clone().map(bytes).sum();
        let entries = patches.map(|Patch { key, value }| RawEntry {
            key: key.as_bytes(),
            kind: Kind::Lasting,
            value,
            terms: Terms::default(),
        });
        (text <= most).then(|| lay_out(created_at, State::Live, entries))
    }

    /// Whether every value is there to stay and to be shown, so that all but a few can be copied without a look at them.
    pub(crate) fn is_plain(&self) -> bool {
        self.word(1)
            .is_some_and(|(_, marks)| marks & (HAS_AGING | HAS_TERMS) == 0)
    }

    /// The bytes of all keys and values.
    pub(crate) fn text_bytes(&self) -> usize {
        self.packed.len().saturating_sub(self.start(0))
    }

    /// The record with these values in it, for one that [is plain](Self::is_plain). The patches are in the order of their keys.
    ///
    /// What is between them is copied as a whole. `None` when that comes to more than `most` bytes of keys and values.
    pub(crate) fn patched<'a>(
        &self,
        patches: impl Iterator<Item = Patch<'a>> + Clone,
        most: usize,
    ) -> Option<Self> {
        // Mostly there is one, over what was there.
        let mut few = patches.clone();
        if let (Some(patch), None) = (few.next(), few.next())
            && let Ok(at) = self.search(patch.key, Kind::Lasting)
        {
            return self.replaced(at, patch.value, most);
        }
        let len = self.len();
        let (mut text, mut added) = (self.text_bytes(), 0);
        let mut edits = Vec::with_capacity(patches.size_hint().0);
        for patch in patches {
            text += patch.key.len() + patch.value.len();
            let (at, replaces) = match self.search(patch.key, Kind::Lasting) {
                Ok(at) => (at, true),
                Err(at) => (at, false),
            };
            if replaces {
                text -= self.start(at + 1) - self.start(at);
            } else {
                added += 1;
            }
            edits.push(Edit {
                at,
                replaces,
                patch,
            });
        }
        if text > most {
            return None;
        }
        let mut start = (HEADER_WORDS + len + added) * 8;
        let mut packed: Arc<[u8]> = std::iter::repeat_n(0, start + text).collect();
        let (head, mut text) = Arc::get_mut(&mut packed)?.split_at_mut_checked(start)?;
        let (header, index) = head
            .as_chunks_mut::<8>()
            .0
            .split_at_mut_checked(HEADER_WORDS)?;
        header.copy_from_slice(self.words(0..HEADER_WORDS));
        if let Some([count, ..]) = header.last_mut().map(|word| word.as_chunks_mut::<4>().0) {
            *count = u32::try_from(len + added).ok()?.to_le_bytes();
        }
        let mut index = index.iter_mut();
        let mut copied = 0;
        for edit in edits.iter().map(Some).chain([None]) {
            let at = edit.map_or(len, |edit| edit.at);
            let run = self.start(copied)..self.start(at);
            // The start is the lower half of a word. It stays within that, so what is added changes nothing else.
            let moved = (start as u64).wrapping_sub(run.start as u64);
            for (word, new) in self
                .words(HEADER_WORDS + copied..HEADER_WORDS + at)
                .iter()
                .zip(&mut index)
            {
                *new = u64::from_le_bytes(*word).wrapping_add(moved).to_le_bytes();
            }
            start += run.len();
            text = put(text, self.packed.get(run)?)?;
            let Some(Edit {
                replaces,
                patch: Patch { key, value },
                ..
            }) = edit
            else {
                break;
            };
            *index.next()? = ((key.len() as u64) << 32 | start as u64).to_le_bytes();
            start += key.len() + value.len();
            text = put(text, key.as_bytes())?;
            text = put(text, value)?;
            copied = at + usize::from(*replaces);
        }
        Some(Self { packed })
    }

    /// The record with another value in one entry.
    fn replaced(&self, at: usize, value: &[u8], most: usize) -> Option<Self> {
        let place = self.place(at)?.value;
        let len = self.packed.len() - place.len() + value.len();
        if len - self.start(0) > most {
            return None;
        }
        let mut packed: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
        let new = Arc::get_mut(&mut packed)?;
        let rest = put(new, self.packed.get(..place.start)?)?;
        let rest = put(rest, value)?;
        put(rest, self.packed.get(place.end..)?)?;
        // The start is the lower half of a word. It stays within that, so what is added changes nothing else.
        let moved = (len as u64).wrapping_sub(self.packed.len() as u64);
        let index = HEADER_WORDS + at + 1..HEADER_WORDS + self.len();
        for word in new.as_chunks_mut().0.get_mut(index)? {
            *word = u64::from_le_bytes(*word).wrapping_add(moved).to_le_bytes();
        }
        Some(Self { packed })
    }

    /// Where an entry's key stands, or after the last the end.
    fn start(&self, entry: usize) -> usize {
        self.start_in(self.index(), entry)
    }

    fn words(&self, range: std::ops::Range<usize>) -> &[[u8; 8]] {
        self.packed.as_chunks().0.get(range).unwrap_or_default()
    }
}
