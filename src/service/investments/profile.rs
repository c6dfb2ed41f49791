//! A profile becomes constraints, and each of these knows where it stands in the request.

use std::collections::{BTreeMap, HashMap};

use actuary_finance::investments::{Constraints, Limit, Linear, Tail, Trading};

use super::wording::figure;
use crate::domain::investment::{InvestorProfile, PortfolioGoal, StartingPoint, WeightBounds};
use crate::domain::name::did_you_mean;
use crate::error::{Code, Error, FieldError, Result};

/// Most groups and scores of a profile.
const MAX_LINEAR: usize = 1_000;
/// Weights that sum to 1 but for this do.
const SLACK: f64 = 1e-9;
/// Most names in a list or a map of a request.
pub(super) const MAX_NAMES: usize = 1_000;
/// Most faults of one answer.
pub(super) const MAX_FAULTS: usize = 100;

/// What a profile asks of a portfolio of given assets, per period.
pub(super) struct Rules {
    pub(super) constraints: Constraints,
    /// What is held now; None where nothing is said.
    pub(super) current: Option<Vec<f64>>,
    /// Returns in a year, and what is earned without risk in one.
    pub(super) year: f64,
    pub(super) free: f64,
    /// What trading costs, as a share of what is traded, and the periods over which it is spread.
    pub(super) cost: f64,
    pub(super) horizon: u32,
    /// Of every asset that is excluded its place in the profile.
    excluded: HashMap<usize, usize>,
    /// Whether an asset has bounds of its own below and above.
    own: Vec<(bool, bool)>,
    /// Of each linear constraint whether it is a group, and its name.
    linear: Vec<(bool, String)>,
    names: Vec<String>,
}

/// Checks a profile against the assets of the universe.
///
/// # Errors
/// [`Code::InvalidRequest`] naming every bad field.
pub(super) fn rules(profile: &InvestorProfile, assets: &[String]) -> Result<Rules> {
    refuse_all(oversized(profile))?;
    let mut check = Check { assets, places: places(assets), errors: Vec::new() };
    check.numbers(profile);
    let (lower, upper, excluded) = check.bounds(profile);
    let mut linear = check.groups(profile);
    linear.extend(check.scores(profile, &upper));
    if linear.len() > MAX_LINEAR {
        let detail = format!("{} groups and scores are more than {MAX_LINEAR}", linear.len());
        check.add("/groups", detail);
    }
    let current = check.current(profile);
    check.ended()?;
    let year = profile.periods_per_year;
    let horizon = profile.horizon;
    // Whoever says nothing of what is held begins with cash, and pays for what is bought.
    let trades = profile.max_turnover.is_some() || profile.cost > 0.0;
    let cost = vec![profile.cost / f64::from(horizon); assets.len()];
    let trading = trades.then(|| Trading {
        current: current.clone().unwrap_or_else(|| vec![0.0; assets.len()]),
        most: profile.max_turnover,
        cost,
    });
    let limits = &profile.limits;
    let own = |name: &String| {
        let own = profile.bounds.get(name);
        (own.is_some_and(|b| b.min.is_some()), own.is_some_and(|b| b.max.is_some()))
    };
    let (named, linear) =
        linear.into_iter().map(|(is_group, name, l)| ((is_group, name), l)).unzip();
    Ok(Rules {
        constraints: Constraints {
            lower,
            upper,
            linear,
            trading,
            volatility: limits.volatility.map(|most| most / year.sqrt()),
            tail: limits.cvar.as_ref().map(|tail| Tail { level: tail.level, most: tail.max }),
            drawdown: limits.drawdown,
        },
        current,
        year,
        free: profile.risk_free_rate / year,
        cost: profile.cost,
        horizon,
        excluded,
        own: assets.iter().map(own).collect(),
        linear: named,
        names: assets.to_vec(),
    })
}

