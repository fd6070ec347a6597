use proc_macro2::Ident;
use quote::format_ident;

use crate::ast::Kind;
use crate::attr::Lifetime;

/// One of the methods that a field gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accessor {
    Get,
    Set,
    Update,
    Unset,
    Has,
    Flash,
    Take,
    Peek,
    Keep,
    /// The accessors of a flattened schema.
    View,
}

impl Accessor {
    pub(crate) fn all_of(kind: &Kind) -> &'static [Accessor] {
        use Accessor::{Flash, Get, Has, Keep, Peek, Set, Take, Unset, Update, View};
        match kind {
            Kind::Optional | Kind::Defaulted(_) | Kind::Plain => &[Get, Set, Update, Unset, Has],
            Kind::Flash(_) => &[Flash, Take, Peek, Has, Keep],
            Kind::Nested => &[View],
        }
    }

    /// What the accessor does: the first word of its name.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Accessor::Get => "get",
            Accessor::Set => "set",
            Accessor::Update => "update",
            Accessor::Unset => "unset",
            Accessor::Has => "has",
            Accessor::Flash => "flash",
            Accessor::Take => "take",
            Accessor::Peek => "peek",
            Accessor::Keep => "keep",
            Accessor::View => "view",
        }
    }

    /// The method's name. It has the span of what it is named after, so that "go to definition" leads to the field.
    pub(crate) fn name(self, base: &Ident) -> Ident {
        match self {
            // A getter has no verb: that is the convention of Rust.
            Accessor::Get | Accessor::View => base.clone(),
            _ => format_ident!("{}_{}", self.verb(), base),
        }
    }

    /// A call whose result nobody looks at was for nothing.
    pub(crate) fn only_reads(self) -> bool {
        matches!(
            self,
            Accessor::Get | Accessor::Has | Accessor::Peek | Accessor::View
        )
    }

    /// The first line of the method's documentation.
    pub(crate) fn summary(self, field: &str, kind: &Kind) -> String {
        match (self, kind) {
            (Accessor::Get, Kind::Defaulted(_)) => {
                format!("Reads `{field}`, or its default when the session has none.")
            }
            (Accessor::Get, _) => format!("Reads `{field}`."),
            (Accessor::Set, _) => format!("Sets `{field}`."),
            (Accessor::Update, _) => format!(
                "Changes `{field}` in place. `change` runs again, on the fresh value, when another request got in between."
            ),
            (Accessor::Unset, Kind::Defaulted(_)) => {
                format!("Removes `{field}`, which then reads as its default.")
            }
            (Accessor::Unset, _) => format!("Removes `{field}`."),
            (Accessor::Has, _) => format!("Says whether the session has `{field}`."),
            (Accessor::Flash, Kind::Flash(Lifetime::NextRequest)) => {
                format!("Flashes `{field}`: it is gone after the next request, read or not.")
            }
            (Accessor::Flash, _) => format!("Flashes `{field}`: it stays until it is read."),
            (Accessor::Take, _) => format!("Reads `{field}` once: then it is gone."),
            (Accessor::Peek, _) => format!("Reads `{field}` and leaves it."),
            (Accessor::Keep, _) => format!("Keeps `{field}` for one more request."),
            (Accessor::View, _) => format!("The accessors of `{field}`, a schema of its own."),
        }
    }
}
