//! Base64url without padding (RFC 4648 §5), as cookies carry bytes. Only the one canonical text of some bytes is read.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;

/// The length of 32 bytes as text.
pub(crate) const TEXT_OF_32: usize = 43;
/// The same with one character more: then a multiple of four.
const WHOLE: usize = TEXT_OF_32 + 1;
/// Two of them, and what makes the engine read both by blocks of 32: it reads the last four characters one by one, and before
/// them what is no block.
const BLOCKS: usize = 3 * 32 + 4;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: LazyLock<GeneralPurpose> =
    LazyLock::new(|| GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD));

/// For what is too short for the blocks of the other.
static SHORT: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD);

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}

/// Writes 32 bytes behind what is there.
pub(crate) fn push_32(text: &mut String, bytes: &[u8; 32]) {
    let mut buffer = [0; TEXT_OF_32];
    // Invariant: 32 bytes take that much, all of it ASCII.
    let written = SHORT.encode_slice(bytes, &mut buffer);
    debug_assert_eq!(written, Ok(TEXT_OF_32), "43 characters are 32 bytes");
    text.push_str(std::str::from_utf8(&buffer).unwrap_or_default());
}

pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Reads two texts of 32 bytes at once, which takes hardly longer than one.
///
/// Behind each comes an `A`, which is six zero bits. So they are 33 bytes each, and the last of them is zero when the text is
/// canonical.
pub(crate) fn decode_two(first: &[u8], second: &[u8]) -> Option<[[u8; 32]; 2]> {
    let mut text = [b'A'; BLOCKS];
    for (place, part) in text.chunks_exact_mut(WHOLE).zip([first, second]) {
        if part.len() != TEXT_OF_32 {
            return None;
        }
        place.get_mut(..TEXT_OF_32)?.copy_from_slice(part);
    }
    let mut bytes = [0; BLOCKS / 4 * 3];
    ENGINE.decode_slice(text, &mut bytes).ok()?;
    match bytes.as_chunks::<33>().0 {
        [[first @ .., 0], [second @ .., 0], ..] => Some([*first, *second]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn two_texts_read_as_each_by_itself() {
        for seed in 0_u8..=255 {
            let first: [u8; 32] = Sha256::digest([seed]).into();
            let second: [u8; 32] = Sha256::digest(first).into();
            let texts = [encode(first), encode(second)];
            assert_eq!(
                decode_two(texts[0].as_bytes(), texts[1].as_bytes()),
                Some([first, second])
            );
            assert_eq!(decode(&texts[0]).unwrap(), first);
        }
    }

    #[test]
    fn only_the_canonical_text_is_read() {
        let text = "A".repeat(42);
        let good = format!("{text}A");
        let good = good.as_bytes();
        assert!(decode_two(good, good).is_some());
        // The last character carries two bits that must be zero: `B` would be a second text for the same bytes.
        for bad in [
            format!("{text}B"),
            format!("{text}="),
            text.clone(),
            format!("{text}AA"),
            format!("../{}", "A".repeat(40)),
            format!("+{text}"),
            "\0".repeat(43),
            "é".repeat(43),
            String::new(),
        ] {
            assert_eq!(decode_two(bad.as_bytes(), good), None);
            assert_eq!(decode_two(good, bad.as_bytes()), None);
        }
        assert_eq!(decode(format!("{text}B")), None);
    }
}
