//! What this library aims at, as numbers that a run can miss.

/// A limit to a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

impl Aim {
    /// The limit, and whether that figure keeps to it.
    pub(crate) fn judge(self, figure: f64) -> String {
        let (sign, limit, met) = match self {
            Self::AtMost(limit) => ("≤", limit, figure <= limit),
            Self::AtLeast(limit) => ("≥", limit, figure >= limit),
        };
        format!("{sign} {limit} {}", if met { "✓" } else { "✗" })
    }

    /// Of figures of the kind, the one that is hardest to keep up with.
    pub(crate) fn hardest(self, figures: impl Iterator<Item = f64>) -> Option<f64> {
        match self {
            Self::AtMost(_) => figures.reduce(f64::max),
            Self::AtLeast(_) => figures.reduce(f64::min),
        }
    }
}
