#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]
#![deny(unreachable_pub, unused_qualifications, missing_debug_implementations)]
//! No lint fires in the user's crate.

use session::SessionSchema;

mod private {
    use serde::{Deserialize, Serialize};
    use session::SessionSchema;

    #[derive(Debug, Serialize, Deserialize, Default)]
    struct Theme;

    /// A schema that nobody uses.
    #[derive(SessionSchema, Debug)]
    struct Unused {
        user_id: Option<u64>,
        #[session(default)]
        theme: Theme,
        #[session(default = Theme)]
        other_theme: Theme,
        #[session(flash)]
        notice: Option<String>,
    }

    #[derive(SessionSchema, Debug)]
    struct Visible {
        pub(crate) theme: Option<Theme>,
    }

    // What the user allows here is not to be said again about the accessors.
    #[derive(SessionSchema, Debug)]
    #[allow(non_snake_case, deprecated)]
    struct Strange {
        userID: Option<u64>,
        #[deprecated]
        old: Option<u64>,
        older: Option<Old>,
        #[session(default)]
        oldest: Old,
    }

    #[derive(Debug, Serialize, Deserialize, Default)]
    #[deprecated]
    struct Old;
}

/// A schema.
#[derive(SessionSchema, Debug)]
pub struct Visitor {
    /// Who is logged in.
    pub user_id: Option<u64>,
    /// A name.
    #[session(default, into)]
    pub name: Box<str>,
    /// A notice.
    #[session(flash)]
    pub notice: Option<String>,
}

fn main() {}
