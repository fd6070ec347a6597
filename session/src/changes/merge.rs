use std::sync::Arc;

use crate::changes::{Base, Changes, Flash, Lasting, Slot, Update, Value};
use crate::error::Error;
use crate::record::{Kind, Patch, RawEntry, Record, Terms};
use crate::value::Json;

impl Changes {
    /// The first record of a session that began then.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub(crate) fn begin(&self, created_at: u64, limit: usize, now: u64) -> Result<Record, Error> {
        match self.first(created_at, limit) {
            Some(record) => Ok(record),
            None => self.merge(None, created_at, None, limit, now),
        }
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
        match self.patch(fresh, seen == Some(fresh), limit) {
            Some(record) => Ok(record),
            None => self.merge(Some(fresh), fresh.created_at_unix(), seen, limit, now),
        }
    }

    /// The long way, entry by entry.
    pub(super) fn merge(
        &self,
        fresh: Option<&Record>,
        created_at: u64,
        seen: Option<&Record>,
        limit: usize,
        now: u64,
    ) -> Result<Record, Error> {
        let is_seen = seen == fresh;
        let base = self.uncleared(fresh);
        let rerun = self.rerun(base, is_seen, now)?;
        let stored = fresh.map_or(0, Record::len);
        let mut entries = Vec::with_capacity(stored + self.slots.len());
        // Both are in the order of their keys.
        let mut slots = self.slots.iter().enumerate().peekable();
        for entry in base.into_iter().flat_map(Record::raw_entries) {
            while let Some((index, slot)) =
                slots.next_if(|(_, slot)| slot.key.as_bytes() < entry.key)
            {
                slot.put(rerun_of(&rerun, index), base, now, &mut entries)?;
            }
            let slot = slots.peek().map(|(_, slot)| *slot);
            let slot = slot.filter(|slot| slot.key.as_bytes() == entry.key);
            if entry.terms.hold_at(now) && self.leaves(entry, slot, seen) {
                entries.push(entry);
            }
        }
        for (index, slot) in slots {
            slot.put(rerun_of(&rerun, index), base, now, &mut entries)?;
        }
        check_size(&entries, limit)?;
        Ok(Record::of(created_at, &mut entries))
    }

    /// The short way to a first record: lasting values are all there is.
    fn first(&self, created_at: u64, limit: usize) -> Option<Record> {
        let slots = &self.slots;
        if !slots.iter().all(|slot| slot.set_value(true).is_some()) {
            return None;
        }
        let patches = slots.iter().map(|slot| Patch {
            key: &slot.key,
            value: slot.set_value(true).map_or(&[][..], |value| &value.json),
        });
        Record::plain(
            created_at,
            patches,
            limit.checked_sub(slots.len() * AROUND)?,
        )
    }

    /// The short way, which most requests go: lasting values are set, and all else in the record stays as it is.
    pub(super) fn patch(&self, fresh: &Record, is_seen: bool, limit: usize) -> Option<Record> {
        let is_short = fresh.is_plain()
            && self.cleared.is_none()
            && self
                .slots
                .iter()
                .all(|slot| slot.set_value(is_seen).is_some());
        if !is_short {
            return None;
        }
        let patches = self.slots.iter().filter_map(|slot| {
            let value = &*slot.set_value(is_seen)?.json;
            Some(Patch {
                key: &slot.key,
                value,
            })
        });
        let entries = fresh.len() + self.slots.len();
        fresh.patched(patches, limit.checked_sub(entries * AROUND)?)
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
            let Lasting::Updated(update) = &slot.lasting else {
                continue;
            };
            let Update {
                base: begin,
                steps,
                former,
                terms,
                ..
            } = &**update;
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
            let stored = stored.map(|entry| entry.value.as_bytes());
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
    fn leaves(&self, entry: RawEntry<'_>, slot: Option<&Slot>, seen: Option<&Record>) -> bool {
        if entry.kind == Kind::Lasting {
            return slot.is_none_or(|slot| matches!(slot.lasting, Lasting::Untouched));
        }
        // A flash value goes with the request that saw it; one that another request has put there since was not seen.
        let was_seen = || {
            let key = std::str::from_utf8(entry.key).ok();
            seen.and_then(|seen| seen.flash(key?))
                .is_some_and(|seen| (seen.kind, seen.value.as_bytes()) == (entry.kind, entry.value))
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
}

impl Slot {
    /// The value, if a lasting one on no terms of its own is all that this request puts under the key.
    fn set_value(&self, is_seen: bool) -> Option<&Value> {
        let value = match (&self.lasting, &self.flash) {
            (Lasting::Set(value), Flash::Untouched) => value,
            (Lasting::Updated(update), Flash::Untouched)
                if is_seen && matches!(update.base, Base::Loaded) =>
            {
                update.seen.as_ref()?
            }
            _ => return None,
        };
        (value.terms == Terms::default()).then_some(value)
    }

    /// Adds what this request has put under the key. `rerun` is the outcome of an update that was run again.
    ///
    /// What stays of the record under the same key is there already.
    fn put<'a>(
        &'a self,
        rerun: Option<&'a Option<Value>>,
        base: Option<&Record>,
        now: u64,
        entries: &mut Vec<RawEntry<'a>>,
    ) -> Result<(), Error> {
        let key = &*self.key;
        let lasting = match &self.lasting {
            Lasting::Set(value) => Some(value),
            Lasting::Updated(update) => rerun.unwrap_or(&update.seen).as_ref(),
            Lasting::Faulty(error) => return Err(error.clone()),
            Lasting::Untouched | Lasting::Unset => None,
        };
        let lasting = lasting.filter(|value| value.terms.hold_at(now));
        if let Some(value) = lasting {
            let entry = value.entry(key, Kind::Lasting, base);
            // Before a flash value that stays.
            let stays = entries.last().is_some_and(|last| last.key == entry.key);
            entries.insert(entries.len() - usize::from(stays), entry);
        }
        match &self.flash {
            Flash::Set(value, lifetime, _) => {
                entries.push(value.entry(key, lifetime.kind(), base));
            }
            Flash::Faulty(error) => return Err(error.clone()),
            Flash::Untouched | Flash::Unset | Flash::Taken(_) | Flash::Kept => {}
        }
        Ok(())
    }
}

fn rerun_of(rerun: &[(usize, Option<Value>)], index: usize) -> Option<&Option<Value>> {
    let found = rerun.iter().find(|(at, _)| *at == index);
    found.map(|(_, outcome)| outcome)
}

impl Lasting {
    /// Takes in that a commit has changed what is stored.
    fn follow(&mut self, written: &Changes) {
        if let Self::Updated(update) = self {
            let is_stored = !matches!(update.base, Base::Written(stamp) if stamp > written.stamp);
            if is_stored {
                update.base = Base::Stale;
            }
        }
    }

    /// Takes in that the steps up to here were written.
    fn drop_steps_of(&mut self, written: &Self) {
        let (Self::Updated(update), Self::Updated(done)) = (self, written) else {
            return;
        };
        let (steps, done) = (&mut update.steps, &done.steps);
        if steps
            .first()
            .zip(done.first())
            .is_some_and(|(first, done)| Arc::ptr_eq(first, done))
        {
            steps.drain(..done.len().min(steps.len()));
        }
    }
}

/// The quotes, the colon and the comma around a key, in bytes.
pub(super) const AROUND: usize = 4;

fn check_size(entries: &[RawEntry<'_>], limit: usize) -> Result<(), Error> {
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
pub(crate) fn largest<'a>(entries: impl Iterator<Item = RawEntry<'a>>) -> Vec<(String, usize)> {
    let mut largest: Vec<(&[u8], usize)> = Vec::new();
    for entry in entries {
        let size = entry.value.len();
        let smaller = largest.iter().position(|&(_, least)| least < size);
        largest.insert(smaller.unwrap_or(largest.len()), (entry.key, size));
        largest.truncate(3);
    }
    largest
        .into_iter()
        .map(|(key, size)| (String::from_utf8_lossy(key).into_owned(), size))
        .collect()
}
