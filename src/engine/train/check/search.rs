//! What a specification says of a search: that every part of its space can be true.

use serde_json::{Value, json};

use super::{Bounds, Findings};
use crate::domain::search::{
    Choices, Distribution, IntegerRange, LogUniformRange, SearchSpec, UniformRange,
};
use crate::domain::training::TrainingSpec;
use crate::engine::train::search::space::{Space, Values, check_pointer, configured, draw};
use crate::error::{Error, Result};

/// (0, 10,080]: a week.
const MINUTES: Bounds = Bounds { low: 0.0, from: false, high: 10_080.0, below: false };
/// Most parts that are varied, and values of one.
const MAX_PARTS: usize = 20;
const MAX_VALUES: usize = 30;
/// Configurations that a value may be tried with until one of them holds.
const TRIES: u32 = 100;
/// Configurations that are looked at in all.
const MOST_TRIES: u32 = 1_000;

/// Whether a specification holds.
type Holds<'a> = &'a dyn Fn(&TrainingSpec) -> Result<()>;

/// Checks the search of a specification that holds but for it, as far as `holds` can tell.
pub(super) fn check(spec: &TrainingSpec, holds: Holds<'_>, findings: &mut Findings) {
    let Some(SearchSpec { minutes, trials, eta, space }) = &spec.search else { return };
    findings.real("/search/minutes", *minutes, MINUTES);
    findings.whole("/search/trials", (*trials).into(), 9..=729);
    findings.whole("/search/eta", (*eta).into(), 2..=9);
    if let Some(space) = space {
        check_parts(space, findings);
        if findings.0.is_empty() {
            Tried { base: spec, space, holds, tries: 0 }.check(findings);
        }
    }
}

/// Checks a space against what is known of the rows.
///
/// # Errors
/// [`crate::error::Code::InvalidSpec`] naming every part that can't be true.
pub(in crate::engine::train) fn check_space(
    base: &TrainingSpec,
    space: &Space,
    holds: Holds<'_>,
) -> Result<()> {
    let mut findings = Findings::default();
    Tried { base, space, holds, tries: 0 }.check(&mut findings);
    findings.into_result()
}

/// Where a part of the space stands.
fn place(pointer: &str) -> String {
    format!("/search/space/{}", pointer.replace('~', "~0").replace('/', "~1"))
}

/// Checks each part by itself.
fn check_parts(space: &Space, findings: &mut Findings) {
    if space.is_empty() {
        let detail = "is empty; name what is to be varied, or leave it out for a space that suits";
        findings.add("/search/space", detail);
    }
    if space.len() > MAX_PARTS {
        let detail = format!("has {} parts; {MAX_PARTS} are the most", space.len());
        findings.add("/search/space", detail);
    }
    for (pointer, from) in space {
        let place = place(pointer);
        if let Err(detail) = check_pointer(pointer) {
            findings.add(place, detail);
            continue;
        }
        let range = |findings: &mut Findings, low: f64, high: f64| {
            if !(low.is_finite() && high.is_finite() && low < high) {
                let detail = format!("low {low} has to lie below high {high}");
                findings.add(place.as_str(), detail);
            }
        };
        match from {
            Distribution::Uniform(UniformRange { low, high }) => range(findings, *low, *high),
            Distribution::LogUniform(LogUniformRange { low, high }) => {
                range(findings, *low, *high);
                if *low <= 0.0 {
                    let detail = format!("{low} has no logarithm: it has to be above 0");
                    findings.add(format!("{place}/low"), detail);
                }
            }
            Distribution::Integer(IntegerRange { low, high, log }) => {
                range(findings, f64::from(*low), f64::from(*high));
                if *log && *low == 0 {
                    let detail = "0 has no logarithm: it has to be 1 or more, or log false";
                    findings.add(format!("{place}/low"), detail);
                }
            }
            Distribution::Choice(Choices { values }) => {
                if !(1..=MAX_VALUES).contains(&values.len()) {
                    let detail = format!("has {} values; take 1 to {MAX_VALUES}", values.len());
                    findings.add(format!("{place}/values"), detail);
                }
            }
        }
    }
}

/// A value that a part can have, and where it stands.
struct Candidate<'a> {
    pointer: &'a str,
    /// Below the part's place.
    within: String,
    value: Value,
}

