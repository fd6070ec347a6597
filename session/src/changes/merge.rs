use std::sync::Arc;

use crate::changes::{Base, Changes, Flash, Lasting, Value};
use crate::error::Error;
use crate::record::{Entry, Kind, Record};
use crate::value::Json;

impl Changes {
    /// The first record of a session that began then.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub(crate) fn begin(&self, created_at: u64, limit: usize, now: u64) -> Result<Record, Error> {
        self.apply_to(None, created_at, None, limit, now)
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
        self.apply_to(Some(fresh), fresh.created_at_unix(), seen, limit, now)
    }

    fn apply_to(
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
        let mut entries: Vec<Entry<'_>> = Vec::with_capacity(stored + self.slots.len());
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
        Ok(Record::of(created_at, &mut entries))
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
