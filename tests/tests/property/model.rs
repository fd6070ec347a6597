//! The sessions of the design document, said as simply as possible: maps, and a list of what each request wrote.
//!
//! Nothing here knows of versions, conflicts, marks or encodings. A commit replays what its request wrote on what the
//! session has become meanwhile; that is all there is to merging.

use std::collections::{BTreeMap, BTreeSet};

pub(super) type Key = &'static str;
/// Each value is written once in a run, but for what updates compute.
pub(super) type Value = u64;
/// An id, or a sealed cookie, by the order of its making.
pub(super) type Name = usize;
pub(super) type SessionNumber = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    UntilRead,
    NextRequest,
}

/// What one session holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Data {
    lasting: BTreeMap<Key, Value>,
    flash: BTreeMap<Key, (Value, Lifetime)>,
}

/// One thing that a request did to a session.
#[derive(Debug, Clone)]
enum Write {
    Clear,
    Set(Key, Value),
    Unset(Key),
    Update(Key, Value),
    Flash(Key, Value, Lifetime),
    UnsetFlash(Key),
    /// That very value was seen, and goes; one that another request has put there since does not.
    ConsumeFlash(Key, Value),
}

/// The step of every update. It does not commute, so that the order of commits shows.
pub(super) fn updated(value: Option<Value>, by: Value) -> Value {
    value.unwrap_or(0).wrapping_mul(3).wrapping_add(by)
}

impl Data {
    fn apply(&mut self, write: &Write) {
        match *write {
            Write::Clear => *self = Self::default(),
            Write::Set(key, value) => drop(self.lasting.insert(key, value)),
            Write::Unset(key) => drop(self.lasting.remove(key)),
            Write::Update(key, by) => {
                let value = updated(self.lasting.get(key).copied(), by);
                self.lasting.insert(key, value);
            }
            Write::Flash(key, value, lifetime) => drop(self.flash.insert(key, (value, lifetime))),
            Write::UnsetFlash(key) => drop(self.flash.remove(key)),
            Write::ConsumeFlash(key, value) => {
                if self
                    .flash
                    .get(key)
                    .is_some_and(|&(there, _)| there == value)
                {
                    self.flash.remove(key);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lasting.is_empty() && self.flash.is_empty()
    }

    pub(super) fn get(&self, key: Key) -> Option<Value> {
        let flash = || self.flash.get(key).map(|&(value, _)| value);
        self.lasting.get(key).copied().or_else(flash)
    }

    /// As `Session::data` shows it: a lasting value hides a flash value.
    pub(super) fn shown(&self) -> BTreeMap<Key, Value> {
        let flash = self.flash.iter().map(|(&key, &(value, _))| (key, value));
        let lasting = self.lasting.iter().map(|(&key, &value)| (key, value));
        flash.chain(lasting).collect()
    }
}

/// What a response tells the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    /// It may give the browser anew what it has, with a later Max-Age, or nothing.
    Perhaps(Name),
    Cookie(Name),
    Removal,
}

/// One request and what it has done so far.
#[derive(Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, not a state of one machine"
)]
pub(super) struct Request {
    /// What its handler sees.
    pub(super) view: Data,
    /// What was stored when it loaded or last committed.
    pub(super) base: Data,
    /// When its session began.
    pub(super) created: u64,
    /// The flash values that go with this request.
    ageing: BTreeMap<Key, Value>,
    writes: Vec<Write>,
    /// The keys that it has written since it loaded or last committed.
    written: BTreeSet<Key>,
    pub(super) is_dirty: bool,
    pub(super) session: Option<SessionNumber>,
    /// The id that its browser has.
    pub(super) name: Option<Name>,
    /// The id that its session had when it last looked.
    pub(super) seen_as: Option<Name>,
    /// When it expired by then.
    pub(super) seen_expires: u64,
    /// Its session is to get a new id; the old one reads for so many seconds.
    pub(super) rotation: Option<u64>,
    pub(super) doomed: Vec<SessionNumber>,
    /// The browser has a cookie of ours, whatever it is worth.
    presented: bool,
    pub(super) removal_due: bool,
    /// It was opened by an id that is only honoured for a while.
    pub(super) resend: bool,
    /// Its session ended under it, and it knows.
    pub(super) is_orphaned: bool,
    pub(super) sent: Sent,
}

impl Request {
    pub(super) fn new(presented: bool, now: u64) -> Self {
        Self {
            view: Data::default(),
            base: Data::default(),
            created: now,
            ageing: BTreeMap::new(),
            writes: Vec::new(),
            written: BTreeSet::new(),
            is_dirty: false,
            session: None,
            name: None,
            seen_as: None,
            seen_expires: 0,
            rotation: None,
            doomed: Vec::new(),
            presented,
            removal_due: false,
            resend: false,
            is_orphaned: false,
            sent: Sent::Nothing,
        }
    }

