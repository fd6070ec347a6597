use crate::base64url;
use crate::changes::largest;
use crate::cookie::{MAX_COOKIE_BYTES, MAX_NAME_BYTES, SessionCookie};
use crate::error::Error;
use crate::handle::Handle;
use crate::id::{SessionId, StorageKey};
use crate::keys::{KEY_ID_BYTES, NONCE_BYTES, Opened, TAG_BYTES};
use crate::manager::Context;
use crate::record::Record;
use crate::session::Session;
use crate::state::{CookieUpdate, Fate, Headers, State, Stored};
use crate::storage::session_storage::SessionStorage;

/// Fixes the suite, AES-256-GCM-SIV, and what is sealed. Another suite would be another format, never a choice of the sender's.
const FORMAT: u8 = 1;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// Before the record: the deadline, in seconds since the Unix epoch, and the id.
const LIMITS_BYTES: usize = 8 + 32;
/// The most that is authenticated beside it: format, key id and the longest name.
const AUTHENTICATED_BYTES: usize = 1 + KEY_ID_BYTES + MAX_NAME_BYTES;

/// Sessions in the cookie itself, encrypted and authenticated: no server-side storage at all.
///
/// The cookie's value is base64url without padding over: the format (1 byte), the key's id (4), a nonce (12), and
/// the deadline, the id and the record's JSON under AES-256-GCM-SIV (RFC 8452; a repeated nonce would reveal no more than that
/// two cookies are equal). Format, key id and the cookie's name are authenticated with it. What expires is checked
/// inside the seal. Name and value take at most 4096 bytes, which leaves about 2,900 for the record.
///
/// # Security
///
/// The browser keeps the only copy, so two guarantees cannot hold: of two requests at once the last response wins (G1),
/// and who has copied a cookie can use it until it expires, whatever was destroyed or regenerated since (G2, G4). Keep the
/// [`Expiry`](crate::Expiry) short, or take a server-side storage for logins that have to end.
///
/// # Example
///
/// ```
/// use session::{CookieStorage, KeyRing, SessionCookie, Sessions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
/// let sessions = Sessions::new(cookie, CookieStorage::new());
/// let session = sessions.open([""; 0]).await?;
/// session.set("theme", "dark");
/// let set_cookie = sessions.commit(&session).await?.expect("the session is new");
/// assert!(!set_cookie.to_str()?.contains("dark"), "sealed");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CookieStorage(());

impl CookieStorage {
    /// The storage. It has no state: the keys are the [`SessionCookie`]'s.
    pub fn new() -> Self {
        Self(())
    }
}

impl SessionStorage for CookieStorage {
    async fn read(&self, value: &str, context: &Context) -> Result<Option<Session>, Error> {
        Ok(read(value.as_bytes(), context))
    }

    async fn save(&self, session: &Session, context: &Context) -> Result<CookieUpdate, Error> {
        let now = context.now_unix();
        save(&mut session.handle().state(), context, now)
    }

    fn __read_at_once(
        &self,
        value: &[u8],
        context: &Context,
    ) -> Option<Result<Option<Session>, Error>> {
        Some(Ok(read(value, context)))
    }

    fn __save_at_once(
        &self,
        state: &mut State,
        context: &Context,
        now: u64,
    ) -> Option<Result<CookieUpdate, Error>> {
        Some(save(state, context, now))
    }
}

fn read(value: &[u8], context: &Context) -> Option<Session> {
    let (id, stored, opened) = open(context.cookie(), value)?;
    let created_at = stored.record.created_at_unix();
    let (now, expiry) = (context.now_unix(), context.expiry());
    if expiry.has_passed(created_at, stored.expires_at, now) {
        return None;
    }
    let resend = opened == Opened::ByOlderKey;
    let handle = Handle::stored(id, stored, resend, now, context);
    Some(Session::from_handle(handle))
}

