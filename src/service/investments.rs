//! Investment advice: portfolios of a universe of prices, with their reasons, frontiers and backtests.

mod advice;
mod backtests;
mod estimates;
mod frontiers;
mod profile;
mod views;
mod wording;
mod work;

use actuary_finance::Fault;
use actuary_finance::investments::{History, Market, Unmet};

use self::profile::Rules;
use super::Service;
use super::turns::{PATIENCE, Turn, patiently_or};
use crate::domain::investment::{
    Advised, BacktestRequest, BacktestResponse, FrontierRequest, FrontierResponse,
    PortfolioRequest, PortfolioResponse,
};
use crate::domain::key::Caller;
use crate::domain::prices::{PricesRequest, ReturnKind};
use crate::error::{Code, Error, FieldError, Result};

/// What is said while portfolios are sought for others.
pub(super) const BUSY: &str =
    "many portfolios are being sought for others: ask again in a few seconds";

/// The assets that are looked at, and what is known of them.
struct Universe {
    assets: Vec<String>,
    history: History,
    /// When each return is complete, as it is read.
    times: Vec<String>,
    /// The last price of each asset; none where the dataset holds returns.
    last: Option<Vec<f64>>,
    about: Advised,
}

impl Service {
    /// Seeks a portfolio for an investor.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] naming every bad field, each constraint that can't be met with what it misses, and
    /// what would take too long; [`Code::NotFound`] for an unknown model of views; [`Code::TooManyRequests`] while
    /// portfolios are sought for others.
    pub async fn advise_portfolio(
        &self,
        caller: &Caller,
        request: PortfolioRequest,
    ) -> Result<PortfolioResponse> {
        let turn = self.0.investing.take().await?;
        let universe = self.universe(caller, &request.prices, turn.clone()).await?;
        let rules = profile::rules(&request.profile, &universe.assets)?;
        let known = self.known(caller, &request.views, &request.prices, &universe, &rules).await?;
        advice::check(&request, &universe, &rules)?;
        let work = move |stop: &mut dyn FnMut() -> bool| {
            advice::advise(&request, &universe, &rules, &known, stop)
        };
        patiently_or(turn, PATIENCE, too_long, work).await
    }

    /// Walks strategies through a history, each decision by what was known then.
    ///
    /// # Errors
    /// As [`Service::advise_portfolio`].
    pub async fn backtest_portfolios(
        &self,
        caller: &Caller,
        request: BacktestRequest,
    ) -> Result<BacktestResponse> {
        let turn = self.0.investing.take().await?;
        let universe = self.universe(caller, &request.prices, turn.clone()).await?;
        let rules = profile::rules(&request.profile, &universe.assets)?;
        backtests::check(&request, &universe, &rules)?;
        let work = move |stop: &mut dyn FnMut() -> bool| {
            backtests::backtest(&request, &universe, &rules, stop)
        };
        patiently_or(turn, PATIENCE, too_long, work).await
    }

    /// Traces the efficient frontier of a universe.
    ///
    /// # Errors
    /// As [`Service::advise_portfolio`].
    pub async fn trace_frontier(
        &self,
        caller: &Caller,
        request: FrontierRequest,
    ) -> Result<FrontierResponse> {
        let turn = self.0.investing.take().await?;
        let universe = self.universe(caller, &request.prices, turn.clone()).await?;
        let rules = profile::rules(&request.profile, &universe.assets)?;
        let known = self.known(caller, &request.views, &request.prices, &universe, &rules).await?;
        frontiers::check(&request, &universe, &rules)?;
        let work = move |stop: &mut dyn FnMut() -> bool| {
            frontiers::trace(&request, &universe, &rules, &known, stop)
        };
        patiently_or(turn, PATIENCE, too_long, work).await
    }

