//! Portfolios: estimates, optimisation within constraints, performance and walk-forward backtests.

mod building;
mod constraints;
mod covariance;
mod frontier;
mod hierarchy;
mod history;
mod market;
mod means;
mod objectives;
mod parity;
mod performance;
mod program;
mod resampling;
mod views;
mod walk;

#[cfg(test)]
mod tests;

pub use constraints::{Constraints, Limit, Linear, Tail, Trading};
pub use covariance::{Covariance, CovarianceMethod, covariance};
pub use frontier::frontier;
pub use hierarchy::hierarchical;
pub use history::History;
pub use market::{Market, summed_drawdown, tail_loss};
pub use means::{MeanMethod, means};
pub use objectives::{Objective, Portfolio, Unmet, excesses, optimise, turnover};
pub use parity::risk_parity;
pub use performance::{
    Performance, deflated_sharpe, expected_greatest_sharpe, max_drawdown, performance,
    probabilistic_sharpe, risked,
};
pub use resampling::{block_length, interval, resampled};
pub use views::{Doubt, Posterior, View, implied_returns, posterior};
pub use walk::{Held, Trade, Walk, Walked, walk};