/// Nothing changes while the state is locked. So no change meets another, and no step of an update is run again, which would be
/// the user's code.
fn save(state: &mut State, context: &Context, now: u64) -> Result<CookieUpdate, Error> {
    let has_left = state.headers == Headers::Sent;
    if has_left && !state.doomed.is_empty() {
        return Err(Error::HeadersSent);
    }
    state.doomed.clear();
    if std::mem::take(&mut state.removal_due) {
        state.cookie_due = CookieUpdate::Remove;
    }
    state.check()?;
    let expiry = context.expiry();
    if state.fate == Fate::Gone || state.is_over(expiry, now) {
        state.vanish();
        return Ok(CookieUpdate::Keep);
    }
    let expires_at = expiry.deadline(state.created_at, now);
    let moves = state.stored.as_ref().is_some_and(|stored| {
        let is_active = expiry.is_worth_writing(stored.expires_at, expires_at);
        state.resend || state.rotation.is_some() || is_active
    });
    if state.changes.is_empty() && !moves {
        return Ok(CookieUpdate::Keep);
    }
    let limit = context.max_record_bytes();
    let record = match state.record() {
        Some(seen) => state.changes.apply(seen, Some(seen), limit, now)?,
        None => state.changes.begin(state.created_at, limit, now)?,
    };
    if state.stored.is_none() && record.len() == 0 {
        return Ok(CookieUpdate::Keep);
    }
    if has_left {
        // The activity alone waits for the next request.
        let is_activity = state.changes.is_empty() && state.rotation.is_none();
        return if is_activity {
            Ok(CookieUpdate::Keep)
        } else {
            Err(Error::HeadersSent)
        };
    }
    let value = seal(context.cookie(), &state.id, &record, expires_at)?;
    state.replaced(Stored {
        key: StorageKey::NONE,
        record,
        version: 0,
        expires_at,
    });
    Ok(CookieUpdate::Set {
        value,
        max_age: expires_at.saturating_sub(now),
    })
}

fn seal(
    cookie: &SessionCookie,
    id: &SessionId,
    record: &Record,
    expires_at: u64,
) -> Result<String, Error> {
    let keys = cookie.keys();
    let nonce = keys.nonce()?;
    let key_id = keys.sealing_key_id();

    let around = HEAD_BYTES + LIMITS_BYTES + TAG_BYTES;
    let mut sealed = Vec::with_capacity(around + record.json_estimate());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&key_id);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&expires_at.to_be_bytes());
    sealed.extend_from_slice(id.as_bytes());
    record.write_json(&mut sealed);
    let bytes = cookie.name().len() + ((sealed.len() + TAG_BYTES) * 4).div_ceil(3);
    if bytes > MAX_COOKIE_BYTES {
        return Err(Error::TooLarge {
            bytes,
            limit: MAX_COOKIE_BYTES,
            largest: largest(record.raw_entries()),
        });
    }
    let mut place = [0; AUTHENTICATED_BYTES];
    let authenticated = authenticated(cookie, FORMAT, key_id, &mut place);
    // Invariant: the head was put there above; the plaintext is far below the suite's limit.
    let tag = keys.seal(nonce, authenticated, &mut sealed[HEAD_BYTES..]);
    sealed.extend_from_slice(&tag.unwrap_or_default());
    Ok(base64url::encode(sealed))
}

/// Opens a sealed value. Every failure looks the same.
fn open(cookie: &SessionCookie, value: &[u8]) -> Option<(SessionId, Stored, Opened)> {
    let mut sealed = base64url::decode(value)?;
    let (head, rest) = sealed.split_at_mut_checked(HEAD_BYTES)?;
    let (plain, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG_BYTES)?)?;
    let (&format, head) = head.split_first()?;
    let (key_id, nonce) = head.split_at_checked(KEY_ID_BYTES)?;
    let key_id = key_id.try_into().ok()?;
    if format != FORMAT {
        return None;
    }
    let mut place = [0; AUTHENTICATED_BYTES];
    let authenticated = authenticated(cookie, format, key_id, &mut place);
    let tag = (&*tag).try_into().ok()?;
    let opened = cookie
        .keys()
        .open(key_id, nonce.try_into().ok()?, authenticated, plain, tag)?;
    let (expires_at, plain) = plain.split_first_chunk::<8>()?;
    let (id, json) = plain.split_first_chunk::<32>()?;
    let id = SessionId::from_bytes(*id);
    let stored = Stored {
        key: StorageKey::NONE,
        record: Record::from_json(json)
            .ok()
            .filter(|record| record.ended().is_none())?,
        version: 0,
        expires_at: u64::from_be_bytes(*expires_at),
    };
    Some((id, stored, opened))
}

