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

#[cfg(all(test, feature = "memory"))]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::{Backend as _, Expiry, KeyRing, MemoryStorage, SessionCookie, Sessions};

    const NOW: u64 = 1_800_000_000;

    struct Scene {
        storage: MemoryStorage,
        sessions: Sessions,
    }

    impl Scene {
        fn new() -> Self {
            let storage = MemoryStorage::new();
            let cookie = SessionCookie::new("session", KeyRing::new([7; 32]).unwrap());
            let sessions = Sessions::new(cookie, storage.clone());
            Self { storage, sessions }
        }

        fn context(&self) -> &Context {
            self.sessions.context()
        }

        /// A session that was stored then.
        fn stored(&self) -> Session {
            let session = self.new_session();
            session.set("a", 1);
            assert!(matches!(
                self.save(&session, NOW),
                Some(CookieUpdate::Set { .. })
            ));
            session
        }

        fn new_session(&self) -> Session {
            let state = State::new(SessionId::generate().unwrap(), NOW, None);
            Session::from_handle(Handle::of(state, Some(self.context())))
        }

        /// The same session in another request.
        fn again(&self, session: &Session, now: u64) -> Session {
            let id = session.id();
            let stored = self.storage.load_at(&id.storage_key(), now).unwrap();
            Session::from_handle(Handle::stored(id, stored, false, now, self.context()))
        }

        fn save(&self, session: &Session, now: u64) -> Option<CookieUpdate> {
            let mut state = session.handle().state();
            save(&self.storage, &mut state, self.context(), now)
        }

        fn data(&self, session: &Session) -> String {
            self.again(session, NOW).data().to_string()
        }
    }

    #[test]
    fn a_commit_that_meets_another_keeps_the_changes_of_both() {
        let scene = Scene::new();
        let session = scene.stored();
        let (one, two) = (scene.again(&session, NOW), scene.again(&session, NOW));
        one.set("b", 2);
        two.set("c", 3);
        assert_eq!(scene.save(&one, NOW), Some(CookieUpdate::Keep));
        assert_eq!(scene.save(&two, NOW), Some(CookieUpdate::Keep));
        assert_eq!(scene.data(&session), r#"{"a":1,"b":2,"c":3}"#);
        assert!(!two.is_dirty() && two.handle().state().stored.as_ref().unwrap().version == 3);
    }

    /// It is the user's code, which may use the session.
    #[test]
    fn a_step_that_is_to_be_run_again_is_left_to_the_ordinary_way() {
        let scene = Scene::new();
        let session = scene.stored();
        let add = |session: &Session| {
            let clone = session.clone();
            session.update("a", move |a: &mut Option<u32>| {
                assert!(clone.has("a"));
                *a.get_or_insert(0) += 1;
            });
        };
        let (one, two) = (scene.again(&session, NOW), scene.again(&session, NOW));
        add(&one);
        add(&two);
        assert_eq!(scene.save(&one, NOW), Some(CookieUpdate::Keep));
        assert_eq!(scene.save(&two, NOW), None);
        assert_eq!(scene.data(&session), r#"{"a":2}"#);
        assert!(two.is_dirty());
    }

    /// What it is, what the request does, and when it ends.
    type Change = (&'static str, fn(&Session), u64);

    #[test]
    fn what_needs_more_than_one_write_or_a_cookie_is_left_to_the_ordinary_way() {
        let scene = Scene::new();
        let session = scene.stored();
        let idle = Expiry::default().idle.as_secs();
        let changes: [Change; 6] = [
            ("nothing", |_| {}, NOW),
            (
                "activity is due",
                |session| session.set("b", 2),
                NOW + idle / 2,
            ),
            (
                "a new id",
                |session| {
                    session.regenerate_id();
                    session.set("b", 2);
                },
                NOW,
            ),
            (
                "a destruction",
                |session| {
                    session.destroy();
                    session.set("b", 2);
                },
                NOW,
            ),
            (
                "a value that cannot be stored",
                |session| session.set("b", too_deep()),
                NOW,
            ),
            (
                "a cookie that is to be written anew",
                |session| {
                    session.handle().state().resend = true;
                    session.set("b", 2);
                },
                NOW,
            ),
        ];
        for (what, change, now) in changes {
            let session = scene.again(&session, now);
            change(&session);
            assert_eq!(scene.save(&session, now), None, "{what}");
        }
        assert_eq!(scene.data(&session), r#"{"a":1}"#);
    }

    fn too_deep() -> serde_json::Value {
        (0..200).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]))
    }

    #[test]
    fn a_new_session_is_stored_once_it_holds_something_that_the_browser_can_be_told_of() {
        let scene = Scene::new();
        let session = scene.new_session();
        session.unset("a");
        assert_eq!(scene.save(&session, NOW), None);
        session.set("a", 1);
        session.handle().state().headers = Headers::Sent;
        assert_eq!(scene.save(&session, NOW), None);
        assert!(scene.storage.is_empty());
        session.handle().state().headers = Headers::Due;
        assert!(scene.save(&session, NOW).is_some());
        assert_eq!(scene.storage.len(), 1);
    }

    #[tokio::test]
    async fn what_has_ended_meanwhile_is_left_to_the_ordinary_way() {
        let scene = Scene::new();
        let session = scene.stored();
        let late = scene.again(&session, NOW);
        late.set("b", 2);
        scene
            .storage
            .delete(&session.id().storage_key())
            .await
            .unwrap();
        assert_eq!(scene.save(&late, NOW), None);
        assert!(scene.storage.is_empty());
    }
}
