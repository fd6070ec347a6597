//! The short way to read a record: as this library writes it, which is nearly always what there is.
//!
//! It takes the fields in their order, keys in order and without escapes, no spaces between, and whole numbers. Whatever else
//! JSON allows, and whatever is no JSON, is for `read`: it alone says what a record is, and what is wrong with one.

use memchr::memchr;

use crate::record::layout::lay_out;
use crate::record::wire::HEAD;
use crate::record::{Kind, RawEntry, Record, State, Terms, pack, sort};
use crate::text::utf8;

/// How deep lists and objects in a value may be for the short way.
const MAX_DEPTH: u32 = 32;

impl Record {
    /// The record, if it is written that way.
    pub(super) fn scan(json: &[u8]) -> Option<Self> {
        // Neither control characters nor escapes are in it. Every byte is looked at, also behind the first that is one: so it is
        // many at once.
        let (mut least, mut all, mut backslash) = (u8::MAX, 0, u8::MAX);
        for byte in json {
            least = least.min(*byte);
            all |= byte;
            backslash = backslash.min(byte ^ b'\\');
        }
        if least < 0x20 || backslash == 0 || !(all.is_ascii() || utf8(json).is_some()) {
            return None;
        }
        let mut text = Text(json);
        text.take(HEAD)?;
        let created_at = text.number()?;
        text.take(br#","values":"#)?;
        let (mut lasting, mut flash, mut flash_next) = (Vec::with_capacity(16), vec![], vec![]);
        text = text.entries(&mut lasting)?;
        if text.0 == b"}" {
            let lasting = lasting.iter().map(|pair| entry(Kind::Lasting, *pair));
            return Some(lay_out(created_at, State::Live, lasting));
        }
        if text.take(br#","flash":"#).is_some() {
            text = text.entries(&mut flash)?;
        }
        if text.take(br#","flash_next":"#).is_some() {
            text = text.entries(&mut flash_next)?;
        }
        if text.0 != b"}" {
            return None;
        }
        let of = |kind, pairs: Vec<_>| pairs.into_iter().map(move |pair| entry(kind, pair));
        let mut entries: Vec<_> = of(Kind::Lasting, lasting)
            .chain(of(Kind::Flash, flash))
            .chain(of(Kind::FlashNext, flash_next))
            .collect();
        sort(&mut entries);
        Some(pack(created_at, State::Live, &mut entries))
    }
}

/// A key and its value.
type Pair<'a> = (&'a [u8], &'a [u8]);

fn entry(kind: Kind, (key, value): Pair<'_>) -> RawEntry<'_> {
    RawEntry {
        key,
        kind,
        value,
        terms: Terms::default(),
    }
}

/// What is still to be read. Functions that are called rather than inlined take it and give the rest: so it stays in registers.
#[derive(Clone, Copy)]
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn take(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Takes so many bytes.
    fn split(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of up to 19 digits, which 64 bits hold.
    fn number(&mut self) -> Option<u64> {
        let digits = self.digits()?;
        let number = digits.iter().fold(0, |number: u64, digit| {
            number.wrapping_mul(10).wrapping_add(u64::from(digit & 0xF))
        });
        (digits.len() < 20).then_some(number)
    }

    /// Digits without a zero before them.
    fn digits(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        match self.0 {
            [b'0', ..] if end > 1 => None,
            _ if end == 0 => None,
            _ => self.split(end),
        }
    }

    /// An object of values, in the strict order of their keys.
    fn entries(mut self, entries: &mut Vec<Pair<'a>>) -> Option<Self> {
        self.take(b"{")?;
        if self.take(b"}").is_some() {
            return Some(self);
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let key = self.key()?;
            if before.is_some_and(|before| before >= key) {
                return None;
            }
            before = Some(key);
            entries.push((key, self.value()?));
            if self.take(b",").is_none() {
                self.take(b"}")?;
                return Some(self);
            }
        }
    }

    /// A value, as it is written.
    fn value(&mut self) -> Option<&'a [u8]> {
        let before = self.0;
        if self.string().is_none() {
            *self = self.after_value(MAX_DEPTH)?;
        }
        before.get(..before.len() - self.0.len())
    }

    fn after_value(mut self, depth: u32) -> Option<Self> {
        match self.0.first()? {
            b'"' => self.string()?,
            b'{' => return self.after_list(depth, b"}", |text| text.key().map(drop)),
            b'[' => return self.after_list(depth, b"]", |_| Some(())),
            b't' => self.take(b"true")?,
            b'f' => self.take(b"false")?,
            b'n' => self.take(b"null")?,
            b'-' => {
                self.split(1)?;
                self.digits()?;
            }
            _ => {
                self.digits()?;
            }
        }
        Some(self)
    }

    /// After a list or an object, with what stands before each value.
    fn after_list(
        mut self,
        depth: u32,
        end: &[u8],
        before: impl Fn(&mut Self) -> Option<()>,
    ) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        self.split(1)?;
        if self.take(end).is_some() {
            return Some(self);
        }
        loop {
            before(&mut self)?;
            self = self.after_value(depth)?;
            if self.take(b",").is_none() {
                self.take(end)?;
                return Some(self);
            }
        }
    }

    /// A key without its quotes, and the colon after it. Most are too short for a search to be worth its call.
    fn key(&mut self) -> Option<&'a [u8]> {
        self.take(b"\"")?;
        let quote = self.0.first_chunk().copied().and_then(first_quote);
        let key = self.split(quote.or_else(|| memchr(b'"', self.0))?)?;
        self.take(b"\":")?;
        Some(key)
    }

    fn string(&mut self) -> Option<()> {
        let string = self.0.strip_prefix(b"\"")?;
        self.split(memchr(b'"', string)? + 2).map(drop)
    }
}

/// Where the first quote stands among eight bytes.
fn first_quote(bytes: [u8; 8]) -> Option<usize> {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let bytes = u64::from_le_bytes(bytes) ^ QUOTES;
    // The lowest bit that is set is the highest of the first byte that is zero now: what is taken away carries to none before it.
    let zero = bytes.wrapping_sub(EACH) & !bytes & (EACH << 7);
    (zero != 0).then(|| zero.trailing_zeros() as usize / 8)
}
