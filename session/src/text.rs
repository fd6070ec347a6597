//! Bytes as text.

/// As [`std::str::from_utf8`], but many bytes at once: for what is often longer than a few words.
pub(crate) fn utf8(bytes: &[u8]) -> Option<&str> {
    simdutf8::basic::from_utf8(bytes).ok()
}