/// What is authenticated beside the sealed text. The name is last, so its length needs no mark.
fn authenticated<'a>(
    cookie: &SessionCookie,
    format: u8,
    key_id: [u8; KEY_ID_BYTES],
    place: &'a mut [u8; AUTHENTICATED_BYTES],
) -> &'a [u8] {
    // Invariant: no name is longer than there is room for.
    let name = cookie.name().as_bytes();
    let length = 1 + KEY_ID_BYTES + name.len();
    place[0] = format;
    place[1..=KEY_ID_BYTES].copy_from_slice(&key_id);
    place[1 + KEY_ID_BYTES..length].copy_from_slice(name);
    &place[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRing;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn cookie(name: &'static str) -> SessionCookie {
        SessionCookie::new(name, KeyRing::new(A).unwrap())
    }

    fn sealed(cookie: &SessionCookie) -> (SessionId, String) {
        let id = SessionId::generate().unwrap();
        let value = seal(cookie, &id, &Record::empty(5), 1234).unwrap();
        (id, value)
    }

    #[test]
    fn what_is_sealed_opens_with_its_limits() {
        let cookie = cookie("session");
        let (id, value) = sealed(&cookie);
        let (opened_id, stored, opened) = open(&cookie, value.as_bytes()).unwrap();
        assert_eq!(opened_id, id);
        assert_eq!(stored.expires_at, 1234);
        assert_eq!(stored.record, Record::empty(5));
        assert_eq!(opened, Opened::ByCurrentKey);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let cookie = cookie("session");
        let (_, value) = sealed(&cookie);
        for index in 0..value.len() {
            for bit in 0..8 {
                let mut changed = value.clone().into_bytes();
                changed[index] ^= 1 << bit;
                assert!(open(&cookie, &changed).is_none(), "byte {index}, bit {bit}");
            }
            assert!(
                open(&cookie, &value.as_bytes()[..index]).is_none(),
                "{index} bytes"
            );
        }
        assert!(open(&cookie, format!("{value}A").as_bytes()).is_none());
    }

    #[test]
    fn every_flipped_bit_beneath_the_text_is_refused() {
        let cookie = cookie("session");
        let (_, value) = sealed(&cookie);
        let sealed = base64url::decode(value).unwrap();
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert!(open(&cookie, base64url::encode(changed).as_bytes()).is_none());
            }
        }
    }

    #[test]
    fn a_value_of_another_cookie_is_refused() {
        let (_, value) = sealed(&cookie("one"));
        assert!(open(&cookie("two"), value.as_bytes()).is_none());
    }

    #[test]
    fn an_older_key_opens_and_a_retired_one_does_not() {
        let (_, value) = sealed(&cookie("session"));
        let rotated = KeyRing::new(B).unwrap().accept(A).unwrap();
        let (_, _, opened) =
            open(&SessionCookie::new("session", rotated), value.as_bytes()).unwrap();
        assert_eq!(opened, Opened::ByOlderKey);
        let retired = SessionCookie::new("session", KeyRing::new(B).unwrap());
        assert!(open(&retired, value.as_bytes()).is_none());
    }

    #[test]
    fn equal_sessions_do_not_look_equal() {
        let cookie = cookie("session");
        let id = SessionId::generate().unwrap();
        let twice = [1, 2].map(|_| seal(&cookie, &id, &Record::empty(5), 1234).unwrap());
        assert_ne!(twice[0], twice[1]);
    }
}
