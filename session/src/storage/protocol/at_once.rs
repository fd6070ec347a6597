//! What most requests come to, over a backend in this process: the same steps without waiting, so that nothing has to be
//! kept for later. Whatever is not of that kind goes the ordinary way.

use crate::error::Error;
use crate::handle::Handle;
use crate::manager::Context;
use crate::session::Session;
use crate::state::{CookieUpdate, Fate, Headers, State, Stored};
use crate::storage::backend::{Created, Updated};
use crate::storage::in_process::InProcess;

/// [`read`](super::read), of a session that was not given another id.
pub(in crate::storage) fn read(
    backend: &dyn InProcess,
    value: &[u8],
    context: &Context,
) -> Option<Result<Option<Session>, Error>> {
    let Some((id, opened)) = context.cookie().verify(value) else {
        return Some(Ok(None));
    };
    let key = id.storage_key();
    let now = context.now_unix();
    let Some(stored) = backend.load_at(&key, now) else {
        return Some(Ok(None));
    };
    if stored.record.ended().is_some() {
        return None;
    }
    let created_at = stored.record.created_at_unix();
    let is_over = context
        .expiry()
        .has_passed(created_at, stored.expires_at, now);
    let resend = opened == crate::keys::Opened::ByOlderKey;
    let open = || Session::from_handle(Handle::stored(id, stored, resend, now, context));
    Some(Ok((!is_over).then(open)))
}

/// [`save`](super::save), of changes to a session that nobody else has changed, or of a new one.
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
        && !state.changes.is_empty()
        && !state.changes.has_stale_steps();
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
    let expiry = context.expiry();
    let deadline = expiry.deadline(state.created_at, now);
    // Then the browser has to be told, or there is nothing to write to.
    if state.resend || deadline <= now || expiry.is_worth_writing(seen.expires_at, deadline) {
        return None;
    }
    let limit = context.max_record_bytes();
    let record = &seen.record;
    let record = state.changes.apply(record, Some(record), limit, now).ok()?;
    match backend.update_at(&seen.key, &record, seen.version, seen.expires_at, now) {
        Updated::Done { version } => Some(Stored {
            record,
            version,
            ..*seen
        }),
        Updated::Conflict | Updated::Gone => None,
    }
}

fn created(backend: &dyn InProcess, state: &State, context: &Context, now: u64) -> Option<Stored> {
    if state.headers == Headers::Sent {
        return None;
    }
    let limit = context.max_record_bytes();
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
