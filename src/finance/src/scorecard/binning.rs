//! Bins of one column against a binary outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::merging::{Merged, Merging};
use super::prebins::{Cell, cuts};
use super::{Bin, Strength, Trend};
use crate::{Fault, Result};

/// Most bins of a number to begin with, and most that may be asked for.
const PREBINS: usize = 20;
pub const MAX_BINS: usize = 20;
/// Most edges of a column.
pub const MAX_EDGES: usize = 50;

/// How a number is cut.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Most bins, beside that of missing values: 2 to [`MAX_BINS`].
    pub bins: usize,
    /// Fewest rows of a bin, as a share of the rows that have a value: above 0 and at most a half.
    pub least_share: f64,
    pub trend: Trend,
    /// Where it is cut, ascending, instead of where that is best; a value at an edge lies above it.
    pub edges: Option<Vec<f64>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { bins: 6, least_share: 0.05, trend: Trend::Auto, edges: None }
    }
}

impl Options {
    /// # Errors
    /// A [`Fault`] for the first that does not hold.
    pub fn check(&self) -> Result<()> {
        if !(2..=MAX_BINS).contains(&self.bins) {
            let detail = format!("{} is not within 2 to {MAX_BINS}", self.bins);
            return Err(Fault::new("/bins", detail));
        }
        if !(self.least_share > 0.0 && self.least_share <= 0.5) {
            let detail = format!("{} has to be above 0 and at most 0.5", self.least_share);
            return Err(Fault::new("/least_share", detail));
        }
        let Some(edges) = &self.edges else { return Ok(()) };
        if edges.is_empty() || edges.len() > MAX_EDGES {
            let detail = format!("has {} edges; give 1 to {MAX_EDGES}", edges.len());
            return Err(Fault::new("/edges", detail));
        }
        let ascend = edges.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascend || edges.iter().any(|edge| !edge.is_finite()) {
            let detail = "have to be finite numbers that ascend, none of them twice";
            return Err(Fault::new("/edges", detail));
        }
        Ok(())
    }
}

/// How categories are put together.
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryOptions {
    /// Most bins, beside that of missing values: 2 to [`MAX_BINS`].
    pub bins: usize,
    /// Fewest rows of a bin, as a share of the rows that have a value.
    pub least_share: f64,
    /// A category of fewer rows is rare.
    pub least_count: u64,
    /// Most categories, the most frequent ones, that are not rare.
    pub most: usize,
}

/// Where a column is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cuts {
    /// Ascending; a value at an edge lies in the bin above it.
    Numbers(Vec<f64>),
    /// The categories of each bin by name, ascending within it; bins ascend by their share of bad rows.
    /// Rare ones are one category, which lies in the bin of that number.
    Categories { bins: Vec<Vec<String>>, rare: Option<usize> },
}

/// A column in bins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binning {
    pub cuts: Cuts,
    /// One at least.
    pub bins: Vec<Bin>,
    /// Of the rows without a value, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Bin>,
    /// Which way the share of bad rows goes.
    pub trend: Trend,
    /// Information value, missing values included.
    pub iv: f64,
}

impl Binning {
    pub fn strength(&self) -> Strength {
        Strength::of(self.iv)
    }

    /// Whether it tells the two outcomes apart without error: no bin has rows of both.
    pub fn separates(&self) -> bool {
        self.bins.iter().chain(&self.missing).all(|bin| bin.good == 0 || bin.bad == 0)
    }

    /// The same bins where good is bad and bad is good: weights of evidence change their sign, the
    /// information value does not.
    pub fn turned(&self) -> Self {
        // Not -woe: a weight of 0 stays 0, and is no -0.
        let turn = |bin: &Bin| Bin { good: bin.bad, bad: bin.good, woe: 0.0 - bin.woe, iv: bin.iv };
        Self {
            cuts: self.cuts.clone(),
            bins: self.bins.iter().map(turn).collect(),
            missing: self.missing.as_ref().map(turn),
            trend: match self.trend {
                Trend::Rising => Trend::Falling,
                Trend::Falling => Trend::Rising,
                Trend::Peak => Trend::Valley,
                Trend::Valley => Trend::Peak,
                same => same,
            },
            iv: self.iv,
        }
    }

