//! What is to be known of rows before they are learnt from: what is missing, what knows the answer,
//! and which rows are kept to try on.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use starlark::eval::Evaluator;
use starlark::values::Value;

use super::super::arguments::Arguments;
use super::super::context::context;
use super::super::objects::{Finding, Findings, Object, alloc};
use super::super::text::{counted, grouped};
use super::frames::{described, known, this};
use crate::domain::schema::ColumnType;
use crate::error::Result;
use crate::frame::Frame;
use crate::frame::telling::{Telling, telling};

/// A class of a smaller share is rare.
const RARE: f64 = 0.1;
/// Fewer rows tell nothing of a value of its own in each row, nor of what tells a target.
const FEW: usize = 20;

/// `check(frame, target=None)`.
pub(super) fn check<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let context = context()?;
    let frame = this(arguments, &context)?;
    let target = arguments.text("target")?;
    let described = described(&frame)?;
    let missing = described.numbers("missing")?;
    let distinct: Vec<u64> = described.numbers("different")?.iter().map(|n| *n as u64).collect();
    let (least, most) = (described.numbers("min")?, described.numbers("max")?);
    let mut found = Vec::new();
    if let Some(target) = target {
        known(&frame, target)?;
        found.extend(of_target(&frame, target, &distinct)?);
        if frame.rows() >= FEW {
            let told = telling(&frame, target, &distinct, &mut || context.go_on())?;
            found.extend(told.into_iter().map(|telling| of_telling(target, &telling)));
        }
    }
    let rows = frame.rows();
    let ranges = least.iter().zip(&most).map(|(least, most)| most - least);
    let figures = missing.iter().zip(&distinct).zip(ranges);
    for (column, ((missing, distinct), range)) in frame.columns().iter().zip(figures) {
        let finding = |kind, text| Finding { column: column.name.clone(), kind, text };
        if *missing > 0.0 {
            let share = 100.0 * missing / rows.max(1) as f64;
            let text = format!("is missing in {} ({share:.1} %)", counted(*missing as u64, "row"));
            found.push(finding("missing", text));
        }
        if *distinct <= 1 && rows > 1 {
            found.push(finding("constant", "has the same value in every row".to_owned()));
        }
        let names = match column.kind {
            ColumnType::String => true,
            // Numbers that count the rows.
            ColumnType::Int64 => range + 1.0 == rows as f64,
            _ => false,
        };
        if names && rows >= FEW && *distinct == rows as u64 && target != Some(&column.name) {
            let text = "has a value of its own in every row: an identifier?".to_owned();
            found.push(finding("identifier", text));
        }
    }
    let found = Findings { rows: rows as u64, columns: frame.columns().len() as u64, found };
    alloc(Object::Findings(found), eval)
}

/// Whether the target is known, and whether a class of it is rare.
fn of_target(frame: &Frame, target: &str, distinct: &[u64]) -> Result<Option<Finding>> {
    let at = frame.columns().iter().position(|column| column.name == target);
    if at.and_then(|at| distinct.get(at)) != Some(&2) {
        return Ok(None);
    }
    let labels = frame.labels(target)?;
    let classes: Vec<&String> = labels.iter().flatten().collect();
    let Some(first) = classes.first() else { return Ok(None) };
    let Some(other) = classes.iter().find(|label| label != &first) else { return Ok(None) };
    let of_first = classes.iter().filter(|label| label == &first).count();
    let (rare, rows) = match 2 * of_first < classes.len() {
        true => (first, of_first),
        false => (other, classes.len() - of_first),
    };
    let share = rows as f64 / classes.len().max(1) as f64;
    Ok((share < RARE).then(|| Finding {
        column: target.to_owned(),
        kind: "rare",
        text: format!("is {rare} in only {:.1} % ({} rows)", 100.0 * share, grouped(rows as u64)),
    }))
}

fn of_telling(target: &str, Telling { column, figure, value }: &Telling) -> Finding {
    let text = format!("alone tells {target} ({figure} {value:.3}): known only afterwards?");
    Finding { column: column.clone(), kind: "leakage", text }
}

/// `split(frame, test=0.2, seed=0, by=None)`.
pub(super) fn split<'v>(
    arguments: &Arguments<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> Result<Value<'v>> {
    let frame = this(arguments, &*context()?)?;
    let share = arguments.share("test", 0.2)?;
    let seed = arguments.number("seed", 0..=u64::MAX)?.unwrap_or(0);
    let rows = frame.rows();
    let tested = ((rows as f64 * share).round() as usize).min(rows);
    let mut order: Vec<usize> = (0..rows).collect();
    match arguments.text("by")? {
        Some(by) => {
            known(&frame, by)?;
            let values = match frame.column(by).map(|column| column.kind) {
                Some(ColumnType::Timestamp) => {
                    let times = frame.timestamps(by)?;
                    times.into_iter().map(|t| t.map_or(f64::NAN, |t| t as f64)).collect()
                }
                _ => frame.numbers(by)?,
            };
            // What has no place in the order is not tried on.
            let key = |row: &usize| values.get(*row).copied().filter(|v| !v.is_nan());
            let key = |row: &usize| key(row).unwrap_or(f64::NEG_INFINITY);
            order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        }
        None => order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed)),
    }
    let mut tests = order.split_off(rows - tested);
    order.sort_unstable();
    tests.sort_unstable();
    let parts = [order, tests]
        .iter()
        .map(|rows| alloc(Object::Frame(frame.take(rows)?), eval))
        .collect::<Result<Vec<_>>>()?;
    Ok(eval.heap().alloc(parts))
}
