use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

use crate::base64url;
use crate::error::Error;

/// The bytes of an id: 256 random bits. OWASP ASVS 5.0, 7.2.3 asks for 128, NIST SP 800-63B-3 §7.1 for 64.
const ID_BYTES: usize = 32;

/// The secret name of a session: 256 bits from the operating system's generator, 43 characters as text.
///
/// Whoever knows it has the session. It is shown nowhere: not in `Debug`, not in logs, not in errors, and storages see
/// only its SHA-256, the [`StorageKey`]. Comparison takes the same time wherever two ids differ.
///
/// # Example
///
/// ```
/// use session::SessionId;
///
/// let id = SessionId::generate()?;
/// assert_eq!(format!("{id:?}"), "SessionId(..)");
/// assert_eq!(id.storage_key().to_string().len(), 64);
/// # Ok::<(), session::Error>(())
/// ```
#[derive(Clone)]
pub struct SessionId([u8; ID_BYTES]);

impl SessionId {
    /// Makes a fresh id.
    ///
    /// # Errors
    ///
    /// [`Error::Random`] when the operating system's generator fails: there is no weaker fallback.
    pub fn generate() -> Result<Self, Error> {
        Self::fill_with(getrandom::fill)
    }

    pub(crate) fn fill_with<E: Into<Error>>(
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, Error> {
        let mut id = Self([0; ID_BYTES]);
        fill(&mut id.0).map_err(Into::into)?;
        Ok(id)
    }

    /// A stand-in that opens nothing and is never stored, for a session whose id could not be generated.
    pub(crate) fn unusable() -> Self {
        Self([0; ID_BYTES])
    }

    /// The key under which storages keep the session: the SHA-256 of the id.
    pub fn storage_key(&self) -> StorageKey {
        StorageKey(Sha256::digest(self.0).into())
    }

    pub(crate) fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }

    pub(crate) fn push_text(&self, text: &mut String) {
        base64url::push_32(text, &self.0);
    }
}

impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SessionId {}

impl Drop for SessionId {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// The name of a session at rest: the SHA-256 of its id.
///
/// As text (`Display`) it is 64 characters of lower-case hex: safe as a file name, a Redis key or a column. Who reads a
/// storage learns no id from it, so a leaked backup opens no session.
///
/// # Example
///
/// ```
/// use session::{SessionId, StorageKey};
///
/// let key = SessionId::generate()?.storage_key();
/// assert_eq!(key.to_string().parse(), Ok(key));
/// assert!("../../etc/passwd".parse::<StorageKey>().is_err());
/// # Ok::<(), session::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey([u8; 32]);

impl StorageKey {
    /// That of a session which is stored under none, but in its cookie.
    #[cfg(feature = "cookie")]
    pub(crate) const NONE: Self = Self([0; 32]);

    /// The hash itself, 32 bytes, for storages that keep binary keys.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What `Display` shows.
    pub(crate) fn hex(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 64];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            // Invariant: a chunk has two bytes, and half a byte indexes 16 digits.
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.hex()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StorageKey(..)")
    }
}

impl FromStr for StorageKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        fn nibble(digit: u8) -> Option<u8> {
            match digit {
                b'0'..=b'9' => Some(digit - b'0'),
                b'a'..=b'f' => Some(digit - b'a' + 10),
                _ => None,
            }
        }
        let mut key = [0; 32];
        if text.len() != 64 {
            return Err(ParseKeyError);
        }
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else {
                return Err(ParseKeyError);
            };
            let (Some(high), Some(low)) = (nibble(high), nibble(low)) else {
                return Err(ParseKeyError);
            };
            *byte = high << 4 | low;
        }
        Ok(Self(key))
    }
}

/// The text is not a [`StorageKey`]: 64 characters of lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseKeyError;

impl fmt::Display for ParseKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a storage key is 64 characters of lower-case hex")
    }
}

impl std::error::Error for ParseKeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ids_differ() {
        assert_ne!(
            SessionId::generate().unwrap(),
            SessionId::generate().unwrap()
        );
    }

    #[test]
    fn a_failing_generator_is_an_error() {
        let failed = SessionId::fill_with(|_| Err(getrandom::Error::UNSUPPORTED));
        assert!(matches!(failed, Err(Error::Random(_))));
    }

    #[test]
    fn the_storage_key_is_the_sha_256_of_the_id() {
        // SHA-256 of 32 zero bytes.
        assert_eq!(
            SessionId::unusable().storage_key().to_string(),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
    }

    #[test]
    fn a_storage_key_is_read_from_lower_case_hex_alone() {
        let key = SessionId::unusable().storage_key();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(
            text.to_uppercase().parse::<StorageKey>(),
            Err(ParseKeyError)
        );
        assert_eq!(text[1..].parse::<StorageKey>(), Err(ParseKeyError));
    }
}
