//! What visitors type into forms.

/// The longest name or title that the shop takes, in characters.
const LONGEST: usize = 100;

/// A name or a title: trimmed, neither empty nor too long. What visitors may put into their session has a limit.
pub(crate) fn short_line(typed: &str) -> Option<String> {
    let line = typed.trim();
    let fits = !line.is_empty() && line.chars().count() <= LONGEST;
    fits.then(|| line.to_owned())
}
