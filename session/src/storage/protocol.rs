//! The commit protocol: how a session is read from a [`Backend`] and written to it, so that no change is lost (G1) and
//! no destroyed session returns (G2).
//!
//! A commit is a set of changes. It is applied to the record that was loaded and written on condition that this is still
//! the one that is stored. On a conflict the record is loaded again, the changes are applied to that, and so on. When the
//! record is gone, so are the changes.
//!
//! No backend can rename a key and check it in one step, so an id is replaced in two: the record is created under the new
//! key, which nobody knows yet; then the old record is replaced, on condition of its version, by a mark that names the
//! new key. That second step decides. If the old session was destroyed before it, the new record is deleted unseen. If a
//! destruction comes after it, it meets the mark, follows it, and ends the session under its new key. A commit that was
//! under way meanwhile follows the mark in the same way, and its changes survive. The mark opens nothing.

pub(super) mod at_once;
mod rotation;
mod writer;

use crate::error::{Chain, Error, StorageError};
use crate::expiry::{from_unix, to_unix};
use crate::handle::Handle;
use crate::id::{SessionId, StorageKey};
use crate::manager::Context;
use crate::record::{Ended, Record, Rotated};
use crate::session::Session;
use crate::state::{CookieUpdate, Doomed, Fate, Stored};
use crate::storage::backend::{Backend, Loaded, Updated};
use crate::storage::protocol::writer::{Outcome, Writer};

/// How often a commit is tried. Within a process conflicts take turns, so this bounds what other processes can cause.
const MAX_TRIES: u32 = 64;
/// How many replaced ids in a row are followed.
const MAX_HOPS: u32 = 16;
/// How long the mark of a replaced id stays, in seconds: longer than whoever holds the old id takes to commit, web sockets
/// included, and whatever the session's own limits are.
const MARK_SECONDS: u64 = 24 * 3600;

/// Reads the session that a cookie's value stands for.
pub(super) async fn read<B: Backend>(
    backend: &B,
    value: &str,
    context: &Context,
) -> Result<Option<Session>, Error> {
    let Some((mut id, opened)) = context.cookie().verify(value.as_bytes()) else {
        return Ok(None);
    };
    let mut resend = opened == crate::keys::Opened::ByOlderKey;
    for _ in 0..MAX_HOPS {
        let key = id.storage_key();
        let loaded = backend.load(&key).await;
        let Some((loaded, now)) = live(loaded, context)? else {
            return Ok(None);
        };
        let Some(ended) = loaded.record.ended() else {
            let handle = Handle::stored(id, Stored::of(key, loaded), resend, now, context);
            return Ok(Some(Session::from_handle(handle)));
        };
        let Some(next) = next_id(&ended, &id, now) else {
            return Ok(None);
        };
        id = next;
        resend = true;
    }
    Ok(None)
}

/// The id that goes on in place of one whose mark was found, if whoever has the old one may know.
fn next_id(ended: &Ended, old: &SessionId, now: u64) -> Option<SessionId> {
    match ended {
        Ended::Rotated(Rotated {
            forward: Some(forward),
            ..
        }) if now < forward.until => Some(forward.follow(old)),
        Ended::Rotated(_) | Ended::Destroyed => None,
    }
}

/// Writes what has changed in a session.
pub(super) async fn save<B: Backend>(
    backend: &B,
    session: &Session,
    context: &Context,
) -> Result<CookieUpdate, Error> {
    let handle = session.handle();
    // What few commits need is boxed, here and below: the rest of them is smaller for it, and smaller is faster.
    if handle.state().has_destroyed() {
        Box::pin(carry_out_destructions(backend, handle, context)).await?;
    }
    let now = context.now_unix();
    let snapshot = {
        let mut state = handle.state();
        if state.fate != Fate::Gone {
            state.check()?;
        }
        if state.fate == Fate::Gone || state.is_over(context.expiry(), now) {
            state.vanish();
            return Ok(CookieUpdate::Keep);
        }
        state.snapshot()
    };
    let writer = Writer {
        backend,
        context,
        snapshot: &snapshot,
        now,
    };
    let outcome = match (&snapshot.stored, &snapshot.rotation) {
        (None, _) => writer.create().await?,
        (Some(stored), Some(rotation)) => Box::pin(writer.rotate(stored, rotation)).await?,
        (Some(stored), None) if snapshot.changes.is_empty() => writer.touch(stored).await?,
        (Some(stored), None) => writer.update(stored).await?,
    };
    let mut state = handle.state();
    match outcome {
        Outcome::Nothing => Ok(CookieUpdate::Keep),
        Outcome::Gone => {
            tracing::debug!("session ended meanwhile; this request's changes to it are dropped");
            state.vanished(&snapshot);
            Ok(CookieUpdate::Keep)
        }
        Outcome::Written { stored, id, cookie } => {
            let max_age = stored.expires_at.saturating_sub(now);
            let value = match &id {
                Some(id) if cookie && !snapshot.headers_sent => Some(context.cookie().sign(id)),
                _ => None,
            };
            state.written(&snapshot, stored, id);
            Ok(value.map_or(CookieUpdate::Keep, |value| CookieUpdate::Set {
                value,
                max_age,
            }))
        }
    }
}

