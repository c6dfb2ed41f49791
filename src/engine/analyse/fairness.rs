//! How a version's decisions fall on the groups of a column that it does not read.

use std::collections::BTreeSet;

use super::Work;
use super::check::Findings;
use crate::domain::analysis::{FAIRNESS_NOTICE, FairnessResult, FairnessSpec};
use crate::domain::fairness::{Fairness, GroupFairness};
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::domain::version::{Signature, Version};
use crate::engine::features::FittedFeatures;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;
use crate::stats::{Decisions, FairnessOptions, fairness};

const STAGE: &str = "fairness";
/// Groups of a column, at most.
const MOST_GROUPS: usize = 50;
/// What rows are called whose group is not known.
const MISSING: &str = "(missing)";
/// Of the bootstrap.
const RESAMPLES: u32 = 1_000;
/// Above it a difference is said to be one that chance may explain.
const LEVEL: f64 = 0.05;
/// Of the rate of another group (Uniform Guidelines on Employee Selection Procedures 1978).
const FOUR_FIFTHS: f64 = 0.8;

/// What of a request can't hold, whatever the rows are.
pub(super) fn check(
    version: &Version,
    features: &FittedFeatures,
    spec: &FairnessSpec,
    findings: &mut Findings,
) {
    let Signature { task, target, classes, .. } = &version.signature;
    if *task != Task::Binary {
        let detail = format!(
            "fairness is of decisions between two classes, and the version's task is {}: ask for a \
             version of a binary target, or compare answers by importance",
            task.as_str()
        );
        findings.add("/analysis/kind", detail);
        return;
    }
    let column = &spec.column;
    let reads = |name: &String| features.inputs_of_columns().iter().any(|(known, _)| known == name);
    if column == target {
        let detail = format!("{column} is what the version foretells: name a column of groups");
        findings.add("/analysis/column", detail);
    } else if reads(column) {
        let detail = format!(
            "the version reads {column}: this monitors groups by a column that a version does not \
             use. Train one without it (name {column} in exclude), or another column of groups"
        );
        findings.add("/analysis/column", detail);
    }
    if let Some(class) = spec.favourable.as_ref().filter(|class| !classes.contains(class)) {
        let near = did_you_mean(class, classes.iter().map(String::as_str));
        let detail =
            format!("{class} is none of the version's classes {}{near}", classes.join(", "));
        findings.add("/analysis/favourable", detail);
    }
    if let Some(threshold) = spec.threshold.filter(|t| !(0.0..=1.0).contains(t)) {
        findings.add("/analysis/threshold", format!("{threshold} is no probability from 0 to 1"));
    }
    findings.whole("/analysis/least_rows", spec.least_rows.into(), 1..=1_000_000);
    if spec.bins.len() >= MOST_GROUPS {
        let detail =
            format!("more than {} numbers part more than {MOST_GROUPS} groups", MOST_GROUPS - 1);
        findings.add("/analysis/bins", detail);
    }
    let rises = |pair: &[f64]| pair[0] < pair[1];
    if !spec.bins.iter().all(|edge| edge.is_finite()) || !spec.bins.windows(2).all(rises) {
        findings.add("/analysis/bins", "they have to be ascending and finite");
    }
}