impl Rules {
    /// Where a limit stands in the request.
    pub(super) fn pointer(&self, limit: Limit) -> String {
        let own = |asset: usize| format!("/profile/bounds/{}", escaped(&self.names[asset]));
        let linear = |at: usize, end: &str| {
            let (is_group, name) = &self.linear[at];
            let kind = if *is_group { "groups" } else { "scores" };
            format!("/profile/{kind}/{}/{end}", escaped(name))
        };
        match limit {
            Limit::LeastWeight(at) if self.own[at].0 => format!("{}/min", own(at)),
            Limit::LeastWeight(at) | Limit::MostWeight(at) if self.excluded.contains_key(&at) => {
                format!("/profile/exclude/{}", self.excluded[&at])
            }
            Limit::LeastWeight(_) => "/profile/min_weight".to_owned(),
            Limit::MostWeight(at) if self.own[at].1 => format!("{}/max", own(at)),
            Limit::MostWeight(_) => "/profile/max_weight".to_owned(),
            Limit::LeastOf(at) => linear(at, "min"),
            Limit::MostOf(at) => linear(at, "max"),
            Limit::Turnover => "/profile/max_turnover".to_owned(),
            Limit::Volatility => "/profile/limits/volatility".to_owned(),
            Limit::Tail => "/profile/limits/cvar/max".to_owned(),
            Limit::Drawdown => "/profile/limits/drawdown".to_owned(),
            Limit::Return => "/goal/target_return".to_owned(),
        }
    }

    /// What a limit is of, in words.
    pub(super) fn named(&self, limit: Limit) -> String {
        let linear = |at: usize| {
            let (is_group, name) = &self.linear[at];
            if *is_group { format!("group {name}") } else { format!("the average {name}") }
        };
        match limit {
            Limit::LeastWeight(at) | Limit::MostWeight(at) => self.names[at].clone(),
            Limit::LeastOf(at) | Limit::MostOf(at) => linear(at),
            Limit::Turnover => "turnover".to_owned(),
            Limit::Volatility => "volatility".to_owned(),
            Limit::Tail => "CVaR".to_owned(),
            Limit::Drawdown => "drawdown".to_owned(),
            Limit::Return => "the expected return".to_owned(),
        }
    }

    /// What one unit of a limit per period is in the unit of the request.
    pub(super) fn unit(&self, limit: Limit) -> f64 {
        match limit {
            Limit::Volatility => self.year.sqrt(),
            Limit::Return => self.year,
            _ => 1.0,
        }
    }

    /// What is held before the trade: cash where nothing is said.
    pub(super) fn held(&self) -> Vec<f64> {
        self.current.clone().unwrap_or_else(|| vec![0.0; self.names.len()])
    }

    /// Where the trade begins, as an answer says it.
    pub(super) fn starts_from(&self) -> StartingPoint {
        match self.current {
            Some(_) => StartingPoint::Current,
            None => StartingPoint::Cash,
        }
    }

    pub(super) fn is_excluded(&self, asset: usize) -> bool {
        self.excluded.contains_key(&asset)
    }

    /// The weights of all that may be held, equal to each other.
    pub(super) fn equal(&self) -> Vec<f64> {
        let allowed = self.constraints.allowed();
        let mut weights = vec![0.0; self.names.len()];
        for at in &allowed {
            weights[*at] = 1.0 / allowed.len() as f64;
        }
        weights
    }
}

/// Checks what a goal needs.
pub(super) fn check_goal(goal: &PortfolioGoal, pointer: &str, errors: &mut Vec<FieldError>) {
    use crate::domain::investment::ObjectiveKind as Kind;
    let mut add = |field: &str, detail: String| {
        errors.push(FieldError::new(format!("{pointer}/{field}"), detail));
    };
    let belongs = |field: &str, kind: Kind| {
        let (kind, objective) = (kind.as_str(), goal.objective.as_str());
        format!("{field} belongs to {kind}, and the objective is {objective}: leave it out")
    };
    if let Some(aversion) = goal.risk_aversion {
        if goal.objective != Kind::MaxUtility {
            add("risk_aversion", belongs("risk_aversion", Kind::MaxUtility));
        } else if !(aversion > 0.0 && aversion <= 1e6) {
            add(
                "risk_aversion",
                format!("{aversion} is not above 0 and at most 1e6; 2 to 10 are usual"),
            );
        }
    }
    match (goal.target_return, goal.objective == Kind::TargetReturn) {
        (None, true) => {
            add("target_return", "is required: the year's return that is sought".to_owned())
        }
        (Some(_), false) => add("target_return", belongs("target_return", Kind::TargetReturn)),
        (Some(target), true) if !(-1.0..=100.0).contains(&target) => {
            add("target_return", format!("{target} is not a year's return such as 0.08"));
        }
        _ => {}
    }
    if let Some(level) = goal.level {
        if goal.objective != Kind::MinCvar {
            add("level", belongs("level", Kind::MinCvar));
        } else if !(level > 0.0 && level < 1.0) {
            add("level", format!("{level} is not between 0 and 1; 0.95 is usual"));
        }
    }
}

