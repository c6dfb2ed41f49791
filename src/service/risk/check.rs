//! What can be checked of a request before anything is read.

use std::collections::HashSet;
use std::hash::Hash;

use crate::domain::risk::backtest::RiskBacktestRequest;
use crate::domain::risk::credit::CreditLossRequest;
use crate::domain::risk::stress::{
    MAX_LENGTH, MAX_LENGTHS, MAX_SCENARIOS, MAX_WINDOWS, MAX_WORST, StressRequest,
};
use crate::domain::risk::{
    GREATEST_LEVEL, Holdings, LEAST_LEVEL, MAX_HORIZON, MAX_LEVELS, RiskMethod, RiskRequest,
    RiskSettings,
};
use crate::error::{Code, Error, FieldError, Result};

/// Longest name of a scenario or window.
const MAX_NAME: usize = 100;
const MAX_WEIGHT: f64 = 100.0;
const LEAST_WINDOW: u32 = 50;
const MAX_WINDOW: u32 = 10_000;

/// What is wrong.
#[derive(Default)]
pub(super) struct Faults(Vec<FieldError>);

impl Faults {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(pointer, detail));
    }

    /// Unless so.
    fn unless(&mut self, holds: bool, pointer: impl Into<String>, detail: impl Into<String>) {
        if !holds {
            self.add(pointer, detail);
        }
    }

    /// # Errors
    /// [`Code::InvalidRequest`] naming them all, where there are any.
    pub(super) fn told(mut self) -> Result<()> {
        const MOST: usize = 100;
        let count = self.0.len();
        self.0.truncate(MOST);
        match self.0.first() {
            None => Ok(()),
            Some(first) => {
                let detail = match count {
                    1 => first.detail.clone(),
                    _ => format!("{count} fields are wrong"),
                };
                Err(Error::fields(Code::InvalidRequest, detail, self.0))
            }
        }
    }

    fn levels(&mut self, levels: &[f64]) {
        let count = levels.len();
        let detail = format!("name 1 to {MAX_LEVELS} levels, not {count}");
        self.unless((1..=MAX_LEVELS).contains(&count), "/levels", detail);
        for (at, level) in levels.iter().enumerate().take(MAX_LEVELS) {
            self.level(&format!("/levels/{at}"), *level);
            let is_new = !levels[..at].contains(level);
            self.unless(is_new, format!("/levels/{at}"), format!("{level} is named twice"));
        }
    }

    fn level(&mut self, pointer: &str, level: f64) {
        let detail = format!(
            "{level} is not from {LEAST_LEVEL} to {GREATEST_LEVEL}: 0.99 is a loss that one day in a \
             hundred exceeds"
        );
        self.unless((LEAST_LEVEL..=GREATEST_LEVEL).contains(&level), pointer, detail);
    }

    fn settings(&mut self, settings: &RiskSettings) {
        let holds = settings.decay > 0.0 && settings.decay < 1.0;
        let detail = format!("{} is not between 0 and 1", settings.decay);
        self.unless(holds, "/settings/decay", detail);
    }

    fn once<T: Eq + Hash>(&mut self, pointer: &str, names: impl IntoIterator<Item = T>) {
        let mut seen = HashSet::new();
        for (at, name) in names.into_iter().enumerate() {
            let is_new = seen.insert(name);
            self.unless(is_new, format!("{pointer}/{at}"), "is named twice");
        }
    }

    fn methods(&mut self, methods: Option<&[RiskMethod]>) {
        if let Some(methods) = methods {
            self.unless(!methods.is_empty(), "/methods", "name a method, or leave this out");
            self.once("/methods", methods);
        }
    }

    fn network(&mut self, methods: Option<&[RiskMethod]>, is_named: bool) {
        let asks = methods.is_some_and(|all| all.contains(&RiskMethod::Network));
        let detail = "the method network needs a model: name it here";
        self.unless(!asks || is_named, "/network", detail);
    }

    fn window(&mut self, window: u32) {
        let holds = (LEAST_WINDOW..=MAX_WINDOW).contains(&window);
        let detail = format!("{window} is not from {LEAST_WINDOW} to {MAX_WINDOW}");
        self.unless(holds, "/window", detail);
    }

    fn stress(&mut self, stress: &StressRequest) {
        let StressRequest { windows, worst, scenarios, .. } = stress;
        let few = |most| format!("is more than {most}");
        self.unless(windows.len() <= MAX_WINDOWS, "/stress/windows", few(MAX_WINDOWS));
        self.unless(scenarios.len() <= MAX_SCENARIOS, "/stress/scenarios", few(MAX_SCENARIOS));
        let names = windows.iter().map(|window| &window.name);
        self.names("/stress/windows", names.take(MAX_WINDOWS).collect());
        let names = scenarios.iter().map(|scenario| &scenario.name);
        self.names("/stress/scenarios", names.take(MAX_SCENARIOS).collect());
        let lengths = worst.lengths.len();
        self.unless(lengths <= MAX_LENGTHS, "/stress/worst/lengths", few(MAX_LENGTHS));
        for (at, length) in worst.lengths.iter().enumerate().take(MAX_LENGTHS) {
            let detail = format!("{length} is not from 1 to {MAX_LENGTH}");
            let pointer = format!("/stress/worst/lengths/{at}");
            self.unless((1..=MAX_LENGTH).contains(length), pointer, detail);
        }
        let detail = format!("{} is not from 1 to {MAX_WORST}", worst.count);
        self.unless((1..=MAX_WORST).contains(&worst.count), "/stress/worst/count", detail);
        for (at, scenario) in scenarios.iter().enumerate().take(MAX_SCENARIOS) {
            let shocks = scenario.assets.iter().chain(&scenario.groups);
            for (name, shock) in shocks.chain([(&"others".to_owned(), &scenario.others)]) {
                let detail = format!("{name}: {shock} is not a return from -1 (all is lost) to 10");
                let holds = (-1.0..=10.0).contains(shock);
                self.unless(holds, format!("/stress/scenarios/{at}"), detail);
            }
        }
    }

    fn names(&mut self, pointer: &str, names: Vec<&String>) {
        for (at, name) in names.iter().enumerate() {
            let holds = !name.trim().is_empty() && name.chars().count() <= MAX_NAME;
            let detail = format!("a name has 1 to {MAX_NAME} characters");
            self.unless(holds, format!("{pointer}/{at}/name"), detail);
        }
        self.once(pointer, names);
    }

    fn holdings(&mut self, holdings: &Holdings) {
        let Holdings { weights, positions, value } = holdings;
        let both = weights.is_some() && positions.is_some();
        let detail = "weights and positions are two ways to say the same: send one of them";
        self.unless(!both, "/holdings/positions", detail);
        let told = positions.is_some() && value.is_some();
        let detail = "positions tell by themselves what they are worth";
        self.unless(!told, "/holdings/value", detail);
        let amount = value.is_none_or(|value| value > 0.0 && value < 1e18);
        self.unless(amount, "/holdings/value", "has to be above 0 and below 1e18");
        self.weights("/holdings/weights", weights.as_ref(), MAX_WEIGHT);
        self.weights("/holdings/positions", positions.as_ref(), 1e15);
    }

    fn weights(
        &mut self,
        pointer: &str,
        weights: Option<&std::collections::BTreeMap<String, f64>>,
        most: f64,
    ) {
        let Some(weights) = weights else { return };
        let held = weights.values().any(|weight| *weight != 0.0);
        self.unless(held, pointer, "nothing is held: give an asset a number other than 0");
        for (asset, weight) in weights {
            let detail = format!("{weight} is not from -{most} to {most}");
            let place = format!("{pointer}/{}", super::pointed(asset));
            self.unless(weight.abs() <= most, place, detail);
        }
    }
}

