//! A portfolio: what is held of which assets, and what they returned.

use std::collections::{BTreeMap, HashSet};

use super::check::Faults;
use super::pointed;
use crate::domain::dataset::DatasetRef;
use crate::domain::key::Caller;
use crate::domain::name::did_you_mean;
use crate::domain::prices::{PriceValues, PricesRequest, ReturnKind};
use crate::domain::risk::{Holdings, RiskRequest};
use crate::error::{Code, Error, Result};
use crate::frame::{Prices, Returns};
use crate::service::Service;
use crate::service::prices::check_enough;
use crate::service::turns::Turn;

/// Weights that miss 1 by less are meant to be 1.
const WHOLE: f64 = 1e-6;
/// Most assets of which something is held.
const MAX_HELD: usize = 1_000;
/// Most unknown names for which a similar one is sought, which takes long.
const MAX_SOUGHT: usize = 100;

/// Assets with their returns and weights.
pub(super) struct Portfolio {
    /// The snapshot that prices were read of.
    pub(super) dataset: DatasetRef,
    pub(super) returns: Returns,
    pub(super) returns_are_log: bool,
    /// In the order of the assets.
    pub(super) weights: Vec<f64>,
    pub(super) is_equal: bool,
    pub(super) value: Option<f64>,
    pub(super) warnings: Vec<String>,
}

impl Portfolio {
    /// The returns of the whole.
    pub(super) fn whole(&self) -> Vec<f64> {
        let rows = self.returns.values.chunks_exact(self.weights.len());
        rows.map(|row| row.iter().zip(&self.weights).map(|(r, w)| r * w).sum()).collect()
    }

    pub(super) fn named_weights(&self) -> BTreeMap<String, f64> {
        self.returns.assets.iter().cloned().zip(self.weights.iter().copied()).collect()
    }
}

impl Service {
    /// The portfolio of a request.
    pub(super) async fn portfolio(
        &self,
        caller: &Caller,
        request: &RiskRequest,
        turn: Turn,
    ) -> Result<Portfolio> {
        let RiskRequest { prices, holdings, window, .. } = request;
        self.held(caller, prices, (holdings, "/holdings"), *window, turn).await
    }

    /// What is held of assets whose prices a request names; `at` is where it says what is held.
    pub(super) async fn held(
        &self,
        caller: &Caller,
        request: &PricesRequest,
        (holdings, at): (&Holdings, &str),
        window: Option<u32>,
        turn: Turn,
    ) -> Result<Portfolio> {
        let field = if holdings.positions.is_some() { "positions" } else { "weights" };
        let pointer = format!("{at}/{field}");
        let units = holdings.positions.as_ref().or(holdings.weights.as_ref());
        if let Some(units) = units.filter(|units| units.len() > MAX_HELD) {
            let detail = format!("{} assets are more than {MAX_HELD}: hold fewer", units.len());
            return Err(Error::field(Code::InvalidRequest, pointer, detail));
        }
        let mut request = request.clone();
        request.dataset = self.newest(caller, &request.dataset).await?;
        // What is not held need not be read.
        let names = match (&request.assets, units) {
            (None, Some(units)) => Some(units.keys().cloned().collect::<Vec<_>>()),
            _ => None,
        };
        if names.is_some() {
            request.assets.clone_from(&names);
        }
        let prices = self.prices(caller, &request, turn).await;
        let prices = prices.map_err(|error| of_holdings(error, names.as_deref(), &pointer))?;
        let (weights, value) = match units {
            None => (vec![1.0 / prices.assets.len() as f64; prices.assets.len()], holdings.value),
            Some(units) => {
                let weights = placed(units, &prices, &pointer)?;
                match holdings.positions {
                    None => (weights, holdings.value),
                    Some(_) => valued(weights, &prices, &pointer)?,
                }
            }
        };
        let returns = prices.returns(request.returns);
        refuse_endless(&returns)?;
        let returns = match window {
            Some(window) => returns.newest(window as usize),
            None => returns,
        };
        check_enough(&prices, returns.times.len())?;
        let mut portfolio = Portfolio {
            dataset: request.dataset,
            returns,
            returns_are_log: request.returns == ReturnKind::Log,
            weights,
            is_equal: units.is_none(),
            value,
            warnings: Vec::new(),
        };
        portfolio.warnings = warnings(&portfolio, &prices, window);
        Ok(portfolio)
    }
}

impl Service {
    /// The same with its number, so that an answer can say what it rests on; an unknown one stays as it
    /// is, for whoever reads it to refuse.
    pub(super) async fn newest(&self, caller: &Caller, asked: &DatasetRef) -> Result<DatasetRef> {
        let found =
            self.store().get_dataset_version(&caller.project, &asked.name, asked.version).await?;
        let version = found.map(|(dataset, _)| dataset.version).or(asked.version);
        Ok(DatasetRef { name: asked.name.clone(), version })
    }
}

