//! What can be said of an analysis before any row is read.

use super::answer::Looked;
use super::{fairness, needs_truth, rolling_origin};
use crate::domain::activation::MAX_LAYERS;
use crate::domain::analysis::{
    AnalysisMetric, AnalysisRequest, AnalysisSpec, DependenceSpec, ImportanceSpec, MAX_ANALYSED,
    SurrogateSpec,
};
use crate::domain::model::InputKind;
use crate::domain::name::did_you_mean;
use crate::domain::schema::{ColumnSummary, ColumnType};
use crate::domain::version::Version;
use crate::domain::whole::MAX_SEED;
use crate::engine::features::FittedFeatures;
use crate::error::{Code, Error, FieldError, Result};

/// Bad fields that are named of a request, at most: a caller may send any number of them.
const MOST_NAMED: usize = 20;

/// Bad fields as they are found.
#[derive(Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if !self.is_full() {
            self.0.push(FieldError::new(pointer, detail));
        }
    }

    /// Whether as many are named as may be: what else is wrong need not be looked for.
    fn is_full(&self) -> bool {
        self.0.len() >= MOST_NAMED
    }

    pub(super) fn whole(
        &mut self,
        pointer: &str,
        value: u64,
        range: std::ops::RangeInclusive<u64>,
    ) {
        if !range.contains(&value) {
            let detail = format!("{value} is not within {} to {}", range.start(), range.end());
            self.add(pointer, detail);
        }
    }

    fn into_result(self) -> Result<()> {
        let detail = match self.0.as_slice() {
            [] => return Ok(()),
            [only] => only.detail.clone(),
            several => format!("{} fields of the request do not hold", several.len()),
        };
        Err(Error::fields(Code::InvalidRequest, detail, self.0))
    }
}

/// Checks what a version is to be asked.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every bad field by its JSON pointer.
pub fn check_analysis(
    version: &Version,
    features: &FittedFeatures,
    request: &AnalysisRequest,
) -> Result<()> {
    let mut findings = Findings::default();
    findings.whole("/rows", request.rows.into(), 2..=MAX_ANALYSED.into());
    findings.whole("/seed", request.seed, 0..=MAX_SEED);
    match &request.analysis {
        AnalysisSpec::Importance(spec) => importance(version, features, spec, &mut findings),
        AnalysisSpec::Dependence(spec) => dependence(version, features, spec, &mut findings),
        AnalysisSpec::Surrogate(spec) => surrogate(version, features, spec, &mut findings),
        AnalysisSpec::Activations(spec) => {
            findings.whole("/analysis/strongest", spec.strongest.into(), 0..=100);
            let layers = spec.layers.len();
            if layers > MAX_LAYERS {
                let detail = format!(
                    "{layers} layers are more than {MAX_LAYERS}: ask in parts, or leave them out for all"
                );
                findings.add("/analysis/layers", detail);
            }
        }
        AnalysisSpec::Fairness(spec) => fairness::check(version, features, spec, &mut findings),
        AnalysisSpec::RollingOrigin(spec) => rolling_origin::check(version, spec, &mut findings),
    }
    findings.into_result()
}

/// Checks that a dataset has what an analysis reads.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every column that lacks.
pub fn check_analysed_columns(
    version: &Version,
    request: &AnalysisRequest,
    columns: &[ColumnSummary],
) -> Result<()> {
    let mut findings = Findings::default();
    let kind = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.kind);
    let names = || columns.iter().map(|column| column.name.as_str());
    for input in &version.signature.inputs {
        let detail = match kind(&input.name) {
            None => format!(
                "it has no column {}, which the version reads{}",
                input.name,
                did_you_mean(&input.name, names())
            ),
            Some(found) if !are_alike(found, input.kind) => format!(
                "its column {} is {}, and the version reads {}: upload it with that type",
                input.name,
                found.as_str(),
                input.kind.as_str()
            ),
            Some(_) => continue,
        };
        findings.add("/dataset", detail);
    }
    let target = &version.signature.target;
    if needs_truth(&request.analysis) && kind(target).is_none() {
        let near = did_you_mean(target, names());
        let detail = format!(
            "it has no column {target}, against which the answers are held{near}: name a dataset with \
             what came true, or none for the version's own test rows"
        );
        findings.add("/dataset", detail);
    }
    match &request.analysis {
        AnalysisSpec::Fairness(spec) => fairness::check_column(spec, columns, &mut findings),
        AnalysisSpec::RollingOrigin(spec) => {
            rolling_origin::check_times(version, spec, columns, &mut findings);
        }
        _ => {}
    }
    findings.into_result()
}

/// Whether values of one type can be read as those of another.
fn are_alike(found: ColumnType, wanted: ColumnType) -> bool {
    found == wanted || (found.is_numeric() && wanted.is_numeric())
}