    /// The universe of a request.
    ///
    /// # Errors
    /// Those of [`Service::prices`]; [`Code::InvalidRequest`] for returns that don't add up over assets, and naming
    /// every asset whose price never moves.
    async fn universe(
        &self,
        caller: &Caller,
        asked: &PricesRequest,
        turn: Turn,
    ) -> Result<Universe> {
        if asked.returns != ReturnKind::Simple {
            let detail = "what a portfolio earns is the weighted sum of simple returns, not of logarithms: leave \
                          returns out";
            return Err(Error::field(Code::InvalidRequest, "/prices/returns", detail));
        }
        let prices = self.prices(caller, asked, turn).await?;
        let returns = prices.returns(ReturnKind::Simple);
        super::risk::refuse_endless(&returns)?;
        super::prices::check_enough(&prices, returns.times.len())?;
        let width = prices.assets.len();
        let still: Vec<&str> = (0..width)
            .filter(|at| returns.column(*at).windows(2).all(|pair| pair[0] == pair[1]))
            .map(|at| prices.assets[at].as_str())
            .collect();
        if !still.is_empty() {
            let names = still.iter().take(10).copied().collect::<Vec<_>>().join(", ");
            let detail = format!(
                "nothing is known of the risk of {names}, whose return is always the same: leave {} out",
                if still.len() == 1 { "it" } else { "them" }
            );
            return Err(Error::field(Code::InvalidRequest, "/prices/assets", detail));
        }
        let history = History::new(width, &returns.values)
            .map_err(|fault| Error::field(Code::InvalidRequest, "/prices", fault.detail))?;
        let times: Vec<String> = (0..returns.times.len()).map(|at| returns.shown(at)).collect();
        let last = match prices.holds {
            crate::domain::prices::PriceValues::Returns => None,
            crate::domain::prices::PriceValues::Prices => {
                prices.values.chunks_exact(width).last().map(<[f64]>::to_vec)
            }
        };
        let about = Advised {
            assets: width as u32,
            returns: times.len() as u32,
            from: times.first().cloned().unwrap_or_default(),
            to: times.last().cloned().unwrap_or_default(),
            dropped_assets: prices.dropped_assets,
            dropped_dates: prices.dropped_dates as u32,
            filled: prices.filled as u32,
            shrinkage: None,
        };
        Ok(Universe { assets: prices.assets, history, times, last, about })
    }
}

/// What ends work that nobody waits for any more, or that takes too long.
fn stopped() -> Error {
    Error::new(Code::Cancelled, "the search for portfolios was stopped")
}

/// The way out for whoever still waits.
fn too_long() -> Error {
    let detail = "this takes longer than a minute: send fewer assets or dates, or ask for fewer resamples, points or \
                  decisions";
    Error::field(Code::InvalidRequest, "/prices", detail)
}

/// What is wrong with a calculation, as a problem of the request.
fn problem(fault: Fault, assets: &[String]) -> Error {
    let pointer = match fault.pointer.as_str() {
        "" => "/profile",
        "/history" => "/prices",
        "/covariance" => "/estimates/covariance",
        "/objective" => "/goal/objective",
        "/aversion" => "/goal/risk_aversion",
        "/level" => "/goal/level",
        "/decay" => "/estimates/decay",
        "/tau" => "/views/tau",
        other => other,
    };
    let detail = match asset_of(&fault, assets) {
        Some(asset) => format!("{asset} {}", fault.detail),
        None => fault.detail.clone(),
    };
    let pointer = if asset_of(&fault, assets).is_some() { "/prices/assets" } else { pointer };
    Error::field(Code::InvalidRequest, pointer, detail)
}

/// The asset that a fault is about.
fn asset_of<'a>(fault: &Fault, assets: &'a [String]) -> Option<&'a str> {
    let at: usize = fault.pointer.strip_prefix('/')?.parse().ok()?;
    assets.get(at).map(String::as_str)
}

/// Why there is no portfolio, as a problem of the request: every constraint that would have to give way.
fn unmet(unmet: Unmet, rules: &Rules, market: &Market, assets: &[String]) -> Error {
    let missed = match unmet {
        Unmet::Fault(fault) => return problem(fault, assets),
        Unmet::Limits(missed) => missed,
    };
    let errors: Vec<FieldError> = wording::missed(&missed, rules, &rules.held(), market);
    let detail = match errors.as_slice() {
        [one] => format!("the constraints can't be met together: {}", one.detail),
        more => format!(
            "the constraints can't be met together; {} of them would have to give way, by as little as can be: {}",
            more.len(),
            more.iter().map(|one| one.detail.as_str()).take(3).collect::<Vec<_>>().join("; ")
        ),
    };
    Error::fields(Code::InvalidRequest, detail, errors)
}
