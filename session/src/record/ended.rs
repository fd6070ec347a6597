use hkdf::Hkdf;
use sha2::Sha256;

use crate::base64url;
use crate::id::{SessionId, StorageKey};
use crate::record::{Entry, Kind, Record, State, Terms, pack};

/// The mark that a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Destroyed,
    Rotated(Rotated),
}

/// Where a session went when its id was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rotated {
    pub(crate) successor: StorageKey,
    pub(crate) forward: Option<Forward>,
}

/// The way from an old id to the new one, for as long as the old one is still honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forward {
    /// The new id under a pad that only the old id yields: at rest no id stands in the clear.
    pub(crate) padded_id: [u8; 32],
    pub(crate) until: u64,
}

impl Forward {
    /// The way from an old id to its successor, for as long as `until`, in seconds since the Unix epoch.
    pub(crate) fn new(old_id: &SessionId, new_id: &SessionId, until: u64) -> Self {
        Self {
            padded_id: padded(old_id, new_id.as_bytes()),
            until,
        }
    }

    /// Where the way leads, for whoever has the old id.
    pub(crate) fn follow(&self, old_id: &SessionId) -> SessionId {
        SessionId::from_bytes(padded(old_id, &self.padded_id))
    }
}

/// Puts a pad over an id, or takes it off. An id is replaced once, so each pad is used once.
fn padded(old_id: &SessionId, bytes: &[u8; 32]) -> [u8; 32] {
    let mut pad = [0; 32];
    // Invariant: HKDF-SHA256 yields up to 8160 bytes.
    let expanded =
        Hkdf::<Sha256>::new(None, old_id.as_bytes()).expand(b"session v1 forward", &mut pad);
    debug_assert!(expanded.is_ok(), "32 bytes are within HKDF's limit");
    for (pad, byte) in pad.iter_mut().zip(bytes) {
        *pad ^= byte;
    }
    pad
}

impl Record {
    /// The mark that a session ended.
    pub(crate) fn mark(created_at: u64, ended: &Ended) -> Self {
        let Ended::Rotated(Rotated { successor, forward }) = ended else {
            return pack(created_at, State::Ended, &mut []);
        };
        let successor = format!("\"{successor}\"");
        let id_and_until = forward.as_ref().map(|forward| {
            let id = base64url::encode(forward.padded_id);
            (format!("\"{id}\""), forward.until.to_string())
        });
        let entry = |key, value| {
            let (kind, terms) = (Kind::Ended, Terms::default());
            let entry: Entry<'_> = Entry {
                key,
                kind,
                value,
                terms,
            };
            entry.raw()
        };
        let successor = entry("successor", &successor);
        match &id_and_until {
            None => pack(created_at, State::Ended, &mut [successor]),
            Some((id, until)) => {
                let mut entries = [entry("forward", id), successor, entry("until", until)];
                pack(created_at, State::Ended, &mut entries)
            }
        }
    }

    /// How the session ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        if self.state() == State::Live {
            return None;
        }
        if self.len() == 0 {
            return Some(Ended::Destroyed);
        }
        let text = |key| {
            let entry = self.find(key, Kind::Ended)?.text()?;
            serde_json::from_str::<String>(entry.value).ok()
        };
        let successor = text("successor")?.parse().ok()?;
        let forward = text("forward").and_then(|id| {
            Some(Forward {
                padded_id: base64url::decode(id)?.try_into().ok()?,
                until: self
                    .find("until", Kind::Ended)?
                    .text()?
                    .value
                    .parse()
                    .ok()?,
            })
        });
        Some(Ended::Rotated(Rotated { successor, forward }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_ended_sessions_go_there_and_back() {
        let successor = SessionId::unusable().storage_key();
        let forward = Some(Forward {
            padded_id: [9; 32],
            until: 1234,
        });
        for ended in [
            Ended::Destroyed,
            Ended::Rotated(Rotated {
                successor,
                forward: None,
            }),
            Ended::Rotated(Rotated { successor, forward }),
        ] {
            let record = Record::mark(5, &ended);
            assert_eq!(record.ended(), Some(ended));
            assert_eq!(
                Record::from_json(record.to_json().as_bytes()).unwrap(),
                record
            );
        }
    }

    #[test]
    fn the_way_to_a_new_id_opens_with_the_old_one_alone_and_shows_neither() {
        let [old, new, other] = [(); 3].map(|()| SessionId::generate().unwrap());
        let forward = Forward::new(&old, &new, 5);
        assert_eq!(forward.follow(&old), new);
        assert_ne!(forward.follow(&other), new);
        assert!(forward.padded_id != *new.as_bytes() && forward.padded_id != *old.as_bytes());
    }
}
