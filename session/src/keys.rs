use std::fmt;
use std::sync::Arc;
#[cfg(feature = "cookie")]
use std::sync::OnceLock;

#[cfg(feature = "cookie")]
use aes::Aes256Enc;
#[cfg(feature = "cookie")]
use aes_gcm_siv::aead::AeadInOut as _;
#[cfg(feature = "cookie")]
use aes_gcm_siv::{AesGcmSiv, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

#[cfg(feature = "cookie")]
mod nonces;

#[cfg(feature = "cookie")]
use self::nonces::Nonces;

/// The least a secret must have, in bytes: the strength of the keys made from it.
const SECRET_BYTES: usize = 32;

/// The bytes of a signature: the whole HMAC-SHA256.
pub(crate) const SIGNATURE_BYTES: usize = 32;
/// The bytes by which a sealed cookie names its key.
#[cfg(feature = "cookie")]
pub(crate) const KEY_ID_BYTES: usize = 4;
#[cfg(feature = "cookie")]
pub(crate) const NONCE_BYTES: usize = 12;
#[cfg(feature = "cookie")]
pub(crate) const TAG_BYTES: usize = 16;

/// The keys of a session cookie: the first signs and seals, every one opens.
///
/// From each secret come a signing key, a sealing key and a key id by HKDF-SHA256 (RFC 5869) with a label of their own,
/// so that none says anything of another. All are wiped from memory on drop and redacted in `Debug`.
///
/// To rotate, put the new secret first and accept the old one. A cookie opened with the old key is written anew under
/// the new one; once the longest session has ended (30 days by default), drop the old secret: its cookies are anonymous then.
///
/// # Example
///
/// ```
/// use session::KeyRing;
///
/// let keys = KeyRing::new("the new secret, 32 bytes or more, from your secret store")?
///     .accept("the older secret, which still opens the cookies of last week")?;
/// assert_eq!(format!("{keys:?}"), "KeyRing { keys: 2, .. }");
/// assert!(KeyRing::new("too short").is_err());
/// # Ok::<(), session::KeyError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing {
    /// Invariant: never empty.
    keys: Vec<Arc<Key>>,
}

impl KeyRing {
    /// A ring of one secret, which signs, seals and opens.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooShort`] for a secret of less than 32 bytes. Length is all that can be checked: take random bytes
    /// (`openssl rand -base64 32`), not a sentence.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self {
            keys: vec![Arc::new(Key::derive(secret.as_ref())?)],
        })
    }

    /// Adds an older secret, which opens but no longer signs or seals.
    ///
    /// # Errors
    ///
    /// [`KeyError::TooShort`] as in [`new`](Self::new), and [`KeyError::Repeated`] for a secret that is in the ring already.
    pub fn accept(mut self, older_secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let key = Key::derive(older_secret.as_ref())?;
        if self.keys.iter().any(|known| known.id == key.id) {
            return Err(KeyError::Repeated);
        }
        self.keys.push(Arc::new(key));
        Ok(self)
    }

    /// A ring from an environment variable: one secret, or several with commas between, the newest first.
    ///
    /// Spaces around a secret do not count.
    ///
    /// # Errors
    ///
    /// [`KeyError::Missing`] when the variable is not set or not text, and [`KeyError::InVariable`] for a secret that
    /// [`new`](Self::new) or [`accept`](Self::accept) refuses.
    ///
    /// # Example
    ///
    /// ```
    /// use session::{KeyError, KeyRing};
    ///
    /// let missing = KeyRing::from_env("NO_SUCH_VARIABLE").unwrap_err();
    /// assert!(matches!(missing, KeyError::Missing { .. }));
    /// ```
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let secrets = std::env::var(variable).map_err(|_| KeyError::Missing {
            variable: variable.to_owned(),
        })?;
        Self::from_list(&Zeroizing::new(secrets)).map_err(|error| KeyError::InVariable {
            variable: variable.to_owned(),
            source: Box::new(error),
        })
    }

    /// A ring of one random secret: for tests and first steps. After a restart no older cookie opens.
    ///
    /// # Errors
    ///
    /// [`KeyError::Random`] when the operating system's generator fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut *secret).map_err(|_| KeyError::Random)?;
        Self::new(*secret)
    }

    fn from_list(secrets: &str) -> Result<Self, KeyError> {
        let mut secrets = secrets.split(',').map(str::trim);
        let first = Self::new(secrets.next().unwrap_or_default())?;
        secrets.try_fold(first, Self::accept)
    }

    /// The signature of a message, made with the first key.
    pub(crate) fn sign(&self, message: Message<'_>) -> [u8; SIGNATURE_BYTES] {
        // Invariant: a ring has a key. Nothing verifies a signature of zeros.
        let key = self.keys.first();
        key.map_or([0; SIGNATURE_BYTES], |key| {
            key.mac(message).finalize().into_bytes().into()
        })
    }

    /// Which key made a signature, if any did. Every comparison takes the same time.
    pub(crate) fn verify(&self, message: Message<'_>, signature: &[u8]) -> Option<Opened> {
        let index = self
            .keys
            .iter()
            .position(|key| key.mac(message).verify_slice(signature).is_ok())?;
        Some(Opened::by(index))
    }

    /// A nonce for the first key, which a ring shares with its clones.
    #[cfg(feature = "cookie")]
    pub(crate) fn nonce(&self) -> Result<[u8; NONCE_BYTES], getrandom::Error> {
        // Invariant: a ring has a key. Without one nothing is sealed.
        let key = self.keys.first();
        key.map_or(Ok([0; NONCE_BYTES]), |key| Ok(key.nonces()?.next()))
    }

    /// Encrypts `buffer` in place with the first key, and gives the tag.
    #[cfg(feature = "cookie")]
    pub(crate) fn seal(
        &self,
        nonce: [u8; NONCE_BYTES],
        authenticated: &[u8],
        buffer: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let key = self.keys.first()?;
        let tag = key
            .sealing
            .encrypt_inout_detached(&Nonce::from(nonce), authenticated, buffer.into())
            .ok()?;
        Some(tag.into())
    }

    /// Decrypts `buffer` in place with the key of that id.
    #[cfg(feature = "cookie")]
    pub(crate) fn open(
        &self,
        key_id: [u8; KEY_ID_BYTES],
        nonce: [u8; NONCE_BYTES],
        authenticated: &[u8],
        buffer: &mut [u8],
        tag: [u8; TAG_BYTES],
    ) -> Option<Opened> {
        let index = self.keys.iter().position(|key| key.id == key_id)?;
        self.keys
            .get(index)?
            .sealing
            .decrypt_inout_detached(
                &Nonce::from(nonce),
                authenticated,
                buffer.into(),
                &Tag::from(tag),
            )
            .ok()?;
        Some(Opened::by(index))
    }

    #[cfg(feature = "cookie")]
    pub(crate) fn sealing_key_id(&self) -> [u8; KEY_ID_BYTES] {
        self.keys
            .first()
            .map_or_else(Default::default, |key| key.id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// What is signed: an id under a cookie's name, which has at most 256 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) cookie_name: &'a str,
    pub(crate) id: &'a [u8; 32],
}

/// How a cookie opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// By the key that signs and seals now.
    ByCurrentKey,
    /// By an accepted key: the cookie is to be written anew.
    ByOlderKey,
}

