//! What the shop remembers about a visitor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use session::SessionSchema;

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

/// Read from the form and stored in the session as the same type, so that nothing else can get in.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The theme of that name.
    pub fn named(name: &str) -> Option<Theme> {
        [Theme::Light, Theme::Dark]
            .into_iter()
            .find(|theme| theme.name() == name)
    }

    /// Its name in forms, in the session and in HTML.
    pub fn name(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The one to switch to.
    pub fn other(self) -> Theme {
        match self {
            Theme::Light => Theme::Dark,
            Theme::Dark => Theme::Light,
        }
    }
}
