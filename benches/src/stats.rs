//! Ratios of paired rounds.

use std::fmt;

/// The median of a ratio over all rounds, and the quartiles beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    low: f64,
    high: f64,
}

impl Ratio {
    /// Of two series, round by round.
    pub(crate) fn of(ours: &[f64], theirs: &[f64]) -> Self {
        Self::over(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
    }

    /// Of ratios that were taken already.
    pub(crate) fn over(ratios: impl IntoIterator<Item = f64>) -> Self {
        let mut ratios: Vec<f64> = ratios.into_iter().collect();
        ratios.sort_by(f64::total_cmp);
        Self {
            median: quantile(&ratios, 2),
            low: quantile(&ratios, 1),
            high: quantile(&ratios, 3),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median)?;
        if self.low < self.high {
            write!(f, " ({:.2}–{:.2})", self.low, self.high)?;
        }
        Ok(())
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 2)
}

/// The quarter of that number, of sorted values.
fn quantile(sorted: &[f64], quarter: usize) -> f64 {
    sorted[(sorted.len() - 1) * quarter / 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_paired_rounds() {
        let ratio = Ratio::of(&[1.0, 4.0, 1.0, 1.0, 9.0], &[2.0, 1.0, 4.0, 1.0, 1.0]);
        assert_eq!(ratio.to_string(), "1.00 (0.50–4.00)");
    }
}
