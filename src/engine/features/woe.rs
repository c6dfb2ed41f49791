//! Columns of a scorecard: each is one input, the weight of evidence of the bin that its value is in.

use std::collections::BTreeMap;

use actuary_finance::scorecard::{
    Binning, CategoryOptions, Cuts, Options, Trend, bin_categories, bin_numbers,
};
use serde::{Deserialize, Serialize};

use super::boolean::Boolean;
use super::category::Category;
use super::numeric::Numeric;
use super::scale::Binned;
use super::{Block, EMPTY, Encoder, FittedColumn, FittedFeatures, FittedSource};
use crate::domain::monotone::Direction;
use crate::domain::schema::ColumnType;
use crate::domain::scorecard::{BinTrend, ScorecardNetwork};
use crate::domain::training::PreprocessingSpec;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Most columns: a step of the regression factors a matrix of as many rows and columns.
const MAX_COLUMNS: usize = 1_000;
/// Microseconds of a day, in which timestamps are binned.
const DAY: f64 = 86_400e6;

/// A column in bins, and what else is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Woe {
    source: Source,
    binning: Binning,
}

/// What the column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// With its scale, by which counterfactuals measure how far a value is from another.
    Number(Binned),
    Category(Category),
    Boolean,
    Timestamp,
}

/// The rows that a scorecard is fitted on.
pub(crate) struct Scored<'a> {
    pub(crate) frame: &'a Frame,
    /// Which of them have the bad outcome.
    pub(crate) bad: &'a [bool],
}

/// A column of a scorecard as it was fitted.
#[derive(Debug, Clone, Copy)]
pub struct BinnedColumn<'a> {
    pub name: &'a str,
    pub source: FittedSource,
    pub binning: &'a Binning,
}

impl FittedFeatures {
    /// Bins every named column on training rows. Columns that tell too little are left out, with a
    /// warning each.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] when no column is left, or none of those that are `monotone`, and for given
    /// edges that break an order.
    pub(crate) fn fit_scorecard(
        rows: &Scored<'_>,
        names: &[String],
        card: &ScorecardNetwork,
        spec: &PreprocessingSpec,
        monotone: &BTreeMap<String, Direction>,
    ) -> Result<(Self, Vec<String>)> {
        let (mut columns, mut warnings) = (Vec::new(), Vec::new());
        for name in names {
            let order = monotone.get(name).copied();
            match Woe::fit(rows, name, card, spec, order)? {
                Ok(woe) => {
                    let encoder = Encoder::Woe(Box::new(woe));
                    columns.push(FittedColumn { name: name.clone(), encoder, order });
                }
                Err(reason) => warnings.push(format!("column {name} is left out: {reason}")),
            }
        }
        if columns.is_empty() {
            let detail = format!("no column is left to predict from: {}", warnings.join("; "));
            return Err(Error::field(Code::InvalidSpec, "/features", detail));
        }
        if columns.len() > MAX_COLUMNS {
            let detail = format!(
                "{} columns tell something of the target, and a scorecard has {MAX_COLUMNS} at most: name \
                 fewer, or raise network.min_iv",
                columns.len()
            );
            return Err(Error::field(Code::InvalidSpec, "/features", detail));
        }
        Ok((Self { columns, target: None, sequence: None }, warnings))
    }

    /// Bins one column; the inner error says why it tells too little.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] for a column that is not there.
    pub(crate) fn bin_column(
        rows: &Scored<'_>,
        name: &str,
        card: &ScorecardNetwork,
        spec: &PreprocessingSpec,
    ) -> Result<std::result::Result<(FittedSource, Binning), String>> {
        let fitted = Woe::fit(rows, name, card, spec, None)?;
        Ok(fitted.map(|woe| (woe.source.kind(), woe.binning)))
    }

    /// The columns of a scorecard, in the order of its inputs; None of anything else.
    pub fn binned(&self) -> Option<Vec<BinnedColumn<'_>>> {
        self.columns.iter().map(FittedColumn::binned).collect()
    }
}

