use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::record::{Entry, Kind, Record, Terms};
use crate::value::{Json, Step};

/// How long a flash value lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlashLifetime {
    /// Until it is read.
    UntilRead,
    /// Until the next request that extracts the session has ended, read or not.
    NextRequest,
}

impl FlashLifetime {
    fn kind(self) -> Kind {
        match self {
            Self::UntilRead => Kind::Flash,
            Self::NextRequest => Kind::FlashNext,
        }
    }
}

/// What one request does to a session: a set of changes by key, not a snapshot.
///
/// Applied to the record that was loaded, it gives what this request sees. Applied to a record that another request has
/// changed meanwhile, it gives the merge: keys that this request did not touch stay as they are there.
#[derive(Clone, Default)]
pub(crate) struct Changes {
    /// All that was there is gone, as of this stamp.
    cleared: Option<u64>,
    /// Flash values for the next request have been seen by it, and go.
    ages: bool,
    /// Sorted by key.
    slots: Vec<Slot>,
    /// Counts the changes, so that a commit can tell those it wrote from those made since.
    stamp: u64,
    /// The stamp as of which the loaded record is the one it is.
    epoch: u64,
    /// The stamp of the last commit that has begun and not been taken in.
    under_way: Option<u64>,
}

#[derive(Clone)]
struct Slot {
    key: Cow<'static, str>,
    lasting: Lasting,
    lasting_stamp: u64,
    flash: Flash,
    flash_stamp: u64,
}

#[derive(Clone)]
enum Lasting {
    Untouched,
    Set(Value),
    Unset,
    /// Steps on what is stored, or on what this request has put there: `seen` is the outcome for what it knows.
    Updated {
        base: Base,
        steps: Vec<Arc<Step>>,
        /// Former keys of the value. It is read from the first that is there, and else from its own.
        former: Vec<Cow<'static, str>>,
        seen: Option<Value>,
        /// Those of a value that the steps make of nothing.
        terms: Terms,
    },
    /// The value cannot be stored: the commit fails.
    Faulty(Error),
}

impl Lasting {
    /// Takes in that a commit has changed what is stored.
    fn follow(&mut self, written: &Changes) {
        if let Self::Updated { base, .. } = self {
            let is_stored = !matches!(base, Base::Written(stamp) if *stamp > written.stamp);
            if is_stored {
                *base = Base::Stale;
            }
        }
    }

    /// Takes in that the steps up to here were written.
    fn drop_steps_of(&mut self, written: &Self) {
        let (Self::Updated { steps, .. }, Self::Updated { steps: done, .. }) = (self, written)
        else {
            return;
        };
        if steps
            .first()
            .zip(done.first())
            .is_some_and(|(first, done)| Arc::ptr_eq(first, done))
        {
            steps.drain(..done.len().min(steps.len()));
        }
    }
}

/// What the steps of an update begin with.
#[derive(Clone)]
enum Base {
    /// What is stored, which was the loaded record when the steps ran.
    Loaded,
    /// What is stored, which has changed since the steps ran.
    Stale,
    /// A value of this request's own, which a commit under way is writing as of this stamp.
    Written(u64),
}

