//! The risk that one of our own models forecasts.

pub(super) mod backtest;

use std::collections::BTreeMap;
use std::sync::Arc;

use actuary_finance::risk::{Predictive, Shape};

use super::assumptions;
use super::portfolio::Portfolio;
use crate::domain::forecast::{Forecast, ForecastRequest};
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::prediction::VersionRef;
use crate::domain::risk::{
    MethodRisk, NetworkTarget, RiskFigure, RiskMethod, RiskNetwork, RiskRequest,
};
use crate::domain::version::{Metrics, Version};
use crate::error::{Code, Error, FieldError, Result};
use crate::service::Service;
use crate::service::cache::Named;
use crate::service::loaded::Loaded;

/// Quantiles that differ by less are the same.
const SAME: f64 = 1e-9;

impl Service {
    /// What a version forecasts of the portfolio's next returns.
    pub(super) async fn risk_by_network(
        &self,
        caller: &Caller,
        network: &RiskNetwork,
        request: &RiskRequest,
        portfolio: &Portfolio,
    ) -> Result<MethodRisk> {
        let loaded = self.of_network(caller, network).await?;
        let (version, number) = (&loaded.version, loaded.version.version);
        let asking = ForecastRequest {
            dataset: Some(network.dataset.clone()),
            version: Some(VersionRef::Number(number)),
            ..ForecastRequest::default()
        };
        let asked = self.forecast(caller, &network.model, asking).await;
        let answer = asked.map_err(|e| below(e, "dataset"))?;
        let forecast = chosen(&answer.forecasts, network)?;
        let window = version.signature.window.as_ref();
        let known = window.map_or(&[][..], |window| window.quantiles.as_slice());
        let mut made = MethodRisk {
            method: RiskMethod::Network,
            figures: Vec::new(),
            refused: None,
            parameters: BTreeMap::new(),
            assumptions: assumptions::of_network(
                network.means,
                &forecast.target,
                (&network.model, number),
                request.horizon,
            ),
            warnings: Vec::new(),
        };
        match network.means {
            NetworkTarget::Return => of_quantiles(&mut made, forecast, known, request),
            NetworkTarget::Volatility => of_volatility(&mut made, forecast, request),
        }
        told_by_metrics(&mut made, version);
        let last = portfolio.returns.shown(portfolio.returns.times.len() - 1);
        if !forecast.from.starts_with(&last) {
            made.warnings
                .push(format!("it forecasts from {}, and the prices end at {last}", forecast.from));
        }
        Ok(made)
    }
}

impl Service {
    /// The version that a request names.
    async fn of_network(&self, caller: &Caller, network: &RiskNetwork) -> Result<Arc<Loaded>> {
        let name = Named { project: &caller.project, model: &network.model };
        let fields = ("/network/model", "/network/version");
        self.loaded_for_body(name, network.version.as_ref(), fields).await
    }
}

/// The quantiles that are told at the levels that are asked for.
fn of_quantiles(made: &mut MethodRisk, forecast: &Forecast, known: &[f64], request: &RiskRequest) {
    let step = forecast.steps.first().filter(|step| step.step == 1);
    let Some(step) = step.filter(|_| request.horizon == 1) else {
        made.refused = Some(format!(
            "a quantile of a return is forecast for one row ahead, and quantiles of several don't add up: \
             ask for a horizon of 1 (not {}), of a version without a gap",
            request.horizon
        ));
        return;
    };
    for level in &request.levels {
        let found = place(known, *level).map(|at| known[at].to_string());
        match found.and_then(|quantile| step.quantiles.get(&quantile)) {
            Some(value) => made.figures.push(RiskFigure {
                level: *level,
                value_at_risk: -value,
                expected_shortfall: None,
                standard_error: None,
                interval: None,
                amount: None,
            }),
            None => {
                made.warnings.push(format!("{level} is left out: it {}", lacking(known, *level)));
            }
        }
    }
    if made.figures.is_empty() {
        made.refused =
            Some("the version forecasts none of the quantiles that the levels need".into());
    }
}

/// Where among the quantiles of a version stands the one that a level needs.
fn place(known: &[f64], level: f64) -> Option<usize> {
    known.iter().position(|quantile| (quantile - (1.0 - level)).abs() < SAME)
}

