//! A linear surrogate of a model: ridge regression (Hoerl and Kennard 1970) on standardised numbers
//! and one column of 0 and 1 for each level.

use crate::stats::surrogate::column::{Column, rows_of};
use crate::stats::{Ridge, mean};

/// Penalty where nothing else is said: that of scikit-learn's `Ridge`.
pub const DEFAULT_PENALTY: f64 = 1.0;

/// Levels of a column that get a coefficient, the most frequent first; the others get none.
const LEVELS: usize = 50;

/// Rows of the design that are in memory at once.
const ROWS: usize = 1024;

/// A fitted linear surrogate: `intercept` plus, for each term, `original` times the term's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// In the unit of the target.
    pub intercept: f64,
    /// In the order of the columns; what does not vary has no term.
    pub terms: Vec<Term>,
    columns: usize,
}

/// A coefficient.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    pub column: usize,
    pub part: Part,
    /// Change of the target for one standard deviation of the term's value.
    pub standardised: f64,
    /// Change of the target for one unit of the term's value.
    pub original: f64,
    /// Mean of the term's value over the fitted rows; a missing number is taken for it.
    pub mean: f64,
}

/// What of its column a term is the coefficient of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The number itself.
    Number,
    /// One where the number is missing, else zero.
    Missing,
    /// One where the code is this level, else zero.
    Level(u32),
}

/// Fits the surrogate to `target`, one value a row, with `penalty` times the squared coefficients
/// (of standardised numbers; of levels and missing as 0 and 1) added to the squared errors. The
/// intercept is not penalised.
///
/// `None` for no rows or columns, lengths that differ, a code that is no level, a target that is
/// not finite, a negative penalty, or coefficients that are not unique (which takes a penalty of
/// zero).
pub fn fit(columns: &[Column<'_>], target: &[f64], penalty: f64) -> Option<Linear> {
    let rows = rows_of(columns)?;
    let is_finite = target.iter().all(|y| y.is_finite());
    if target.len() != rows || !is_finite || !penalty.is_finite() || penalty < 0.0 {
        return None;
    }
    let inputs: Vec<Input> =
        columns.iter().enumerate().flat_map(|(at, column)| inputs(at, column)).collect();
    let level = mean(target)?;
    let mut ridge = Ridge::new(inputs.len(), 1);
    let all: Vec<usize> = (0..rows).collect();
    for part in all.chunks(ROWS) {
        let centred = |row: &usize| {
            inputs.iter().map(|i| (i.value(columns, *row) - i.mean) / i.scale).collect::<Vec<f64>>()
        };
        let x: Vec<f64> = part.iter().flat_map(centred).collect();
        let y: Vec<f64> = part.iter().map(|row| target[*row] - level).collect();
        ridge.add(&x, &y);
    }
    let coefficients = if inputs.is_empty() { Vec::new() } else { ridge.solve(penalty)? };
    let mut intercept = level;
    let mut terms = Vec::with_capacity(inputs.len());
    for (input, coefficient) in inputs.into_iter().zip(coefficients) {
        let original = coefficient / input.scale;
        intercept -= original * input.mean;
        terms.push(Term {
            column: input.column,
            part: input.part,
            standardised: original * input.deviation,
            original,
            mean: input.mean,
        });
    }
    let is_finite = terms.iter().all(|term| term.original.is_finite());
    (is_finite && intercept.is_finite()).then_some(Linear {
        intercept,
        terms,
        columns: columns.len(),
    })
}

impl Linear {
    /// The prediction for each row; `None` if the columns are not as many as the fitted ones, of
    /// another kind, or not equally long.
    pub fn predict(&self, columns: &[Column<'_>]) -> Option<Vec<f64>> {
        let rows = rows_of(columns)?;
        let is_alike = |term: &Term| {
            let is_number = matches!(columns.get(term.column), Some(Column::Numeric(_)));
            term.column < columns.len() && is_number != matches!(term.part, Part::Level(_))
        };
        if columns.len() != self.columns || !self.terms.iter().all(is_alike) {
            return None;
        }
        let predict = |row: usize| {
            let of_term = |t: &Term| t.original * t.part.value(&columns[t.column], row, t.mean);
            self.intercept + self.terms.iter().map(of_term).sum::<f64>()
        };
        let predictions: Vec<f64> = (0..rows).map(predict).collect();
        predictions.iter().all(|p| p.is_finite()).then_some(predictions)
    }
}

impl Part {
    fn value(self, column: &Column<'_>, row: usize, mean: f64) -> f64 {
        match (self, column) {
            (Self::Number, Column::Numeric(values)) if values[row].is_finite() => values[row],
            (Self::Number, _) => mean,
            (Self::Missing, Column::Numeric(values)) => f64::from(!values[row].is_finite()),
            (Self::Level(level), Column::Categorical { codes, .. }) => {
                f64::from(codes[row] == level)
            }
            _ => 0.0,
        }
    }
}

/// A column of the design.
struct Input {
    column: usize,
    part: Part,
    mean: f64,
    deviation: f64,
    /// What its values are divided by: the deviation of a number, one otherwise.
    scale: f64,
}

impl Input {
    /// `None` for one that does not vary.
    fn new(at: usize, part: Part, column: &Column<'_>) -> Option<Self> {
        let known: Vec<f64> = match (part, column) {
            (Part::Number, Column::Numeric(values)) => {
                values.iter().copied().filter(|v| v.is_finite()).collect()
            }
            _ => (0..column.rows()).map(|row| part.value(column, row, 0.0)).collect(),
        };
        let mean = mean(&known)?;
        // With missing numbers at their mean.
        let squares: f64 = known.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (squares / column.rows() as f64).sqrt();
        let varies = deviation > 1e-12 * mean.abs() && deviation.is_finite();
        let scale = if part == Part::Number { deviation } else { 1.0 };
        varies.then_some(Self { column: at, part, mean, deviation, scale })
    }

    fn value(&self, columns: &[Column<'_>], row: usize) -> f64 {
        self.part.value(&columns[self.column], row, self.mean)
    }
}

fn inputs(at: usize, column: &Column<'_>) -> Vec<Input> {
    let parts = match column {
        Column::Numeric(_) => vec![Part::Number, Part::Missing],
        Column::Categorical { codes, levels } => {
            let mut counts = vec![0_usize; *levels];
            codes.iter().for_each(|code| counts[*code as usize] += 1);
            let mut seen: Vec<u32> =
                (0..*levels as u32).filter(|level| counts[*level as usize] > 0).collect();
            seen.sort_by_key(|level| std::cmp::Reverse(counts[*level as usize]));
            seen.truncate(LEVELS);
            seen.sort_unstable();
            seen.into_iter().map(Part::Level).collect()
        }
    };
    parts.into_iter().filter_map(|part| Input::new(at, part, column)).collect()
}

#[cfg(test)]
mod tests;