#[derive(Clone)]
enum Flash {
    Untouched,
    /// And what of this request's a commit under way may still put there: that goes with it.
    Set(Value, FlashLifetime, Vec<Json>),
    Unset,
    /// Read, and so are values that it replaced: these go, and a new one that another request has put there stays.
    Taken(Vec<Json>),
    /// To be there for one more request, though it was only for this one.
    Kept,
    Faulty(Error),
}

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

    fn entry<'a>(&'a self, key: &'a str, kind: Kind, record: Option<&Record>) -> Entry<'a> {
        Entry {
            key,
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
    Stored(&'a str),
}

impl<'a> Seen<'a> {
    /// A key that is secret in the record stays so, whoever changes its value.
    fn changed(value: &'a Value, key: &str, record: Option<&Record>) -> Self {
        let secret = value.terms.secret || record.is_some_and(|record| record.is_secret(key));
        Self {
            text: Text::Changed(&value.json),
            terms: Terms {
                secret,
                ..value.terms
            },
        }
    }

    fn stored(entry: Entry<'a>) -> Self {
        Self {
            text: Text::Stored(entry.value),
            terms: entry.terms,
        }
    }
}

impl Changes {
    /// The changes that reading a record makes by itself: flash values for the next request are for this one.
    pub(crate) fn on_load(record: &Record) -> Self {
        Self {
            ages: record.entries().any(|entry| entry.kind == Kind::FlashNext),
            ..Self::default()
        }
    }

    /// Notes that a commit of these changes begins. What comes after is kept apart from what it writes.
    pub(crate) fn begin_commit(&mut self) {
        self.under_way = Some(self.stamp);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cleared.is_none() && !self.ages && self.slots.is_empty()
    }

    /// Whether this request has changed anything under a key.
    pub(crate) fn touches(&self, key: &str) -> bool {
        self.slot(key).is_some()
    }

    /// The first value that cannot be stored.
    pub(crate) fn fault(&self) -> Option<&Error> {
        self.slots
            .iter()
            .find_map(|slot| match (&slot.lasting, &slot.flash) {
                (Lasting::Faulty(error), _) | (_, Flash::Faulty(error)) => Some(error),
                _ => None,
            })
    }

    pub(crate) fn lasting<'a>(&'a self, key: &str, record: Option<&'a Record>) -> Option<Seen<'a>> {
        let record = self.uncleared(record);
        match self.slot(key).map(|slot| &slot.lasting) {
            Some(Lasting::Set(value)) => Some(Seen::changed(value, key, record)),
            Some(Lasting::Updated { seen, .. }) => Some(Seen::changed(seen.as_ref()?, key, record)),
            Some(Lasting::Unset | Lasting::Faulty(_)) => None,
            Some(Lasting::Untouched) | None => record?.lasting(key).map(Seen::stored),
        }
    }

    pub(crate) fn flash<'a>(&'a self, key: &str, record: Option<&'a Record>) -> Option<Seen<'a>> {
        let record = self.uncleared(record);
        match self.slot(key).map(|slot| &slot.flash) {
            Some(Flash::Set(value, ..)) => Some(Seen::changed(value, key, record)),
            Some(Flash::Unset | Flash::Taken(_) | Flash::Faulty(_)) => None,
            Some(Flash::Untouched | Flash::Kept) | None => record?.flash(key).map(Seen::stored),
        }
    }

    /// The keys that a request sees, sorted, each once.
    pub(crate) fn keys(&self, record: Option<&Record>, now: u64) -> Vec<String> {
        let stored = record
            .into_iter()
            .flat_map(Record::entries)
            .map(|entry| entry.key);
        let changed = self.slots.iter().map(|slot| &*slot.key);
        let mut keys: Vec<&str> = stored
            .chain(changed)
            .filter(|key| {
                let lasting = self.lasting(key, record);
                lasting.is_some_and(|seen| seen.terms.hold_at(now))
                    || self.flash(key, record).is_some()
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(str::to_owned).collect()
    }

    pub(crate) fn set(&mut self, key: Cow<'static, str>, value: Result<Value, Error>) {
        *self.lasting_mut(key) = match value {
            Ok(value) => Lasting::Set(value),
            Err(error) => Lasting::Faulty(error),
        };
    }

    pub(crate) fn unset_lasting(&mut self, key: Cow<'static, str>) {
        *self.lasting_mut(key) = Lasting::Unset;
    }

    /// Takes in a step that was run on what this request sees.
    ///
    /// `former` are other keys that the value may be found under, and under which it is gone afterwards; `terms` are those of
    /// a value that there was not before.
    pub(crate) fn update(
        &mut self,
        key: Cow<'static, str>,
        former: &[Cow<'static, str>],
        step: Arc<Step>,
        outcome: Result<Option<Value>, Error>,
        terms: Terms,
    ) {
        let touched = |key: &Cow<'static, str>| self.slot(key).map(|slot| &slot.lasting);
        // What this request itself has put under a former key is no longer for the record to decide.
        let starts_here = former.iter().any(|key| {
            !matches!(
                touched(key),
                None | Some(Lasting::Untouched | Lasting::Unset)
            )
        });
        let unread =
            |key: &&Cow<'static, str>| matches!(touched(key), None | Some(Lasting::Untouched));
        let unread: Vec<_> = former.iter().filter(unread).cloned().collect();
        for key in former {
            self.unset_lasting(key.clone());
        }
        let (cleared, under_way) = (self.cleared, self.under_way);
        let is_under_way = |stamp: u64| under_way.is_some_and(|begun| stamp <= begun);
        let before = self.slot(&key).map_or(0, |slot| slot.lasting_stamp);
        let lasting = self.lasting_mut(key);
        let base = match &*lasting {
            _ if starts_here => None,
            Lasting::Updated { .. } | Lasting::Faulty(_) => None,
            Lasting::Untouched => match cleared {
                None => Some(Base::Loaded),
                Some(stamp) => is_under_way(stamp).then_some(Base::Written(stamp)),
            },
            Lasting::Set(_) | Lasting::Unset => {
                is_under_way(before).then_some(Base::Written(before))
            }
        };
        match (outcome, &mut *lasting, base) {
            (Err(error), ..) => *lasting = Lasting::Faulty(error),
            (Ok(value), Lasting::Updated { steps, seen, .. }, _) if !starts_here => {
                steps.push(step);
                *seen = value;
            }
            (Ok(seen), _, Some(base)) => {
                // The commit under way empties the former keys: what is there afterwards is news.
                let former = match base {
                    Base::Written(_) => former.to_vec(),
                    Base::Loaded | Base::Stale => unread,
                };
                *lasting = Lasting::Updated {
                    base,
                    steps: vec![step],
                    former,
                    seen,
                    terms,
                };
            }
            (Ok(Some(value)), ..) => *lasting = Lasting::Set(value),
            (Ok(None), ..) => *lasting = Lasting::Unset,
        }
    }

    /// A number that differs whenever what this request sees under a key as a lasting value may have changed.
    pub(crate) fn lasting_stamp(&self, key: &str) -> u64 {
        let slot = self.slot(key).map_or(0, |slot| slot.lasting_stamp);
        slot.max(self.cleared.unwrap_or(0)).max(self.epoch)
    }

    pub(crate) fn set_flash(
        &mut self,
        key: Cow<'static, str>,
        lifetime: FlashLifetime,
        value: Result<Value, Error>,
    ) {
        let replaced = self.replaced_flash(&key);
        *self.flash_mut(key) = match value {
            Ok(value) => Flash::Set(value, lifetime, replaced),
            Err(error) => Flash::Faulty(error),
        };
    }

    /// Consumes the flash value that this request sees, and with one that it has set itself whatever that one hides.
    pub(crate) fn take_flash(&mut self, key: Cow<'static, str>, record: Option<&Record>) {
        let mut values = self.replaced_flash(&key);
        let stored = self.uncleared(record).and_then(|record| record.flash(&key));
        values.extend(stored.map(|entry| Json::from(entry.value)));
        *self.flash_mut(key) = Flash::Taken(values);
    }

    /// What of this request's own may be stored under a key as a flash value, now or by a commit that is under way.
    fn replaced_flash(&self, key: &str) -> Vec<Json> {
        let Some(slot) = self.slot(key) else {
            return Vec::new();
        };
        match &slot.flash {
            Flash::Set(value, _, replaced) => {
                let is_under_way = self
                    .under_way
                    .is_some_and(|begun| slot.flash_stamp <= begun);
                let own = is_under_way.then(|| Json::clone(&value.json));
                replaced.iter().cloned().chain(own).collect()
            }
            Flash::Taken(values) => values.clone(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn unset_flash(&mut self, key: Cow<'static, str>) {
        *self.flash_mut(key) = Flash::Unset;
    }

    /// Keeps the stored flash value that was read, or that is for this request alone.
    pub(crate) fn keep(&mut self, key: Cow<'static, str>) {
        if self
            .slot(&key)
            .is_none_or(|slot| matches!(slot.flash, Flash::Untouched | Flash::Taken(_)))
        {
            *self.flash_mut(key) = Flash::Kept;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.stamp += 1;
        self.cleared = Some(self.stamp);
        self.ages = false;
        self.slots.clear();
    }

    /// The record that `fresh` becomes. `seen` is the record that this request read. What is past its own limit is dropped.
    ///
    /// # Errors
    ///
    /// The first fault, or that of an update that was run again; and [`Error::TooLarge`] over `limit` bytes.
    pub(crate) fn apply(
        &self,
        fresh: &Record,
        seen: Option<&Record>,
        limit: usize,
        now: u64,
    ) -> Result<Record, Error> {
        let is_seen = seen.is_some_and(|seen| seen == fresh);
        let base = self.uncleared(Some(fresh));
        let rerun = self.rerun(base, is_seen, now)?;
        let mut entries: Vec<Entry<'_>> = Vec::with_capacity(fresh.len() + self.slots.len());
        if let Some(base) = base {
            let stays = |entry: &Entry<'_>| entry.terms.hold_at(now) && self.leaves(entry, seen);
            entries.extend(base.entries().filter(stays));
        }
        for (index, slot) in self.slots.iter().enumerate() {
            let key = &*slot.key;
            let lasting = match &slot.lasting {
                Lasting::Set(value) => Some(value),
                Lasting::Updated { seen, .. } => match rerun.iter().find(|(at, _)| *at == index) {
                    Some((_, outcome)) => outcome.as_ref(),
                    None => seen.as_ref(),
                },
                Lasting::Faulty(error) => return Err(error.clone()),
                Lasting::Untouched | Lasting::Unset => None,
            };
            let lasting = lasting.filter(|value| value.terms.hold_at(now));
            entries.extend(lasting.map(|value| value.entry(key, Kind::Lasting, base)));
            match &slot.flash {
                Flash::Set(value, lifetime, _) => {
                    entries.push(value.entry(key, lifetime.kind(), base));
                }
                Flash::Faulty(error) => return Err(error.clone()),
                Flash::Untouched | Flash::Unset | Flash::Taken(_) | Flash::Kept => {}
            }
        }
        check_size(&entries, limit)?;
        Ok(Record::of(fresh.created_at_unix(), &mut entries))
    }

    /// What the updates come to on a record that this request did not see, by the slots' places.
    fn rerun(
        &self,
        base: Option<&Record>,
        is_seen: bool,
        now: u64,
    ) -> Result<Vec<(usize, Option<Value>)>, Error> {
        let mut outcomes = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Lasting::Updated {
                base: begin,
                steps,
                former,
                terms,
                ..
            } = &slot.lasting
            else {
                continue;
            };
            match begin {
                Base::Loaded if is_seen => continue,
                Base::Loaded | Base::Stale => {}
                Base::Written(..) => continue,
            }
            let mut keys = former.iter().chain([&slot.key]);
            let stored = base.and_then(|base| {
                keys.find_map(|key| base.lasting(key).filter(|entry| entry.terms.hold_at(now)))
            });
            let mut before = stored.map(|entry| entry.terms);
            let stored = stored.map(|entry| entry.value);
            let mut json: Option<Json> = None;
            for (turn, step) in steps.iter().enumerate() {
                json = step.run(if turn == 0 { stored } else { json.as_deref() })?;
                before = before.filter(|_| json.is_some());
            }
            outcomes.push((index, json.map(|json| Value::changed(json, before, *terms))));
        }
        Ok(outcomes)
    }

    /// Whether an entry of a record stays as it is.
    fn leaves(&self, entry: &Entry<'_>, seen: Option<&Record>) -> bool {
        let slot = self.slot(entry.key);
        if entry.kind == Kind::Lasting {
            return slot.is_none_or(|slot| matches!(slot.lasting, Lasting::Untouched));
        }
        // A flash value goes with the request that saw it; one that another request has put there since was not seen.
        let was_seen = || {
            seen.and_then(|seen| seen.flash(entry.key))
                .is_some_and(|seen| (seen.kind, seen.value) == (entry.kind, entry.value))
        };
        match slot.map(|slot| &slot.flash) {
            Some(Flash::Set(..) | Flash::Unset | Flash::Faulty(_)) => false,
            Some(Flash::Taken(values)) => !values.iter().any(|value| **value == *entry.value),
            Some(Flash::Kept) => true,
            Some(Flash::Untouched) | None => {
                !(self.ages && entry.kind == Kind::FlashNext && was_seen())
            }
        }
    }

    /// No changes, of another record. The stamps go on, so that none comes twice.
    pub(crate) fn emptied(&self) -> Self {
        let epoch = self.stamp + 1;
        Self {
            stamp: epoch,
            epoch,
            ..Self::default()
        }
    }

    /// Drops what a commit has written: all that `written`, an earlier state of these changes, held and that has not
    /// been changed since.
    pub(crate) fn subtract(&mut self, written: &Self) {
        if self.cleared == written.cleared {
            self.cleared = None;
        }
        self.ages = false;
        self.under_way = None;
        self.epoch = self.next_stamp();
        for slot in &mut self.slots {
            slot.lasting.follow(written);
            let Some(done) = written.slot(&slot.key) else {
                continue;
            };
            if slot.lasting_stamp == done.lasting_stamp {
                slot.lasting = Lasting::Untouched;
            } else {
                slot.lasting.drop_steps_of(&done.lasting);
            }
            if slot.flash_stamp == done.flash_stamp {
                slot.flash = Flash::Untouched;
            }
        }
        self.slots.retain(|slot| {
            !matches!(
                (&slot.lasting, &slot.flash),
                (Lasting::Untouched, Flash::Untouched)
            )
        });
    }

    fn uncleared<'a>(&self, record: Option<&'a Record>) -> Option<&'a Record> {
        record.filter(|_| self.cleared.is_none())
    }

    fn slot(&self, key: &str) -> Option<&Slot> {
        let index = self
            .slots
            .binary_search_by(|slot| (*slot.key).cmp(key))
            .ok()?;
        self.slots.get(index)
    }

    fn lasting_mut(&mut self, key: Cow<'static, str>) -> &mut Lasting {
        let stamp = self.next_stamp();
        let slot = self.slot_mut(key);
        slot.lasting_stamp = stamp;
        &mut slot.lasting
    }

    fn flash_mut(&mut self, key: Cow<'static, str>) -> &mut Flash {
        let stamp = self.next_stamp();
        let slot = self.slot_mut(key);
        slot.flash_stamp = stamp;
        &mut slot.flash
    }

    fn next_stamp(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    fn slot_mut(&mut self, key: Cow<'static, str>) -> &mut Slot {
        let index = match self.slots.binary_search_by(|slot| slot.key.cmp(&key)) {
            Ok(index) => index,
            Err(index) => {
                self.slots.insert(
                    index,
                    Slot {
                        key,
                        lasting: Lasting::Untouched,
                        lasting_stamp: 0,
                        flash: Flash::Untouched,
                        flash_stamp: 0,
                    },
                );
                index
            }
        };
        // Invariant: the search found the slot there, or it was put there.
        &mut self.slots[index]
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("keys", &self.slots.len())
            .finish_non_exhaustive()
    }
}

fn check_size(entries: &[Entry<'_>], limit: usize) -> Result<(), Error> {
    /// The quotes, the colon and the comma around a key.
    const AROUND: usize = 4;
    /// A limit, as a number of seconds.
    const LIMIT: usize = 10;
    let bytes = entries
        .iter()
        .map(|entry| {
            let again = entry.key.len() + AROUND;
            let limit = entry.terms.until.map_or(0, |_| again + LIMIT);
            let secret = if entry.terms.secret { again } else { 0 };
            entry.key.len() + entry.value.len() + AROUND + limit + secret
        })
        .sum();
    if bytes <= limit {
        return Ok(());
    }
    Err(Error::TooLarge {
        bytes,
        limit,
        largest: largest(entries.iter().copied()),
    })
}

/// The three largest values and their keys.
pub(crate) fn largest<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<(String, usize)> {
    let mut sizes: Vec<_> = entries
        .map(|entry| (entry.key, entry.value.len()))
        .collect();
    sizes.sort_unstable_by_key(|&(_, size)| std::cmp::Reverse(size));
    sizes.truncate(3);
    sizes
        .into_iter()
        .map(|(key, size)| (key.to_owned(), size))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_LIMIT: usize = usize::MAX;
    const NOW: u64 = 1000;

    fn record(entries: &[(&str, Kind, &str)]) -> Record {
        let terms = Terms::default();
        let entries = entries.iter().map(|&(key, kind, value)| Entry {
            key,
            kind,
            value,
            terms,
        });
        Record::of(0, &mut entries.collect())
    }

    fn json(text: &str) -> Value {
        Value {
            json: text.into(),
            terms: Terms::default(),
        }
    }

    fn lasting<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
        record.lasting(key).map(|entry| entry.value)
    }

    /// Counts up from whatever number is there.
    fn count(changes: &mut Changes, seen: &Record) {
        let step = Arc::new(Step::new(|stored| {
            let number: u32 = stored.map_or(0, |text| text.parse().unwrap());
            Ok(Some((number + 1).to_string().into()))
        }));
        let outcome = step.run(
            changes
                .lasting("n", Some(seen))
                .map(|seen| match seen.text {
                    Text::Changed(json) => json.to_string(),
                    Text::Stored(json) => json.to_owned(),
                })
                .as_deref(),
        );
        let outcome = outcome.map(|text| text.map(|text| json(&text)));
        changes.update("n".into(), &[], step, outcome, Terms::default());
    }

    fn apply(changes: &Changes, fresh: &Record, seen: &Record) -> Record {
        changes.apply(fresh, Some(seen), NO_LIMIT, NOW).unwrap()
    }

    #[test]
    fn what_was_not_touched_stays_as_the_fresh_record_has_it() {
        let seen = record(&[("a", Kind::Lasting, "1"), ("b", Kind::Lasting, "1")]);
        let fresh = record(&[("a", Kind::Lasting, "2"), ("c", Kind::Lasting, "2")]);
        let mut changes = Changes::on_load(&seen);
        changes.set("d".into(), Ok(json("3")));
        changes.unset_lasting("c".into());
        let merged = record(&[("a", Kind::Lasting, "2"), ("d", Kind::Lasting, "3")]);
        assert_eq!(apply(&changes, &fresh, &seen), merged);
    }

    #[test]
    fn an_update_runs_again_on_a_value_that_has_changed_and_only_then() {
        let seen = record(&[("n", Kind::Lasting, "1")]);
        let mut changes = Changes::on_load(&seen);
        count(&mut changes, &seen);
        count(&mut changes, &seen);
        let merged = |fresh| lasting(&apply(&changes, &fresh, &seen), "n").map(str::to_owned);
        assert_eq!(merged(seen.clone()).as_deref(), Some("3"));
        assert_eq!(
            merged(record(&[("n", Kind::Lasting, "10")])).as_deref(),
            Some("12")
        );
        assert_eq!(merged(record(&[])).as_deref(), Some("2"));
    }

    #[test]
    fn an_update_of_a_value_that_was_set_depends_on_nothing_stored() {
        let seen = record(&[("n", Kind::Lasting, "1")]);
        let fresh = record(&[("n", Kind::Lasting, "10")]);
        let mut set = Changes::on_load(&seen);
        set.set("n".into(), Ok(json("5")));
        count(&mut set, &seen);
        assert_eq!(lasting(&apply(&set, &fresh, &seen), "n"), Some("6"));
        let mut cleared = Changes::on_load(&seen);
        cleared.clear();
        count(&mut cleared, &seen);
        assert_eq!(
            apply(&cleared, &fresh, &seen),
            record(&[("n", Kind::Lasting, "1")])
        );
    }

    #[test]
    fn a_flash_value_goes_with_the_request_that_read_it_and_a_newer_one_stays() {
        let seen = record(&[("k", Kind::Flash, "1")]);
        let mut changes = Changes::on_load(&seen);
        assert!(changes.is_empty());
        changes.take_flash("k".into(), Some(&seen));
        assert!(changes.flash("k", Some(&seen)).is_none());
        assert_eq!(apply(&changes, &seen, &seen), record(&[]));
        let newer = record(&[("k", Kind::Flash, "2")]);
        assert_eq!(apply(&changes, &newer, &seen), newer);
    }

    #[test]
    fn a_flash_value_for_the_next_request_goes_unless_it_is_kept() {
        let seen = record(&[("k", Kind::FlashNext, "1"), ("l", Kind::FlashNext, "1")]);
        let mut changes = Changes::on_load(&seen);
        assert!(!changes.is_empty(), "reading it is a change");
        changes.keep("k".into());
        assert_eq!(
            apply(&changes, &seen, &seen),
            record(&[("k", Kind::FlashNext, "1")])
        );
        let newer = record(&[("l", Kind::FlashNext, "2")]);
        assert_eq!(apply(&changes, &newer, &seen), newer);
    }

    fn kept(key: &'static str, value: &'static str, until: u64) -> Record {
        let terms = Terms {
            until: Some(until),
            secret: true,
        };
        Record::of(
            0,
            &mut vec![Entry {
                key,
                kind: Kind::Lasting,
                value,
                terms,
            }],
        )
    }

    #[test]
    fn a_value_past_its_limit_goes_with_the_next_commit_and_one_before_it_keeps_its_terms() {
        let mut changes = Changes::default();
        changes.set("a".into(), Ok(json("1")));
        let past = kept("k", "1", NOW);
        assert_eq!(
            apply(&changes, &past, &past),
            record(&[("a", Kind::Lasting, "1")])
        );
        let merged = apply(&changes, &kept("k", "1", NOW + 1), &past);
        let terms = merged.lasting("k").unwrap().terms;
        assert_eq!((terms.until, terms.secret), (Some(NOW + 1), true));
    }

    #[test]
    fn an_update_keeps_the_terms_of_the_value_that_it_changes_in_the_end() {
        let seen = kept("n", "1", NOW + 1);
        let mut changes = Changes::on_load(&seen);
        count(&mut changes, &seen);
        assert_eq!(
            apply(&changes, &kept("n", "5", NOW + 9), &seen),
            kept("n", "6", NOW + 9)
        );
        let gone = apply(&changes, &kept("n", "5", NOW), &seen);
        assert_eq!(lasting(&gone, "n"), Some("1"), "it begins with nothing");
    }

    #[test]
    fn an_update_begins_with_a_former_key_that_was_written_meanwhile() {
        let seen = record(&[("n", Kind::Lasting, "1")]);
        let mut changes = Changes::on_load(&seen);
        let step = Arc::new(Step::new(|stored| Ok(stored.map(Json::from))));
        let outcome = Ok(Some(json("1")));
        changes.update("n".into(), &["m".into()], step, outcome, Terms::default());
        let fresh = record(&[("m", Kind::Lasting, "2"), ("n", Kind::Lasting, "1")]);
        assert_eq!(
            apply(&changes, &fresh, &seen),
            record(&[("n", Kind::Lasting, "2")])
        );
    }

    #[test]
    fn a_lasting_and_a_flash_value_of_one_key_live_apart() {
        let seen = record(&[("k", Kind::Lasting, "1"), ("k", Kind::Flash, "2")]);
        let mut changes = Changes::on_load(&seen);
        changes.unset_lasting("k".into());
        assert_eq!(changes.keys(Some(&seen), NOW), ["k"]);
        assert_eq!(
            apply(&changes, &seen, &seen),
            record(&[("k", Kind::Flash, "2")])
        );
    }

    #[test]
    fn a_fault_is_cleared_by_a_value_that_can_be_stored() {
        let mut changes = Changes::default();
        changes.set("k".into(), Err(Error::NotAnObject));
        assert!(changes.fault().is_some());
        assert!(changes.apply(&record(&[]), None, NO_LIMIT, NOW).is_err());
        changes.set("k".into(), Ok(json("1")));
        assert!(changes.fault().is_none());
    }

    #[test]
    fn what_a_commit_wrote_is_subtracted_and_what_came_after_is_not() {
        let seen = record(&[("n", Kind::Lasting, "1"), ("f", Kind::Flash, "1")]);
        let mut changes = Changes::on_load(&seen);
        changes.set("a".into(), Ok(json("1")));
        changes.set("b".into(), Ok(json("1")));
        changes.take_flash("f".into(), Some(&seen));
        count(&mut changes, &seen);
        let written = changes.clone();
        let stored = apply(&written, &seen, &seen);
        changes.set("b".into(), Ok(json("2")));
        count(&mut changes, &seen);
        changes.subtract(&written);
        assert!(!changes.touches("a") && changes.touches("b") && !changes.touches("f"));
        // Another request has counted to 10 since: of the two steps here, the one that was written is not run again.
        assert_eq!(lasting(&stored, "n"), Some("2"));
        let fresh = record(&[("n", Kind::Lasting, "10")]);
        let merged = record(&[("b", Kind::Lasting, "2"), ("n", Kind::Lasting, "11")]);
        assert_eq!(apply(&changes, &fresh, &stored), merged);
        changes.subtract(&changes.clone());
        assert!(changes.is_empty());
    }

    #[test]
    fn too_much_is_an_error_that_names_the_three_largest_keys() {
        let mut changes = Changes::default();
        for (key, size) in [("a", 10), ("b", 40), ("c", 30), ("d", 20)] {
            changes.set(key.into(), Ok(json(&"1".repeat(size))));
        }
        let Err(Error::TooLarge {
            bytes,
            limit,
            largest,
        }) = changes.apply(&record(&[]), None, 50, NOW)
        else {
            panic!("it was taken");
        };
        assert_eq!((bytes, limit), (120, 50));
        assert_eq!(
            largest,
            [
                ("b".to_owned(), 40),
                ("c".to_owned(), 30),
                ("d".to_owned(), 20)
            ]
        );
    }
}
