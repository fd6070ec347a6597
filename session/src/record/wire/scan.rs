//! The short way to read a record: as this library writes it, which is nearly always what there is.
//!
//! It takes the fields in their order, keys in order and without escapes, no spaces between, and whole numbers. Whatever else
//! JSON allows, and whatever is no JSON, is for `read`: it alone says what a record is, and what is wrong with one.

use memchr::memchr2;

use crate::record::wire::HEAD;
use crate::record::{Kind, RawEntry, Record, State, Terms, pack, sort};

/// How deep lists and objects in a value may be for the short way.
const MAX_DEPTH: u32 = 32;

impl Record {
    /// The record, if it is written that way.
    pub(super) fn scan(json: &str) -> Option<Self> {
        // Control characters are nowhere in it. The least byte of all, rather than the first that is one: so many are looked at
        // at once.
        if json.bytes().fold(u8::MAX, u8::min) < 0x20 {
            return None;
        }
        let mut text = Text(json.as_bytes());
        text.take(HEAD)?;
        let created_at = text.number()?;
        text.take(br#","values":"#)?;
        let mut entries = Vec::with_capacity(16);
        text.entries(Kind::Lasting, &mut entries)?;
        let lasting = entries.len();
        if text.take(br#","flash":"#).is_some() {
            text.entries(Kind::Flash, &mut entries)?;
        }
        if text.take(br#","flash_next":"#).is_some() {
            text.entries(Kind::FlashNext, &mut entries)?;
        }
        if text.0 != b"}" {
            return None;
        }
        if lasting < entries.len() {
            sort(&mut entries);
        }
        Some(pack(created_at, State::Live, &mut entries))
    }
}

/// What is still to be read.
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
        let digits = (digits.len() < 20).then(|| std::str::from_utf8(digits).ok())?;
        digits?.parse().ok()
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
    fn entries(&mut self, kind: Kind, entries: &mut Vec<RawEntry<'a>>) -> Option<()> {
        let first = entries.len();
        self.take(b"{")?;
        if self.take(b"}").is_some() {
            return Some(());
        }
        loop {
            let key = self.key()?;
            let before = entries.get(first..).and_then(<[_]>::last);
            if before.is_some_and(|before| before.key >= key) {
                return None;
            }
            self.take(b":")?;
            let terms = Terms::default();
            let value = self.value()?;
            entries.push(RawEntry {
                key,
                kind,
                value,
                terms,
            });
            if self.take(b",").is_none() {
                return self.take(b"}");
            }
        }
    }

    /// A value, as it is written.
    fn value(&mut self) -> Option<&'a [u8]> {
        let before = self.0;
        self.skip(MAX_DEPTH)?;
        before.get(..before.len() - self.0.len())
    }

    fn skip(&mut self, depth: u32) -> Option<()> {
        match self.0.first()? {
            b'"' => self.string().map(drop),
            b'{' => self.skip_list(depth, b"}", |text| {
                text.key()?;
                text.take(b":")
            }),
            b'[' => self.skip_list(depth, b"]", |_| Some(())),
            b't' => self.take(b"true"),
            b'f' => self.take(b"false"),
            b'n' => self.take(b"null"),
            b'-' => {
                self.split(1)?;
                self.digits().map(drop)
            }
            _ => self.digits().map(drop),
        }
    }

    /// A list or an object up to its end, with what stands before each value.
    fn skip_list(
        &mut self,
        depth: u32,
        end: &[u8],
        before: impl Fn(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.split(1)?;
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            before(self)?;
            self.skip(depth)?;
            if self.take(b",").is_none() {
                return self.take(end);
            }
        }
    }

    /// A key without escapes, without its quotes. Most are too short for a search of many bytes at once to be worth its call.
    fn key(&mut self) -> Option<&'a [u8]> {
        self.take(b"\"")?;
        let is_end = |byte: &u8| matches!(byte, b'"' | b'\\');
        let key = self.split(self.0.iter().position(is_end)?)?;
        self.take(b"\"")?;
        Some(key)
    }

    /// A string without escapes, without its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b"\"")?;
        let string = self.split(memchr2(b'"', b'\\', self.0)?)?;
        self.take(b"\"")?;
        Some(string)
    }
}
