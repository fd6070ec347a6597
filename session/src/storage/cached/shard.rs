use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use crate::id::StorageKey;
use crate::storage::backend::Loaded;

/// Stale slots that every call looks for in its shard: more than one, so that they go faster than they come.
const EVICTED_PER_CALL: usize = 2;

/// How long readings are served, and how many a shard has.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_age: Duration,
    pub(super) capacity: usize,
}

/// The beginning of a call to the backend: what it brings is as old as that.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    /// The calls of a shard are numbered in their order, which a clock that is set back does not keep.
    number: u64,
    at: SystemTime,
}

/// What a node knows of some of the sessions.
///
/// A load that begins before a write has ended may bring what was there before it. So what a call brings is taken in only
/// if no write of the shard has ended since it began. One of another key may be meant then, at the price of a call.
///
/// Invariant: `queue` has exactly one pair for each slot.
#[derive(Default)]
pub(super) struct Shard {
    slots: HashMap<StorageKey, Slot>,
    /// The slots by the number of the call that brought them: the oldest first.
    queue: BTreeMap<u64, StorageKey>,
    /// The number of the next call.
    next: u64,
    /// The first number that no write has ended since.
    settled: u64,
    /// The latest of the bars that have gone. While it would still hold, it holds for every key.
    last_bar: Option<SystemTime>,
}

struct Slot {
    begun: Begun,
    content: Content,
}

enum Content {
    Reading(Loaded),
    /// A write of unknown outcome may be carried out yet: nothing is remembered that was read before it is over.
    Bar,
}

impl Shard {
    /// What may be read from memory.
    pub(super) fn get(
        &mut self,
        key: &StorageKey,
        now: SystemTime,
        limits: &Limits,
    ) -> Option<Loaded> {
        self.evict_stale(now, limits);
        let slot = self.slots.get(key)?;
        match &slot.content {
            Content::Reading(loaded) if !slot.is_over(now, limits) => Some(loaded.clone()),
            _ => None,
        }
    }

    /// Notes that a call to the backend begins.
    pub(super) fn begin(&mut self, now: SystemTime, limits: &Limits) -> Begun {
        self.evict_stale(now, limits);
        let number = self.next;
        self.next += 1;
        Begun { number, at: now }
    }

    /// Takes in what a load has brought.
    pub(super) fn loaded(
        &mut self,
        key: &StorageKey,
        begun: Begun,
        loaded: Option<&Loaded>,
        limits: &Limits,
    ) {
        let slot = self.slots.get(key);
        if slot.is_some_and(|slot| slot.begun.number > begun.number) {
            return;
        }
        self.replace(key, begun, loaded, limits);
    }

    /// Takes in what a write has left, as far as that is known. Nothing older is read from here on.
    pub(super) fn written(
        &mut self,
        key: &StorageKey,
        begun: Begun,
        stored: Option<&Loaded>,
        limits: &Limits,
    ) {
        self.replace(key, begun, stored, limits);
        self.settled = self.next;
    }

    /// Takes nothing in of a key for a while: a write of it has an unknown outcome.
    pub(super) fn bar(&mut self, key: &StorageKey, now: SystemTime, limits: &Limits) {
        let begun = self.begin(now, limits);
        self.take(key);
        self.insert(*key, begun, Content::Bar, limits);
        self.settled = self.next;
    }

    fn replace(
        &mut self,
        key: &StorageKey,
        begun: Begun,
        loaded: Option<&Loaded>,
        limits: &Limits,
    ) {
        let slot = self.slots.get(key);
        if slot.is_some_and(|slot| slot.bars(begun.at, limits)) {
            return;
        }
        self.remove(key);
        let is_barred = self
            .last_bar
            .is_some_and(|bar| holds(bar, begun.at, limits));
        if is_barred || begun.number < self.settled {
            return;
        }
        if let Some(loaded) = loaded {
            self.insert(*key, begun, Content::Reading(loaded.clone()), limits);
        }
    }

    /// Puts a slot where there is none.
    fn insert(&mut self, key: StorageKey, begun: Begun, content: Content, limits: &Limits) {
        while self.slots.len() >= limits.capacity && self.evict_oldest() {}
        self.queue.insert(begun.number, key);
        self.slots.insert(key, Slot { begun, content });
    }

    fn take(&mut self, key: &StorageKey) -> Option<Slot> {
        let slot = self.slots.remove(key)?;
        self.queue.remove(&slot.begun.number);
        Some(slot)
    }

    /// Removes a slot. What barred one key then bars all.
    fn remove(&mut self, key: &StorageKey) {
        if let Some(slot) = self.take(key)
            && matches!(slot.content, Content::Bar)
        {
            self.last_bar = self.last_bar.max(Some(slot.begun.at));
        }
    }

    fn evict_stale(&mut self, now: SystemTime, limits: &Limits) {
        for _ in 0..EVICTED_PER_CALL {
            let oldest = self.queue.values().next();
            let slot = oldest.and_then(|key| self.slots.get(key));
            if !slot.is_some_and(|slot| slot.is_over(now, limits)) {
                break;
            }
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) -> bool {
        let oldest = self.queue.pop_first();
        oldest.inspect(|(_, key)| self.remove(key)).is_some()
    }
}

impl Slot {
    fn bars(&self, at: SystemTime, limits: &Limits) -> bool {
        matches!(self.content, Content::Bar) && holds(self.begun.at, at, limits)
    }

    fn is_over(&self, now: SystemTime, limits: &Limits) -> bool {
        match &self.content {
            Content::Reading(loaded) => {
                // A clock that was set back tells no age, and the reading might stay for ever.
                let age = now.duration_since(self.begun.at);
                now >= loaded.expires_at || !age.is_ok_and(|age| age < limits.max_age)
            }
            Content::Bar => !holds(self.begun.at, now, limits),
        }
    }
}

/// Whether a bar still holds. While a clock that was set back tells no age, it does.
fn holds(bar: SystemTime, at: SystemTime, limits: &Limits) -> bool {
    at.duration_since(bar)
        .map_or(true, |age| age < limits.max_age)
}

#[cfg(all(test, feature = "testing"))]
impl Shard {
    /// How many slots there are, and how many places in the queue.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.slots.len(), self.queue.len())
    }
}
