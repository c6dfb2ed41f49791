//! What figures rest on, in words.

use super::portfolio::Portfolio;
use crate::domain::prices::{PriceValues, PricesRequest};
use crate::domain::risk::{NetworkTarget, RiskMethod, RiskSettings, VolatilityFilter};

/// Of every method.
pub(super) fn of_all(portfolio: &Portfolio, prices: &PricesRequest) -> Vec<String> {
    let mut told = vec![
        "losses are positive, as shares of the portfolio's value".to_owned(),
        "today's weights are held against the whole history".to_owned(),
        "an interval tells how little is known from so few returns where the method's assumptions hold, \
         not whether they do"
            .to_owned(),
    ];
    if portfolio.is_equal {
        told.push(format!(
            "equal weights of {} assets, since none are given",
            portfolio.weights.len()
        ));
    }
    if prices.values == PriceValues::Prices {
        told.push("prices are adjusted for splits and dividends".to_owned());
    }
    told
}

/// Of one method that reads a history.
pub(super) fn of(
    method: RiskMethod,
    settings: &RiskSettings,
    horizon: u32,
    count: usize,
) -> Vec<String> {
    let filter = match settings.filter {
        VolatilityFilter::Ewma => {
            format!("an exponentially weighted variance ({})", settings.decay)
        }
        VolatilityFilter::Garch => "GARCH(1,1)".to_owned(),
    };
    let of_variance = |innovations: &str| {
        format!(
            "a constant mean and GARCH(1,1) with {innovations} innovations, by maximum likelihood of \
             {count} returns"
        )
    };
    let (first, over_time) = match method {
        RiskMethod::Historical => (
            format!(
                "the next return is one of {count}, each as likely; the tail by order statistics"
            ),
            "the loss of one row times the square root of the number of rows",
        ),
        RiskMethod::FilteredHistorical => (
            format!("returns over their volatility by {filter} are alike, whatever the times"),
            match settings.filter {
                VolatilityFilter::Ewma => {
                    "the variance of one row times the number of rows, with the \
                                           tail of one"
                }
                VolatilityFilter::Garch => {
                    "the model's variances of all rows added up, with the tail of \
                                            one"
                }
            },
        ),
        RiskMethod::Gaussian => (
            format!("returns are independent and normal, with mean and deviation of {count}"),
            "mean times rows, deviation times their square root",
        ),
        RiskMethod::CornishFisher => (
            "returns are independent, with a tail by their skewness and kurtosis".to_owned(),
            "mean times rows, deviation times their square root; skewness falls by the square root of \
             rows, excess kurtosis by rows",
        ),
        RiskMethod::Ewma => (
            format!(
                "returns are normal around 0, with an exponentially weighted variance ({})",
                settings.decay
            ),
            "the variance of one row times the number of rows",
        ),
        RiskMethod::Garch => {
            (of_variance("normal"), "the model's variances of all rows added up, taken as normal")
        }
        RiskMethod::GarchT => (
            of_variance("Student's"),
            "the model's variances of all rows added up, with the tail of one",
        ),
        RiskMethod::GjrGarch => (
            format!("{}; losses move it by more than gains", of_variance("normal")),
            "the model's variances of all rows added up, taken as normal",
        ),
        RiskMethod::Network => return Vec::new(),
    };
    let mut told = vec![first];
    if horizon > 1 {
        told.push(format!("over {horizon} rows: {over_time}"));
    }
    told
}

/// Of a network that looks so many rows ahead.
pub(super) fn of_network(
    means: NetworkTarget,
    target: &str,
    (model, version): (&str, u32),
    horizon: u32,
) -> Vec<String> {
    let what = match means {
        NetworkTarget::Return => format!(
            "the forecast quantile of {target} by {model} {version}, one row ahead; a quantile tells no \
             expected shortfall"
        ),
        NetworkTarget::Volatility => {
            let later = if horizon > 1 { "; over several rows variances add up" } else { "" };
            format!(
                "returns are normal around 0 with the volatility {target} that {model} {version} \
                 forecasts{later}"
            )
        }
    };
    vec![what, format!("{target} is of this very portfolio, which can't be seen from here")]
}
