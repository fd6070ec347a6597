use crate::storage::name::InvalidName;

pub(super) const VERSION: &str = "version";
pub(super) const RECORD: &str = "record";

/// What the table and its own attributes are called.
///
/// Invariant: the four attributes have four names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) table: String,
    /// The partition key.
    pub(super) key: String,
    /// The TTL attribute.
    pub(super) ttl: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            table: "sessions".to_owned(),
            key: "_idx".to_owned(),
            ttl: "_ttl".to_owned(),
        }
    }
}

impl Names {
    pub(super) fn with_table(&self, table: String) -> Result<Self, InvalidName> {
        let is_part = |byte: u8, more: &[u8]| {
            byte.is_ascii_alphanumeric() || b"_-.".contains(&byte) || more.contains(&byte)
        };
        let is_name =
            (3..=255).contains(&table.len()) && table.bytes().all(|byte| is_part(byte, b""));
        let is_arn = table.len() <= 1024
            && table.starts_with("arn:")
            && table.bytes().all(|byte| is_part(byte, b":/"));
        if !is_name && !is_arn {
            return Err(InvalidName {
                expected: "a table of DynamoDB has a name of 3 to 255 letters, digits, `_`, `-` and `.`, or is an ARN",
            });
        }
        Ok(Self {
            table,
            ..self.clone()
        })
    }

    pub(super) fn with_attributes(&self, key: String, ttl: String) -> Result<Self, InvalidName> {
        let is_free =
            |name: &str| (1..=255).contains(&name.len()) && ![VERSION, RECORD].contains(&name);
        if !is_free(&key) || !is_free(&ttl) || key == ttl {
            return Err(InvalidName {
                expected: "the partition key and the TTL attribute have two names of 1 to 255 bytes, neither of them \
                           `version` or `record`",
            });
        }
        Ok(Self {
            key,
            ttl,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_name_or_an_arn() {
        let names = Names::default();
        let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/sessions";
        let longest = "t".repeat(255);
        for good in ["abc", "Shop_sessions-1.2", &longest, arn] {
            let names = names.with_table(good.to_owned()).unwrap();
            assert_eq!((names.table.as_str(), names.key.as_str()), (good, "_idx"));
        }
        for bad in [
            "",
            "ab",
            "a b c",
            "größe",
            "a:b:c",
            "a/b",
            "arn:a b",
            &"t".repeat(256),
        ] {
            assert!(names.with_table(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_attribute_is_called_as_another() {
        let names =
            |key: &str, ttl: &str| Names::default().with_attributes(key.to_owned(), ttl.to_owned());
        let longest = "n".repeat(255);
        for (key, ttl) in [("id", "expires"), ("_ttl", "_idx"), ("größe", &longest)] {
            let names = names(key, ttl).unwrap();
            assert_eq!((names.key.as_str(), names.ttl.as_str()), (key, ttl));
        }
        let too_long = "n".repeat(256);
        for (key, ttl) in [
            ("id", "id"),
            ("", "ttl"),
            ("id", ""),
            ("record", "ttl"),
            ("id", "record"),
            ("version", "ttl"),
            ("id", "version"),
            ("id", &too_long),
        ] {
            assert!(names(key, ttl).is_err(), "{key:?} {ttl:?}");
        }
    }
}
