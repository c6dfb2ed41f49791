//! Bins as people read them.

use actuary_finance::scorecard::{Bin, Binning, Cuts, Strength, Trend};
use chrono::DateTime;

use crate::domain::scorecard::{BinTrend, InformationStrength};
use crate::engine::FittedSource;

/// A bin with what is said of which values are in it.
pub(in crate::service) struct Labelled {
    pub(in crate::service) label: String,
    pub(in crate::service) from: Option<f64>,
    pub(in crate::service) below: Option<f64>,
    pub(in crate::service) categories: Vec<String>,
    pub(in crate::service) is_rare: bool,
    pub(in crate::service) is_missing: bool,
    pub(in crate::service) bin: Bin,
}

impl Labelled {
    fn of(bin: &Bin, label: String) -> Self {
        Self {
            label,
            from: None,
            below: None,
            categories: Vec::new(),
            is_rare: false,
            is_missing: false,
            bin: *bin,
        }
    }
}

/// All bins that a value can be in, those of values that no training row had as well.
pub(in crate::service) fn labelled(source: FittedSource, binning: &Binning) -> Vec<Labelled> {
    let Binning { cuts, bins, missing, .. } = binning;
    let plain = Labelled::of;
    let nobody = Bin { good: 0, bad: 0, woe: 0.0, iv: 0.0 };
    let mut told: Vec<Labelled> = match cuts {
        Cuts::Numbers(_) if source == FittedSource::Boolean => {
            let named = bins.iter().zip(["false", "true"]);
            let told = named.map(|(bin, name)| Labelled {
                categories: vec![name.to_owned()],
                ..plain(bin, name.to_owned())
            });
            told.collect()
        }
        Cuts::Numbers(edges) => {
            let edge = |at: Option<usize>| at.and_then(|at| edges.get(at).copied());
            let told = bins.iter().enumerate().map(|(at, bin)| {
                let (from, below) = (edge(at.checked_sub(1)), edge(Some(at)));
                Labelled { from, below, ..plain(bin, range(source, from, below)) }
            });
            told.collect()
        }
        Cuts::Categories { bins: names, rare } => {
            let named = bins.iter().zip(names).enumerate();
            let told = named.map(|(at, (bin, names))| {
                let is_rare = *rare == Some(at);
                let mut label = names.join(", ");
                if is_rare {
                    label.push_str(if names.is_empty() { "any other" } else { ", any other" });
                }
                Labelled { categories: names.clone(), is_rare, ..plain(bin, label) }
            });
            let other = rare
                .is_none()
                .then(|| Labelled { is_rare: true, ..plain(&nobody, "any other".to_owned()) });
            told.chain(other).collect()
        }
    };
    let missing = missing.unwrap_or(nobody);
    told.push(Labelled { is_missing: true, ..plain(&missing, "missing".to_owned()) });
    told
}

/// A range of numbers for people.
fn range(source: FittedSource, from: Option<f64>, below: Option<f64>) -> String {
    let is_time = source == FittedSource::Timestamp;
    let shown = |value: f64| if is_time { date(value) } else { number(value) };
    match (from, below) {
        (None, None) => "any value".to_owned(),
        (None, Some(below)) if is_time => format!("before {}", shown(below)),
        (Some(from), None) if is_time => format!("from {}", shown(from)),
        (None, Some(below)) => format!("below {}", shown(below)),
        (Some(from), None) => format!("{} or more", shown(from)),
        (Some(from), Some(below)) => format!("{} to {}", shown(from), shown(below)),
    }
}

/// Of six digits, which tell edges apart that people can tell apart; all of them where these don't.
fn number(value: f64) -> String {
    let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if (short - value).abs() <= 1e-6 * value.abs() { short.to_string() } else { value.to_string() }
}

/// Days since 1970 as a date, with the time where it is not midnight (UTC).
fn date(days: f64) -> String {
    let time = DateTime::from_timestamp_micros((days * 86_400e6).round() as i64);
    match time {
        Some(time) if days.fract() == 0.0 => time.format("%Y-%m-%d").to_string(),
        Some(time) => time.format("%Y-%m-%d %H:%M").to_string(),
        None => number(days),
    }
}

pub(in crate::service) fn strength(strength: Strength) -> InformationStrength {
    match strength {
        Strength::None => InformationStrength::None,
        Strength::Weak => InformationStrength::Weak,
        Strength::Medium => InformationStrength::Medium,
        Strength::Strong => InformationStrength::Strong,
        Strength::Suspect => InformationStrength::Suspect,
    }
}

/// Which way the share of the adverse class goes. Categories have no order that it could go along: that of their
/// bins is made of the shares.
pub(in crate::service) fn trend(source: FittedSource, binning: &Binning) -> BinTrend {
    if matches!(source, FittedSource::Category | FittedSource::Boolean) {
        return BinTrend::Free;
    }
    match binning.trend {
        Trend::Auto => BinTrend::Auto,
        Trend::Rising => BinTrend::Rising,
        Trend::Falling => BinTrend::Falling,
        Trend::Peak => BinTrend::Peak,
        Trend::Valley => BinTrend::Valley,
        Trend::Free => BinTrend::Free,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_as_people_say_them() {
        let of = |from, below| range(FittedSource::Number, from, below);
        assert_eq!(of(None, Some(11.425_000_190_734_863)), "below 11.425");
        assert_eq!(of(Some(15000.0), Some(30000.0)), "15000 to 30000");
        assert_eq!(of(Some(-0.5), None), "-0.5 or more");
        assert_eq!(of(Some(123_456_789.0), None), "123456789 or more");
        assert_eq!(of(None, None), "any value");
        let of = |from, below| range(FittedSource::Timestamp, from, below);
        assert_eq!(of(None, Some(18262.0)), "before 2020-01-01");
        assert_eq!(of(Some(18262.5), None), "from 2020-01-01 12:00");
    }
}
