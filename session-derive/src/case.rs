/// How `rename_all` spells the keys: the eight cases of serde, with serde's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const CASES: [(&str, Case); 8] = [
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("PascalCase", Case::Pascal),
    ("camelCase", Case::Camel),
    ("snake_case", Case::Snake),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("SCREAMING-KEBAB-CASE", Case::ScreamingKebab),
];

impl Case {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        CASES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, case)| *case)
    }

    /// The names that [`from_name`](Self::from_name) knows.
    pub(crate) fn names() -> [&'static str; 8] {
        CASES.map(|(name, _)| name)
    }

    /// Spells a field's name, which is `snake_case` already, in this case.
    pub(crate) fn apply(self, field: &str) -> String {
        match self {
            Case::Lower | Case::Snake => field.to_owned(),
            Case::Upper | Case::ScreamingSnake => field.to_ascii_uppercase(),
            Case::Pascal => field.split('_').map(capitalized).collect(),
            Case::Camel => uncapitalized(&Case::Pascal.apply(field)),
            Case::Kebab => field.replace('_', "-"),
            Case::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn capitalized(word: &str) -> String {
    with_first(word, |first| first.to_ascii_uppercase())
}

fn uncapitalized(word: &str) -> String {
    with_first(word, |first| first.to_ascii_lowercase())
}

fn with_first(word: &str, change: impl Fn(char) -> char) -> String {
    let mut rest = word.chars();
    rest.next().map(change).into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::{CASES, Case};

    #[test]
    fn every_case_spells_as_serde_does() {
        let expected = [
            ["theme", "very_tasty", "a", "z42", "_x", "ünique"],
            ["THEME", "VERY_TASTY", "A", "Z42", "_X", "üNIQUE"],
            ["Theme", "VeryTasty", "A", "Z42", "X", "ünique"],
            ["theme", "veryTasty", "a", "z42", "x", "ünique"],
            ["theme", "very_tasty", "a", "z42", "_x", "ünique"],
            ["THEME", "VERY_TASTY", "A", "Z42", "_X", "üNIQUE"],
            ["theme", "very-tasty", "a", "z42", "-x", "ünique"],
            ["THEME", "VERY-TASTY", "A", "Z42", "-X", "üNIQUE"],
        ];
        let fields = expected[0];
        for ((name, case), expected) in CASES.iter().zip(expected) {
            for (field, expected) in fields.iter().zip(expected) {
                assert_eq!(case.apply(field), expected, "{field} in {name}");
            }
        }
    }

    #[test]
    fn a_case_is_known_by_its_exact_name_only() {
        assert_eq!(Case::from_name("camelCase"), Some(Case::Camel));
        assert_eq!(Case::from_name("CamelCase"), None);
        assert_eq!(Case::from_name(""), None);
    }
}