impl Opened {
    fn by(index: usize) -> Self {
        if index == 0 {
            Self::ByCurrentKey
        } else {
            Self::ByOlderKey
        }
    }
}

struct Key {
    id: [u8; 4],
    signing: Hmac<Sha256>,
    /// The suite uses AES in one direction alone. Without the round keys of the other there is less to make, and to wipe.
    #[cfg(feature = "cookie")]
    sealing: AesGcmSiv<Aes256Enc>,
    #[cfg(feature = "cookie")]
    nonces: OnceLock<Nonces>,
}

impl Key {
    fn derive(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES {
            return Err(KeyError::TooShort {
                bytes: secret.len(),
            });
        }
        let secret = Hkdf::<Sha256>::new(None, secret);
        let mut id = [0; 4];
        id.copy_from_slice(&expand::<4>(&secret, "session v1 key id")?[..]);
        Ok(Self {
            id,
            signing: Hmac::new(&(*expand::<64>(&secret, "session v1 signing")?).into()),
            #[cfg(feature = "cookie")]
            sealing: {
                use aes_gcm_siv::KeyInit as _;
                AesGcmSiv::new(&(*expand::<32>(&secret, "session v1 sealing")?).into())
            },
            #[cfg(feature = "cookie")]
            nonces: OnceLock::new(),
        })
    }

    /// They begin with the first cookie, so that processes which are forked before it have nonces of their own.
    #[cfg(feature = "cookie")]
    fn nonces(&self) -> Result<&Nonces, getrandom::Error> {
        if let Some(nonces) = self.nonces.get() {
            return Ok(nonces);
        }
        let fresh = Nonces::new()?;
        Ok(self.nonces.get_or_init(|| fresh))
    }

    /// The name's length in two bytes, the name, and the id: there is one way to read the whole. With a name of up to 21 bytes
    /// it is one block of SHA-256.
    fn mac(&self, message: Message<'_>) -> Hmac<Sha256> {
        let Message { cookie_name, id } = message;
        // Invariant: a cookie's name is far shorter than that.
        let length = u16::try_from(cookie_name.len()).unwrap_or(u16::MAX);
        let mut mac = self.signing.clone();
        mac.update(&length.to_be_bytes());
        mac.update(cookie_name.as_bytes());
        mac.update(id);
        mac
    }
}

fn expand<const N: usize>(
    secret: &Hkdf<Sha256>,
    label: &str,
) -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut key = Zeroizing::new([0; N]);
    secret
        .expand(label.as_bytes(), &mut *key)
        .map_err(|_| KeyError::Random)?;
    Ok(key)
}