    /// Weight of evidence of a number. That of missing values where it is not finite, 0 where there were
    /// none: the average odds.
    pub fn woe_of_number(&self, value: f64) -> f64 {
        let Cuts::Numbers(edges) = &self.cuts else { return self.woe_of_missing() };
        if !value.is_finite() {
            return self.woe_of_missing();
        }
        self.bins.get(edges.partition_point(|edge| *edge <= value)).map_or(0.0, |bin| bin.woe)
    }

    /// Weight of evidence of a category. One that is not known counts as the rare ones do, and 0, the
    /// average odds, where there were none.
    pub fn woe_of_category(&self, value: Option<&str>) -> f64 {
        let Cuts::Categories { bins, rare } = &self.cuts else { return self.woe_of_missing() };
        let Some(value) = value else { return self.woe_of_missing() };
        let has =
            |names: &Vec<String>| names.binary_search_by(|name| name.as_str().cmp(value)).is_ok();
        let bin = bins.iter().position(has).or(*rare);
        bin.and_then(|bin| self.bins.get(bin)).map_or(0.0, |bin| bin.woe)
    }

    pub fn woe_of_missing(&self) -> f64 {
        self.missing.map_or(0.0, |bin| bin.woe)
    }

    fn new(cuts: Cuts, cells: Vec<Cell>, missing: Cell, all: (u64, u64), trend: Trend) -> Self {
        let bin = |cell: Cell| Bin::new((cell.good, cell.bad), all);
        let bins: Vec<Bin> = cells.into_iter().map(bin).collect();
        let missing = (missing.rows() > 0).then(|| bin(missing));
        let iv = bins.iter().chain(&missing).map(|bin| bin.iv).sum();
        Self { cuts, bins, missing, trend, iv }
    }
}

fn cell(bad: bool) -> Cell {
    Cell { good: u64::from(!bad), bad: u64::from(bad) }
}

fn sum(cells: impl Iterator<Item = Cell>) -> Cell {
    cells.fold(Cell::default(), Cell::with)
}

/// Good and bad rows.
fn counted(rows: usize, bad: &[bool]) -> Result<(u64, u64)> {
    if rows != bad.len() {
        let detail = format!("has {} values for {rows} rows", bad.len());
        return Err(Fault::new("/target", detail));
    }
    let of_bad = bad.iter().filter(|bad| **bad).count();
    if of_bad == 0 || of_bad == rows {
        let detail = "has one value in all rows: a weight of evidence needs some of either outcome";
        return Err(Fault::new("/target", detail));
    }
    Ok(((rows - of_bad) as u64, of_bad as u64))
}

/// Cuts a number: a tree of at most 20 leaves finds where to, each of `least_share` of the rows that
/// have a value, and these are merged so that the information value is the greatest that trend and
/// number of bins allow. Bins of one outcome alone are bins as others: half a row of either makes them
/// finite. A value that is not finite is missing, and missing values are a bin of their own. Given `edges`
/// are taken as they are. One bin is left where no cut is allowed.
///
/// # Errors
/// A [`Fault`] for options that don't hold, and where one outcome is missing.
pub fn bin_numbers(values: &[f64], bad: &[bool], options: &Options) -> Result<Binning> {
    options.check()?;
    let all = counted(values.len(), bad)?;
    let rows = || values.iter().zip(bad);
    let missing = sum(rows().filter(|(v, _)| !v.is_finite()).map(|(_, bad)| cell(*bad)));
    let mut known: Vec<(f64, bool)> =
        rows().filter(|(v, _)| v.is_finite()).map(|(v, bad)| (*v, *bad)).collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (edges, trend) = match &options.edges {
        Some(edges) => (edges.clone(), Trend::Free),
        None => found_edges(&known, all, options),
    };
    let mut cells = vec![Cell::default(); edges.len() + 1];
    for (value, bad) in &known {
        let bin = edges.partition_point(|edge| edge <= value);
        cells[bin] = cells[bin].with(cell(*bad));
    }
    Ok(Binning::new(Cuts::Numbers(edges), cells, missing, all, trend))
}

