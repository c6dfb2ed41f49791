//! Reasons of adverse answers.

mod tables;
mod telling;
mod wording;

use std::sync::Arc;
use std::time::Duration;

pub use tables::reason_table_csv;

use self::telling::{Teller, Way};
use super::cache::Named;
use super::loaded::Loaded;
use super::turns::{Turn, patiently_or};
use super::{Service, blocking, not_found};
use crate::domain::calibration::Calibrator;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::policy::{PolicyReasons, PolicyTerms};
use crate::domain::prediction::Scores;
use crate::domain::reason::{
    MAX_REASONS, Reason, ReasonDirections, ReasonEntry, ReasonMethod, ReasonOptions, ReasonTable,
    Reasons,
};
use crate::domain::version::Signature;
use crate::engine::Adverse;
use crate::error::{Code, Error, FieldError, Result};
use crate::frame::Frame;

/// Rows of a baseline that Shapley values are reckoned against, at most.
const SHAPLEY_ROWS: usize = 100;

/// Rows whose adverse answers are to be given reasons.
pub(super) struct Answered<'a> {
    pub(super) frame: &'a Frame,
    pub(super) scores: &'a Scores,
    /// The probability of the positive class at which answers change: the version's threshold, or that
    /// of a policy which decides by it.
    pub(super) cut_off: f64,
    /// The rows that are adverse, where others than the cut-off decide so.
    pub(super) told: Option<&'a [usize]>,
    /// How long they may take: forever in a job.
    pub(super) patience: Duration,
    /// Whether they were told before and are on record: nobody can ask for less.
    pub(super) is_replay: bool,
    /// Whether the table is settled already: where the options name none, none is read.
    pub(super) is_settled: bool,
    /// As they were told before, where they are told again.
    pub(super) directions: ReasonDirections,
}

impl Service {
    /// The reasons of those answers that are adverse: what adds most to the log odds of the adverse
    /// class, compared with approved applicants near the cut-off.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for a version of other than a table of two classes, and options that
    /// don't hold; [`Code::NotFound`] for an unknown table, and a version that carries no reference rows.
    pub(super) async fn reasons(
        &self,
        name: Named<'_>,
        loaded: &Arc<Loaded>,
        answered: Answered<'_>,
        options: &ReasonOptions,
        turn: Turn,
    ) -> Result<Reasons> {
        let signature = &loaded.version.signature;
        let (adverse_class, is_positive) = adverse_class(signature, options)?;
        let max = options.max.unwrap_or(MAX_REASONS);
        let method = options.method.unwrap_or_default();
        let explainer = self.explainer(name, loaded.version.version).await?;
        if signature.window.is_some() || explainer.columns().is_empty() {
            return Err(refused(
                "/reasons",
                "reasons are of the columns of tables: explain answers \
                of windows, pictures and texts by POST .../explanations",
            ));
        }
        let table = match answered.is_settled && options.table.is_none() {
            true => None,
            false => self.table(name, options).await?,
        };
        let number = table.as_ref().map(|table| table.number);
        let entries = table.map_or_else(Vec::new, |table| table.entries);
        let language = language(&entries, options)?;
        let (cut_off, directions, is_replay) =
            (answered.cut_off, answered.directions, answered.is_replay);
        let adverse = match answered.told {
            Some(told) => told.to_vec(),
            None => adverse_rows(signature, &answered, is_positive),
        };
        let mut reasons = Reasons {
            rows: vec![Vec::new(); answered.scores.rows()],
            adverse_class,
            cut_off,
            method,
            directions,
            max,
            table: number,
            language: language.clone(),
            baseline: None,
            holds: true,
        };
        // Where nobody is refused it takes nobody to compare with.
        if adverse.is_empty() {
            return Ok(reasons);
        }
        let (calibrator, frame) = (signature.calibrator.clone(), answered.frame.clone());
        let told = patiently_or(
            turn,
            answered.patience,
            || takes_too_long(method, is_replay),
            move |stop| {
                let way = Way { method, directions, max: max as usize, language };
                let teller = Teller::new(&explainer, entries, way);
                let most = match method {
                    ReasonMethod::Shapley => SHAPLEY_ROWS,
                    ReasonMethod::ExpectedGradients => usize::MAX,
                };
                let calibrator = calibrator.as_ref();
                let decision = Adverse { cut_off, is_positive, calibrator, most };
                let told = teller.tell(&frame.take(&adverse)?, decision, stop)?;
                Ok((adverse, told))
            },
        );
        let (adverse, told) = told.await?;
        for (row, told) in adverse.into_iter().zip(told.rows) {
            reasons.rows[row] = told;
        }
        (reasons.baseline, reasons.holds) = (Some(told.baseline), told.holds);
        Ok(reasons)
    }