impl FittedColumn {
    fn binned(&self) -> Option<BinnedColumn<'_>> {
        let Encoder::Woe(woe) = &self.encoder else { return None };
        let source = woe.source.kind();
        Some(BinnedColumn { name: &self.name, source, binning: &woe.binning })
    }
}

impl Source {
    fn kind(&self) -> FittedSource {
        match self {
            Self::Number(_) => FittedSource::Number,
            Self::Category(_) => FittedSource::Category,
            Self::Boolean => FittedSource::Boolean,
            Self::Timestamp => FittedSource::Timestamp,
        }
    }
}

impl Woe {
    /// Fits one column; the inner error says why it tells too little.
    fn fit(
        rows: &Scored<'_>,
        name: &str,
        card: &ScorecardNetwork,
        spec: &PreprocessingSpec,
        order: Option<Direction>,
    ) -> Result<std::result::Result<Self, String>> {
        let Some(kind) = rows.frame.column(name).map(|column| column.kind) else {
            return Err(Error::new(Code::InvalidSpec, format!("there is no column {name}")));
        };
        let edges = card.edges.get(name).cloned();
        let is_given = edges.is_some();
        let found = match kind {
            ColumnType::Int64 | ColumnType::Float64 => {
                let values = rows.frame.numbers(name)?;
                let options = Options { edges, ..options(card, name, order) };
                number(&values, rows.bad, spec, &options)
            }
            ColumnType::Timestamp => {
                let times = rows.frame.timestamps(name)?;
                time(&times, rows.bad, &options(card, name, order))
            }
            ColumnType::Bool => boolean(&rows.frame.numbers(name)?, rows.bad, spec, order),
            ColumnType::String => category(&rows.frame.texts(name)?, rows.bad, spec, card),
            ColumnType::Image => Err("it holds images, of which there are no bins".to_owned()),
        };
        let woe = match found {
            Ok(woe) => woe,
            Err(reason) => return Ok(Err(reason)),
        };
        if is_given {
            woe.keeps(name, order)?;
            return Ok(Ok(woe));
        }
        let Binning { bins, missing, iv, .. } = &woe.binning;
        if bins.len() + usize::from(missing.is_some()) < 2 {
            let share = (1e4 * card.least_share()).round() / 100.0;
            return Ok(Err(format!(
                "no cut of it that leaves {share} % of its rows on either side tells anything of the target"
            )));
        }
        let least = card.min_iv();
        Ok(match *iv < least {
            true => Err(format!("its information value {iv:.4} is below {least} (network.min_iv)")),
            false => Ok(woe),
        })
    }

    /// Fails where given edges break the order that is asked for.
    fn keeps(&self, name: &str, order: Option<Direction>) -> Result<()> {
        if self.keeps_order(order) {
            return Ok(());
        }
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let detail = format!(
            "with these edges the share of the positive class does not go one way with {name}, as \
             'monotone' asks for: leave edges out, and they are found so that it does"
        );
        Err(Error::field(Code::InvalidSpec, format!("/network/edges/{escaped}"), detail))
    }

    /// Whether the bins, of which all have rows, go the way of an order.
    fn keeps_order(&self, order: Option<Direction>) -> bool {
        let woes: Vec<f64> = self.binning.bins.iter().map(|bin| bin.woe).collect();
        match order {
            None => true,
            Some(Direction::Increasing) => woes.windows(2).all(|pair| pair[0] >= pair[1]),
            Some(Direction::Decreasing) => woes.windows(2).all(|pair| pair[0] <= pair[1]),
        }
    }

    /// The scale of a number.
    pub(super) fn scale(&self) -> Option<&Binned> {
        match &self.source {
            Source::Number(scale) => Some(scale),
            _ => None,
        }
    }

    /// The values of a category.
    pub(super) fn category(&self) -> Option<&Category> {
        match &self.source {
            Source::Category(category) => Some(category),
            _ => None,
        }
    }

    pub(super) fn is_boolean(&self) -> bool {
        matches!(self.source, Source::Boolean)
    }