/// What is said of a level that a version can't tell.
fn lacking(known: &[f64], level: f64) -> String {
    let levels: Vec<String> = known.iter().map(f64::to_string).collect();
    format!(
        "needs the quantile {}, and the version forecasts {}",
        ((1.0 - level) * 1e9).round() / 1e9,
        if levels.is_empty() { "none".to_owned() } else { levels.join(", ") }
    )
}

/// Normal figures by forecast volatilities.
fn of_volatility(made: &mut MethodRisk, forecast: &Forecast, request: &RiskRequest) {
    let h = request.horizon as usize;
    let steps: Vec<f64> = forecast.steps.iter().take(h).map(|step| step.value).collect();
    let begins = forecast.steps.first().is_some_and(|step| step.step == 1);
    if steps.len() < h || !begins {
        made.refused = Some(format!(
            "the version forecasts {} rows from row {} on, and the horizon is the next {h}",
            forecast.steps.len(),
            forecast.steps.first().map_or(0, |step| step.step)
        ));
        return;
    }
    if let Some(bad) = steps.iter().find(|value| **value <= 0.0) {
        made.refused = Some(format!("the version forecasts a volatility of {bad}, which is none"));
        return;
    }
    let scale = steps.iter().map(|value| value * value).sum::<f64>().sqrt();
    let expected = Predictive { place: 0.0, scale, shape: Shape::Normal };
    made.parameters.insert("volatility".to_owned(), scale);
    made.figures.extend(request.levels.iter().map(|level| RiskFigure {
        level: *level,
        value_at_risk: expected.value_at_risk(*level),
        expected_shortfall: Some(expected.expected_shortfall(*level)),
        standard_error: None,
        interval: None,
        amount: None,
    }));
}

/// How good the version was on rows that it was not trained on, beside figures without an interval.
fn told_by_metrics(made: &mut MethodRisk, version: &Version) {
    let Metrics::Forecast(metrics) = &version.metrics else { return };
    made.parameters.insert("test_windows".to_owned(), metrics.n as f64);
    for level in metrics.quantiles.iter().flat_map(|quantiles| &quantiles.levels) {
        made.parameters.insert(format!("test_share_below_{}", level.level), level.below);
    }
    made.warnings.push(
        "a network's figures have no interval; its shares of the test part below each quantile, which \
         should be the quantile's level, tell how far to trust them"
            .to_owned(),
    );
    if !metrics.beats_random_walk {
        made.warnings.push("the version does not beat the random walk on its test part".to_owned());
    }
}

/// The forecast of the column that is meant, of the only series.
fn chosen<'a>(forecasts: &'a [Forecast], network: &RiskNetwork) -> Result<&'a Forecast> {
    let refuse = |field: &str, detail: String| {
        Error::field(Code::InvalidRequest, format!("/network/{field}"), detail)
    };
    let names = || forecasts.iter().map(|forecast| forecast.target.as_str());
    let found: Vec<&Forecast> = match &network.target {
        None => forecasts.iter().collect(),
        Some(target) => forecasts.iter().filter(|one| one.target == *target).collect(),
    };
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let wanted = network.target.as_deref().unwrap_or_default();
            let near = did_you_mean(wanted, names());
            Err(refuse("target", format!("the version does not forecast {wanted}{near}")))
        }
        [first, ..] if found.iter().all(|one| one.target == first.target) => {
            let detail = format!(
                "the dataset has {} series, and the portfolio's returns are one of them: upload that \
                 alone",
                found.len()
            );
            Err(refuse("dataset", detail))
        }
        _ => {
            let names: Vec<&str> = names().collect();
            Err(refuse("target", format!("name one of {}", names.join(", "))))
        }
    }
}

/// A problem of the model in words of this request: what names no field lies in `field`.
fn below(error: Error, field: &str) -> Error {
    match error {
        Error::Problem { code: Code::NotFound, detail, .. } => {
            Error::field(Code::InvalidRequest, format!("/network/{field}"), detail)
        }
        Error::Problem { code, detail, errors } if code != Code::TooManyRequests => {
            let errors = errors
                .into_iter()
                .map(|e| FieldError::new(format!("/network{}", e.pointer), e.detail))
                .collect::<Vec<_>>();
            match errors.is_empty() {
                true => Error::field(code, format!("/network/{field}"), detail),
                false => Error::fields(code, detail, errors),
            }
        }
        other => other,
    }
}
