//! Scorecards as tables of points.

use actuary_finance::scorecard::{
    Bin, Binning, Card, Cuts, Strength, Trend, base_points, points_of_bin,
};
use actuary_finance::{Fault, Scaling};
use chrono::DateTime;

use super::Service;
use super::versions::no_version;
use crate::domain::key::Caller;
use crate::domain::scorecard::{
    BinTrend, InformationStrength, Scorecard, ScorecardBin, ScorecardColumn, ScorecardQuery,
};
use crate::domain::version::Version;
use crate::engine::{BinnedColumn, FittedFeatures, FittedSource, ScorecardWeights};
use crate::error::{Code, Context, Error, FieldError, Result};

pub use crate::frame::write_scorecard as scorecard_csv;

/// Beyond it points are no longer points.
const MAX_POINTS: f64 = 1e6;
const MAX_ODDS: f64 = 1e9;

impl Service {
    /// The points of a version that is a scorecard.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::InvalidRequest`] where the version is no scorecard, and for a scale that is
    /// none.
    pub async fn get_scorecard(
        &self,
        caller: &Caller,
        model: &str,
        version: u32,
        query: &ScorecardQuery,
    ) -> Result<Scorecard> {
        let scaling = scaling(query)?;
        let found = self.store().get_servable(&caller.project, model, version).await?;
        let found = found.ok_or_else(|| no_version(model, version))?;
        let network = found.version.provenance.spec.network.as_ref();
        if !network.is_some_and(crate::domain::network::NetworkSpec::is_scorecard) {
            let detail = format!(
                "{model} {version} is of the network {}, whose answers are no sum of points: train a version \
                 with the network scorecard, or ask for explanations of this one",
                found.version.provenance.spec.network_kind()
            );
            return Err(Error::new(Code::InvalidRequest, detail));
        }
        let weights = self.store().load_blob(found.weights).await?;
        let features: FittedFeatures = serde_json::from_str(found.features.get())
            .context("reading a version's fitted features")?;
        let weights = ScorecardWeights::read(&weights)?;
        table(&found.version, &features, &weights, scaling, query.rounded)
    }
}

/// The fields of a scale that are out of bounds, and why: beyond them points are no finite numbers that
/// differ.
pub(super) fn beyond(scaling: &Scaling) -> Vec<(&'static str, String)> {
    let Scaling { points, points_to_double, odds } = *scaling;
    let is_near = (-MAX_POINTS..=MAX_POINTS).contains(&points);
    let is_step = points_to_double > 0.0 && points_to_double <= MAX_POINTS;
    let is_odds = odds > 0.0 && odds <= MAX_ODDS;
    let fields = [
        ("points", points, is_near, "from -1,000,000 to 1,000,000"),
        ("points_to_double", points_to_double, is_step, "above 0 and at most 1,000,000"),
        ("odds", odds, is_odds, "above 0 and at most 1,000,000,000"),
    ];
    let wrong = fields.into_iter().filter(|(_, _, holds, _)| !holds);
    wrong.map(|(name, value, _, range)| (name, format!("{value} has to be {range}"))).collect()
}

/// The scale that is asked for, within bounds.
fn scaling(query: &ScorecardQuery) -> Result<Scaling> {
    let ScorecardQuery { points, points_to_double, odds, .. } = *query;
    let scaling = Scaling { points, points_to_double, odds };
    let errors: Vec<FieldError> = beyond(&scaling)
        .into_iter()
        .map(|(name, detail)| FieldError::new(format!("query {name}"), detail))
        .collect();
    if !errors.is_empty() {
        return Err(Error::fields(
            Code::InvalidRequest,
            "the scale of points does not hold",
            errors,
        ));
    }
    scaling.check().map_err(|Fault { pointer, detail }| {
        let name = pointer.trim_start_matches('/');
        Error::field(Code::InvalidRequest, format!("query {name}"), detail)
    })?;
    Ok(scaling)
}