/// What of it does not fit a dataset's columns.
pub(super) fn check_column(
    spec: &FairnessSpec,
    columns: &[ColumnSummary],
    findings: &mut Findings,
) {
    let name = &spec.column;
    let Some(column) = columns.iter().find(|column| column.name == *name) else {
        let near = did_you_mean(name, columns.iter().map(|column| column.name.as_str()));
        let detail = format!(
            "the dataset has no column {name}{near}: name one of it, or a dataset that has one"
        );
        return findings.add("/analysis/column", detail);
    };
    if let ColumnType::Timestamp | ColumnType::Image = column.kind {
        let detail = format!("{name} holds {}s, which name no groups", column.kind.as_str());
        return findings.add("/analysis/column", detail);
    }
    if !spec.bins.is_empty() {
        if !column.kind.is_numeric() {
            let detail = format!("{name} holds no numbers that could be binned: leave bins out");
            return findings.add("/analysis/bins", detail);
        }
        return check_reference(spec, column, of_bins(&spec.bins), findings);
    }
    if column.kind == ColumnType::Float64 && column.distinct > MOST_GROUPS as u64 {
        return findings.add("/analysis/bins", needs_bins(name));
    }
    if column.distinct > MOST_GROUPS as u64 {
        let (pointer, detail) = match column.kind.is_numeric() {
            true => ("/analysis/bins", needs_bins(name)),
            false => ("/analysis/column", too_many(name, column.distinct as usize)),
        };
        findings.add(pointer, detail);
    } else if column.distinct + u64::from(column.nulls > 0) < 2 {
        findings.add("/analysis/column", one_group(name));
    } else if column.top.len() as u64 == column.distinct {
        let names = column.top.iter().filter_map(|known| known.value.label()).collect();
        check_reference(spec, column, names, findings);
    }
}

/// Where all groups of a column are known before its rows are read: the reference is one of them.
fn check_reference(
    spec: &FairnessSpec,
    column: &ColumnSummary,
    mut names: Vec<String>,
    findings: &mut Findings,
) {
    if column.nulls > 0 {
        names.push(MISSING.to_owned());
    }
    if let Some(reference) = spec.reference.as_ref().filter(|name| !names.contains(name)) {
        findings.add("/analysis/reference", no_group(reference, &names));
    }
}

fn no_group(reference: &str, names: &[String]) -> String {
    let near = did_you_mean(reference, names.iter().map(String::as_str));
    format!("no row is of a group {reference}{near}: the groups are {}", names.join(", "))
}

fn needs_bins(name: &str) -> String {
    format!(
        "{name} has more than {MOST_GROUPS} numbers: give the numbers where its groups end, as \
         [25, 40, 60]"
    )
}

fn too_many(name: &str, count: usize) -> String {
    format!(
        "{name} has {count} values, and {MOST_GROUPS} groups are compared at most: name a coarser \
         column"
    )
}

fn one_group(name: &str) -> String {
    format!("all rows are of one group of {name}: there is nothing to compare; give other rows")
}

/// Compares the decisions about groups, and says what is to be said beside.
///
/// # Errors
/// [`Code::InvalidRequest`] for a column that makes no groups, or too many, and a reference that is
/// none of them.
pub(super) fn compared(
    work: &mut Work<'_, '_>,
    spec: &FairnessSpec,
) -> Result<(FairnessResult, Vec<String>)> {
    let grouped = Grouped::of(&work.held.frame, spec)?;
    let total = work.held.inputs.rows as u64;
    let answers = work.answers((STAGE, total), |_, _| {})?;
    let signature = &work.version.signature;
    let (positive, negative) = classes(signature)?;
    let favourable = spec.favourable.clone().unwrap_or_else(|| signature.classes[negative].clone());
    let threshold = spec.threshold.or(signature.threshold).unwrap_or(0.5);
    let scores: Vec<f64> = answers.chunks_exact(2).map(|row| row[positive]).collect();
    // A row is labelled positive from the threshold on.
    let is_positive = favourable == signature.classes[positive];
    let decided: Vec<bool> =
        scores.iter().map(|score| (*score >= threshold) == is_positive).collect();
    let truths = truths(&work.held.frame, signature, positive)?;
    let decisions = Decisions {
        favourable: &decided,
        truths: &truths,
        deserving: is_positive,
        scores: Some(&scores),
        groups: &grouped.of_rows,
        names: &grouped.names,
    };
    let reference = spec.reference.as_ref().map(|name| grouped.place(name)).transpose()?;
    let options = FairnessOptions {
        reference,
        least_rows: spec.least_rows.into(),
        resamples: RESAMPLES,
        seed: work.seed,
    };
    let figures = fairness(&decisions, &options)
        .ok_or_else(|| Error::internal("comparing groups", "the rows don't fit together"))?;
    let with_outcome = truths.iter().flatten().count() as u64;
    let rows = truths.len() as u64;
    let mut warnings = Vec::new();
    if with_outcome == 0 {
        let target = &signature.target;
        warnings.push(format!(
            "no row has a {target}: only how often each group is favoured is compared"
        ));
    } else if with_outcome < rows {
        warnings.push(format!(
            "{with_outcome} of {rows} rows have a {}: rates by what came true are of these alone, \
             which say little if the others were never granted",
            signature.target
        ));
    }
    let result = FairnessResult {
        column: spec.column.clone(),
        verdict: verdict(&figures, &favourable),
        favourable,
        positive_class: signature.classes[positive].clone(),
        threshold,
        least_rows: spec.least_rows,
        with_outcome,
        figures,
        notice: FAIRNESS_NOTICE.to_owned(),
    };
    Ok((result, warnings))
}