fn found_edges(known: &[(f64, bool)], all: (u64, u64), options: &Options) -> (Vec<f64>, Trend) {
    // Zeros of either sign are one value.
    let runs: Vec<&[(f64, bool)]> = known.chunk_by(|a, b| a.0 == b.0).collect();
    let cells: Vec<Cell> =
        runs.iter().map(|run| sum(run.iter().map(|(_, bad)| cell(*bad)))).collect();
    let least = ((known.len() as f64 * options.least_share).ceil() as u64).max(1);
    let cuts = cuts(&cells, PREBINS, least);
    let merging = Merging { cells: &joined(&cells, &cuts), all, most: options.bins, least };
    let Merged { cuts: merged, trend, .. } = merging.best(options.trend);
    let edge = |cut: usize| {
        let (low, high) = (runs[cut - 1][0].0, runs[cut][0].0);
        let middle = low + (high - low) / 2.0;
        // Between two neighbours there is no number; of those that are far apart the difference is
        // infinite.
        if middle > low && middle < high { middle } else { high }
    };
    (merged.into_iter().map(|cut| edge(cuts[cut - 1])).collect(), trend)
}

/// The cells of bins that begin at these places.
fn joined(cells: &[Cell], cuts: &[usize]) -> Vec<Cell> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([cells.len()]);
    starts.zip(ends).map(|(from, to)| sum(cells[from..to].iter().copied())).collect()
}

/// Puts categories together: rare ones are one, all are ordered by their share of bad rows, and
/// neighbours are merged so that the information value is the greatest that the number of bins and
/// their rows allow. Missing values are a bin of their own.
///
/// # Errors
/// As [`bin_numbers`].
pub fn bin_categories(
    values: &[Option<&str>],
    bad: &[bool],
    options: &CategoryOptions,
) -> Result<Binning> {
    let CategoryOptions { bins, least_share, least_count, most } = *options;
    Options { bins, least_share, ..Options::default() }.check()?;
    let all = counted(values.len(), bad)?;
    let mut missing = Cell::default();
    let mut counts: BTreeMap<&str, Cell> = BTreeMap::new();
    for (value, bad) in values.iter().zip(bad) {
        let slot = value.map_or(&mut missing, |value| counts.entry(value).or_default());
        *slot = slot.with(cell(*bad));
    }
    let known: u64 = counts.values().map(|cell| cell.rows()).sum();
    let mut frequent: Vec<(Option<&str>, Cell)> =
        counts.into_iter().map(|(name, cell)| (Some(name), cell)).collect();
    frequent.sort_by_key(|(_, cell)| std::cmp::Reverse(cell.rows()));
    let kept = frequent.iter().take(most).take_while(|(_, c)| c.rows() >= least_count).count();
    let rare = frequent.split_off(kept);
    let mut kinds = frequent;
    if !rare.is_empty() {
        kinds.push((None, sum(rare.into_iter().map(|(_, cell)| cell))));
    }
    // Of those that are alike the first by name comes first, so that nothing depends on their order.
    kinds.sort_by(|a, b| a.1.bad_rate().total_cmp(&b.1.bad_rate()).then(a.0.cmp(&b.0)));
    let cells: Vec<Cell> = kinds.iter().map(|(_, cell)| *cell).collect();
    let least = ((known as f64 * least_share).ceil() as u64).max(1);
    let merging = Merging { cells: &cells, all, most: bins, least };
    let Merged { cuts, .. } = merging.best(Trend::Free);
    let bin_of = |kind: usize| cuts.partition_point(|cut| *cut <= kind);
    let mut names = vec![Vec::new(); cuts.len() + 1];
    let mut rare = None;
    for (number, (name, _)) in kinds.iter().enumerate() {
        match name {
            Some(name) => names[bin_of(number)].push((*name).to_owned()),
            None => rare = Some(bin_of(number)),
        }
    }
    names.iter_mut().for_each(|names: &mut Vec<String>| names.sort_unstable());
    let cuts_of = Cuts::Categories { bins: names, rare };
    Ok(Binning::new(cuts_of, joined(&cells, &cuts), missing, all, Trend::Rising))
}
