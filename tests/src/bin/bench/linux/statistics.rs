//! Medians and their spread. Pure.

use serde::Serialize;

/// What many values of the same come to: half of them lie between the quartiles.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Spread {
    /// The lower quartile.
    pub(crate) low: f64,
    /// As many lie below as above.
    pub(crate) median: f64,
    /// The upper quartile.
    pub(crate) high: f64,
}

impl Spread {
    /// Of these values, of which there must be one.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let sorted = sorted(values);
        let [low, median, high] = [0.25, 0.5, 0.75].map(|part| quantile(&sorted, part));
        Self { low, median, high }
    }

    /// Of what each value is to the one that was measured beside it: what slows the whole machine down for a while slows
    /// both, and their ratio stays.
    pub(crate) fn of_ratios(values: &[f64], beside: &[f64]) -> Self {
        Self::of(values.iter().zip(beside).map(|(value, other)| value / other))
    }
}

/// All of them in order.
pub(crate) fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// What this part of the values lies below, between two of them in proportion.
pub(crate) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len().saturating_sub(1)) as f64;
    let below = sorted.get(place.floor() as usize).copied().unwrap_or(f64::NAN);
    let above = sorted.get(place.ceil() as usize).copied().unwrap_or(f64::NAN);
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_values_lie_between_the_quartiles_whatever_their_order() {
        let cases: [(&[f64], [f64; 3]); 4] = [
            (&[7.0], [7.0, 7.0, 7.0]),
            (&[1.0, 2.0], [1.25, 1.5, 1.75]),
            (&[5.0, 1.0, 4.0, 2.0, 3.0], [2.0, 3.0, 4.0]),
            (&[9.0, 1.0, 1.0, 1.0], [1.0, 1.0, 3.0]),
        ];
        for (values, [low, median, high]) in cases {
            assert_eq!(Spread::of(values.iter().copied()), Spread { low, median, high }, "{values:?}");
        }
    }

    #[test]
    fn a_ratio_is_taken_within_each_round_and_not_of_what_all_rounds_come_to() {
        // The medians are 3 and 3; the second round was slow for both.
        let ratios = Spread::of_ratios(&[2.0, 20.0, 3.0], &[1.0, 10.0, 3.0]);
        assert_eq!(ratios, Spread { low: 1.5, median: 2.0, high: 2.0 });
    }

    #[test]
    fn the_ninety_ninth_of_a_hundred_is_what_one_lies_above() {
        let hundred = sorted((0..=100).rev().map(f64::from));
        assert_eq!(quantile(&hundred, 0.99), 99.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
