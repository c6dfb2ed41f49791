//! What a request marks as changeable, checked against what the version reads.

use std::collections::BTreeMap;

use super::{Numbers, To, Way};
use crate::domain::counterfactual::{ChangeDirection, Changeable};
use crate::domain::name::did_you_mean;
use crate::domain::schema::{Cell, Column, ColumnType};
use crate::domain::version::Signature;
use crate::engine::{Known, KnownCategory, KnownNumber, LoadedModel};
use crate::error::{Code, Error, FieldError, Result};
use crate::stats::counterfactual::Direction;

/// Most fields named in one error.
const MAX_ERRORS: usize = 100;
/// Beyond so many steps neighbouring values are not told apart.
const MOST_STEPS: f64 = 9e15;
/// Bounds lie within it: their distance is finite then.
const LARGEST: f64 = f64::MAX / 4.0;
const MOST_VALUES: usize = 1000;

/// The ways that a request opens, in the order in which the version reads its columns.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every column that is not read or can't change, and every bound, step,
/// scale or value that does not hold.
pub(in super::super) fn ways(
    change: &BTreeMap<String, Changeable>,
    signature: &Signature,
    model: &LoadedModel,
) -> Result<Vec<Way>> {
    if change.is_empty() {
        let detail = "no column is marked as changeable: name one at least";
        return Err(Error::field(Code::InvalidRequest, "/change", detail));
    }
    let inputs = || signature.inputs.iter().map(|input| input.name.as_str());
    let mut errors = Vec::new();
    for name in change.keys().filter(|name| !inputs().any(|input| input == *name)) {
        let detail = match *name == signature.target {
            true => format!("{name} is what the version predicts, and not read"),
            false => format!("the version reads no column {name}{}", did_you_mean(name, inputs())),
        };
        errors.push(FieldError::new(format!("/change/{}", escaped(name)), detail));
    }
    let mut ways = Vec::new();
    for input in &signature.inputs {
        let Some(asked) = change.get(&input.name) else { continue };
        let mut faults = Faults { column: &input.name, errors: Vec::new() };
        let to = to(input, asked, model.known(&input.name), &mut faults);
        ways.extend(to.map(|to| Way { column: input.name.clone(), kind: input.kind, to }));
        errors.extend(faults.errors);
    }
    checked(errors, "some columns can't change so")?;
    Ok(ways)
}

/// Fails where there are faults.
pub(super) fn checked(mut errors: Vec<FieldError>, several: &str) -> Result<()> {
    errors.truncate(MAX_ERRORS);
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(Error::fields(Code::InvalidRequest, one.detail.clone(), errors)),
        _ => Err(Error::fields(Code::InvalidRequest, several, errors)),
    }
}

/// A name inside a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// What is wrong with how one column is to change.
struct Faults<'a> {
    column: &'a str,
    errors: Vec<FieldError>,
}

impl Faults<'_> {
    fn add(&mut self, field: &str, detail: impl Into<String>) {
        let slash = if field.is_empty() { "" } else { "/" };
        let pointer = format!("/change/{}{slash}{field}", escaped(self.column));
        self.errors.push(FieldError::new(pointer, detail));
    }
}

fn to(
    input: &Column,
    asked: &Changeable,
    known: Option<Known<'_>>,
    faults: &mut Faults<'_>,
) -> Option<To> {
    let cant = match known {
        Some(Known::Number(known)) => return number(input.kind, asked, known, faults),
        Some(Known::Category(known)) => {
            only_values(asked, "a category", faults);
            return levels(asked, known, faults).map(To::Levels);
        }
        Some(Known::Boolean) => {
            only_values(asked, "true or false", faults);
            return truths(asked, faults).map(To::Truths);
        }
        Some(Known::Timestamp) => "is a time",
        Some(Known::Text) => "is a text",
        Some(Known::Image) => "is a picture",
        None => "is read in windows",
    };
    faults.add("", format!("{} {cant}: numbers, categories and booleans can change", input.name));
    None
}

/// Refuses what only numbers have.
fn only_values(asked: &Changeable, what: &str, faults: &mut Faults<'_>) {
    let given = [
        ("min", asked.min.is_some()),
        ("max", asked.max.is_some()),
        ("direction", asked.direction != ChangeDirection::Either),
        ("step", asked.step.is_some()),
        ("scale", asked.scale.is_some()),
    ];
    for (field, _) in given.iter().filter(|(_, is_given)| *is_given) {
        faults.add(field, format!("the column is {what}: say by values what it may become"));
    }
}