fn importance(
    version: &Version,
    features: &FittedFeatures,
    spec: &ImportanceSpec,
    findings: &mut Findings,
) {
    findings.whole("/analysis/repeats", spec.repeats.into(), 2..=1_000);
    let known = AnalysisMetric::of(version.signature.task);
    if let Some(metric) = spec.metric.filter(|metric| !known.contains(metric)) {
        let known: Vec<&str> = known.iter().map(|metric| metric.as_str()).collect();
        let detail = format!(
            "{} is no metric of {}: its metrics are {}",
            metric.as_str(),
            version.signature.task.as_str(),
            known.join(", ")
        );
        findings.add("/analysis/metric", detail);
    }
    if let InputKind::Image | InputKind::Text = features.input_kind() {
        let parts = if features.input_kind() == InputKind::Image { "pixel" } else { "word" };
        let detail = format!(
            "the version reads one column alone, which can't be shuffled against others: ask for \
             explanations of its answers, which say what each {parts} adds"
        );
        return findings.add("/analysis/kind", detail);
    }
    let columns = features.inputs_of_columns();
    let mut taken: Vec<&str> = Vec::new();
    for (number, group) in spec.groups.iter().enumerate() {
        if group.is_empty() {
            findings.add(format!("/analysis/groups/{number}"), "it names no column");
        }
        for (place, name) in group.iter().enumerate() {
            if findings.is_full() {
                return;
            }
            let pointer = format!("/analysis/groups/{number}/{place}");
            if !columns.iter().any(|(known, _)| known == name) {
                let near = did_you_mean(name, columns.iter().map(|(known, _)| *known));
                findings.add(pointer, format!("the version reads no column {name}{near}"));
            } else if taken.contains(&name.as_str()) {
                findings.add(pointer, format!("{name} stands in a group already: name it once"));
            } else {
                taken.push(name);
            }
        }
    }
}

/// Numbers of the lines of single rows in one analysis.
const MAX_LINED: u64 = 200_000;

fn dependence(
    version: &Version,
    features: &FittedFeatures,
    spec: &DependenceSpec,
    findings: &mut Findings,
) {
    findings.whole("/analysis/points", spec.points.into(), 2..=200);
    findings.whole("/analysis/lines", spec.lines.into(), 0..=1_000);
    let columns = spec.columns.len() as u64;
    if columns > 100 {
        findings.add("/analysis/columns", format!("{columns} are more than 100: ask in parts"));
    }
    if spec.pairs.len() > 20 {
        let detail = format!("{} are more than 20: ask in parts", spec.pairs.len());
        findings.add("/analysis/pairs", detail);
    }
    if columns * u64::from(spec.points) * u64::from(spec.lines) > MAX_LINED {
        let detail = format!(
            "{} lines of {} points of {columns} columns are more than {MAX_LINED} numbers: keep fewer",
            spec.lines, spec.points
        );
        findings.add("/analysis/lines", detail);
    }
    table_and_class(version, features, spec.class.as_deref(), findings);
    if spec.columns.is_empty() && spec.pairs.is_empty() {
        findings.add("/analysis/columns", "name the columns that are looked at");
    }
    let known: Vec<&str> = features.names().collect();
    for (place, name) in spec.columns.iter().enumerate() {
        is_read(&known, name, format!("/analysis/columns/{place}"), findings);
    }
    for (number, pair) in spec.pairs.iter().enumerate() {
        match pair.as_slice() {
            [first, second] if first != second => {}
            _ => findings.add(format!("/analysis/pairs/{number}"), "it has to name two columns"),
        }
        for (place, name) in pair.iter().enumerate() {
            is_read(&known, name, format!("/analysis/pairs/{number}/{place}"), findings);
        }
    }
}

fn surrogate(
    version: &Version,
    features: &FittedFeatures,
    spec: &SurrogateSpec,
    findings: &mut Findings,
) {
    findings.whole("/analysis/depth", spec.depth.into(), 1..=8);
    findings.whole("/analysis/leaf", spec.leaf.into(), 1..=1_000_000);
    if !(spec.penalty > 0.0 && spec.penalty <= 1e9) {
        let detail = format!("{} has to be above 0 and at most 1e9", spec.penalty);
        findings.add("/analysis/penalty", detail);
    }
    table_and_class(version, features, spec.class.as_deref(), findings);
}

/// Whether columns of a table are read, and there is one number of each answer to look at.
fn table_and_class(
    version: &Version,
    features: &FittedFeatures,
    class: Option<&str>,
    findings: &mut Findings,
) {
    let other = match features.input_kind() {
        InputKind::Tabular => None,
        InputKind::Image => Some(("pictures", "pixel")),
        InputKind::Text => Some(("texts", "word")),
        InputKind::Sequence => Some(("windows of rows", "step")),
    };
    if let Some((what, part)) = other {
        let detail = format!(
            "it is of columns of a table, and the version reads {what}: ask for explanations of its \
             answers, which say what each {part} adds"
        );
        findings.add("/analysis/kind", detail);
    } else if let Err(detail) = Looked::at(&version.signature, class) {
        findings.add("/analysis/class", detail);
    }
}

fn is_read(known: &[&str], name: &str, pointer: String, findings: &mut Findings) {
    if !findings.is_full() && !known.contains(&name) {
        let near = did_you_mean(name, known.iter().copied());
        findings.add(pointer, format!("the version reads no column {name}{near}"));
    }
}