/// # Errors
/// [`Code::InvalidRequest`] naming every field that can't hold.
pub(super) fn assessment(request: &RiskRequest) -> Result<()> {
    let mut faults = Faults::default();
    faults.levels(&request.levels);
    let detail = format!("{} is not from 1 to {MAX_HORIZON}", request.horizon);
    faults.unless((1..=MAX_HORIZON).contains(&request.horizon), "/horizon", detail);
    faults.methods(request.methods.as_deref());
    faults.network(request.methods.as_deref(), request.network.is_some());
    request.window.into_iter().for_each(|window| faults.window(window));
    faults.settings(&request.settings);
    faults.stress(&request.stress);
    faults.holdings(&request.holdings);
    faults.told()
}

/// # Errors
/// As [`assessment`].
pub(super) fn backtest(request: &RiskBacktestRequest) -> Result<()> {
    let mut faults = Faults::default();
    faults.level("/level", request.level);
    faults.methods(request.methods.as_deref());
    faults.network(request.methods.as_deref(), request.network.is_some());
    faults.window(request.window);
    let holds = (1..=MAX_WINDOW).contains(&request.refit_every);
    let detail = format!("{} is not from 1 to {MAX_WINDOW}", request.refit_every);
    faults.unless(holds, "/refit_every", detail);
    faults.settings(&request.settings);
    faults.weights("/weights", request.weights.as_ref(), MAX_WEIGHT);
    faults.told()
}

/// # Errors
/// As [`assessment`].
pub(super) fn credit(request: &CreditLossRequest) -> Result<()> {
    let mut faults = Faults::default();
    faults.levels(&request.levels);
    let share = |value: f64, most: f64| (0.0..=most).contains(&value);
    let detail = format!("{} is not from 0 to 0.99", request.correlation);
    faults.unless(share(request.correlation, 0.99), "/correlation", detail);
    if let Some(given) = request.loss_given_default {
        let detail = format!("{given} is not from 0 to 1");
        faults.unless(share(given, 1.0), "/loss_given_default", detail);
    }
    match (&request.exposures, &request.book) {
        (Some(_), Some(_)) => {
            faults
                .add("/book", "exposures and book are two ways to say the same: send one of them");
        }
        (None, None) => faults.add("/exposures", "there are no loans: send them, or name a book"),
        (None, Some(book)) => {
            let one = book.default_probability.is_some() != book.model.is_some();
            let detail =
                "name either the column of probabilities of default or a model that tells them";
            faults.unless(one, "/book/default_probability", detail);
        }
        (Some(_), None) => {}
    }
    faults.told()
}
