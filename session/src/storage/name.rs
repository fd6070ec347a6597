use std::fmt;

/// A name that a storage cannot give to what it makes: a table, or the beginning of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName {
    pub(super) expected: &'static str,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
}

impl std::error::Error for InvalidName {}
