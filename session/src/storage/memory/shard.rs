use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, hash_map};
use std::hash::{BuildHasherDefault, Hasher};

use crate::id::StorageKey;
use crate::record::Record;

/// A part of the sessions, behind a lock of its own.
///
/// What is kept beside a record is small: its entry, 16 bytes of a map and 16 of a queue.
#[derive(Default)]
pub(super) struct Shard {
    /// Where in `entries` each session is. Invariant: has exactly the tags of the entries.
    places: HashMap<Tag, u32, BuildHasherDefault<TagHasher>>,
    entries: Vec<Entry>,
    /// When to look at a session. Invariant: for each entry there is a pair that is not later than its deadline.
    ///
    /// A deadline that moves on leaves its pair behind, and an entry that goes as well: they are put right when their turn
    /// comes, or all at once when they are most of the queue.
    queue: BinaryHeap<Reverse<(u64, Tag)>>,
    /// Invariant: no pair is for an earlier time. Every write asks, and mostly need not look into the queue's memory.
    due: u64,
}

pub(super) struct Entry {
    pub(super) key: StorageKey,
    pub(super) record: Record,
    pub(super) version: u64,
    /// In seconds since the Unix epoch.
    pub(super) expires_at: u64,
}

/// The last bytes of a key; the first choose the shard. A key is a SHA-256, so two sessions have the same tag about once in 2^64
/// pairs: then the second key counts as taken.
type Tag = u64;

fn tag(key: &StorageKey) -> Tag {
    let last = key.as_bytes().last_chunk();
    last.map_or(0, |last| Tag::from_le_bytes(*last))
}

/// Below this there is no point in making anything smaller.
const SMALL: usize = 64;

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn live(&self, key: &StorageKey, now: u64) -> Option<&Entry> {
        let entry = self.entries.get(self.place(key)?)?;
        (now < entry.expires_at).then_some(entry)
    }

    /// Changes a session that has not expired.
    pub(super) fn change<T>(
        &mut self,
        key: &StorageKey,
        now: u64,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let place = self.place(key)?;
        let entry = self.entries.get_mut(place)?;
        if now >= entry.expires_at {
            return None;
        }
        let before = entry.expires_at;
        let changed = change(entry);
        if entry.expires_at < before {
            self.due = self.due.min(entry.expires_at);
            self.queue.push(Reverse((entry.expires_at, tag(key))));
            self.tidy();
        }
        Some(changed)
    }

    /// Adds a session, unless its key is taken.
    pub(super) fn add(&mut self, entry: Entry, now: u64) -> bool {
        let tag = tag(&entry.key);
        let expires_at = entry.expires_at;
        match self.places.entry(tag) {
            hash_map::Entry::Vacant(vacant) => {
                let Ok(place) = u32::try_from(self.entries.len()) else {
                    return false;
                };
                vacant.insert(place);
                self.entries.push(entry);
            }
            hash_map::Entry::Occupied(occupied) => {
                match self.entries.get_mut(*occupied.get() as usize) {
                    Some(there) if now >= there.expires_at => *there = entry,
                    _ => return false,
                }
            }
        }
        self.due = self.due.min(expires_at);
        self.queue.push(Reverse((expires_at, tag)));
        true
    }

    pub(super) fn remove(&mut self, key: &StorageKey) {
        if self.place(key).is_some() {
            self.remove_tag(tag(key));
            self.tidy();
        }
    }

    /// Removes expired sessions, and looks for that at no more than `most` pairs of the queue.
    pub(super) fn evict_expired(&mut self, now: u64, most: usize) -> u64 {
        let mut evicted = 0;
        for _ in 0..most {
            if self.due > now {
                break;
            }
            match self.queue.peek() {
                Some(Reverse((at, _))) if *at <= now => evicted += u64::from(self.evict_next()),
                next => self.due = next.map_or(u64::MAX, |Reverse((at, _))| *at),
            }
        }
        if evicted > 0 {
            self.tidy();
        }
        evicted
    }

    /// Removes the session that is nearest to its expiry.
    pub(super) fn evict_first(&mut self) {
        while !self.queue.is_empty() && !self.evict_next() {}
        self.tidy();
    }

    /// Takes the next pair from the queue and removes its session, or puts the pair right when it is out of date.
    fn evict_next(&mut self) -> bool {
        let Some(Reverse((at, tag))) = self.queue.pop() else {
            return false;
        };
        let Some(&place) = self.places.get(&tag) else {
            return false;
        };
        match self.entries.get(place as usize) {
            Some(entry) if entry.expires_at > at => {
                self.queue.push(Reverse((entry.expires_at, tag)));
                false
            }
            _ => {
                self.remove_tag(tag);
                true
            }
        }
    }

    fn place(&self, key: &StorageKey) -> Option<usize> {
        let place = *self.places.get(&tag(key))? as usize;
        (self.entries.get(place)?.key == *key).then_some(place)
    }

    /// The last entry takes the place of the one that goes.
    fn remove_tag(&mut self, gone: Tag) {
        let Some(place) = self.places.remove(&gone) else {
            return;
        };
        self.entries.swap_remove(place as usize);
        if let Some(moved) = self.entries.get(place as usize)
            && let Some(its_place) = self.places.get_mut(&tag(&moved.key))
        {
            *its_place = place;
        }
    }

    /// Drops what is left behind in the queue when it is most of it, and gives memory back that is mostly room. The factor of
    /// two left keeps it from growing again at once.
    fn tidy(&mut self) {
        let len = self.entries.len();
        if self.queue.len() > SMALL && self.queue.len() / 2 > len {
            let pair = |entry: &Entry| Reverse((entry.expires_at, tag(&entry.key)));
            self.queue = self.entries.iter().map(pair).collect();
        }
        if self.entries.capacity() > SMALL && len < self.entries.capacity() / 4 {
            self.entries.shrink_to(len * 2);
            self.places.shrink_to(len * 2);
            self.queue.shrink_to(len * 2);
        }
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<StorageKey> {
        self.entries.iter().map(|entry| entry.key).collect()
    }

    /// Entries, places and pairs that there is room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.entries.capacity() + self.places.capacity() + self.queue.capacity()
    }
}

