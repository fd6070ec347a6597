use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::keys::NONCE_BYTES;

/// Nonces without a system call for each: HMAC-SHA256 of a counter under a random key (NIST SP 800-108r1 §4.1), cut to size.
///
/// Two are the same as rarely as random ones. More often they are only in a process that was forked between two cookies, and
/// that reveals whether what is sealed is the same, and no more (RFC 8452 §1, §9). A bare counter would serve as well, but tell
/// everyone how many cookies were sealed.
pub(super) struct Nonces {
    prf: Hmac<Sha256>,
    count: AtomicU64,
}

impl Nonces {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0; 64]);
        getrandom::fill(&mut *seed)?;
        Ok(Self {
            prf: Hmac::new(&(*seed).into()),
            count: AtomicU64::new(0),
        })
    }

    pub(super) fn next(&self) -> [u8; NONCE_BYTES] {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut prf = self.prf.clone();
        prf.update(&count.to_be_bytes());
        let output: [u8; 32] = prf.finalize().into_bytes().into();
        // Invariant: 32 bytes are more than 12.
        output.first_chunk().copied().unwrap_or_default()
    }
}
