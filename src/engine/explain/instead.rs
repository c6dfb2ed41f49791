//! What is answered to a row that has in some columns what approved applicants have: whether a value hurts.

use std::ops::Range;

use super::applicants::{KnownColumn, KnownValues};
use super::baseline::{Baseline, Typical, frequent, most_lack, ranked_place};
use super::paths::go_on;
use super::{Explainer, Quantity};
use crate::engine::features::{Group, Layout};
use crate::error::Result;
use crate::frame::Frame;

/// Rows of a baseline whose value in a column stands for the others'.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// One that has the median, or the most frequent category; one that has no category, where most have none.
    pub usual: Option<usize>,
    /// Of categories, one for each other that has to be [`frequent`] too for most to have one of them.
    pub named: Vec<usize>,
    /// One that has nothing, where most have nothing.
    pub none: Option<usize>,
}

/// A row that is to have in some columns what rows of the baseline have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    pub row: usize,
    /// Of each column its place in [`Explainer::columns`], and the row of the baseline.
    pub with: Vec<(usize, usize)>,
}

impl Explainer {
    /// Which rows of a baseline stand for it, column by column; `typical` is what [`Explainer::typical`] tells
    /// of each. Of versions that carry no values, the row in the middle of what the network reads of a number.
    pub fn standing(&self, baseline: &Baseline, typical: &[Option<Typical>]) -> Vec<Standing> {
        let spans = self.features.spans().enumerate();
        let of_column =
            |(place, (name, span)): (usize, (&str, Range<usize>))| match &self.applicants {
                Some(applicants) => {
                    let known = applicants.columns.iter().find(|known| known.name == name);
                    let typical = typical.get(place).and_then(Option::as_ref);
                    let found = known.zip(typical);
                    found.map_or_else(Standing::default, |(known, typical)| {
                        known_rows(known, &baseline.picked, typical)
                    })
                }
                None => Standing { usual: self.middle_row(baseline, span), ..Standing::default() },
            };
        spans.map(of_column).collect()
    }

    /// The row of a baseline in the middle of the number that a column is read as, of those that have one.
    fn middle_row(&self, baseline: &Baseline, span: Range<usize>) -> Option<usize> {
        let input = self.number_input(&span)?;
        let width = self.layout.width().max(1);
        let missing = self.missing_input(&span);
        let rows = baseline.references.chunks_exact(width).enumerate();
        let some = rows.filter(|(_, read)| has_number(read, missing));
        let mut rows: Vec<(usize, f32)> =
            some.filter_map(|(row, read)| Some((row, *read.get(input)?))).collect();
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        Some(rows.get(ranked_place(rows.len(), 0.5)?)?.0)
    }

    /// The input that is a column's number, without an order that holds by construction.
    pub(super) fn number_input(&self, span: &Range<usize>) -> Option<usize> {
        let Layout::Table(groups) = &self.layout else { return None };
        groups.iter().find_map(|group| match group {
            Group::Number { input, .. } if span.contains(input) => Some(*input),
            _ => None,
        })
    }

    /// The input that says that a column's number is missing, and that what stands in its place is made up.
    pub(super) fn missing_input(&self, span: &Range<usize>) -> Option<usize> {
        self.layout.groups().iter().find_map(|group| match group {
            Group::Flag(input) if span.contains(input) => Some(*input),
            _ => None,
        })
    }

    /// The quantity of rows of a frame after each swap, all else as it is.
    ///
    /// # Errors
    /// As [`super::super::LoadedModel::predict`]; [`crate::error::Code::Cancelled`] when `stop` says so.
    pub fn instead(
        &self,
        frame: &Frame,
        swaps: &[Swap],
        baseline: &Baseline,
        of: Quantity,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Vec<f64>> {
        if swaps.is_empty() {
            return Ok(Vec::new());
        }
        let inputs = self.features.transform(frame)?;
        let width = inputs.width;
        let spans: Vec<Range<usize>> = self.features.spans().map(|(_, span)| span).collect();
        let mut values = Vec::with_capacity(swaps.len());
        for some in swaps.chunks(self.networks.at_once()) {
            go_on(stop)?;
            let mut points = Vec::with_capacity(some.len() * width);
            for swap in some {
                let start = points.len();
                points.extend_from_slice(&inputs.data[swap.row * width..(swap.row + 1) * width]);
                for (column, with) in &swap.with {
                    let span = &spans[*column];
                    let with = &baseline.references[with * width..(with + 1) * width];
                    points[start..][span.clone()].copy_from_slice(&with[span.clone()]);
                }
            }
            values.extend(self.networks.values(&points, width, of)?);
        }
        Ok(values)
    }
}

/// Whether what the network reads of a row has a number, of which an input may say that it is missing.
pub(super) fn has_number(read: &[f32], missing: Option<usize>) -> bool {
    missing.and_then(|missing| read.get(missing)).is_none_or(|flag| *flag == 0.0)
}

/// Which of the picked applicants have what is typical of them all, and which nothing where most have.
fn known_rows(known: &KnownColumn, picked: &[usize], typical: &Typical) -> Standing {
    /// Where a value stands among those of the picked; none of them is nothing.
    fn place<T: PartialEq>(
        values: &[Option<T>],
        picked: &[usize],
        wanted: Option<&T>,
    ) -> Option<usize> {
        picked.iter().position(|row| values.get(*row).and_then(Option::as_ref) == wanted)
    }
    let lacks = most_lack(typical.present());
    match (&known.values, typical) {
        (KnownValues::Numbers(values), Typical::Numbers { median, .. }) => Standing {
            usual: place(values, picked, Some(median)),
            named: Vec::new(),
            none: place(values, picked, None).filter(|_| lacks),
        },
        (KnownValues::Times(values), Typical::Times { median, .. }) => Standing {
            usual: place(values, picked, Some(median)),
            named: Vec::new(),
            none: place(values, picked, None).filter(|_| lacks),
        },
        (KnownValues::Words { codes, .. }, Typical::Words(_)) if lacks => {
            let none = place(codes, picked, None);
            Standing { usual: none, named: Vec::new(), none }
        }
        (KnownValues::Words { words, codes }, Typical::Words(shares)) => {
            let of_word = |wanted: &str| {
                let code = words.iter().position(|word| word == wanted)?;
                place(codes, picked, Some(&u32::try_from(code).ok()?))
            };
            let named = frequent(shares).unwrap_or_default();
            let named = named.into_iter().skip(1).filter_map(of_word).collect();
            let usual = shares.first().and_then(|(most, _)| of_word(most));
            Standing { usual, named, none: None }
        }
        _ => Standing::default(),
    }
}