/// Takes a tag as it is: it is spread already, and nobody chooses it.
#[derive(Default)]
struct TagHasher(u64);

impl Hasher for TagHasher {
    fn write(&mut self, _bytes: &[u8]) {
        // Invariant: a tag is written as a number.
    }

    fn write_u64(&mut self, tag: u64) {
        self.0 = tag;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    fn shard(deadlines: &[u64]) -> (Shard, Vec<StorageKey>) {
        let mut shard = Shard::default();
        let keys = deadlines.iter().map(|&expires_at| {
            let key = SessionId::generate().unwrap().storage_key();
            let record = Record::empty(0);
            let entry = Entry {
                key,
                record,
                version: 1,
                expires_at,
            };
            assert!(shard.add(entry, 0));
            key
        });
        let keys = keys.collect();
        (shard, keys)
    }

    fn is_there(shard: &Shard, key: &StorageKey) -> bool {
        shard.live(key, 0).is_some()
    }

    #[test]
    fn a_deadline_that_was_moved_either_way_counts() {
        let (mut shard, keys) = shard(&[10, 20, 30]);
        shard.change(&keys[0], 0, |entry| entry.expires_at = 40);
        shard.change(&keys[2], 0, |entry| entry.expires_at = 5);
        assert_eq!(shard.evict_expired(4, usize::MAX), 0);
        assert_eq!(shard.evict_expired(10, usize::MAX), 1);
        assert!(!is_there(&shard, &keys[2]));
        shard.evict_first();
        assert!(!is_there(&shard, &keys[1]) && is_there(&shard, &keys[0]));
        assert_eq!(shard.evict_expired(39, usize::MAX), 0);
        assert_eq!(shard.evict_expired(40, usize::MAX), 1);
        assert_eq!(shard.len(), 0);
    }

    #[test]
    fn what_is_due_sooner_than_was_known_goes_in_time() {
        let (mut shard, keys) = shard(&[20, 20]);
        assert_eq!(shard.evict_expired(9, usize::MAX), 0);
        shard.change(&keys[0], 9, |entry| entry.expires_at = 10);
        assert_eq!(shard.evict_expired(10, usize::MAX), 1);
        let (mut other, others) = self::shard(&[15]);
        assert!(shard.add(other.entries.pop().unwrap(), 10));
        assert_eq!(shard.evict_expired(15, usize::MAX), 1);
        assert!(!is_there(&shard, &others[0]) && is_there(&shard, &keys[1]));
    }

    #[test]
    fn what_goes_leaves_the_others_where_they_are_found() {
        let (mut shard, keys) = shard(&[10; 100]);
        for (index, key) in keys.iter().enumerate() {
            shard.remove(key);
            assert!(!is_there(&shard, key));
            assert!(keys[index + 1..].iter().all(|key| is_there(&shard, key)));
        }
        shard.remove(&keys[0]);
        assert_eq!(shard.len(), 0);
    }

    #[test]
    fn the_queue_stays_as_short_as_the_sessions_are_few() {
        let mut shard = Shard::default();
        for _ in 0..10_000 {
            let (mut other, keys) = self::shard(&[1_000]);
            let entry = other.entries.pop().unwrap();
            assert!(shard.add(entry, 0));
            shard.remove(&keys[0]);
        }
        assert!(shard.queue.len() <= 2 * SMALL, "{}", shard.queue.len());
        let (mut shard, keys) = self::shard(&[u64::MAX]);
        for expires_at in (1_000..11_000).rev() {
            shard.change(&keys[0], 0, |entry| entry.expires_at = expires_at);
        }
        assert!(shard.queue.len() <= 2 * SMALL, "{}", shard.queue.len());
    }

    #[test]
    fn a_key_is_taken_until_its_session_has_expired() {
        let (mut shard, keys) = shard(&[10]);
        let again = |expires_at| Entry {
            key: keys[0],
            record: Record::empty(0),
            version: 1,
            expires_at,
        };
        assert!(!shard.add(again(50), 9));
        assert!(shard.add(again(50), 10));
        assert_eq!((shard.len(), shard.evict_expired(10, usize::MAX)), (1, 0));
        assert!(is_there(&shard, &keys[0]));
    }
}
