//! Measures the candidates and takes the first that the time allows.

use std::time::Instant;

use super::candidates::{Candidate, Kind, Subject};
use super::{Findings, Limits};
use crate::domain::advice::{Alternative, FindingCode};
use crate::domain::cost::Cost;
use crate::domain::training::{EnsembleSpec, TrainingSpec};
use crate::engine::device::{Device, WORTH_A_GPU, devices};
use crate::engine::train::{Probed, Sample, left_open, probe};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// A candidate that was measured.
pub(super) struct Measured {
    candidate: Candidate,
    probed: Probed,
}

/// What is recommended.
pub(super) struct Chosen {
    pub(super) spec: TrainingSpec,
    /// The network that was measured, be it named or one of those that training chooses from.
    pub(super) network: &'static str,
    pub(super) estimate: Cost,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) device: Device,
    pub(super) rows_per_second: f64,
}

/// A way to train a network: the fuller one first.
struct Way {
    ensemble: EnsembleSpec,
    baselines: bool,
    cost: Cost,
}

/// Measures the candidates one after the other, within the limit; the first in any case.
///
/// # Errors
/// What refutes the first; [`Code::Cancelled`].
pub(super) fn measure(
    subject: &Subject<'_>,
    (frame, scale): (&Frame, f64),
    limits: Limits,
    stop: &mut (dyn FnMut() -> bool + Send),
    findings: &mut Findings,
) -> Result<Vec<Measured>> {
    let began = Instant::now();
    let candidates = subject.candidates()?;
    let count = candidates.len();
    let (mut measured, mut left) = (Vec::new(), Vec::new());
    for (at, candidate) in candidates.into_iter().enumerate() {
        let rest = limits.all.saturating_sub(began.elapsed());
        if rest.is_zero() && at > 0 {
            left.push(candidate.spec.network_kind());
            continue;
        }
        let limit = limits.of_one.min(rest / u32::try_from(count - at).unwrap_or(1));
        match probe(&Sample { frame, scale }, &candidate.spec, limit, stop) {
            Ok(probed) => measured.push(Measured { candidate, probed }),
            // Another network may not suit such data at all.
            Err(error) if at > 0 && error.code() == Code::InvalidSpec => {
                let text = format!(
                    "{} can't be trained on these data: {error}",
                    candidate.spec.network_kind()
                );
                findings.reason(FindingCode::Unsuited, text, &[], &[]);
            }
            Err(error) => return Err(error),
        }
    }
    if !left.is_empty() {
        let text = format!(
            "the probe's {} seconds were over before {} had been measured",
            limits.all.as_secs(),
            left.join(" and ")
        );
        let figures = [("limit_seconds", limits.all.as_secs_f64()), ("left", left.len() as f64)];
        findings.warn(FindingCode::ProbeLimit, text, &[], &figures);
    }
    Ok(measured)
}