/// Why there is no [`KeyRing`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// A secret has less than 32 bytes.
    #[non_exhaustive]
    TooShort {
        /// The bytes it has.
        bytes: usize,
    },
    /// The same secret stands in the ring twice.
    Repeated,
    /// The environment variable is not set, or is not text.
    #[non_exhaustive]
    Missing {
        /// The variable's name.
        variable: String,
    },
    /// A secret in the environment variable is refused.
    #[non_exhaustive]
    InVariable {
        /// The variable's name.
        variable: String,
        /// Why.
        source: Box<KeyError>,
    },
    /// The operating system's random generator failed.
    Random,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { bytes } => write!(
                f,
                "a session secret of {bytes} bytes is too short; take {SECRET_BYTES} or more, as `openssl rand -base64 32` makes them"
            ),
            Self::Repeated => f.write_str("the same session secret is given twice"),
            Self::Missing { variable } => write!(
                f,
                "the environment variable {variable} is not set; give it a secret of {SECRET_BYTES} bytes or more, as `openssl rand -base64 32` makes them"
            ),
            Self::InVariable { variable, source } => {
                write!(f, "{variable}: {source} (commas separate several secrets)")
            }
            Self::Random => f.write_str("the operating system's random generator failed"),
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    #[cfg(feature = "cookie")]
    use std::collections::HashSet;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    const ID: &[u8; 32] = b"an id as it is: thirty-two bytes";

    fn signature(keys: &KeyRing, cookie_name: &str, id: &[u8; 32]) -> Vec<u8> {
        keys.sign(Message { cookie_name, id }).to_vec()
    }

    #[test]
    fn secrets_under_32_bytes_are_refused() {
        assert_eq!(
            KeyRing::new(&A[1..]).unwrap_err(),
            KeyError::TooShort { bytes: 31 }
        );
        assert!(KeyRing::new(A).unwrap().accept("short").is_err());
        assert_eq!(
            KeyRing::new(A).unwrap().accept(A).unwrap_err(),
            KeyError::Repeated
        );
    }

    #[test]
    fn a_list_has_the_newest_secret_first() {
        let list = KeyRing::from_list(&format!("{A}, {B}")).unwrap();
        let only_a = KeyRing::new(A).unwrap();
        assert_eq!(signature(&list, "n", ID), signature(&only_a, "n", ID));
        assert!(KeyRing::from_list(&format!("{A},")).is_err());
        assert!(KeyRing::from_list("").is_err());
    }

    #[test]
    fn an_older_key_verifies_and_says_so_and_a_retired_one_does_not() {
        let old = KeyRing::new(B).unwrap();
        let message = Message {
            cookie_name: "n",
            id: ID,
        };
        let signed = signature(&old, "n", ID);
        assert_eq!(old.verify(message, &signed), Some(Opened::ByCurrentKey));
        let rotated = KeyRing::new(A).unwrap().accept(B).unwrap();
        assert_eq!(rotated.verify(message, &signed), Some(Opened::ByOlderKey));
        assert_eq!(KeyRing::new(A).unwrap().verify(message, &signed), None);
    }

    #[test]
    fn a_signature_covers_name_and_id_apart() {
        let keys = KeyRing::new(A).unwrap();
        let other = b"bn id as it is: thirty-two bytes";
        assert_ne!(signature(&keys, "n", ID), signature(&keys, "n", other));
        assert_ne!(signature(&keys, "n", ID), signature(&keys, "na", ID));
    }

    #[cfg(feature = "cookie")]
    #[test]
    fn nonces_differ_over_threads_and_clones() {
        let keys = KeyRing::new(A).unwrap();
        let threads = [(); 4].map(|()| {
            let clone = keys.clone().accept(B).unwrap();
            std::thread::spawn(move || {
                (0..10_000)
                    .map(|_| clone.nonce().unwrap())
                    .collect::<Vec<_>>()
            })
        });
        let nonces = threads.map(|thread| thread.join().unwrap());
        let different: HashSet<_> = nonces.iter().flatten().collect();
        assert_eq!(different.len(), 40_000);
    }

    #[cfg(feature = "cookie")]
    #[test]
    fn two_rings_of_one_secret_have_other_nonces() {
        let nonces = || {
            let keys = KeyRing::new(A).unwrap();
            [(); 100].map(|()| keys.nonce().unwrap())
        };
        let (one, other) = (nonces(), nonces());
        assert!(one.iter().all(|nonce| !other.contains(nonce)));
    }

    #[test]
    fn the_signature_is_the_documented_one() {
        let (_, prk) = Hkdf::<Sha256>::extract(None, A.as_bytes());
        let mut key = [0; 64];
        prk.expand(b"session v1 signing", &mut key).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(b"\0\x01n");
        mac.update(ID);
        let expected = mac.finalize().into_bytes();
        assert_eq!(signature(&KeyRing::new(A).unwrap(), "n", ID), &expected[..]);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(
            format!("{:?}", KeyRing::new(A).unwrap()),
            "KeyRing { keys: 1, .. }"
        );
    }
}