/// The lists and maps of names that are too long to be looked at.
fn oversized(profile: &InvestorProfile) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut bound = |pointer: String, count: usize| {
        errors.extend(too_many(pointer, count));
    };
    bound("/profile/bounds".to_owned(), profile.bounds.len());
    bound("/profile/exclude".to_owned(), profile.exclude.len());
    bound("/profile/current".to_owned(), profile.current.len());
    bound("/profile/groups".to_owned(), profile.groups.len());
    bound("/profile/scores".to_owned(), profile.scores.len());
    for (name, group) in profile.groups.iter().take(MAX_NAMES) {
        bound(format!("/profile/groups/{}/assets", escaped(name)), group.assets.len());
    }
    for (name, score) in profile.scores.iter().take(MAX_NAMES) {
        bound(format!("/profile/scores/{}/values", escaped(name)), score.values.len());
    }
    errors
}

/// What is wrong with this many names, where they are too many.
pub(super) fn too_many(pointer: String, count: usize) -> Option<FieldError> {
    let detail = || format!("{count} names are more than {MAX_NAMES}");
    (count > MAX_NAMES).then(|| FieldError::new(pointer, detail()))
}

/// The place of each asset by its name.
pub(super) fn places(assets: &[String]) -> HashMap<&str, usize> {
    assets.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect()
}

/// All faults at once, or the first [`MAX_FAULTS`] of them.
pub(super) fn refuse_all(mut errors: Vec<FieldError>) -> Result<()> {
    if errors.len() > MAX_FAULTS {
        errors.truncate(MAX_FAULTS);
        let detail = format!("more than {MAX_FAULTS} fields of the request are wrong");
        return Err(Error::fields(Code::InvalidRequest, detail, errors));
    }
    match errors.as_slice() {
        [] => Ok(()),
        [one] => Err(Error::fields(Code::InvalidRequest, one.detail.clone(), errors)),
        more => {
            let detail = format!("{} fields of the request are wrong", more.len());
            Err(Error::fields(Code::InvalidRequest, detail, errors))
        }
    }
}

struct Check<'a> {
    assets: &'a [String],
    places: HashMap<&'a str, usize>,
    errors: Vec<FieldError>,
}

type Bounds = (Vec<f64>, Vec<f64>, HashMap<usize, usize>);

