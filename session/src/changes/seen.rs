use crate::record::{Entry, Kind, RawEntry, Record, Terms};
use crate::value::Json;

/// A value that is to be stored.
#[derive(Clone)]
pub(crate) struct Value {
    pub(crate) json: Json,
    pub(crate) terms: Terms,
}

impl Value {
    /// What becomes of a value when it is changed in place: it keeps the limit that it has, and is secret if it was.
    pub(crate) fn changed(json: Json, before: Option<Terms>, terms: Terms) -> Self {
        let before = before.unwrap_or_default();
        Self {
            json,
            terms: Terms {
                until: before.until.or(terms.until),
                secret: before.secret || terms.secret,
            },
        }
    }

    pub(super) fn entry<'a>(
        &'a self,
        key: &'a str,
        kind: Kind,
        record: Option<&Record>,
    ) -> RawEntry<'a> {
        Entry {
            key: key.as_bytes(),
            kind,
            value: &self.json,
            terms: Seen::changed(self, key, record).terms,
        }
    }
}

/// A value as a request sees it. Its terms say whether it is still there.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) text: Text<'a>,
    pub(crate) terms: Terms,
}

#[derive(Clone, Copy)]
pub(crate) enum Text<'a> {
    Changed(&'a Json),
    /// A record, and the value's bytes in it.
    Stored(&'a Record, &'a [u8]),
}

impl<'a> Seen<'a> {
    /// A key that is secret in the record stays so, whoever changes its value.
    pub(super) fn changed(value: &'a Value, key: &str, record: Option<&Record>) -> Self {
        let secret = value.terms.secret || record.is_some_and(|record| record.is_secret(key));
        Self {
            text: Text::Changed(&value.json),
            terms: Terms {
                secret,
                ..value.terms
            },
        }
    }

    pub(super) fn stored(record: &'a Record, entry: RawEntry<'a>) -> Self {
        Self {
            text: Text::Stored(record, entry.value),
            terms: entry.terms,
        }
    }
}
