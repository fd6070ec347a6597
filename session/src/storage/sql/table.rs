use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::storage::name::InvalidName;

/// What PostgreSQL keeps of a name. MySQL takes one byte more, SQLite any number.
const MAX_BYTES: usize = 63;
const INDEX_SUFFIX: &str = "_expires_at";

/// The name of a table.
///
/// Invariant: each part is an identifier that needs no escaping: letters, digits and underscores, no digit first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    schema: Option<String>,
    name: String,
}

impl Table {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidName> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        if !is_identifier(name) || !schema.is_none_or(is_identifier) {
            return Err(InvalidName {
                expected: "a table name of letters, digits and underscores, no digit first, 63 bytes at most, \
                           with or without a schema before it, as in `app.sessions`",
            });
        }
        Ok(Self {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// The name as SQL takes it, with its schema. Quoted, so that a reserved word is a name, too.
    pub(super) fn quoted(&self, quote: char) -> String {
        format!("{}{quote}{}{quote}", self.schema(quote), self.name())
    }

    /// The name alone.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The schema and its dot, or nothing.
    pub(super) fn schema(&self, quote: char) -> String {
        match &self.schema {
            Some(schema) => format!("{quote}{schema}{quote}."),
            None => String::new(),
        }
    }

    /// The name of the index on the expiry: one that no other table's index has.
    ///
    /// A long one is cut, and has a hash in it. PostgreSQL would cut it to the name of the table, or to that of another's index,
    /// find that this is there already, and make none.
    pub(super) fn index(&self) -> String {
        let room = MAX_BYTES - INDEX_SUFFIX.len();
        if self.name.len() <= room {
            return format!("{}{INDEX_SUFFIX}", self.name);
        }
        let hash = Sha256::digest(&self.name);
        let mut index: String = self.name.chars().take(room - 9).collect();
        index.push('_');
        for byte in hash.iter().take(4) {
            // Writing to a string cannot fail.
            let _ = write!(index, "{byte:02x}");
        }
        index + INDEX_SUFFIX
    }
}

impl Default for Table {
    fn default() -> Self {
        Self {
            schema: None,
            name: "sessions".to_owned(),
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn is_identifier(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= MAX_BYTES
        && text.bytes().all(is_part)
        && text
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_an_identifier_with_or_without_a_schema() {
        let longest = "t".repeat(63);
        for good in [
            "sessions",
            "_s1",
            "Select",
            "app.sessions",
            &longest,
            &format!("{longest}.{longest}"),
        ] {
            assert_eq!(Table::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a.b.c",
            "1st",
            "a.1st",
            "a b",
            "a-b",
            "a\"b",
            "a`b",
            "a;b",
            "a'b",
            "größe",
            "a\0",
            &"t".repeat(64),
        ] {
            assert!(Table::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_quoted_part_by_part() {
        assert_eq!(
            Table::parse("sessions").unwrap().quoted('"'),
            r#""sessions""#
        );
        assert_eq!(
            Table::parse("app.order").unwrap().quoted('`'),
            "`app`.`order`"
        );
    }

    #[test]
    fn the_index_of_each_table_has_its_own_name_that_no_database_cuts() {
        let index = |name: &str| Table::parse(name).unwrap().index();
        assert_eq!(index("app.sessions"), "sessions_expires_at");
        assert_eq!(index(&"t".repeat(52)).len(), 63);
        let (one, two) = (index(&"t".repeat(53)), index(&"t".repeat(63)));
        assert_eq!((one.len(), two.len()), (63, 63));
        assert_ne!(one, two);
    }
}
