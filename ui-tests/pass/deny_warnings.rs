#![deny(warnings, missing_docs, unused, private_interfaces, private_bounds)]
#![warn(clippy::pedantic)]
//! A crate that lets nothing pass.

use session::{Session, SessionSchema};

/// A schema with every attribute.
#[derive(SessionSchema)]
#[session(prefix = "v_", rename_all = "kebab-case", strict, accessors = "Accessors", crate = session)]
pub struct Visitor {
    /// A value.
    #[session(alias = "uid", privileged, secret, expires_in = "1d")]
    pub user_id: Option<u64>,
    /// A value.
    #[session(default, with = "plain", rename = "cart")]
    pub items: Vec<u64>,
    /// A value.
    #[session(accessor = "made", into)]
    pub created_at: Option<Box<str>>,
    #[session(skip)]
    cache: u64,
    /// More values.
    #[session(flatten, prefix = "auth_")]
    pub(crate) auth: private::Auth,
}

mod private {
    use session::SessionSchema;

    #[derive(SessionSchema)]
    pub(crate) struct Auth {
        #[session(default)]
        pub(crate) role: Role,
    }

    #[derive(Default, serde::Serialize, serde::Deserialize)]
    pub(crate) struct Role;
}

mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        Vec::deserialize(deserializer)
    }
}

fn main() {
    let session = Session::new().schema::<Visitor>();
    session.set_user_id(7);
    session.auth().set_role(private::Role);
    assert_eq!(Visitor::KEYS, ["v_user-id", "v_cart", "v_created-at", "auth_role"]);
}
