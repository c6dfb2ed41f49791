//! Scorecards as tables of points.

mod bins;

use actuary_finance::scorecard::{Bin, Card, base_points, points_of_bin};
use actuary_finance::{Fault, Scaling};

pub(super) use self::bins::{Labelled, labelled, strength, trend};
use super::Service;
use super::versions::no_version;
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::scorecard::{Scorecard, ScorecardBin, ScorecardColumn, ScorecardQuery};
use crate::domain::version::{Signature, Version};
use crate::engine::{BinnedColumn, FittedFeatures, ScorecardWeights};
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
        let classes = classes(&found.version.signature, query.adverse.as_deref())?;
        let weights = self.store().load_blob(found.weights).await?;
        let features: FittedFeatures = serde_json::from_str(found.features.get())
            .context("reading a version's fitted features")?;
        let weights = ScorecardWeights::read(&weights)?;
        table(&found.version, &classes, (&features, &weights), (scaling, query.rounded))
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

/// Which class is adverse and which is the other one.
struct Classes {
    adverse: String,
    favourable: String,
    /// Whether the adverse one is that of which weights of evidence were made.
    is_positive: bool,
}

fn classes(signature: &Signature, asked: Option<&str>) -> Result<Classes> {
    let [first, second] = signature.classes.as_slice() else {
        return Err(Error::internal("reading a scorecard", "it has not two classes"));
    };
    let positive = signature.positive_class.as_ref().unwrap_or(second);
    let adverse = asked.unwrap_or(positive);
    let favourable = match adverse {
        one if one == first => second,
        one if one == second => first,
        _ => {
            let near = did_you_mean(adverse, [first.as_str(), second.as_str()]);
            let detail = format!("the classes are {first} and {second}, not {adverse}{near}");
            return Err(Error::field(Code::InvalidRequest, "query adverse", detail));
        }
    };
    let (adverse, favourable) = (adverse.to_owned(), favourable.clone());
    Ok(Classes { is_positive: adverse == *positive, adverse, favourable })
}

fn table(
    version: &Version,
    classes: &Classes,
    (features, weights): (&FittedFeatures, &ScorecardWeights),
    (scaling, rounded): (Scaling, bool),
) -> Result<Scorecard> {
    let columns = features.binned().filter(|columns| columns.len() == weights.coefficients.len());
    let columns = columns.ok_or_else(|| {
        Error::internal("reading a scorecard", "its columns don't fit its coefficients")
    })?;
    let is_kept = |at: &usize| weights.coefficients[*at] != 0.0;
    let kept: Vec<usize> = (0..columns.len()).filter(is_kept).collect();
    // The log odds of the other class are those of the positive one with the other sign, and so are its
    // weights of evidence: coefficients stay as they are.
    let intercept = if classes.is_positive { weights.intercept } else { -weights.intercept };
    let card = Card { intercept, columns: kept.len(), scaling, rounded };
    let left_out = (0..columns.len()).filter(|at| !is_kept(at));
    let left_out = left_out.map(|at| columns[at].name.to_owned()).collect();
    let of_column = |at: usize| {
        let BinnedColumn { name, source, binning } = columns[at];
        let coefficient = weights.coefficients[at];
        let binning = if classes.is_positive { binning.clone() } else { binning.turned() };
        let bin = |labelled: Labelled| ScorecardBin {
            rows: labelled.bin.rows(),
            adverse_rate: labelled.bin.bad_rate(),
            woe: labelled.bin.woe,
            points: points_of_bin(&card, coefficient, labelled.bin.woe),
            label: labelled.label,
            from: labelled.from,
            below: labelled.below,
            categories: labelled.categories,
            is_rare: labelled.is_rare,
            is_missing: labelled.is_missing,
        };
        ScorecardColumn {
            column: name.to_owned(),
            iv: binning.iv,
            strength: strength(binning.strength()),
            coefficient,
            standard_error: weights.errors.get(at).copied().filter(|error| *error > 0.0),
            trend: trend(source, &binning),
            bins: labelled(source, &binning).into_iter().map(bin).collect(),
        }
    };
    let rows = |of: &dyn Fn(&Bin) -> u64| {
        let binning = columns.first().map(|column| column.binning);
        binning.map_or(0, |binning| binning.bins.iter().chain(&binning.missing).map(of).sum())
    };
    let (other_rows, positive_rows) = (rows(&|bin| bin.good), rows(&|bin| bin.bad));
    let (favourable_rows, adverse_rows) = match classes.is_positive {
        true => (other_rows, positive_rows),
        false => (positive_rows, other_rows),
    };
    let columns: Vec<ScorecardColumn> = kept.iter().map(|at| of_column(*at)).collect();
    let sum = |worst: f64, of: fn(f64, f64) -> f64| -> f64 {
        let best = |column: &ScorecardColumn| column.bins.iter().map(|b| b.points).fold(worst, of);
        columns.iter().map(best).sum()
    };
    Ok(Scorecard {
        model: version.model.clone(),
        version: version.version,
        adverse_class: classes.adverse.clone(),
        favourable_class: classes.favourable.clone(),
        points: scaling.points,
        points_to_double: scaling.points_to_double,
        odds: scaling.odds,
        rounded,
        intercept,
        intercept_error: weights.intercept_error,
        base_points: base_points(&card),
        least_score: sum(f64::INFINITY, f64::min),
        greatest_score: sum(f64::NEG_INFINITY, f64::max),
        favourable_rows,
        adverse_rows,
        columns,
        left_out,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_is_checked_all_at_once() {
        let query = ScorecardQuery { points_to_double: 0.0, odds: f64::NAN, ..Default::default() };
        let Err(Error::Problem { errors, .. }) = scaling(&query) else { panic!("it holds") };
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["query points_to_double", "query odds"]);
        assert!(scaling(&ScorecardQuery::default()).is_ok());
    }
}
