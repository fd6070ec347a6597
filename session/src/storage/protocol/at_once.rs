//! What most requests come to, over a backend in this process: the same steps without waiting, so that nothing has to be
//! kept for later. A commit of another kind goes the ordinary way.

use crate::handle::Handle;
use crate::keys::Opened;
use crate::manager::Context;
use crate::session::Session;
use crate::state::{CookieUpdate, Fate, Headers, State, Stored};
use crate::storage::backend::{Created, Updated};
use crate::storage::in_process::InProcess;
use crate::storage::protocol::{MAX_HOPS, next_id};

/// [`read`](super::read).
pub(in crate::storage) fn read(
    backend: &dyn InProcess,
    value: &[u8],
    context: &Context,
) -> Option<Session> {
    let (mut id, opened) = context.cookie().verify(value)?;
    let mut resend = opened == Opened::ByOlderKey;
    for _ in 0..MAX_HOPS {
        let key = id.storage_key();
        let now = context.now_unix();
        let stored = backend.load_at(&key, now)?;
        let Some(ended) = stored.record.ended() else {
            let created_at = stored.record.created_at_unix();
            let expiry = context.expiry();
            if expiry.has_passed(created_at, stored.expires_at, now) {
                return None;
            }
            let handle = Handle::stored(id, stored, resend, now, context);
            return Some(Session::from_handle(handle));
        };
        id = next_id(&ended, &id, now).filter(|_| now < stored.expires_at)?;
        resend = true;
    }
    None
}

/// How often a commit is tried at once. Others are in this process, too, and it is soon done.
const MAX_TRIES: u32 = 8;

/// [`save`](super::save), of changes to a session that goes on as it is, or of a new one.
///
/// The caller has the lock of the state, so all of this is one step for whoever shares the session.
pub(in crate::storage) fn save(
    backend: &dyn InProcess,
    state: &mut State,
    context: &Context,
    now: u64,
) -> Option<CookieUpdate> {
    let is_plain = state.fate != Fate::Gone
        && !state.has_destroyed()
        && state.rotation.is_none()
        && state.fault.is_none()
        && !state.changes.is_empty();
    if !is_plain {
        return None;
    }
    if let Some(stored) = &state.stored {
        let next = updated(backend, state, stored, context, now)?;
        state.replaced(next);
        return Some(CookieUpdate::Keep);
    }
    let first = created(backend, state, context, now)?;
    let cookie = CookieUpdate::Set {
        value: context.cookie().sign(&state.id),
        max_age: first.expires_at.saturating_sub(now),
    };
    state.replaced(first);
    Some(cookie)
}

fn updated(
    backend: &dyn InProcess,
    state: &State,
    seen: &Stored,
    context: &Context,
    now: u64,
) -> Option<Stored> {
    let (expiry, limit) = (context.expiry(), context.max_record_bytes());
    let deadline = expiry.deadline(state.created_at, now);
    // Then the browser has to be told, or there is nothing to write to.
    let is_over = deadline <= now;
    if state.resend || is_over || expiry.is_worth_writing(seen.expires_at, deadline) {
        return None;
    }
    let mut changed = None;
    for _ in 0..MAX_TRIES {
        if state.changes.runs_steps(changed.is_none()) {
            return None;
        }
        let fresh = changed.as_ref().unwrap_or(seen);
        let record = state
            .changes
            .apply(&fresh.record, Some(&seen.record), limit, now)
            .ok()?;
        let (key, expires_at) = (fresh.key, fresh.expires_at);
        match backend.update_at(&key, &record, fresh.version, expires_at, now) {
            Updated::Done { version } => {
                return Some(Stored {
                    key,
                    record,
                    version,
                    expires_at,
                });
            }
            Updated::Conflict => {
                let fresh = backend.load_at(&key, now)?;
                if fresh.record.ended().is_some() {
                    return None;
                }
                changed = Some(fresh);
            }
            Updated::Gone => return None,
        }
    }
    None
}

fn created(backend: &dyn InProcess, state: &State, context: &Context, now: u64) -> Option<Stored> {
    if state.headers == Headers::Sent {
        return None;
    }
    let limit = context.max_record_bytes();
    if state.changes.runs_steps(true) {
        return None;
    }
    let record = state.changes.begin(state.created_at, limit, now).ok()?;
    if record.len() == 0 {
        return None;
    }
    let key = state.id.storage_key();
    let expires_at = context.expiry().deadline(state.created_at, now);
    match backend.create_at(&key, &record, expires_at, now) {
        Created::Done { version } => Some(Stored {
            key,
            record,
            version,
            expires_at,
        }),
        Created::Taken => None,
    }
}
