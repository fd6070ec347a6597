//! Sessions in the cookie itself: the format (1 byte), the key's id (4), a nonce (12), and under AES-256-GCM-SIV the deadline (8),
//! when the session began (8), its id (32) and the record.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aes_gcm_siv::aead::AeadInOut as _;
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _};
use axum::http::HeaderValue;
use base64::Engine as _;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::{BASE64, Keeper, Limits, NAME, random, record, set_cookie};

const FORMAT: u8 = 1;
/// The format and the key's id.
const MARK_BYTES: usize = 1 + 4;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = MARK_BYTES + NONCE_BYTES;
/// What is sealed before the record.
const LIMITS_BYTES: usize = 8 + 8 + 32;
const TAG_BYTES: usize = 16;

pub(super) struct Sealed {
    cipher: Aes256GcmSiv,
    mark: [u8; MARK_BYTES],
    /// The mark and the cookie's name.
    authenticated: Vec<u8>,
    /// Nonces are the HMAC of a counter under a secret of their own: a third of what the system's generator takes, and as little
    /// likely to come twice.
    nonces: Hmac<Sha256>,
    next_nonce: AtomicU64,
}

pub(super) struct Kept {
    limits: Limits,
    /// All but the tag, opened.
    opened: Vec<u8>,
}

impl Sealed {
    pub(super) fn new() -> Self {
        let [a, b, c, d] = random();
        let mark = [FORMAT, a, b, c, d];
        Self {
            cipher: Aes256GcmSiv::new(&random::<32>().into()),
            mark,
            authenticated: [&mark, NAME.as_bytes()].concat(),
            nonces: Hmac::new(&random::<64>().into()),
            next_nonce: AtomicU64::new(0),
        }
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut mac = self.nonces.clone();
        mac.update(&self.next_nonce.fetch_add(1, Relaxed).to_be_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        *bytes.first_chunk().expect("32 are more than 12")
    }
}

impl Keeper for Sealed {
    type Kept = Kept;

    fn open(&self, value: &[u8], now: u64) -> Option<Kept> {
        let mut sealed = BASE64.decode(value).ok()?;
        let (head, rest) = sealed.split_at_mut_checked(HEAD_BYTES)?;
        let (plain, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG_BYTES)?)?;
        let nonce: [u8; NONCE_BYTES] = head.strip_prefix(&self.mark)?.try_into().ok()?;
        let tag: [u8; TAG_BYTES] = (&*tag).try_into().ok()?;
        self.cipher
            .decrypt_inout_detached(
                &nonce.into(),
                &self.authenticated,
                (&mut *plain).into(),
                &tag.into(),
            )
            .ok()?;
        let (expires_at, plain) = plain.split_first_chunk()?;
        let (created_at, _) = plain.split_first_chunk()?;
        let limits = Limits {
            expires_at: u64::from_be_bytes(*expires_at),
            created_at: u64::from_be_bytes(*created_at),
        };
        sealed.truncate(sealed.len() - TAG_BYTES);
        (now < limits.expires_at).then_some(Kept {
            limits,
            opened: sealed,
        })
    }

    fn record(kept: &Kept) -> &[u8] {
        &kept.opened[HEAD_BYTES + LIMITS_BYTES..]
    }

    fn save(&self, kept: Option<Kept>, changes: &[u8], now: u64) -> Option<HeaderValue> {
        let moved = kept.as_ref().and_then(|kept| kept.limits.moved(now));
        if changes.is_empty() && moved.is_none() {
            return None;
        }
        let (id, limits, record) = match &kept {
            Some(kept) => {
                let id = &kept.opened[HEAD_BYTES + LIMITS_BYTES - 32..];
                let id = *id.first_chunk().expect("it was sealed with one");
                let mut record = Cow::Borrowed(Self::record(kept));
                for change in record::entries(changes) {
                    record = Cow::Owned(record::put(&record, &change).concat());
                }
                (id, moved.unwrap_or(kept.limits), record)
            }
            None => (random::<32>(), Limits::new(now), Cow::Borrowed(changes)),
        };
        let nonce = self.nonce();
        let around = HEAD_BYTES + LIMITS_BYTES + TAG_BYTES;
        let mut sealed = Vec::with_capacity(around + record.len());
        for part in [
            &self.mark[..],
            &nonce,
            &limits.expires_at.to_be_bytes(),
            &limits.created_at.to_be_bytes(),
            &id,
            &record,
        ] {
            sealed.extend_from_slice(part);
        }
        let tag = self.cipher.encrypt_inout_detached(
            &nonce.into(),
            &self.authenticated,
            (&mut sealed[HEAD_BYTES..]).into(),
        );
        sealed.extend_from_slice(&tag.expect("a cookie is far below the limit"));
        Some(set_cookie([&sealed], limits, now))
    }
}
