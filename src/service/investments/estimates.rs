//! What is known of a universe: estimates of its history, and views.

use actuary_finance::investments::{
    CovarianceMethod, History, Market, MeanMethod, Objective, View, covariance, implied_returns,
    means, posterior,
};
use actuary_finance::{Fault, Result};

use super::profile::Rules;
use crate::domain::investment::{
    CovarianceKind, Estimates, MeanKind, ObjectiveKind, PortfolioGoal, UsedViews,
};

/// RiskMetrics' decay of days.
const DECAY: f64 = 0.94;
/// Of a goal that does not say it.
const AVERSION: f64 = 5.0;
pub(super) const LEVEL: f64 = 0.95;

/// Views, ready for any history of the same assets.
pub(super) struct Known {
    pub(super) views: Option<Believed>,
}

/// What is believed, per period.
pub(super) struct Believed {
    pub(super) market: Vec<f64>,
    pub(super) aversion: f64,
    pub(super) tau: f64,
    pub(super) views: Vec<View>,
    /// Where each view stands in the request.
    pub(super) pointers: Vec<String>,
    pub(super) used: UsedViews,
    /// Assets that the model does not forecast.
    pub(super) without: Vec<String>,
    /// Whether the model's errors are known of all series together alone.
    pub(super) pooled: bool,
}

/// What a history says of returns, with how far its covariance was shrunk.
///
/// # Errors
/// A [`Fault`] for a decay that is none, an asset that never moves, and views that contradict each other.
pub(super) fn market(
    history: &History,
    estimates: &Estimates,
    free: f64,
    views: Option<&Believed>,
) -> Result<(Market, Option<f64>)> {
    let method = match estimates.covariance {
        CovarianceKind::LedoitWolf => CovarianceMethod::LedoitWolf,
        CovarianceKind::Sample => CovarianceMethod::Sample,
        CovarianceKind::Ewma => CovarianceMethod::Ewma { decay: estimates.decay.unwrap_or(DECAY) },
    };
    let estimated = covariance(history, method)?;
    let shrinkage = estimated.shrinkage;
    let (mean, covariance) = match views {
        None => {
            let method = match estimates.mean {
                MeanKind::Shrunk => MeanMethod::Shrunk,
                MeanKind::Sample => MeanMethod::Sample,
                MeanKind::Zero => MeanMethod::Zero,
            };
            (means(history, &estimated.matrix, method), estimated.matrix)
        }
        Some(believed) => {
            let prior =
                implied_returns(&estimated.matrix, &believed.market, believed.aversion, free);
            let found = posterior(&prior, &estimated.matrix, believed.tau, &believed.views);
            let found = found.map_err(|fault| of_view(fault, believed))?;
            (found.mean, found.covariance)
        }
    };
    Ok((Market { mean, covariance, history: history.clone(), free }, shrinkage))
}

/// The place of a view among all becomes that in the request.
fn of_view(fault: Fault, believed: &Believed) -> Fault {
    let at = fault.pointer.strip_prefix("/views/").and_then(|at| at.parse::<usize>().ok());
    match at.and_then(|at| believed.pointers.get(at)) {
        Some(pointer) => Fault::new(pointer.clone(), fault.detail),
        None => fault,
    }
}

/// A goal in figures per period.
pub(super) fn objective(goal: &PortfolioGoal, rules: &Rules) -> Objective {
    match goal.objective {
        ObjectiveKind::MinVariance => Objective::MinVariance,
        ObjectiveKind::MaxSharpe => Objective::MaxSharpe,
        ObjectiveKind::MaxUtility => {
            Objective::MaxUtility { aversion: goal.risk_aversion.unwrap_or(AVERSION) }
        }
        ObjectiveKind::TargetReturn => {
            Objective::TargetReturn { least: goal.target_return.unwrap_or(0.0) / rules.year }
        }
        ObjectiveKind::MaxReturn => Objective::MaxReturn,
        ObjectiveKind::MinCvar => Objective::MinTail { level: goal.level.unwrap_or(LEVEL) },
        ObjectiveKind::RiskParity => Objective::RiskParity,
        ObjectiveKind::Hrp => Objective::Hierarchical,
        ObjectiveKind::EqualWeight => Objective::EqualWeight,
    }
}
