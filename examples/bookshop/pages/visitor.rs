//! What the shop remembers about a visitor.

use std::collections::BTreeMap;

use session::SessionSchema;

use crate::theme::Theme;

/// The schema of the session. The derive turns each field into methods of `Session<Visitor>`: `theme()` and
/// `set_theme(..)`, `update_cart(..)`, `flash_success(..)` and `take_success()`, and so on.
#[derive(SessionSchema)]
pub struct Visitor {
    /// The name that the visitor logged in with. Being `privileged`, it gives the session another id when it changes.
    #[session(privileged)]
    pub user: Option<String>,

    /// What the shop looks like.
    #[session(default)]
    pub theme: Theme,

    /// How many of each title.
    #[session(default)]
    pub cart: BTreeMap<String, u32>,

    /// What went well, for the next page.
    #[session(flash)]
    pub success: Option<String>,

    /// What went wrong, for the next page.
    #[session(flash)]
    pub error: Option<String>,
}