impl Check<'_> {
    /// Adds a fault; what is beyond one more than an answer tells would only take memory.
    fn add(&mut self, below: &str, detail: impl Into<String>) {
        if self.errors.len() <= MAX_FAULTS {
            self.errors.push(FieldError::new(format!("/profile{below}"), detail));
        }
    }

    fn within(&mut self, below: &str, value: f64, least: f64, most: f64, usual: &str) {
        if !(least..=most).contains(&value) {
            self.add(below, format!("{value} is not from {least} to {most}; {usual}"));
        }
    }

    fn above_zero(&mut self, below: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| !(*value > 0.0 && value.is_finite())) {
            self.add(below, format!("a limit of {value} is not above 0"));
        }
    }

    fn ended(self) -> Result<()> {
        refuse_all(self.errors)
    }

    fn numbers(&mut self, profile: &InvestorProfile) {
        if !(1..=10_000).contains(&profile.horizon) {
            self.add("/horizon", format!("{} periods are not from 1 to 10,000", profile.horizon));
        }
        let year = profile.periods_per_year;
        if !(year > 0.0 && year <= 100_000.0) {
            self.add(
                "/periods_per_year",
                format!("{year} is not above 0: take 252 for days, 12 for months"),
            );
        }
        self.within("/risk_free_rate", profile.risk_free_rate, -1.0, 10.0, "0.03 is 3 % a year");
        self.within("/cost", profile.cost, 0.0, 0.5, "0.001 is a tenth of a percent");
        if let Some(most) = profile.max_turnover {
            self.within("/max_turnover", most, 0.0, 100.0, "2 sells and buys everything");
        }
        self.within("/min_weight", profile.min_weight, -1.0, 1.0, "0 is long only");
        self.within("/max_weight", profile.max_weight, 0.0, 2.0, "1 is no bound");
        let limits = &profile.limits;
        self.above_zero("/limits/volatility", limits.volatility);
        self.above_zero("/limits/drawdown", limits.drawdown);
        if let Some(tail) = &limits.cvar {
            self.above_zero("/limits/cvar/max", Some(tail.max));
            if !(tail.level > 0.0 && tail.level < 1.0) {
                self.add("/limits/cvar/level", format!("{} is not between 0 and 1", tail.level));
            }
        }
    }

    /// The place of an asset; a name that is none is a fault of its field.
    fn place(&mut self, name: &str, below: &str) -> Option<usize> {
        let found = self.places.get(name).copied();
        // The search for a similar name takes long, and nobody reads so many of them.
        if found.is_none() && self.errors.len() <= MAX_FAULTS {
            let near = did_you_mean(name, self.assets.iter().map(String::as_str));
            self.add(below, format!("{name} is no asset of the universe{near}"));
        }
        found
    }

    fn bounds(&mut self, profile: &InvestorProfile) -> Bounds {
        let before = self.errors.len();
        let mut lower = vec![profile.min_weight; self.assets.len()];
        let mut upper = vec![profile.max_weight; self.assets.len()];
        if profile.min_weight > profile.max_weight {
            self.add("/min_weight", "is above max_weight");
        }
        for (name, bounds) in &profile.bounds {
            let below = format!("/bounds/{}", escaped(name));
            let Some(at) = self.place(name, &below) else { continue };
            if let Some(min) = bounds.min {
                self.within(&format!("{below}/min"), min, -1.0, 1.0, "0.05 is 5 % of wealth");
                lower[at] = min;
            }
            if let Some(max) = bounds.max {
                self.within(&format!("{below}/max"), max, -1.0, 2.0, "0.3 is 30 % of wealth");
                upper[at] = max;
            }
            if lower[at] > upper[at] {
                let detail =
                    format!("at least {} and at most {} exclude each other", lower[at], upper[at]);
                self.add(&below, detail);
            }
        }
        let mut excluded = HashMap::new();
        for (place, name) in profile.exclude.iter().enumerate() {
            let Some(at) = self.place(name, &format!("/exclude/{place}")) else { continue };
            if profile
                .bounds
                .get(name)
                .is_some_and(|bounds| bounds.min.is_some_and(|min| min > 0.0))
            {
                self.add(
                    &format!("/exclude/{place}"),
                    format!("{name} has a least weight in bounds"),
                );
            }
            excluded.insert(at, place);
            (lower[at], upper[at]) = (0.0, 0.0);
        }
        if excluded.len() == self.assets.len() {
            self.add("/exclude", "every asset of the universe is excluded");
        } else if upper.iter().all(|most| *most <= 0.0) {
            let below = if profile.max_weight > 0.0 { "/bounds" } else { "/max_weight" };
            self.add(
                below,
                "allows no asset a weight above 0: raise it, up to 1 which is no bound",
            );
        } else if self.errors.len() == before && profile.min_weight.abs() <= 1.0 {
            let least = (lower.iter().sum::<f64>(), profile.min_weight);
            if least.0 > 1.0 + SLACK {
                self.sum_of_ends((profile, &excluded), "min", least, |bounds| bounds.min);
            }
            let most = (upper.iter().sum::<f64>(), profile.max_weight);
            if most.0 < 1.0 - SLACK {
                self.sum_of_ends((profile, &excluded), "max", most, |bounds| bounds.max);
            }
        }
        (lower, upper, excluded)
    }

    /// Tells that weights of 1 together have no room between bounds: `end` is `min` or `max`, `sum` that of all, and
    /// `common` that of the assets without one of their own, which is what to change where it can mend it.
    fn sum_of_ends(
        &mut self,
        (profile, excluded): (&InvestorProfile, &HashMap<usize, usize>),
        end: &str,
        (sum, common): (f64, f64),
        own: impl Fn(&WeightBounds) -> Option<f64>,
    ) {
        let allowed = (0..self.assets.len()).filter(|at| !excluded.contains_key(at));
        let allowed: Vec<&String> = allowed.map(|at| &self.assets[at]).collect();
        let given = |name: &&String| profile.bounds.get(*name).and_then(&own);
        let of_own: Vec<f64> = allowed.iter().filter_map(given).collect();
        let others = (allowed.len() - of_own.len()) as f64;
        let mended = (1.0 - of_own.iter().sum::<f64>()) / others;
        let is_least = end == "min";
        // Said too, since a sum may be 1 but for what rounding hides.
        let off = figure((sum - 1.0).abs());
        let (which, most, way) = match is_least {
            true => ("least", format!("{off} more than the 1 that there is"), "lower"),
            false => {
                ("greatest", format!("which leaves {off} of wealth that nothing may hold"), "raise")
            }
        };
        let says = format!(
            "the {which} weights of the {} assets that may be held sum to {}, {most}",
            allowed.len(),
            figure(sum)
        );
        // Rounded to the side on which it holds.
        let tenths = mended * 1e4;
        let enough = if is_least { (tenths + 1e-6).floor() } else { (tenths - 1e-6).ceil() } / 1e4;
        let possible = if is_least { 0.0..=common.max(0.0) } else { common..=2.0 };
        match others > 0.0 && possible.contains(&mended) {
            true => self.add(
                &format!("/{end}_weight"),
                format!("{says}: {way} it to {} or further", figure(enough)),
            ),
            false => self.add("/bounds", format!("{says}: {way} some of their {end}")),
        }
    }

    fn ends(&mut self, below: &str, min: Option<f64>, max: Option<f64>) {
        match (min, max) {
            (None, None) => self.add(below, "needs min or max, or bounds nothing"),
            (Some(min), Some(max)) if min > max => self.add(below, "min is above max"),
            _ => {}
        }
        if min.into_iter().chain(max).any(|end| end.abs() > 1e9) {
            self.add(below, "a bound is not a number of any use");
        }
    }

    fn groups(&mut self, profile: &InvestorProfile) -> Vec<(bool, String, Linear)> {
        let mut found = Vec::new();
        for (name, group) in &profile.groups {
            let below = format!("/groups/{}", escaped(name));
            self.ends(&below, group.min, group.max);
            let mut factors = vec![0.0; self.assets.len()];
            for (place, asset) in group.assets.iter().enumerate() {
                if let Some(at) = self.place(asset, &format!("{below}/assets/{place}")) {
                    factors[at] = 1.0;
                }
            }
            if group.assets.is_empty() {
                self.add(&format!("{below}/assets"), "a group without assets bounds nothing");
            }
            let linear = Linear { factors, least: group.min, most: group.max };
            found.push((true, name.clone(), linear));
        }
        found
    }

    fn scores(&mut self, profile: &InvestorProfile, upper: &[f64]) -> Vec<(bool, String, Linear)> {
        let mut found = Vec::new();
        for (name, score) in &profile.scores {
            let below = format!("/scores/{}", escaped(name));
            self.ends(&below, score.min, score.max);
            let mut factors = vec![0.0; self.assets.len()];
            for (asset, value) in &score.values {
                let below = format!("{below}/values/{}", escaped(asset));
                let Some(at) = self.place(asset, &below) else { continue };
                factors[at] = *value;
                if value.abs() > 1e9 {
                    self.add(&below, format!("a score of {value} is out of range"));
                }
            }
            let assets = self.assets.iter().zip(upper);
            let unknown: Vec<&str> = assets
                .filter(|(asset, upper)| **upper != 0.0 && !score.values.contains_key(*asset))
                .map(|(asset, _)| asset.as_str())
                .collect();
            if !unknown.is_empty() {
                let (some, count) =
                    (unknown.iter().take(5).copied().collect::<Vec<_>>(), unknown.len());
                let detail = format!(
                    "{count} assets have no score ({}): give theirs, or exclude them",
                    some.join(", ")
                );
                self.add(&format!("{below}/values"), detail);
            }
            let linear = Linear { factors, least: score.min, most: score.max };
            found.push((false, name.clone(), linear));
        }
        found
    }

    fn current(&mut self, profile: &InvestorProfile) -> Option<Vec<f64>> {
        if profile.current.is_empty() {
            return None;
        }
        let held = self.weights(&profile.current, "/current");
        let sum: f64 = held.iter().sum();
        if held.iter().any(|weight| weight.abs() > 10.0) || sum > 1.0 + 1e-6 {
            self.add(
                "/current",
                format!("weights are shares of wealth that sum to at most 1, not to {sum}"),
            );
        }
        Some(held)
    }

    fn weights(&mut self, named: &BTreeMap<String, f64>, below: &str) -> Vec<f64> {
        let mut weights = vec![0.0; self.assets.len()];
        for (name, weight) in named {
            if let Some(at) = self.place(name, &format!("{below}/{}", escaped(name))) {
                weights[at] = *weight;
            }
        }
        weights
    }
}

/// A name as a step of a JSON pointer (RFC 6901).
pub(super) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