async fn carry_out_destructions<B: Backend>(
    backend: &B,
    handle: &Handle,
    context: &Context,
) -> Result<(), Error> {
    loop {
        let next = handle.state().doomed.last().copied();
        let Some(doomed) = next else { break };
        destroy(backend, doomed, context).await?;
        handle
            .state()
            .doomed
            .retain(|known| known.key != doomed.key);
    }
    let mut state = handle.state();
    if std::mem::take(&mut state.removal_due) {
        state.cookie_due = CookieUpdate::Remove;
    }
    Ok(())
}

/// Ends a stored session, wherever its id was replaced to meanwhile.
///
/// Deleting alone would not do: a rotation that has just created its new record could still put its mark down. So the
/// record is first claimed by a mark of its own, which no other writer gets past, and then deleted.
async fn destroy<B: Backend>(backend: &B, doomed: Doomed, context: &Context) -> Result<(), Error> {
    let Doomed {
        mut key,
        mut version,
        ..
    } = doomed;
    let mark = Record::mark(0, &Ended::Destroyed);
    for attempt in 0..MAX_TRIES {
        // The deletion comes next; should this process end before it, the mark goes by itself.
        let mark_until = from_unix(context.now_unix().saturating_add(MARK_SECONDS));
        match backend.update(&key, &mark, version, mark_until).await? {
            Updated::Done { .. } => return Ok(backend.delete(&key).await?),
            Updated::Gone => return Ok(()),
            Updated::Conflict => pause(attempt).await,
        }
        let Some(mut stored) = load(backend, key, context).await? else {
            return Ok(());
        };
        while let Some(ended) = stored.record.ended() {
            backend.delete(&stored.key).await?;
            let Ended::Rotated(Rotated { successor, .. }) = ended else {
                return Ok(());
            };
            let Some(next) = load(backend, successor, context).await? else {
                return Ok(());
            };
            stored = next;
        }
        Stored { key, version, .. } = stored;
    }
    // Nobody is served by keeping the session: what is left is the unconditional way.
    backend.delete(&key).await?;
    Err(Error::Contended { tries: MAX_TRIES })
}

/// Loads a record that has not expired by our clock, whatever the storage's says (G7).
async fn load<B: Backend>(
    backend: &B,
    key: StorageKey,
    context: &Context,
) -> Result<Option<Stored>, Error> {
    let loaded = backend.load(&key).await;
    let live = live(loaded, context)?;
    Ok(live.map(|(loaded, _)| Stored::of(key, loaded)))
}

/// What was loaded, if it has not expired, and the time by which that was seen, in seconds since the Unix epoch.
///
/// Inlined, since it is on every request's way, and what is passed on is large to be moved about.
#[inline]
fn live(
    loaded: Result<Option<Loaded>, StorageError>,
    context: &Context,
) -> Result<Option<(Loaded, u64)>, Error> {
    let loaded = match loaded {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Ok(None),
        Err(error @ StorageError::Corrupt(_)) => {
            tracing::error!(error = %Chain(&error), "stored session read as missing");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let expires_at = to_unix(loaded.expires_at);
    let now = context.now_unix();
    let is_over = match loaded.record.ended() {
        None => context
            .expiry()
            .has_passed(loaded.record.created_at_unix(), expires_at, now),
        Some(_) => now >= expires_at,
    };
    Ok((!is_over).then_some((loaded, now)))
}

/// Waits a random while before another try, longer after each, so that two processes do not keep in step.
#[cfg(feature = "tokio")]
async fn pause(attempt: u32) {
    let Ok(random) = getrandom::u32() else { return };
    let most_micros = 500_u32 << attempt.min(6);
    let micros = u64::from(random % most_micros);
    // Outside of tokio there is no timer to wait by.
    if tokio::runtime::Handle::try_current().is_ok() {
        tokio::time::sleep(std::time::Duration::from_micros(micros)).await;
    }
}

#[cfg(not(feature = "tokio"))]
async fn pause(_attempt: u32) {
    std::future::ready(()).await;
}