    pub(super) fn on(data: &Data, created: u64, session: SessionNumber, name: Name) -> Self {
        let ageing = data.flash.iter().filter_map(|(&key, &(value, lifetime))| {
            (lifetime == Lifetime::NextRequest).then_some((key, value))
        });
        let ageing: BTreeMap<_, _> = ageing.collect();
        Self {
            view: data.clone(),
            base: data.clone(),
            is_dirty: !ageing.is_empty(),
            ageing,
            session: Some(session),
            name: Some(name),
            seen_as: Some(name),
            ..Self::new(true, created)
        }
    }

    pub(super) fn is_new(&self) -> bool {
        self.session.is_none()
    }

    pub(super) fn set(&mut self, key: Key, value: Value) {
        self.write(key, Write::Set(key, value));
    }

    pub(super) fn update(&mut self, key: Key, by: Value) {
        self.write(key, Write::Update(key, by));
    }

    pub(super) fn flash(&mut self, key: Key, value: Value, lifetime: Lifetime) {
        self.write(key, Write::Flash(key, value, lifetime));
    }

    pub(super) fn get(&mut self, key: Key) -> Option<Value> {
        let value = self.view.get(key)?;
        if !self.view.lasting.contains_key(key) {
            self.take_flash(key, value);
        }
        Some(value)
    }

    /// A flash value that the request itself has put there goes as if it had never come; but what it would have
    /// replaced goes, too.
    fn take_flash(&mut self, key: Key, value: Value) {
        let is_own = |write: &Write| matches!(write, Write::Flash(other, ..) if *other == key);
        let is_replacing = self.writes.iter().any(is_own);
        if is_replacing {
            let is_unset =
                |write: &Write| matches!(write, Write::UnsetFlash(other) if *other == key);
            self.writes
                .retain(|write| !is_own(write) && !is_unset(write));
        }
        let stored = self.base.flash.get(key).map(|&(stored, _)| stored);
        let gone = if is_replacing { stored } else { Some(value) };
        self.write(key, Write::ConsumeFlash(key, gone.unwrap_or(value)));
        self.view.flash.remove(key);
    }

    /// What the request neither sees nor has written needs no write to be gone.
    pub(super) fn unset(&mut self, key: Key) {
        if self.view.lasting.contains_key(key) || self.written.contains(key) {
            self.write(key, Write::Unset(key));
            self.write(key, Write::UnsetFlash(key));
        } else if self.view.flash.contains_key(key) {
            self.write(key, Write::UnsetFlash(key));
        }
    }

    /// A stored flash value that was read, or that would go with this request, stays.
    pub(super) fn keep(&mut self, key: Key) {
        let Some(&flash) = self.base.flash.get(key) else {
            return;
        };
        self.written.insert(key);
        self.is_dirty = true;
        let is_replaced = self.writes.iter().any(|write| match write {
            Write::Clear => true,
            Write::Flash(other, ..) | Write::UnsetFlash(other) => *other == key,
            _ => false,
        });
        if !is_replaced {
            let consumes =
                |write: &Write| matches!(write, Write::ConsumeFlash(other, _) if *other == key);
            self.writes.retain(|write| !consumes(write));
            self.ageing.remove(key);
            self.view.flash.insert(key, flash);
        }
    }

    pub(super) fn clear(&mut self) {
        self.view = Data::default();
        self.written.clear();
        self.writes = vec![Write::Clear];
        self.is_dirty = true;
    }

    pub(super) fn destroy(&mut self, now: u64) {
        self.removal_due |= self.presented || self.session.is_some();
        self.doomed.extend(self.session);
        // What follows is another session.
        *self = Self {
            doomed: std::mem::take(&mut self.doomed),
            removal_due: self.removal_due,
            sent: self.sent,
            ..Self::new(self.presented, now)
        };
    }

    /// Of two calls the stricter one holds: what a login has closed, no later call opens again.
    pub(super) fn regenerate(&mut self, grace: u64) {
        if self.session.is_some() {
            self.rotation = Some(self.rotation.map_or(grace, |known| known.min(grace)));
        }
    }

    fn write(&mut self, key: Key, write: Write) {
        self.view.apply(&write);
        self.writes.push(write);
        self.written.insert(key);
        self.is_dirty = true;
    }

    pub(super) fn replay_on(&self, data: &mut Data) {
        for (&key, &value) in &self.ageing {
            data.apply(&Write::ConsumeFlash(key, value));
        }
        for write in &self.writes {
            data.apply(write);
        }
    }

    /// Takes in what the session holds once this request's changes are in it, and its id by then.
    pub(super) fn settle_on(&mut self, data: &Data, name: Name) {
        self.view = data.clone();
        self.base = data.clone();
        self.seen_as = Some(name);
    }

    /// Takes in that there is nothing left to write.
    pub(super) fn forget(&mut self) {
        self.ageing.clear();
        self.writes.clear();
        self.written.clear();
        self.is_dirty = false;
        self.rotation = None;
        self.resend = false;
    }

    pub(super) fn take_sent(&mut self) -> Sent {
        std::mem::replace(&mut self.sent, Sent::Nothing)
    }
}