/// The ends of a range, or every value of a choice.
fn candidates(space: &Space) -> Vec<Candidate<'_>> {
    let of = |from: &Distribution| -> Vec<(String, Value)> {
        let ends = |low: Value, high: Value| vec![("/low".into(), low), ("/high".into(), high)];
        match from {
            Distribution::Uniform(UniformRange { low, high })
            | Distribution::LogUniform(LogUniformRange { low, high }) => {
                ends(json!(low), json!(high))
            }
            Distribution::Integer(IntegerRange { low, high, .. }) => ends(json!(low), json!(high)),
            Distribution::Choice(Choices { values }) => {
                let each = values.iter().enumerate();
                each.map(|(at, value)| (format!("/values/{at}"), value.clone())).collect()
            }
        }
    };
    let each = space.iter().flat_map(|(pointer, from)| {
        let values = of(from).into_iter();
        values.map(move |(within, value)| Candidate { pointer, within, value })
    });
    each.collect()
}

/// Tries whether values can be true.
struct Tried<'a> {
    base: &'a TrainingSpec,
    space: &'a Space,
    holds: Holds<'a>,
    tries: u32,
}

impl Tried<'_> {
    /// Every value has to be that of some configuration that holds. Where nothing holds, those values
    /// are to blame that don't hold by themselves either.
    fn check(mut self, findings: &mut Findings) {
        let candidates = candidates(self.space);
        let mut failed: Vec<(&Candidate<'_>, String)> = Vec::new();
        for candidate in &candidates {
            if let Err(why) = self.with_others(candidate) {
                failed.push((candidate, why));
            }
        }
        if failed.len() == candidates.len() && !failed.is_empty() {
            let alone: Vec<(&Candidate<'_>, String)> = candidates
                .iter()
                .filter_map(|candidate| Some((candidate, self.alone(candidate).err()?)))
                .collect();
            if alone.is_empty() {
                let detail = format!("none of its configurations holds: {}", failed[0].1);
                return findings.add("/search/space", detail);
            }
            failed = alone;
        }
        for pointer in self.space.keys() {
            let values = candidates.iter().filter(|c| c.pointer == pointer).count();
            let of_part: Vec<_> = failed.iter().filter(|f| f.0.pointer == pointer).collect();
            if of_part.len() == values {
                // The part itself is to blame, which is said once.
                findings.add(place(pointer), of_part[0].1.clone());
                continue;
            }
            for (Candidate { within, value, .. }, why) in of_part {
                findings.add(format!("{}{within}", place(pointer)), format!("{value}: {why}"));
            }
        }
    }

    /// Whether a value can be true together with values of the other parts; why not, of the first
    /// configuration that was tried.
    fn with_others(&mut self, candidate: &Candidate<'_>) -> std::result::Result<(), String> {
        let mut first = None;
        for attempt in 0..TRIES {
            if self.tries >= MOST_TRIES {
                let detail = "too few of the configurations hold; narrow the space";
                return Err(first.unwrap_or_else(|| detail.to_owned()));
            }
            self.tries += 1;
            let mut values = draw(self.space, self.base.seed, u32::MAX, attempt);
            values.insert(candidate.pointer.to_owned(), candidate.value.clone());
            match self.tried(&values) {
                Ok(()) => return Ok(()),
                Err(why) => {
                    first.get_or_insert(why);
                }
            }
        }
        Err(first.unwrap_or_default())
    }

    /// Whether a value is true where nothing else is varied.
    fn alone(&self, candidate: &Candidate<'_>) -> std::result::Result<(), String> {
        let values = Values::from([(candidate.pointer.to_owned(), candidate.value.clone())]);
        self.tried(&values)
    }

    fn tried(&self, values: &Values) -> std::result::Result<(), String> {
        let spec = configured(self.base, values)?;
        (self.holds)(&spec).map_err(|error| match &error {
            Error::Problem { errors, .. } => match errors.first() {
                Some(first) if first.detail.starts_with(&first.pointer) => first.detail.clone(),
                Some(first) => format!("{}: {}", first.pointer, first.detail),
                None => error.to_string(),
            },
            Error::Internal { .. } => error.to_string(),
        })
    }
}