/// Refuses returns that no sum can hold.
///
/// # Errors
/// [`Code::InvalidRequest`] naming the asset and the time of the first one.
pub(in crate::service) fn refuse_endless(returns: &Returns) -> Result<()> {
    let Some((row, asset)) = returns.first_endless() else { return Ok(()) };
    let detail = format!(
        "{} returns {:e} at {}, which is no return: correct its prices, or leave it out",
        returns.assets[asset],
        returns.values[row * returns.assets.len() + asset],
        returns.shown(row)
    );
    Err(Error::field(Code::InvalidRequest, "/prices", detail))
}

/// Names what is held where its price is not found.
fn of_holdings(error: Error, names: Option<&[String]>, pointer: &str) -> Error {
    let Some(names) = names else { return error };
    let Error::Problem { code, detail, errors } = error else { return error };
    let errors = errors.into_iter().map(|mut error| {
        let place = error.pointer.strip_prefix("/prices/assets/").and_then(|at| at.parse().ok());
        if let Some(name) = place.and_then(|at: usize| names.get(at)) {
            error.pointer = format!("{pointer}/{}", pointed(name));
        } else if error.pointer == "/prices/assets" {
            error.pointer = pointer.to_owned();
        }
        error
    });
    Error::Problem { code, detail, errors: errors.collect() }
}

/// What is held of each asset whose prices were read.
fn placed(units: &BTreeMap<String, f64>, prices: &Prices, pointer: &str) -> Result<Vec<f64>> {
    let mut faults = Faults::default();
    let known: HashSet<&str> = prices.assets.iter().map(String::as_str).collect();
    let dropped: HashSet<&str> = prices.dropped_assets.iter().map(String::as_str).collect();
    let unknown = units.keys().filter(|asset| !known.contains(asset.as_str()));
    for (count, asset) in unknown.enumerate() {
        let detail = match dropped.contains(asset.as_str()) {
            true => format!(
                "{asset} lacks prices and was left out: hold it no more, or take another \
                             way to deal with what is missing"
            ),
            false => {
                let near = match count < MAX_SOUGHT {
                    true => did_you_mean(asset, prices.assets.iter().map(String::as_str)),
                    false => String::new(),
                };
                format!("{asset} is none of the assets whose prices are read{near}")
            }
        };
        faults.add(format!("{pointer}/{}", pointed(asset)), detail);
    }
    faults.told()?;
    Ok(prices.assets.iter().map(|asset| units.get(asset).copied().unwrap_or(0.0)).collect())
}

/// The weights of positions at the last prices, and what they are worth.
fn valued(units: Vec<f64>, prices: &Prices, pointer: &str) -> Result<(Vec<f64>, Option<f64>)> {
    let refuse = |detail: &str| Error::field(Code::InvalidRequest, pointer, detail);
    if prices.holds == PriceValues::Returns {
        return Err(refuse("the dataset holds returns, which tell no value: give weights"));
    }
    let width = prices.assets.len();
    let newest = &prices.values[prices.values.len() - width..];
    let amounts: Vec<f64> = units.iter().zip(newest).map(|(units, price)| units * price).collect();
    let value: f64 = amounts.iter().sum();
    if value <= 0.0 || !value.is_finite() {
        let detail = "the positions are worth nothing or less, so that shares of it mean nothing: give \
                      weights";
        return Err(refuse(detail));
    }
    Ok((amounts.iter().map(|amount| amount / value).collect(), Some(value)))
}

fn warnings(portfolio: &Portfolio, prices: &Prices, window: Option<u32>) -> Vec<String> {
    let mut warnings = Vec::new();
    let sum: f64 = portfolio.weights.iter().sum();
    if (sum - 1.0).abs() > WHOLE {
        warnings.push(match sum < 1.0 {
            true => format!("the weights add up to {sum:.4}: the rest is cash that never moves"),
            false => {
                format!("the weights add up to {sum:.4}: what is above 1 is borrowed for nothing")
            }
        });
    }
    if portfolio.returns_are_log {
        let warning = "the portfolio's return is the weighted sum of logarithmic returns, which is so \
                       only about; simple returns add up";
        warnings.push(warning.to_owned());
    }
    if !prices.dropped_assets.is_empty() {
        warnings.push(format!(
            "{} assets were left out since they lack prices",
            prices.dropped_assets.len()
        ));
    }
    if prices.dropped_dates > 0 {
        warnings.push(format!(
            "{} times were left out since an asset lacks its price there; returns over them are of \
             longer than the others",
            prices.dropped_dates
        ));
    }
    if prices.filled > 0 {
        warnings.push(format!(
            "{} missing prices were filled in with the last one, which makes risk look smaller",
            prices.filled
        ));
    }
    let count = portfolio.returns.times.len();
    if let Some(window) = window.filter(|window| (count as u32) < *window) {
        warnings.push(format!("there are {count} returns, fewer than the window of {window}"));
    }
    if count < 250 {
        warnings.push(format!("{count} returns are less than a year of trading days"));
    }
    warnings
}