/// Takes the first that the time allows, and of each the fullest way.
pub(super) fn choose(
    subject: &Subject<'_>,
    measured: Vec<Measured>,
    findings: &mut Findings,
) -> Result<Chosen> {
    let given = subject.question.request.minutes * 60.0;
    let ways: Vec<Vec<Way>> = measured.iter().map(ways).collect();
    let fitting = |ways: &[Way]| ways.iter().position(|way| way.cost.seconds <= given);
    let chosen = (0..measured.len()).find_map(|at| Some((at, fitting(&ways[at])?)));
    let quickest = || {
        let last = |at: usize| ways[at].last().map_or(f64::INFINITY, |way| way.cost.seconds);
        let by_time = |a: &usize, b: &usize| last(*a).total_cmp(&last(*b));
        let at = (0..measured.len()).min_by(by_time)?;
        Some((at, ways[at].len().checked_sub(1)?))
    };
    let (at, way) = chosen
        .or_else(quickest)
        .ok_or_else(|| Error::internal("advising", "nothing was measured"))?;
    let Measured { probed, .. } = &measured[at];
    let Way { ensemble, baselines, cost } = &ways[at][way];
    let mut spec = probed.spec.clone();
    // Networks for texts are several where nothing is said.
    let is_said = *ensemble != EnsembleSpec::default() || subject.kind == Kind::Texts;
    spec.ensemble = is_said.then(|| ensemble.clone());
    spec.baselines = *baselines;
    let spent = Spent { given, cost, fits: chosen.is_some(), is_first: (at, way) == (0, 0) };
    spent.say(&spec, measured[0].probed.spec.network_kind(), findings);
    say_why(subject, &spec, probed, cost, findings);
    let network = spec.network_kind();
    if subject.leaves_network_open() && (at, way) == (0, 0) {
        leave_open(&mut spec, subject, findings);
    }
    let first = &ways[at][way].cost;
    let alternatives = measured
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at)
        .map(|(other, m)| alternative(m, &ways[other], (other < at, given), first))
        .collect::<Result<_>>()?;
    Ok(Chosen {
        estimate: cost.clone(),
        alternatives,
        device: probed.device,
        rows_per_second: probed.rows_per_second(),
        network,
        spec,
    })
}

/// Names no network where the later rows are to decide.
fn leave_open(spec: &mut TrainingSpec, subject: &Subject<'_>, findings: &mut Findings) {
    let text = "no network is named: linear, mlp and tabm are all trained, and the simplest is \
                served that the later validation rows can't tell from the best one";
    let time: Vec<&str> = subject.order.time.iter().map(String::as_str).collect();
    findings.reason(FindingCode::LeftOpen, text, &time, &[]);
    *spec = left_open(spec.clone());
}

/// As the ensemble that suits it, where one does, then alone, then without simpler networks beside
/// it.
fn ways(measured: &Measured) -> Vec<Way> {
    let way = |ensemble: EnsembleSpec, baselines: bool| {
        let cost = measured.probed.cost(&ensemble, baselines);
        Way { ensemble, baselines, cost }
    };
    let one = EnsembleSpec::default();
    let several = measured.probed.spec.ensemble.clone().unwrap_or_default();
    let mut ways = Vec::new();
    if several != one {
        ways.push(way(several, true));
    }
    ways.push(way(one.clone(), true));
    ways.push(way(one, false));
    ways
}

/// The time that is given, and what becomes of it.
struct Spent<'a> {
    given: f64,
    cost: &'a Cost,
    fits: bool,
    /// Whether it is what would be taken if time did not count.
    is_first: bool,
}

impl Spent<'_> {
    fn say(&self, spec: &TrainingSpec, first: &str, findings: &mut Findings) {
        let Self { given, cost, fits, is_first } = *self;
        let seconds = cost.seconds;
        let figures = [("given_seconds", given), ("expected_seconds", seconds)];
        let kind = spec.network_kind();
        let text = match (fits, is_first) {
            (true, true) => format!(
                "{kind} is expected to take {seconds:.1} s of the {given:.0} s that are given: time \
                 does not decide"
            ),
            (true, false) if kind == first => format!(
                "in full {kind} would take more than the {given:.0} s that are given: it is trained \
                 {}, in {seconds:.1} s",
                if spec.baselines { "once" } else { "without simpler networks beside it" }
            ),
            (true, false) => format!(
                "{first} would take more than the {given:.0} s that are given; {kind} is expected to \
                 take {seconds:.1} s"
            ),
            (false, _) => format!(
                "nothing fits into the {given:.0} s that are given: {kind} is the quickest, in \
                 {seconds:.1} s"
            ),
        };
        findings.reason(FindingCode::Budget, text.clone(), &[], &figures);
        if !fits {
            findings.warn(FindingCode::Budget, text, &[], &figures);
        }
    }
}

