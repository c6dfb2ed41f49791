//! One method after the other.

use actuary_finance::risk::{Assessed, Figure, Filter, Method, Settings, assess};

use super::portfolio::Portfolio;
use super::{assumptions, named};
use crate::domain::risk::{
    MethodRisk, RiskFigure, RiskMethod, RiskRequest, RiskSettings, VolatilityFilter,
};

/// The methods that a request asks for, in its order.
pub(super) fn asked(request: &RiskRequest) -> Vec<RiskMethod> {
    all(request.methods.as_ref(), request.network.is_some())
}

/// Those that are named, else all that need nothing but a history; the network's where one is named.
pub(super) fn all(named: Option<&Vec<RiskMethod>>, has_network: bool) -> Vec<RiskMethod> {
    let mut methods = named.cloned().unwrap_or_else(|| RiskMethod::OF_HISTORY.to_vec());
    if has_network && !methods.contains(&RiskMethod::Network) {
        methods.push(RiskMethod::Network);
    }
    methods
}

/// The calculation of a method; None for a network, which is asked elsewhere.
pub(super) fn calculation(method: RiskMethod) -> Option<Method> {
    Some(match method {
        RiskMethod::Historical => Method::Historical,
        RiskMethod::FilteredHistorical => Method::FilteredHistorical,
        RiskMethod::Gaussian => Method::Gaussian,
        RiskMethod::CornishFisher => Method::CornishFisher,
        RiskMethod::Ewma => Method::Ewma,
        RiskMethod::Garch => Method::Garch,
        RiskMethod::GarchT => Method::GarchStudent,
        RiskMethod::GjrGarch => Method::GjrGarch,
        RiskMethod::Network => return None,
    })
}

pub(super) fn settings(asked: &RiskSettings, horizon: u32) -> Settings {
    let filter = match asked.filter {
        VolatilityFilter::Ewma => Filter::Ewma,
        VolatilityFilter::Garch => Filter::Garch,
    };
    Settings { decay: asked.decay, filter, horizon: horizon as usize, seed: asked.seed }
}

/// What one method says of a portfolio.
pub(super) fn by(method: RiskMethod, portfolio: &Portfolio, request: &RiskRequest) -> MethodRisk {
    let whole = portfolio.whole();
    let mut made = MethodRisk {
        method,
        figures: Vec::new(),
        refused: None,
        parameters: std::collections::BTreeMap::new(),
        assumptions: assumptions::of(method, &request.settings, request.horizon, whole.len()),
        warnings: Vec::new(),
    };
    let Some(calculation) = calculation(method) else { return made };
    let settings = settings(&request.settings, request.horizon);
    match assess(&whole, calculation, &request.levels, &settings) {
        Ok(Assessed { figures, parameters, warnings }) => {
            made.figures = figures.iter().map(figure).collect();
            made.parameters = named(&parameters);
            made.warnings = warnings;
            let is_long = portfolio.weights.iter().all(|weight| *weight >= 0.0)
                && portfolio.weights.iter().sum::<f64>() <= 1.0 + 1e-6;
            if is_long && made.figures.iter().any(|figure| figure.value_at_risk > 1.0) {
                made.warnings.push(beyond_all(request.horizon).to_owned());
            }
        }
        Err(fault) => made.refused = Some(fault.detail),
    }
    made
}

/// What is said where more would be lost than there is.
fn beyond_all(horizon: u32) -> &'static str {
    match horizon {
        1 => {
            "more than all would be lost, which can't be: the method's distribution does not fit these returns; \
             look for an outlier, as a price that is wrong or not adjusted"
        }
        _ => {
            "more than all would be lost, which can't be: what holds for one row does not hold so far ahead"
        }
    }
}

fn figure(figure: &Figure) -> RiskFigure {
    RiskFigure {
        level: figure.level,
        value_at_risk: figure.value_at_risk,
        expected_shortfall: Some(figure.expected_shortfall),
        standard_error: figure.precision.standard_error,
        interval: figure.precision.interval.map(|(low, high)| [low, high]),
        amount: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_all_is_explained_by_how_far_ahead_it_is() {
        assert!(beyond_all(1).contains("does not fit") && beyond_all(1).contains("outlier"));
        assert!(beyond_all(10).contains("so far ahead"));
    }
}