    /// What is wrong with the reasons of a policy: a version that none are given of, an unknown table or
    /// language, a cut-off (with whether the positive class is adverse, where one is known) that hardly anybody
    /// reaches.
    ///
    /// # Errors
    /// Those that are none of the policy's.
    pub(super) async fn check_reasons(
        &self,
        name: Named<'_>,
        (version, calibrator): (u32, Option<&Calibrator>),
        terms: &PolicyTerms,
        decision: Option<(f64, bool)>,
    ) -> Result<Vec<FieldError>> {
        let PolicyReasons { max, method, table, language: wanted } = terms.reasons.clone();
        let options = ReasonOptions { max, method, table, adverse: None, language: wanted };
        let checked = async {
            check_options(&options)?;
            let table = self.table(name, &options).await?;
            language(table.as_ref().map_or(&[][..], |table| &table.entries), &options)
        };
        let mut faults = match checked.await {
            Ok(_) => Vec::new(),
            Err(Error::Problem { errors, .. }) if !errors.is_empty() => errors,
            Err(error) => return Err(error),
        };
        let explainer = match self.explainer(name, version).await {
            Ok(explainer) => explainer,
            Err(Error::Problem { code: Code::NotFound, detail, .. }) => {
                faults.push(FieldError::new("/version", detail));
                return Ok(faults);
            }
            Err(error) => return Err(error),
        };
        if explainer.columns().is_empty() {
            let detail = "no reasons are given of its answers, which are of texts";
            faults.push(FieldError::new("/version", detail));
            return Ok(faults);
        }
        let Some((cut_off, is_positive)) = decision else { return Ok(faults) };
        let calibrator = calibrator.cloned();
        let found = blocking(move || {
            let calibrator = calibrator.as_ref();
            let decision = Adverse { cut_off, is_positive, calibrator, most: usize::MAX };
            explainer.baseline(decision).map(|_| ())
        });
        match found.await {
            Ok(()) => {}
            Err(Error::Problem { .. }) => faults.push(unreached("/cut_offs/approve")),
            Err(error) => return Err(error),
        }
        Ok(faults)
    }

    /// The number of the newest table, for answers of several parts: all of them are told by the same one,
    /// whatever is kept meanwhile. None where the model has none.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the database can't be reached.
    pub(super) async fn newest_table(&self, name: Named<'_>) -> Result<Option<u32>> {
        let found = self.store().get_reason_table(name.project, name.model, None).await?;
        Ok(found.map(|table| table.number))
    }

    /// The table that is named, or the newest one; None where the model has none.
    async fn table(
        &self,
        Named { project, model }: Named<'_>,
        options: &ReasonOptions,
    ) -> Result<Option<ReasonTable>> {
        let found = self.store().get_reason_table(project, model, options.table).await?;
        match (&found, options.table) {
            (None, Some(number)) => {
                let error = not_found("reason table", &format!("{number} of model {model}"));
                Err(Error::field(Code::NotFound, "/reasons/table", error.to_string()))
            }
            _ => Ok(found),
        }
    }
}

/// The way out for whoever waits for reasons longer than a request may take.
pub(super) fn takes_too_long(method: ReasonMethod, is_replay: bool) -> Error {
    match method {
        // They were found within a minute once.
        _ if is_replay => {
            let detail = "finding the recorded reasons again takes longer than a minute now: try again when \
                          less is asked of the server";
            Error::new(Code::TooManyRequests, detail)
        }
        ReasonMethod::Shapley => refused(
            "/reasons/method",
            "Shapley values of these adverse answers take longer than a minute: ask for expected_gradients, \
             or send fewer rows",
        ),
        ReasonMethod::ExpectedGradients => {
            let detail = "finding reasons takes longer than a minute: send fewer rows at once";
            refused("/rows", detail)
        }
    }
}

/// Whether reasons have the same codes and columns in the same order, by the same baseline. Texts of a table
/// go with their codes, and other sentences may be put otherwise by a newer program.
pub(super) fn are_same(then: &Reasons, now: &Reasons) -> bool {
    let told = |reasons: &Reasons| -> Vec<Vec<(String, Vec<String>)>> {
        let row =
            |row: &Vec<Reason>| row.iter().map(|r| (r.code.clone(), r.columns.clone())).collect();
        reasons.rows.iter().map(row).collect()
    };
    // Records of earlier programs have a baseline where nobody was refused.
    let is_one_baseline = match (&then.baseline, &now.baseline) {
        (Some(then), Some(now)) => then == now,
        _ => now.baseline.is_none() || told(then).iter().all(Vec::is_empty),
    };
    is_one_baseline && then.adverse_class == now.adverse_class && told(then) == told(now)
}