fn say_why(
    subject: &Subject<'_>,
    spec: &TrainingSpec,
    probed: &Probed,
    cost: &Cost,
    findings: &mut Findings,
) {
    let kind = spec.network_kind();
    let few = [("training_rows", subject.training_rows() as f64)];
    if subject.has_too_few_rows() {
        let text = format!(
            "{} rows hardly tell more than a line does: the linear network comes first",
            subject.question.known
        );
        findings.reason(FindingCode::FewRows, text, &[], &few);
    } else if subject.has_few_rows() {
        let text = "fewer than 3,000 rows train: smaller batches and bins, more dropout and decay";
        findings.reason(FindingCode::FewRows, text, &[], &few);
    }
    if let Some(ensemble) = spec.ensemble.as_ref().filter(|e| **e != EnsembleSpec::default()) {
        let networks = ensemble.folds * ensemble.seeds;
        let text = match (subject.kind, ensemble.folds) {
            (Kind::Texts, 1) => {
                format!("{networks} networks of different seeds are averaged: each errs elsewhere")
            }
            (Kind::Texts, _) => format!(
                "{networks} networks, each validated on another fold, are averaged: so every row is \
                 learnt from"
            ),
            _ => format!(
                "of few rows it matters which validate: {networks} networks, each validated on \
                 another fold, are averaged"
            ),
        };
        let figures = [("folds", f64::from(ensemble.folds)), ("seeds", f64::from(ensemble.seeds))];
        findings.reason(FindingCode::Ensemble, text, &[], &figures);
    }
    let network = match subject.kind {
        Kind::Table => "table",
        Kind::Images => "set of images",
        Kind::Texts => "column of texts",
        Kind::Series => "series",
    };
    let per_second = probed.rows_per_second();
    let text = format!(
        "{kind} for a {network}: {} numbers to train learn {per_second:.0} rows a second on {}, as \
         measured; {} rows for about {} epochs",
        probed.parameters,
        probed.device.description(),
        probed.rows.train,
        probed.epochs()
    );
    let figures = [
        ("rows_per_second", per_second),
        ("training_rows", probed.rows.train as f64),
        ("epochs", f64::from(probed.epochs())),
        ("parameters", probed.parameters as f64),
        ("device_seconds", cost.device_seconds),
    ];
    findings.reason(FindingCode::Measured, text, &[], &figures);
    let cuda = devices().len() - 1;
    let work = probed.multiply_adds as f64;
    let text = match (cuda, probed.device) {
        (0, _) => "the CPU: no CUDA device was found".to_owned(),
        (_, Device::Cpu) => format!(
            "the CPU: a step of {work:.1e} multiply-adds is over before a GPU would have begun"
        ),
        (_, Device::Cuda(number)) => {
            format!("cuda:{number}: a step of {work:.1e} multiply-adds is worth a GPU")
        }
    };
    let figures = [
        ("multiply_adds", work),
        ("worth_a_gpu", WORTH_A_GPU as f64),
        ("cuda_devices", cuda as f64),
    ];
    findings.reason(FindingCode::Device, text, &[], &figures);
}

fn alternative(
    measured: &Measured,
    ways: &[Way],
    (is_ahead, given): (bool, f64),
    first: &Cost,
) -> Result<Alternative> {
    let Measured { candidate, probed } = measured;
    // The quickest way of one that would have been taken tells why it was not.
    let way = if is_ahead { ways.last() } else { ways.first() };
    let way =
        way.ok_or_else(|| Error::internal("advising", "a network has no way to be trained"))?;
    let estimate = way.cost.clone();
    let why_not = match is_ahead {
        true => format!(
            "it would come first, but is expected to take {:.1} s, more than the {given:.0} s that \
             are given",
            estimate.seconds
        ),
        false => {
            let times = estimate.seconds / first.seconds.max(1e-9);
            format!("{}; it takes {times:.1} times as long", candidate.why_not)
        }
    };
    Ok(Alternative {
        network: probed.network().clone(),
        estimate,
        rows_per_second: probed.rows_per_second(),
        parameters: probed.parameters,
        why_not,
    })
}