/// The places of the positive and of the other class.
fn classes(signature: &Signature) -> Result<(usize, usize)> {
    let place = |class: &String| signature.classes.iter().position(|known| known == class);
    let positive = signature.positive_class.as_ref().and_then(place);
    match (positive, signature.classes.len()) {
        (Some(positive), 2) => Ok((positive, 1 - positive)),
        _ => Err(Error::internal("comparing groups", "the version has no positive class of two")),
    }
}

/// Whether each row came true as the positive class, where that is known.
fn truths(frame: &Frame, signature: &Signature, positive: usize) -> Result<Vec<Option<bool>>> {
    let target = &signature.target;
    if frame.column(target).is_none() {
        return Ok(vec![None; frame.rows()]);
    }
    let classes = &signature.classes;
    let truth = |label: Option<String>| {
        let Some(label) = label else { return Ok(None) };
        match classes.iter().position(|class| *class == label) {
            Some(class) => Ok(Some(class == positive)),
            None => {
                let shown: String = label.chars().take(40).collect();
                let detail = format!(
                    "its column {target} holds '{shown}', which is none of the version's classes: {}",
                    classes.join(", ")
                );
                Err(Error::field(Code::InvalidRequest, "/dataset", detail))
            }
        }
    };
    frame.labels(target)?.into_iter().map(truth).collect()
}

/// Rows by their groups.
#[derive(Debug)]
struct Grouped {
    names: Vec<String>,
    of_rows: Vec<usize>,
}

impl Grouped {
    fn of(frame: &Frame, spec: &FairnessSpec) -> Result<Self> {
        let name = &spec.column;
        let refuse =
            |pointer: &str, detail| Err(Error::field(Code::InvalidRequest, pointer, detail));
        let Some(column) = frame.column(name) else {
            return refuse("/analysis/column", format!("the dataset has no column {name}"));
        };
        if spec.bins.is_empty() {
            let labels = frame.labels(name)?;
            let distinct: BTreeSet<&String> = labels.iter().flatten().collect();
            if distinct.len() > MOST_GROUPS {
                return match column.kind.is_numeric() {
                    true => refuse("/analysis/bins", needs_bins(name)),
                    false => refuse("/analysis/column", too_many(name, distinct.len())),
                };
            }
            let mut names: Vec<String> = distinct.into_iter().cloned().collect();
            if column.kind.is_numeric() {
                let number = |name: &String| name.parse().unwrap_or(f64::NAN);
                names.sort_by(|a, b| number(a).total_cmp(&number(b)));
            }
            let place =
                |label: &Option<String>| names.iter().position(|n| Some(n) == label.as_ref());
            let of_rows = labels.iter().map(place).collect();
            return Self::with_missing(names, of_rows, name);
        }
        let numbers = frame.numbers(name)?;
        let place = |number: &f64| {
            (!number.is_nan()).then(|| spec.bins.partition_point(|edge| edge <= number))
        };
        Self::with_missing(of_bins(&spec.bins), numbers.iter().map(place).collect(), name)
    }

