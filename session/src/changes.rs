use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::record::{Kind, Record, Terms, order};
use crate::value::{Json, Step};

mod merge;
mod seen;

pub(crate) use self::merge::largest;
pub(crate) use self::seen::{Seen, Text, Value};

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
    /// Boxed, as it is large and few changes are updates.
    Updated(Box<Update>),
    /// The value cannot be stored: the commit fails.
    Faulty(Error),
}

/// Steps on what is stored, or on what this request has put there.
#[derive(Clone)]
struct Update {
    base: Base,
    steps: Vec<Arc<Step>>,
    /// Former keys of the value. It is read from the first that is there, and else from its own.
    former: Vec<Cow<'static, str>>,
    /// The outcome for what this request knows.
    seen: Option<Value>,
    /// Those of a value that the steps make of nothing.
    terms: Terms,
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

impl Changes {
    /// The changes that reading a record makes by itself: flash values for the next request are for this one.
    pub(crate) fn on_load(record: &Record) -> Self {
        Self {
            ages: record.has_aging(),
            ..Self::default()
        }
    }

    /// Notes that a commit of these changes begins. What comes after is kept apart from what it writes.
    pub(crate) fn begin_commit(&mut self) {
        self.under_way = Some(self.stamp);
    }

    /// Whether nothing was changed since an earlier state of these changes.
    pub(crate) fn is_as_of(&self, earlier: &Self) -> bool {
        self.stamp == earlier.stamp
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cleared.is_none() && !self.ages && self.slots.is_empty()
    }

    /// The keys that this request has changed, sorted.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| &*slot.key)
    }

    /// Whether steps of updates are run again, which is the user's code, when these changes are applied: to the record that was
    /// `seen`, or to another.
    pub(crate) fn runs_steps(&self, is_seen: bool) -> bool {
        self.slots.iter().any(|slot| match &slot.lasting {
            Lasting::Updated(update) => match update.base {
                Base::Loaded => !is_seen,
                Base::Stale => true,
                Base::Written(_) => false,
            },
            _ => false,
        })
    }

    /// Whether everything that was there before is gone.
    pub(crate) fn has_cleared(&self) -> bool {
        self.cleared.is_some()
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
            Some(Lasting::Updated(update)) => {
                Some(Seen::changed(update.seen.as_ref()?, key, record))
            }
            Some(Lasting::Unset | Lasting::Faulty(_)) => None,
            Some(Lasting::Untouched) | None => {
                let record = record?;
                Some(Seen::stored(record, record.raw_lasting(key)?))
            }
        }
    }

    pub(crate) fn flash<'a>(&'a self, key: &str, record: Option<&'a Record>) -> Option<Seen<'a>> {
        let record = self.uncleared(record);
        match self.slot(key).map(|slot| &slot.flash) {
            Some(Flash::Set(value, ..)) => Some(Seen::changed(value, key, record)),
            Some(Flash::Unset | Flash::Taken(_) | Flash::Faulty(_)) => None,
            Some(Flash::Untouched | Flash::Kept) | None => {
                let record = record?;
                Some(Seen::stored(record, record.raw_flash(key)?))
            }
        }
    }

    /// The keys that a request sees, sorted, each once.
    pub(crate) fn keys(&self, record: Option<&Record>, now: u64) -> Vec<String> {
        let stored = record
            .into_iter()
            .flat_map(Record::entries)
            .map(|entry| entry.key);
        let changed = self.slots.iter().map(|slot| &*slot.key);
        let keys: Vec<&str> = stored
            .chain(changed)
            .filter(|key| {
                let lasting = self.lasting(key, record);
                lasting.is_some_and(|seen| seen.terms.hold_at(now))
                    || self.flash(key, record).is_some()
            })
            .collect();
        let places = order(keys.iter().map(|key| key.as_bytes()));
        let mut keys: Vec<_> = places
            .filter_map(|place| keys.get(place).copied())
            .collect();
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
            Lasting::Updated(_) | Lasting::Faulty(_) => None,
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
            (Ok(value), Lasting::Updated(update), _) if !starts_here => {
                update.steps.push(step);
                update.seen = value;
            }
            (Ok(seen), _, Some(base)) => {
                // The commit under way empties the former keys: what is there afterwards is news.
                let former = match base {
                    Base::Written(_) => former.to_vec(),
                    Base::Loaded | Base::Stale => unread,
                };
                *lasting = Lasting::Updated(Box::new(Update {
                    base,
                    steps: vec![step],
                    former,
                    seen,
                    terms,
                }));
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
        values.extend(stored.map(|entry| Json::from(entry.value.as_bytes())));
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
        let slots = &mut self.slots;
        let index = match slots.binary_search_by(|slot| slot.key.cmp(&key)) {
            Ok(index) => index,
            Err(index) => {
                slots.insert(
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
        &mut slots[index]
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("keys", &self.slots.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
