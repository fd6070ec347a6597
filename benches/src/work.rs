//! What every library is given to do: the same routes, keys and values.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Sessions in rotation.
pub(crate) const SESSIONS: usize = 1024;
/// Keys of an ordinary session: 489 bytes of JSON.
pub(crate) const KEYS: usize = 10;
/// Requests of one session at once, in the case that counts what they keep.
pub(crate) const AT_ONCE: usize = 64;
/// How long a handler of that case waits between reading and writing.
pub(crate) const WAIT: Duration = Duration::from_millis(20);
/// The key that is read and written.
pub(crate) const USER: &str = "user_id";
/// The header in which `/count` answers.
pub(crate) const COUNT: &str = "x-count";

/// What [`USER`] is at first.
pub(crate) const FIRST_USER: u64 = 7;

/// The keys of a session beside [`USER`], and their values: texts, since most of what sessions hold is.
pub(crate) fn texts(keys: usize) -> impl Iterator<Item = (String, &'static str)> {
    const TEXT: &str = "a value of some forty-two characters, each";
    (1..keys).map(|number| {
        let length = if number == 9 { 41 } else { 42 };
        (format!("key-{number}"), &TEXT[..length])
    })
}

/// Another number at each call, so that a write changes something.
pub(crate) fn next_user() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    NEXT.fetch_add(1, Relaxed)
}

/// The key that the request of that number adds.
pub(crate) fn added(number: usize) -> String {
    format!("added-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_session_is_489_bytes_of_json() {
        let mut session = serde_json::Map::new();
        session.insert(USER.to_owned(), FIRST_USER.into());
        session.extend(texts(KEYS).map(|(key, text)| (key, text.into())));
        assert_eq!(serde_json::Value::Object(session).to_string().len(), 489);
    }
}
