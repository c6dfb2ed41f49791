//! The ways in which columns may change: what a request marks, as far as the version reads it.

mod asked;

pub(super) use self::asked::ways;
use self::asked::{checked, escaped};
use crate::domain::schema::{Cell, ColumnType};
use crate::engine::KnownNumber;
use crate::error::{FieldError, Result};
use crate::frame::{Frame, Values};
use crate::stats::counterfactual::{Change, Direction, Lever};

/// Beyond it floats don't tell whole numbers apart.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// How one column may change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    pub(super) column: String,
    kind: ColumnType,
    to: To,
}

#[derive(Debug, Clone, PartialEq)]
enum To {
    Number(Numbers),
    /// Texts.
    Levels(Vec<String>),
    Truths(Vec<bool>),
}

#[derive(Debug, Clone, PartialEq)]
struct Numbers {
    /// As they were asked for.
    min: Option<f64>,
    max: Option<f64>,
    direction: Direction,
    step: Option<f64>,
    scale: f64,
    known: KnownNumber,
}

/// A column of one row that may change: its own value as a number, and what it may become.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) way: usize,
    pub(super) own: f64,
    change: Change,
    /// What the numbers stand for, where they stand for texts.
    names: Vec<String>,
}

impl Way {
    /// The column in each of some rows; None where it is missing, and stays so.
    ///
    /// # Errors
    /// As [`Frame::numbers`].
    pub(super) fn held(&self, way: usize, frame: &Frame) -> Result<Vec<Option<Held>>> {
        match &self.to {
            To::Levels(levels) => {
                let of = |text: &str| {
                    let mut names = levels.clone();
                    let allowed = (0..u32::try_from(levels.len()).unwrap_or(u32::MAX)).collect();
                    let own = names.iter().position(|name| name == text).unwrap_or_else(|| {
                        names.push(text.to_owned());
                        names.len() - 1
                    });
                    Held { way, own: own as f64, change: Change::Level { allowed }, names }
                };
                Ok(frame.texts(&self.column)?.into_iter().map(|text| text.map(of)).collect())
            }
            To::Truths(truths) => {
                let allowed: Vec<u32> = truths.iter().map(|truth| u32::from(*truth)).collect();
                self.numbers(way, frame, &|_| Change::Level { allowed: allowed.clone() })
            }
            To::Number(numbers) => self.numbers(way, frame, &|own| numbers.change(own)),
        }
    }

    fn numbers(
        &self,
        way: usize,
        frame: &Frame,
        change: &dyn Fn(f64) -> Change,
    ) -> Result<Vec<Option<Held>>> {
        let held = |own: f64| Held { way, own, change: change(own), names: Vec::new() };
        let numbers = frame.numbers(&self.column)?;
        Ok(numbers.into_iter().map(|own| own.is_finite().then(|| held(own))).collect())
    }

    /// What is wrong with the own value of a row.
    fn misfit(&self, own: f64) -> Option<String> {
        let To::Number(Numbers { min, max, .. }) = &self.to else { return None };
        if self.kind == ColumnType::Int64 && own.abs() > WHOLE {
            return Some(format!("{own} is too large to be changed by steps"));
        }
        let is_within = min.is_none_or(|min| own >= min) && max.is_none_or(|max| own <= max);
        let bound = |bound: &Option<f64>, none: &str| {
            bound.map_or_else(|| none.to_owned(), |bound| bound.to_string())
        };
        (!is_within).then(|| {
            let (min, max) = (bound(min, "any number"), bound(max, "any number"));
            format!("{own} lies outside of the bounds of its change, {min} to {max}: widen them")
        })
    }

    /// Values of the column as the version reads them.
    pub(super) fn values(&self, held: &Held, numbers: impl Iterator<Item = f64>) -> Values {
        match (&self.to, self.kind) {
            (To::Levels(_), _) => Values::String(numbers.map(|n| held.name(n)).collect()),
            (To::Truths(_), _) => Values::Bool(numbers.map(|n| Some(n == 1.0)).collect()),
            (_, ColumnType::Int64) => Values::Int64(numbers.map(|n| Some(n as i64)).collect()),
            _ => Values::Float64(numbers.map(Some).collect()),
        }
    }

    /// One of them as JSON has it.
    pub(super) fn cell(&self, held: &Held, number: f64) -> Cell {
        match (&self.to, self.kind) {
            (To::Levels(_), _) => held.name(number).map_or(Cell::Null, Cell::Text),
            (To::Truths(_), _) => Cell::Bool(number == 1.0),
            (_, ColumnType::Int64) => Cell::Int(number as i64),
            _ => Cell::Float(number),
        }
    }
}

impl Numbers {
    fn change(&self, own: f64) -> Change {
        Change::Number {
            low: self.min.unwrap_or(self.known.least.min(own)),
            high: self.max.unwrap_or(self.known.greatest.max(own)),
            direction: self.direction,
            step: self.step,
            typical: self.known.typical.clone(),
            scale: self.scale,
        }
    }
}

impl Held {
    fn name(&self, number: f64) -> Option<String> {
        self.names.get(number as usize).cloned()
    }

    pub(super) fn lever(&self, column: usize) -> Lever {
        Lever { column, change: self.change.clone() }
    }
}

/// The columns of each row that may change.
///
/// # Errors
/// [`crate::error::Code::InvalidRequest`] naming every value that lies outside of its own bounds.
pub(super) fn held(ways: &[Way], frame: &Frame) -> Result<Vec<Vec<Held>>> {
    let mut rows = vec![Vec::new(); frame.rows()];
    let mut errors = Vec::new();
    for (at, way) in ways.iter().enumerate() {
        for (row, held) in way.held(at, frame)?.into_iter().enumerate() {
            let Some(held) = held else { continue };
            if let Some(detail) = way.misfit(held.own) {
                let pointer = format!("/rows/{row}/{}", escaped(&way.column));
                errors.push(FieldError::new(pointer, detail));
            }
            rows[row].push(held);
        }
    }
    checked(errors, "some values lie outside of the bounds of their changes")?;
    Ok(rows)
}