    /// Groups that no row is of are left out; rows of none have one of their own.
    fn with_missing(
        mut names: Vec<String>,
        of_rows: Vec<Option<usize>>,
        column: &str,
    ) -> Result<Self> {
        names.push(MISSING.to_owned());
        let missing = names.len() - 1;
        let all: Vec<usize> = of_rows.into_iter().map(|group| group.unwrap_or(missing)).collect();
        let mut counts = vec![0_usize; names.len()];
        all.iter().for_each(|group| counts[*group] += 1);
        let kept: Vec<usize> = (0..names.len()).filter(|group| counts[*group] > 0).collect();
        if kept.len() < 2 {
            let detail = one_group(column);
            return Err(Error::field(Code::InvalidRequest, "/analysis/column", detail));
        }
        let place = |group: &usize| kept.iter().position(|kept| kept == group).unwrap_or(0);
        let of_rows = all.iter().map(place).collect();
        Ok(Self { names: kept.iter().map(|group| names[*group].clone()).collect(), of_rows })
    }

    fn place(&self, reference: &str) -> Result<usize> {
        self.names.iter().position(|name| name == reference).ok_or_else(|| {
            let detail = no_group(reference, &self.names);
            Error::field(Code::InvalidRequest, "/analysis/reference", detail)
        })
    }
}

/// `under 25`, `25 to 40`, `40 and over`.
fn of_bins(bins: &[f64]) -> Vec<String> {
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return Vec::new() };
    let between = bins.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1]));
    let ends = (format!("under {first}"), format!("{last} and over"));
    std::iter::once(ends.0).chain(between).chain([ends.1]).collect()
}

/// What stands out.
fn verdict(figures: &Fairness, favourable: &str) -> Vec<String> {
    let judged = figures.groups.iter().filter(|group| group.judged).count();
    if judged < 2 {
        let text =
            "fewer than two groups have the rows that are needed to judge them: analyse more rows";
        return vec![text.to_owned()];
    }
    let reference = &figures.reference;
    if !figures.groups.iter().any(|group| group.name == *reference && group.judged) {
        let text = format!(
            "the reference {reference} has too few rows to hold others against it: name another one"
        );
        return vec![text];
    }
    let below = figures.groups.iter().filter_map(|group| of_group(group, reference));
    let mut said: Vec<String> = below.collect();
    said.extend(figures.groups.iter().filter_map(|group| of_reference(group, reference)));
    if said.is_empty() {
        said.push(format!(
            "no judged group is answered {favourable} at less than four fifths of the rate of {reference}, \
             nor {reference} at less than four fifths of any other's"
        ));
    }
    let small: Vec<&str> =
        figures.groups.iter().filter(|g| !g.judged).map(|group| group.name.as_str()).collect();
    if !small.is_empty() {
        said.push(format!("too few rows to judge: {}", small.join(", ")));
    }
    said
}

/// Where the reference itself is favoured at less than four fifths of the rate of a group: it is the
/// largest group where none is named, and that may be the one that is not favoured.
fn of_reference(group: &GroupFairness, reference: &str) -> Option<String> {
    let impact = group.impact.filter(|_| group.judged)?;
    let ratio = impact.ratio.filter(|ratio| *ratio > 1.0 / FOUR_FIFTHS)?;
    let chance = match impact.p_value {
        Some(p) if p > LEVEL => format!("; chance may explain it (Fisher's p {p:.2})"),
        _ => String::new(),
    };
    let name = &group.name;
    Some(format!(
        "{reference}, the reference, is favoured at {:.2} of the rate of {name}, below four fifths{chance}",
        1.0 / ratio
    ))
}

/// Of a group that is favoured at less than four fifths of the rate of the reference.
fn of_group(group: &GroupFairness, reference: &str) -> Option<String> {
    let impact = group.impact.filter(|impact| impact.below_four_fifths == Some(true))?;
    let ratio = impact.ratio?;
    let interval = impact
        .interval
        .map(|interval| format!(" (95 % interval {:.2} to {:.2})", interval.low, interval.high));
    let chance = match impact.p_value {
        Some(p) if p > LEVEL => format!("; chance may explain it (Fisher's p {p:.2})"),
        _ => String::new(),
    };
    Some(format!(
        "{} is favoured at {ratio:.2} of the rate of {reference}{}, below four fifths{chance}",
        group.name,
        interval.unwrap_or_default()
    ))
}
