//! What a version knows of the values that its columns had in the training rows.

use super::category::{Category, Slot};
use super::scale::{Binned, Scale};
use super::{Encoder, FittedFeatures, Layout};
use crate::stats;

/// Standard deviations from the mean within which nearly all training rows are, where no more is known
/// of them.
const DEVIATIONS: f64 = 3.0;

/// What is known of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Known<'a> {
    Number(KnownNumber),
    Category(KnownCategory<'a>),
    Boolean,
    Timestamp,
    Text,
    Image,
}

/// What is known of a number; all of it is finite.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownNumber {
    /// Between which values the training rows lie or, where they were standardised, three standard
    /// deviations round their mean.
    pub least: f64,
    pub greatest: f64,
    /// Quantiles at equal levels, ascending; none where the training rows were standardised.
    pub typical: Vec<f64>,
    /// Median absolute deviation, or the mean one where more than half of the values are equal; where
    /// they were standardised, the standard deviation. Above 0.
    pub scale: f64,
}

/// What is known of a category.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownCategory<'a>(&'a Category);

impl<'a> KnownCategory<'a> {
    /// The values that the version tells apart, ascending.
    pub fn levels(self) -> &'a [String] {
        self.0.levels()
    }

    /// Whether a training row had the value, as far as is remembered.
    pub fn has(self, value: &str) -> bool {
        matches!(self.0.slot(Some(value)), Slot::Level(_) | Slot::Rare)
    }
}

impl FittedFeatures {
    /// What is known of a column; None of one that is not read, or that is a step of windows.
    pub fn known(&self, name: &str) -> Option<Known<'_>> {
        if matches!(self.layout(), Layout::Sequence { .. }) {
            return None;
        }
        let column = self.columns.iter().find(|column| column.name == name)?;
        Some(match &column.encoder {
            Encoder::Numeric(numeric) => Known::Number(number(numeric.scale())),
            Encoder::Category(category) => Known::Category(KnownCategory(category)),
            Encoder::Boolean(_) => Known::Boolean,
            Encoder::Timestamp(_) => Known::Timestamp,
            Encoder::Image(_) => Known::Image,
            Encoder::Text(_) => Known::Text,
            Encoder::Woe(woe) => match (woe.scale(), woe.category()) {
                (Some(scale), _) => Known::Number(number(scale)),
                (_, Some(category)) => Known::Category(KnownCategory(category)),
                _ if woe.is_boolean() => Known::Boolean,
                _ => Known::Timestamp,
            },
        })
    }
}

fn number(scale: &Binned) -> KnownNumber {
    let (typical, spread, round) = match scale.scale() {
        Scale::Quantile(quantile) => {
            let values = quantile.values();
            let middle = stats::quantile(values, 0.5).unwrap_or(0.0);
            let deviation = stats::counterfactual::scale_of(values);
            (values.to_vec(), deviation.unwrap_or(1.0), middle)
        }
        Scale::Standard(standard) => (Vec::new(), standard.deviation, standard.mean),
    };
    let way = DEVIATIONS * spread;
    KnownNumber {
        least: typical.first().copied().unwrap_or(round - way).max(f64::MIN),
        greatest: typical.last().copied().unwrap_or(round + way).min(f64::MAX),
        typical,
        scale: spread,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::domain::training::{PreprocessingSpec, Scaling};
    use crate::frame::{Frame, Values};

    #[test]
    fn the_training_rows_are_known_by_kind() {
        let numbers = (0..1000).map(|row| Some(f64::from(row % 100))).collect();
        let regions = (0..1000).map(|row| match row {
            0 => Some("once".to_owned()),
            row => Some(["north", "south"][row % 2].to_owned()),
        });
        let columns = vec![
            ("income".to_owned(), Values::Float64(numbers)),
            ("region".to_owned(), Values::String(regions.collect())),
            ("owner".to_owned(), Values::Bool((0..1000).map(|row| Some(row % 3 == 0)).collect())),
        ];
        let frame = Frame::new(1000, columns).unwrap();
        let names = ["income", "region", "owner"].map(str::to_owned);
        let fit = |scaling| {
            let spec = PreprocessingSpec { scaling, ..Default::default() };
            FittedFeatures::fit(&frame, &names, &spec, 0, None, &BTreeMap::new()).unwrap().0
        };
        let features = fit(Scaling::Quantile);
        let Some(Known::Number(income)) = features.known("income") else { panic!() };
        assert_eq!((income.least, income.greatest), (0.0, 99.0));
        assert!((income.scale - 25.0).abs() < 1.0, "{}", income.scale);
        assert!(income.typical.windows(2).all(|pair| pair[0] <= pair[1]));
        let Some(Known::Category(region)) = features.known("region") else { panic!() };
        assert_eq!(region.levels(), ["north", "south"]);
        assert!(region.has("once") && region.has("north") && !region.has("east"));
        assert_eq!(features.known("owner"), Some(Known::Boolean));
        assert_eq!(features.known("nothing"), None);
        let features = fit(Scaling::Standard);
        let Some(Known::Number(income)) = features.known("income") else { panic!() };
        assert!((income.scale - 28.88).abs() < 0.01, "{}", income.scale);
        assert!((income.greatest - (49.5 + 3.0 * income.scale)).abs() < 1e-9);
        assert!(income.typical.is_empty());
    }

    /// A number that is constant but for being missing moves nowhere, and has a scale all the same.
    #[test]
    fn a_constant_has_a_scale_above_zero() {
        let values = (0..100).map(|row| (row % 2 == 0).then_some(7.0)).collect();
        let frame = Frame::new(100, vec![("a".to_owned(), Values::Float64(values))]).unwrap();
        let spec: PreprocessingSpec = serde_json::from_value(json!({})).unwrap();
        let (features, _) =
            FittedFeatures::fit(&frame, &["a".to_owned()], &spec, 0, None, &BTreeMap::new())
                .unwrap();
        let Some(Known::Number(known)) = features.known("a") else { panic!() };
        assert!(known.scale > 0.0 && known.least <= 7.0 && known.greatest >= 7.0);
    }
}
