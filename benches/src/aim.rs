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

    /// Of figures of the kind, the one that is hardest to keep up with; whose it is comes first.
    pub(crate) fn hardest<T>(self, figures: impl Iterator<Item = (T, f64)>) -> Option<(T, f64)> {
        match self {
            Self::AtMost(_) => figures.max_by(|(_, a), (_, b)| a.total_cmp(b)),
            Self::AtLeast(_) => figures.min_by(|(_, a), (_, b)| a.total_cmp(b)),
        }
    }
}