    pub(super) fn encode(
        &self,
        frame: &Frame,
        hint: usize,
        name: &str,
        mut block: Block<'_>,
    ) -> Result<()> {
        let woe = |value: f64| self.binning.woe_of_number(value) as f32;
        match &self.source {
            Source::Number(_) | Source::Boolean => {
                let values = frame.numbers_near(hint, name)?;
                block.column(0, 0).zip(values.iter()).for_each(|(input, v)| *input = woe(*v));
            }
            Source::Timestamp => {
                let times = frame.timestamps(name)?;
                block.column(0, 0).zip(times).for_each(|(input, t)| *input = woe(days(t)));
            }
            Source::Category(_) => {
                let texts = frame.texts(name)?;
                let woe = |text| self.binning.woe_of_category(text) as f32;
                block.column(0, 0).zip(texts).for_each(|(input, text)| *input = woe(text));
            }
        }
        Ok(())
    }
}

/// Days since 1970; NaN where there is no time.
fn days(time: Option<i64>) -> f64 {
    time.map_or(f64::NAN, |time| time as f64 / DAY)
}

fn options(card: &ScorecardNetwork, name: &str, order: Option<Direction>) -> Options {
    let trend = match (order, card.trends.get(name).copied().unwrap_or_default()) {
        (Some(Direction::Increasing), _) | (_, BinTrend::Rising) => Trend::Rising,
        (Some(Direction::Decreasing), _) | (_, BinTrend::Falling) => Trend::Falling,
        (_, BinTrend::Auto) => Trend::Auto,
        (_, BinTrend::Peak) => Trend::Peak,
        (_, BinTrend::Valley) => Trend::Valley,
        (_, BinTrend::Free) => Trend::Free,
    };
    let (bins, least_share) = (card.bins() as usize, card.least_share());
    Options { bins, least_share, trend, edges: None }
}

fn number(
    values: &[f64],
    bad: &[bool],
    spec: &PreprocessingSpec,
    options: &Options,
) -> Result<Woe, String> {
    let scale = Numeric::fit(values, false, spec, 0)?.into_scale();
    let binning = bin_numbers(values, bad, options).map_err(|fault| fault.detail)?;
    Ok(Woe { source: Source::Number(scale), binning })
}

fn time(times: &[Option<i64>], bad: &[bool], options: &Options) -> Result<Woe, String> {
    let values: Vec<f64> = times.iter().map(|time| days(*time)).collect();
    if values.iter().all(|value| !value.is_finite()) {
        return Err(EMPTY.into());
    }
    let binning = bin_numbers(&values, bad, options).map_err(|fault| fault.detail)?;
    Ok(Woe { source: Source::Timestamp, binning })
}

/// Both values are bins, however few rows have one: fewer than a frequent category has are too few.
fn boolean(
    values: &[f64],
    bad: &[bool],
    spec: &PreprocessingSpec,
    order: Option<Direction>,
) -> Result<Woe, String> {
    Boolean::fit(values)?;
    let options = Options { edges: Some(vec![0.5]), ..Options::default() };
    let binning = bin_numbers(values, bad, &options).map_err(|fault| fault.detail)?;
    let fewest = binning.bins.iter().map(|bin| bin.rows()).min().unwrap_or(0);
    let least = spec.min_category_count;
    if fewest < u64::from(least) {
        return Err(format!(
            "its rarer value has fewer than {least} training rows (min_category_count)"
        ));
    }
    let woe = Woe { source: Source::Boolean, binning };
    match woe.keeps_order(order) {
        true => Ok(woe),
        false => Err("the training rows go the other way than 'monotone' says".to_owned()),
    }
}

fn category(
    values: &[Option<&str>],
    bad: &[bool],
    spec: &PreprocessingSpec,
    card: &ScorecardNetwork,
) -> Result<Woe, String> {
    let category = Category::fit(values, spec)?;
    let options = CategoryOptions {
        bins: card.bins() as usize,
        least_share: card.least_share(),
        least_count: spec.min_category_count.into(),
        most: spec.max_categories as usize,
    };
    let binning = bin_categories(values, bad, &options).map_err(|fault| fault.detail)?;
    debug_assert!(matches!(binning.cuts, Cuts::Categories { .. }));
    Ok(Woe { source: Source::Category(category), binning })
}
