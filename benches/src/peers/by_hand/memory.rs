//! Sessions in the process, under the hash of an id that the cookie has with its signature.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::HeaderValue;
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{BASE64, Keeper, Limits, NAME, lock, random, record, set_cookie};

const SHARDS: usize = 64;
/// How often a write is tried.
const MAX_TRIES: usize = 64;

pub(super) struct Memory {
    signing: Hmac<Sha256>,
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = HashMap<Key, Entry, BuildHasherDefault<KeyHasher>>;

#[derive(Clone)]
struct Entry {
    record: Arc<[u8]>,
    version: u64,
    limits: Limits,
}

pub(super) struct Kept {
    id: [u8; 32],
    key: Key,
    entry: Entry,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            signing: Hmac::new(&random::<64>().into()),
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Over the name's length, the name and the id.
    fn mac(&self, id: &[u8; 32]) -> Hmac<Sha256> {
        let [.., high, low] = NAME.len().to_be_bytes();
        let mut mac = self.signing.clone();
        mac.update(&[high, low]);
        mac.update(NAME.as_bytes());
        mac.update(id);
        mac
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        lock(&self.shards[usize::from(key.0[0]) % SHARDS])
    }

    fn cookie(&self, id: &[u8; 32], limits: Limits, now: u64) -> HeaderValue {
        let signature = self.mac(id).finalize().into_bytes();
        set_cookie([id, &signature], limits, now)
    }

    fn create(&self, record: &[u8], now: u64) -> HeaderValue {
        let id = random();
        let key = Key::of(&id);
        let entry = Entry {
            record: record.into(),
            version: 1,
            limits: Limits::new(now),
        };
        let cookie = self.cookie(&id, entry.limits, now);
        let before = self.shard(&key).insert(key, entry);
        assert!(before.is_none(), "256 random bits do not come twice");
        cookie
    }
}

impl Keeper for Memory {
    type Kept = Kept;

    fn open(&self, value: &[u8], now: u64) -> Option<Kept> {
        let [id, signature] = decode_two(value)?;
        // Takes the same time wherever they differ.
        self.mac(&id).verify_slice(&signature).ok()?;
        let key = Key::of(&id);
        let shard = self.shard(&key);
        let entry = shard.get(&key)?;
        (now < entry.limits.expires_at).then(|| Kept {
            id,
            entry: entry.clone(),
            key,
        })
    }

    fn record(kept: &Kept) -> &[u8] {
        &kept.entry.record
    }

    fn save(&self, kept: Option<Kept>, changes: &[u8], now: u64) -> Option<HeaderValue> {
        let Some(Kept { id, key, mut entry }) = kept else {
            return (!changes.is_empty()).then(|| self.create(changes, now));
        };
        for _ in 0..MAX_TRIES {
            let moved = entry.limits.moved(now);
            if changes.is_empty() && moved.is_none() {
                return None;
            }
            let seen = entry.version;
            for change in record::entries(changes) {
                entry.record = record::joined(record::put(&entry.record, &change));
            }
            entry.version += 1;
            entry.limits = moved.unwrap_or(entry.limits);
            let mut shard = self.shard(&key);
            let stored = shard.get_mut(&key)?;
            if now >= stored.limits.expires_at {
                return None;
            }
            if stored.version == seen {
                *stored = entry;
                return moved.map(|limits| self.cookie(&id, limits, now));
            }
            entry = stored.clone();
        }
        panic!("others were faster {MAX_TRIES} times");
    }
}

/// Reads an id and its signature, 43 characters each, at once: an `A` behind each makes 33 bytes of it, the last a zero in the
/// one text that is canonical. What follows them has the engine read both by blocks of 32 characters.
fn decode_two(value: &[u8]) -> Option<[[u8; 32]; 2]> {
    let (id, signature) = value.split_at_checked(43)?;
    let signature = signature.strip_prefix(b".")?;
    if signature.len() != 43 {
        return None;
    }
    let mut text = [b'A'; 100];
    text[..43].copy_from_slice(id);
    text[44..87].copy_from_slice(signature);
    let mut bytes = [0; 75];
    BASE64.decode_slice(text, &mut bytes).ok()?;
    match bytes.as_chunks::<33>().0 {
        [[id @ .., 0], [signature @ .., 0]] => Some([*id, *signature]),
        _ => None,
    }
}

/// The SHA-256 of an id.
#[derive(PartialEq, Eq)]
struct Key([u8; 32]);

impl Key {
    fn of(id: &[u8; 32]) -> Self {
        Self(Sha256::digest(id).into())
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        // The first bytes choose the shard.
        let part = self.0.last_chunk().expect("32 bytes are more than 8");
        hasher.write_u64(u64::from_le_bytes(*part));
    }
}

/// Takes a part of a hash as it is.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("a key is written as a number");
    }

    fn write_u64(&mut self, part: u64) {
        self.0 = part;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
