/// The known name that `written` was most likely meant to be, if any is near.
///
/// Near is one slip of the hand (a letter added, lost, replaced, or swapped with the next one) for every three letters.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (distance(written, name), name))
        .filter(|(slips, name)| *slips <= allowed(name))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

fn allowed(name: &str) -> usize {
    (name.chars().count() / 3).max(1)
}

/// The optimal string alignment distance: how many slips turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    // Invariant: each row holds `to.len() + 1` numbers and `column` stays below `to.len()`; `before_last` is a row as soon
    // as there is a previous letter.
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous_letter = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &wanted) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != wanted);
            let mut slips = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = column > 0 && previous_letter == Some(wanted) && letter == to[column - 1];
            if swapped {
                slips = slips.min(before_last[column - 1] + 1);
            }
            current.push(slips);
        }
        before_last = std::mem::replace(&mut last, current);
        previous_letter = Some(letter);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn each_slip_counts_once() {
        for (from, to, slips) in [
            ("default", "default", 0),
            ("defualt", "default", 1),
            ("defalt", "default", 1),
            ("defaultt", "default", 1),
            ("dafault", "default", 1),
            ("", "into", 4),
            ("into", "", 4),
            ("flash", "rename", 5),
        ] {
            assert_eq!(distance(from, to), slips, "{from} to {to}");
            assert_eq!(distance(to, from), slips, "{to} to {from}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["default", "flash", "into", "rename"];
        assert_eq!(nearest("defualt", known), Some("default"));
        assert_eq!(nearest("flsh", known), Some("flash"));
        assert_eq!(nearest("int", known), Some("into"));
        assert_eq!(nearest("expires_in", known), None);
        assert_eq!(nearest("", known), None);
    }
}