fn table(
    version: &Version,
    features: &FittedFeatures,
    weights: &ScorecardWeights,
    scaling: Scaling,
    rounded: bool,
) -> Result<Scorecard> {
    let columns = features.binned().filter(|columns| columns.len() == weights.coefficients.len());
    let columns = columns.ok_or_else(|| {
        Error::internal("reading a scorecard", "its columns don't fit its coefficients")
    })?;
    let is_kept = |at: &usize| weights.coefficients[*at] != 0.0;
    let kept: Vec<usize> = (0..columns.len()).filter(is_kept).collect();
    let card = Card { intercept: weights.intercept, columns: kept.len(), scaling, rounded };
    let left_out = (0..columns.len()).filter(|at| !is_kept(at));
    let left_out = left_out.map(|at| columns[at].name.to_owned()).collect();
    let rows = |of: &dyn Fn(&Bin) -> u64| {
        let binning = columns.first().map(|column| column.binning);
        binning.map_or(0, |binning| binning.bins.iter().chain(&binning.missing).map(of).sum())
    };
    let (good, bad) = (rows(&|bin| bin.good), rows(&|bin| bin.bad));
    let of_column = |at: usize| {
        let BinnedColumn { name, binning, .. } = columns[at];
        let coefficient = weights.coefficients[at];
        ScorecardColumn {
            column: name.to_owned(),
            iv: binning.iv,
            strength: strength(binning.strength()),
            coefficient,
            standard_error: weights.errors.get(at).copied().filter(|error| *error > 0.0),
            trend: trend(binning.trend),
            bins: bins(&columns[at], &|woe| points_of_bin(&card, coefficient, woe)),
        }
    };
    let columns: Vec<ScorecardColumn> = kept.iter().map(|at| of_column(*at)).collect();
    let sum = |worst: f64, of: fn(f64, f64) -> f64| -> f64 {
        let best = |column: &ScorecardColumn| column.bins.iter().map(|b| b.points).fold(worst, of);
        columns.iter().map(best).sum()
    };
    Ok(Scorecard {
        model: version.model.clone(),
        version: version.version,
        positive_class: version.signature.positive_class.clone(),
        points: scaling.points,
        points_to_double: scaling.points_to_double,
        odds: scaling.odds,
        rounded,
        intercept: weights.intercept,
        intercept_error: weights.intercept_error,
        base_points: base_points(&card),
        least_score: sum(f64::INFINITY, f64::min),
        greatest_score: sum(f64::NEG_INFINITY, f64::max),
        good,
        bad,
        columns,
        left_out,
    })
}

/// All bins that a value can be in, those of values that no training row had as well.
fn bins(column: &BinnedColumn<'_>, points: &dyn Fn(f64) -> f64) -> Vec<ScorecardBin> {
    let BinnedColumn { source, binning, .. } = *column;
    let Binning { cuts, bins, missing, .. } = binning;
    let plain = |bin: &Bin, label: String| ScorecardBin {
        label,
        from: None,
        below: None,
        categories: Vec::new(),
        is_rare: false,
        is_missing: false,
        rows: bin.rows(),
        bad_rate: bin.bad_rate(),
        woe: bin.woe,
        points: points(bin.woe),
    };
    let nobody = Bin { good: 0, bad: 0, woe: 0.0, iv: 0.0 };
    let mut told: Vec<ScorecardBin> = match cuts {
        Cuts::Numbers(_) if source == FittedSource::Boolean => {
            let named = bins.iter().zip(["false", "true"]);
            let told = named.map(|(bin, name)| ScorecardBin {
                categories: vec![name.to_owned()],
                ..plain(bin, name.to_owned())
            });
            told.collect()
        }
        Cuts::Numbers(edges) => {
            let edge = |at: Option<usize>| at.and_then(|at| edges.get(at).copied());
            let told = bins.iter().enumerate().map(|(at, bin)| {
                let (from, below) = (edge(at.checked_sub(1)), edge(Some(at)));
                ScorecardBin { from, below, ..plain(bin, range(source, from, below)) }
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
                ScorecardBin { categories: names.clone(), is_rare, ..plain(bin, label) }
            });
            let other = rare
                .is_none()
                .then(|| ScorecardBin { is_rare: true, ..plain(&nobody, "any other".to_owned()) });
            told.chain(other).collect()
        }
    };
    let missing = missing.unwrap_or(nobody);
    told.push(ScorecardBin { is_missing: true, ..plain(&missing, "missing".to_owned()) });
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

fn strength(strength: Strength) -> InformationStrength {
    match strength {
        Strength::None => InformationStrength::None,
        Strength::Weak => InformationStrength::Weak,
        Strength::Medium => InformationStrength::Medium,
        Strength::Strong => InformationStrength::Strong,
        Strength::Suspect => InformationStrength::Suspect,
    }
}

fn trend(trend: Trend) -> BinTrend {
    match trend {
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

    #[test]
    fn a_scale_is_checked_all_at_once() {
        let query = ScorecardQuery { points_to_double: 0.0, odds: f64::NAN, ..Default::default() };
        let Err(Error::Problem { errors, .. }) = scaling(&query) else { panic!("it holds") };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["query points_to_double", "query odds"]);
        assert!(scaling(&ScorecardQuery::default()).is_ok());
    }
}