fn number(
    kind: ColumnType,
    asked: &Changeable,
    known: KnownNumber,
    faults: &mut Faults<'_>,
) -> Option<To> {
    let is_whole = kind == ColumnType::Int64;
    check_number(asked, is_whole, faults);
    let scale = asked.scale.unwrap_or(known.scale);
    let least = asked.min.unwrap_or(known.least);
    let greatest = asked.max.unwrap_or(known.greatest);
    let step = match asked.step {
        None if is_whole => Some(1.0),
        None => round_step(scale.min(greatest - least)),
        step => step,
    };
    if let (true, Some(step)) = (faults.errors.is_empty(), step) {
        check_step(asked, step, least.abs().max(greatest.abs()), faults);
    }
    let direction = match asked.direction {
        ChangeDirection::Either => Direction::Any,
        ChangeDirection::Increase => Direction::Increase,
        ChangeDirection::Decrease => Direction::Decrease,
    };
    let Changeable { min, max, .. } = *asked;
    let numbers = Numbers { min, max, direction, step, scale, known };
    faults.errors.is_empty().then_some(To::Number(numbers))
}

fn check_number(asked: &Changeable, is_whole: bool, faults: &mut Faults<'_>) {
    if asked.values.is_some() {
        let detail = "the column is a number: bound it by min, max, direction and step";
        faults.add("values", detail);
    }
    for (field, bound) in [("min", asked.min), ("max", asked.max)] {
        if let Some(bound) = bound.filter(|bound| bound.is_nan() || bound.abs() > LARGEST) {
            faults.add(field, format!("{bound} is too large to be reached by steps"));
        }
    }
    for (field, size) in [("step", asked.step), ("scale", asked.scale)] {
        if let Some(size) = size.filter(|size| !(*size > 0.0 && size.is_normal())) {
            faults.add(field, format!("{size} is not above 0"));
        }
    }
    if let Some(step) = asked.step.filter(|step| is_whole && *step > 0.0 && step.fract() != 0.0) {
        let detail = format!("{step} is no whole number, and the column holds whole numbers");
        faults.add("step", detail);
    }
    if let (Some(min), Some(max)) = (asked.min, asked.max)
        && min > max
    {
        faults.add("min", format!("{min} is above max, which is {max}"));
    }
}

/// Whether a multiple of the step lies within the bounds, of which `far` is the greater one.
fn check_step(asked: &Changeable, step: f64, far: f64, faults: &mut Faults<'_>) {
    let field = if asked.step.is_some() { "step" } else { "max" };
    if far / step > MOST_STEPS {
        let detail =
            format!("{step} is too small a step for values up to {far}: they are not told apart");
        return faults.add("step", detail);
    }
    if let (Some(min), Some(max)) = (asked.min, asked.max)
        && (min / step).ceil() > (max / step).floor()
    {
        faults.add(field, format!("no multiple of {step} lies between {min} and {max}"));
    }
}

/// The power of ten next below a hundredth; None where there is none.
fn round_step(of: f64) -> Option<f64> {
    let power = (of / 100.0).log10().floor();
    // One below 1 is the quotient that its decimals stand for.
    let step = if power < 0.0 { 1.0 / 10_f64.powf(-power) } else { 10_f64.powf(power) };
    step.is_normal().then_some(step)
}

fn levels(
    asked: &Changeable,
    known: KnownCategory<'_>,
    faults: &mut Faults<'_>,
) -> Option<Vec<String>> {
    let Some(values) = &asked.values else { return Some(known.levels().to_vec()) };
    check_count(values, faults);
    let mut levels = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let detail = match value {
            Cell::Text(text) if known.has(text) => {
                if !levels.contains(text) {
                    levels.push(text.clone());
                }
                continue;
            }
            Cell::Text(text) => {
                let near = did_you_mean(text, known.levels().iter().map(String::as_str));
                format!("no training row had {text}: what it leads to is not known{near}")
            }
            _ => "must be a text, as the column's values are".to_owned(),
        };
        faults.add(&format!("values/{at}"), detail);
    }
    faults.errors.is_empty().then_some(levels)
}

fn truths(asked: &Changeable, faults: &mut Faults<'_>) -> Option<Vec<bool>> {
    let Some(values) = &asked.values else { return Some(vec![false, true]) };
    check_count(values, faults);
    let mut truths = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match value {
            Cell::Bool(truth) => truths.push(*truth),
            _ => faults.add(&format!("values/{at}"), "must be true or false"),
        }
    }
    faults.errors.is_empty().then_some(truths)
}

fn check_count(values: &[Cell], faults: &mut Faults<'_>) {
    match values.len() {
        0 => faults.add("values", "names no value: leave it out where any may be taken"),
        1..=MOST_VALUES => {}
        count => faults.add("values", format!("{count} values are more than {MOST_VALUES}")),
    }
}
