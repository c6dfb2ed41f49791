//! What to train on a dataset: found in its data and measured on this machine.
//!
//! The network follows from the kind of the data; the time that a few of its steps take decides
//! only where the time that is given would not suffice. So the same data get the same advice,
//! unless the budget binds.

mod candidates;
mod choice;
mod columns;
mod order;
mod question;
mod sample;
mod services;
mod texts;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use self::candidates::Kind;
use self::order::Order;
use self::question::Question;
use crate::domain::advice::{Advice, AdviceRequest, Finding, FindingCode, Probe};
use crate::domain::dataset::{DatasetRef, DatasetVersion};
use crate::domain::model::Task;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// How long networks are measured.
#[derive(Clone, Copy)]
struct Limits {
    /// All of them, with what has to be prepared.
    all: Duration,
    /// The steps of one, with those beside it.
    of_one: Duration,
}

const LIMITS: Limits = Limits { all: Duration::from_secs(8), of_one: Duration::from_millis(1500) };

/// A stored dataset, of which only what is needed is read.
pub trait Source {
    /// Whole columns.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] where it can't be read.
    fn columns(&self, names: &[String]) -> Result<Frame>;

    /// All columns of some rows, whose numbers ascend.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] where it can't be read.
    fn rows(&self, rows: &[usize]) -> Result<Frame>;
}

/// Recommends a training. `stop` is asked between the columns that are looked at, and between steps
/// of the networks that are measured.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming the fields of the request that the data refute, by
/// their pointers; [`crate::error::Code::Cancelled`] when `stop` says so.
pub fn advise(
    source: &dyn Source,
    dataset: &DatasetVersion,
    request: &AdviceRequest,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Advice> {
    advise_within(source, dataset, request, LIMITS, stop)
}

fn advise_within(
    source: &dyn Source,
    dataset: &DatasetVersion,
    request: &AdviceRequest,
    limits: Limits,
    stop: &mut (dyn FnMut() -> bool + Send),
) -> Result<Advice> {
    let began = Instant::now();
    let mut findings = Findings::default();
    let request = &services::completed(dataset, request, &mut findings)?;
    let question = Question::ask(source, dataset, request)?;
    question.describe(&mut findings);
    let order = Order::find(&question, &mut findings)?;
    let task = if order.is_series() { Task::Forecast } else { question.task };
    let mut rows = sample::rows(&question, &order)?;
    let mut frame = source.rows(&rows.numbers)?;
    let (kind, left_out) = kind(&question, &order, &frame, stop, &mut findings)?;
    if kind == Kind::Texts {
        rows = sample::of_texts(&question)?;
        frame = source.rows(&rows.numbers)?;
    }
    let services = services::advise(&question, &order)?;
    let left_out = services::with_protected(&question, left_out, &mut findings);
    let subject = candidates::Subject { question: &question, order: &order, kind, left_out };
    let measured = choice::measure(&subject, (&frame, rows.scale), limits, stop, &mut findings)?;
    let chosen = choice::choose(&subject, measured, &mut findings)?;
    Ok(Advice {
        dataset: DatasetRef { name: dataset.dataset.clone(), version: Some(dataset.version) },
        task,
        network: chosen.network.to_owned(),
        spec: chosen.spec,
        estimate: chosen.estimate,
        reasons: findings.reasons,
        warnings: findings.warnings,
        alternatives: chosen.alternatives,
        services,
        probe: Probe {
            seconds: began.elapsed().as_secs_f64(),
            limit_seconds: limits.all.as_secs_f64(),
            rows: frame.rows() as u64,
            device: chosen.device.description(),
            rows_per_second: chosen.rows_per_second,
        },
    })
}

/// What kind of data it is, and the columns that are left out.
fn kind(
    question: &Question<'_>,
    order: &Order,
    frame: &Frame,
    stop: &mut (dyn FnMut() -> bool + Send),
    findings: &mut Findings,
) -> Result<(Kind, Vec<String>)> {
    if order.is_series() {
        return Ok((Kind::Series, Vec::new()));
    }
    if let Some(image) = question.image() {
        let text = format!("{image} holds images, which convolutions read");
        findings.reason(FindingCode::Images, text, &[image], &[]);
        return Ok((Kind::Images, Vec::new()));
    }
    match texts::left_out(question, order, frame, stop, findings)? {
        Some(left_out) => Ok((Kind::Texts, left_out)),
        None => Ok((Kind::Table, columns::look(question, order, frame, stop, findings)?)),
    }
}

/// Fails once whoever asked has left; asked for each column.
fn go_on(stop: &mut (dyn FnMut() -> bool + Send)) -> Result<()> {
    match stop() {
        true => Err(Error::new(Code::Cancelled, "whoever asked for advice has left")),
        false => Ok(()),
    }
}

/// What is found, as it is found.
#[derive(Default)]
struct Findings {
    reasons: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Findings {
    fn reason(
        &mut self,
        code: FindingCode,
        text: impl Into<String>,
        columns: &[&str],
        figures: &[(&str, f64)],
    ) {
        self.reasons.push(finding(code, text.into(), columns, figures));
    }

    fn warn(
        &mut self,
        code: FindingCode,
        text: impl Into<String>,
        columns: &[&str],
        figures: &[(&str, f64)],
    ) {
        self.warnings.push(finding(code, text.into(), columns, figures));
    }
}

fn finding(code: FindingCode, text: String, columns: &[&str], figures: &[(&str, f64)]) -> Finding {
    let figures: BTreeMap<String, f64> =
        figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Finding { code, text, columns: columns.iter().map(|c| (*c).to_owned()).collect(), figures }
}

#[cfg(test)]
mod tests;