/// By what recorded reasons were found, to find them again.
pub(super) fn asked_again(reasons: &Reasons) -> ReasonOptions {
    ReasonOptions {
        max: Some(reasons.max),
        method: Some(reasons.method),
        table: reasons.table,
        adverse: Some(reasons.adverse_class.clone()),
        language: reasons.language.clone(),
    }
}

/// Refuses options that can be refused before a model is known.
///
/// # Errors
/// [`Code::InvalidRequest`].
pub(super) fn check_options(options: &ReasonOptions) -> Result<()> {
    match options.max {
        Some(max) if !(1..=MAX_REASONS).contains(&max) => {
            let detail = format!("{max} is not from 1 to {MAX_REASONS}");
            Err(refused("/reasons/max", detail))
        }
        _ => Ok(()),
    }
}

/// Reasons are told by those who are approved: there have to be some.
pub(super) fn unreached(pointer: &str) -> FieldError {
    let detail = "hardly one of the version's training rows would be approved, and reasons are told by \
                  comparison with those: approve at fewer points, or at a greater probability";
    FieldError::new(pointer, detail)
}

fn refused(pointer: &str, detail: impl Into<String>) -> Error {
    Error::field(Code::InvalidRequest, pointer, detail)
}

/// The adverse class, and whether it is the positive one.
fn adverse_class(signature: &Signature, options: &ReasonOptions) -> Result<(String, bool)> {
    let (Task::Binary, Some(positive)) = (signature.task, &signature.positive_class) else {
        let detail = "reasons are of answers with one of two classes; what columns add to others is \
                      told by POST .../explanations";
        return Err(refused("/reasons", detail));
    };
    let Some(wanted) = &options.adverse else { return Ok((positive.clone(), true)) };
    if !signature.classes.contains(wanted) {
        let near = did_you_mean(wanted, signature.classes.iter().map(String::as_str));
        let detail = format!("the version knows no class {wanted}{near}");
        return Err(refused("/reasons/adverse", detail));
    }
    Ok((wanted.clone(), wanted == positive))
}

/// The rows that are answered by the adverse class.
fn adverse_rows(signature: &Signature, answered: &Answered<'_>, is_positive: bool) -> Vec<usize> {
    let positive = signature.positive_class.as_ref();
    let place = answered.scores.classes().iter().position(|class| Some(class) == positive);
    let probabilities = answered.scores.column(place.unwrap_or(0)).enumerate();
    let is_adverse = |p: f64| (p >= answered.cut_off) == is_positive;
    probabilities.filter(|(_, p)| is_adverse(*p)).map(|(row, _)| row).collect()
}

/// The language that texts are to have: the one that is asked for, or that of the first entry.
fn language(entries: &[ReasonEntry], options: &ReasonOptions) -> Result<Option<String>> {
    let first = entries.first().and_then(|entry| entry.language.clone());
    let Some(wanted) = &options.language else { return Ok(first) };
    let mut known: Vec<&str> =
        entries.iter().filter_map(|entry| entry.language.as_deref()).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&wanted.as_str()) {
        return Ok(Some(wanted.clone()));
    }
    let has = match known.as_slice() {
        [] => "names no language".to_owned(),
        known => format!("has {}", known.join(", ")),
    };
    let detail = format!("no text is in {wanted}: the reason table {has}");
    Err(refused("/reasons/language", detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sentence_put_otherwise_is_the_same_reason() {
        let told = |code: &str, text: &str| -> Reasons {
            let reason =
                json!({"code": code, "text": text, "columns": ["age"], "contribution": 0.2});
            let baseline = json!({"id": "00", "rows": 100, "rule": "nearest", "source": "applicants",
                                  "chosen_from": 4096});
            serde_json::from_value(json!({"rows": [[reason]], "adverse_class": "1", "cut_off": 0.5,
                "method": "expected_gradients", "max": 4, "holds": true, "baseline": baseline}))
            .unwrap()
        };
        let then = told("age", "age is 31; approved applicants mostly have 36 to 52");
        assert!(are_same(
            &then,
            &told("age", "age is 31; approved applicants mostly have 33 to 60")
        ));
        let nobody = Reasons { rows: vec![Vec::new()], ..then.clone() };
        assert!(are_same(&nobody, &Reasons { baseline: None, ..nobody.clone() }));
        assert!(!are_same(
            &then,
            &told("R01", "age is 31; approved applicants mostly have 36 to 52")
        ));
    }
}
