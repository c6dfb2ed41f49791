//! What one of our own models would have forecast day by day, of days that it had not learnt from.

use std::sync::Arc;

use actuary_finance::risk::{Backtest, Predictive, Shape};

use super::super::portfolio::Portfolio;
use super::super::stopped;
use super::{below, lacking, place};
use crate::domain::dataset::DatasetRef;
use crate::domain::key::Caller;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::risk::backtest::{BacktestedNetwork, MAX_NETWORK_READS};
use crate::domain::risk::{NetworkTarget, RiskNetwork};
use crate::domain::schema::ColumnType;
use crate::domain::training::PartsSpec;
use crate::engine::{OneAhead, known_until};
use crate::error::{Code, Error, Result};
use crate::frame::{Frame, read_parquet};
use crate::service::forecasts::{MAX_DATASET_ROWS, of_dataset};
use crate::service::loaded::Loaded;
use crate::service::{Service, blocking};

/// Returns in a column are the portfolio's where they differ by less: files are rounded.
const SAME_RETURN: f64 = 1e-4;

/// A version, what it forecasts from, and since when it can be tried.
pub(in crate::service::risk) struct Tried {
    loaded: Arc<Loaded>,
    means: NetworkTarget,
    history: Frame,
    /// Among the columns that it forecasts.
    column: usize,
    /// The last time of what it has learnt from.
    until: f64,
    /// All of it that the answer tells.
    pub(in crate::service::risk) told: BacktestedNetwork,
}

impl Service {
    /// Reads all that a version's forecasts of past days need.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] and [`Code::InvalidRows`] below `/network`: an unknown model, version, column
    /// or dataset, a version that does not forecast the next row, rows that can't be read, and a version
    /// whose training rows are gone, of which nobody can tell what it has learnt from.
    pub(in crate::service::risk) async fn network_to_backtest(
        &self,
        caller: &Caller,
        network: &RiskNetwork,
        portfolio: &Portfolio,
    ) -> Result<Tried> {
        let loaded = self.of_network(caller, network).await?;
        let version = &loaded.version;
        let (model, number) = (&version.model, version.version);
        let window = version.signature.window.as_ref();
        let window = window.filter(|w| version.signature.task == Task::Forecast && w.gap == 0);
        let window = window.ok_or_else(|| {
            let detail = format!(
                "version {number} of model {model} does not forecast the next row: name one with a \
                 window without a gap whose target is a number"
            );
            refuse("version", detail)
        })?;
        let (column, target) = column(&version.signature.forecast_columns(), network)?;
        let turn = self.0.forecasting.take().await?;
        let dataset = self.newest(caller, &network.dataset).await?;
        let history = self.history(caller, &dataset, &loaded, Some(turn)).await;
        let history = history.map_err(|e| below(e, "dataset"))?;
        let of_time = history.column(&window.time).map(|time| time.kind);
        if (of_time == Some(ColumnType::Timestamp)) != portfolio.returns.is_timestamp {
            let detail = format!(
                "{} and the times of the prices are not both timestamps, or both numbers: they have to \
                 be the same times",
                window.time
            );
            return Err(refuse("dataset", detail));
        }
        let until = self.learnt_until(caller, &loaded).await?;
        let told = BacktestedNetwork {
            model: model.clone(),
            version: number,
            dataset,
            target,
            look_back: window.look_back.unwrap_or(1),
            trained_until: portfolio.returns.shown_time(until),
        };
        Ok(Tried { means: network.means, history, column, until, told, loaded: loaded.clone() })
    }

    /// The last time of what a version was trained and chosen on.
    async fn learnt_until(&self, caller: &Caller, loaded: &Arc<Loaded>) -> Result<f64> {
        let version = &loaded.version;
        let spec = &version.provenance.spec;
        let DatasetRef { name, version: number } = &spec.dataset;
        let found = self.store().get_dataset_version(&caller.project, name, *number).await?;
        let is_it = |sha: &str| sha == version.provenance.dataset_sha256;
        let Some((dataset, content)) = found.filter(|(dataset, _)| is_it(&dataset.sha256)) else {
            let detail = format!(
                "the rows of {name} that version {} was trained on were deleted, so that nobody can tell \
                 which days it has learnt from: train a version on rows that are kept",
                version.version
            );
            return Err(refuse("version", detail));
        };
        if dataset.rows > MAX_DATASET_ROWS {
            let detail = format!(
                "version {} was trained on {} rows, and at most {MAX_DATASET_ROWS} are read to see which \
                 days it has learnt from: train one on the portfolio's returns alone",
                version.version, dataset.rows
            );
            return Err(refuse("version", detail));
        }
        let window = version.signature.window.as_ref();
        let mut names: Vec<String> = window.iter().map(|window| window.time.clone()).collect();
        names.extend(window.and_then(|window| window.entity.clone()));
        if let PartsSpec::Column(parts) = spec.parts()
            && !names.contains(&parts.column)
        {
            names.push(parts.column);
        }
        let file = self.spool(content).await?;
        let model = loaded.clone();
        blocking(move || known_until(&read_parquet(file, Some(&names))?, &model.version)).await
    }
}

impl Tried {
    /// The first of these times, ascending, that comes after all that the version has learnt from.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] at `/network/version` where there is none.
    pub(in crate::service::risk) fn first_unseen(&self, portfolio: &Portfolio) -> Result<usize> {
        let times = &portfolio.returns.times;
        let first = times.partition_point(|time| *time <= self.until);
        if first < times.len() {
            return Ok(first);
        }
        let BacktestedNetwork { model, version, trained_until, .. } = &self.told;
        let detail = format!(
            "version {version} of model {model} was trained and chosen on rows to {trained_until}, and \
             the prices end at {}: a backtest needs days after that; train one with a larger test part, or \
             bring newer prices",
            portfolio.returns.shown(times.len() - 1)
        );
        Err(refuse("version", detail))
    }

    /// Checks that each day from the first one on can be forecast, before anything is calculated.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] for more than is read, and for days that are no row of the history.
    pub(in crate::service::risk) fn check(
        &self,
        portfolio: &Portfolio,
        first: usize,
    ) -> Result<()> {
        let times = &portfolio.returns.times[first..];
        self.check_work(times.len())?;
        let made = self.loaded.model.times_ahead(&self.history, is_among(times));
        let mut made = made.map_err(|e| below(of_dataset(e), "dataset"))?;
        made.sort_by(f64::total_cmp);
        self.check_days(portfolio, first, &made)
    }

    /// Forecasts the risk of each day from the first one on, which were checked, by the rows before it; in the
    /// outer result what is wrong with the request, in the inner one why the version can't tell this level.
    pub(in crate::service::risk) fn backtest(
        &self,
        portfolio: &Portfolio,
        whole: &[f64],
        (first, level): (usize, f64),
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<std::result::Result<(Backtest, Vec<String>), String>> {
        let times = &portfolio.returns.times[first..];
        let signature = &self.loaded.version.signature;
        let quantiles =
            signature.window.as_ref().map_or(&[][..], |window| window.quantiles.as_slice());
        let levels = quantiles.len().max(1);
        let at = match self.means {
            NetworkTarget::Return => match place(quantiles, level) {
                Some(at) => at,
                None => return Ok(Err(format!("{level} {}", lacking(quantiles, level)))),
            },
            // Where no quantile is forecast, the mean stands alone.
            NetworkTarget::Volatility => {
                quantiles.iter().position(|quantile| *quantile == 0.5).unwrap_or(0)
            }
        };
        let mut go_on = || if stop() { Err(stopped()) } else { Ok(()) };
        let made = self.loaded.model.one_ahead(&self.history, is_among(times), &mut go_on);
        let mut made = made.map_err(|e| below(of_dataset(e), "dataset"))?;
        made.sort_by(|a, b| a.time.total_cmp(&b.time));
        let value = |one: &OneAhead| one.values[self.column * levels + at];
        let told: Vec<f64> = made.iter().map(value).collect();
        let mut tried = Backtest::default();
        for (day, value) in told.iter().enumerate() {
            match self.means {
                NetworkTarget::Return => tried.value_at_risk.push(-value),
                NetworkTarget::Volatility if *value <= 0.0 => {
                    let time = portfolio.returns.shown(first + day);
                    let why = format!(
                        "the version forecasts a volatility of {value} for {time}, which is none"
                    );
                    return Ok(Err(why));
                }
                NetworkTarget::Volatility => {
                    let expected = Predictive { place: 0.0, scale: *value, shape: Shape::Normal };
                    tried.value_at_risk.push(expected.value_at_risk(level));
                    tried.expected_shortfall.push(expected.expected_shortfall(level));
                }
            }
        }
        let days = whole[first..].iter().zip(&tried.value_at_risk);
        tried.exceeded = days.map(|(value, var)| -value > *var).collect();
        let warnings = match self.means {
            NetworkTarget::Return => self.other_returns(&whole[first..], &made)?,
            NetworkTarget::Volatility => None,
        };
        Ok(Ok((tried, warnings.into_iter().collect())))
    }

    fn check_work(&self, days: usize) -> Result<()> {
        let (rows, width) = (self.history.rows(), self.loaded.model.numbers_of_row());
        // All rows are turned into numbers: a missing value is that of the row before, however far back.
        if rows.saturating_mul(width) > MAX_NETWORK_READS {
            let detail = format!(
                "{rows} rows of {} times {width} numbers of each are more than {MAX_NETWORK_READS}: name a \
                 dataset of fewer rows",
                self.told.dataset.name
            );
            return Err(refuse("dataset", detail));
        }
        let look_back = self.told.look_back as usize;
        if days.saturating_mul(look_back).saturating_mul(width) <= MAX_NETWORK_READS {
            return Ok(());
        }
        let detail = format!(
            "{days} days times {look_back} rows times {width} numbers of each are more than \
             {MAX_NETWORK_READS} to read: begin later"
        );
        Err(Error::field(Code::InvalidRequest, "/start", detail))
    }

    /// Every day is forecast, so that one follows another.
    fn check_days(&self, portfolio: &Portfolio, first: usize, made: &[f64]) -> Result<()> {
        let times = &portfolio.returns.times[first..];
        if made.len() == times.len() {
            return Ok(());
        }
        let known = is_among(made);
        let lacking = times.iter().position(|time| !known(*time)).unwrap_or(0);
        let detail = format!(
            "{} of {} days are no row of {} with {} rows before it, the first of them {}: the history \
             needs the times of the prices up to the last one; add them, or begin later (start) or end \
             earlier (prices.to)",
            times.len() - made.len(),
            times.len(),
            self.told.dataset.name,
            self.told.look_back,
            portfolio.returns.shown(first + lacking)
        );
        Err(refuse("dataset", detail))
    }

    /// What is said of a column that is not what the portfolio returned.
    fn other_returns(&self, whole: &[f64], made: &[OneAhead]) -> Result<Option<String>> {
        let target = &self.told.target;
        let column = self.history.numbers(target)?;
        let apart: Vec<f64> =
            made.iter().zip(whole).map(|(one, value)| (column[one.row] - value).abs()).collect();
        Ok(other(target, &apart))
    }
}

/// What is said of a column that is so far from the portfolio's return each day; of a missing value nobody
/// knows how far.
fn other(target: &str, apart: &[f64]) -> Option<String> {
    let missing = apart.iter().filter(|apart| !apart.is_finite()).count();
    let is_far = |apart: &&f64| apart.is_finite() && **apart > SAME_RETURN;
    let far = apart.iter().filter(is_far).count();
    let how = match (far, missing) {
        (0, 0) => return None,
        (0, _) => "missing on all of these: it may forecast something else".to_owned(),
        _ => {
            let most = apart.iter().filter(is_far).copied().fold(0.0, f64::max);
            let of_missing = match missing {
                0 => String::new(),
                _ => format!("missing on {missing} of these, "),
            };
            format!("{of_missing}up to {most:.4} apart: it may forecast something else")
        }
    };
    Some(format!(
        "{target} is not the portfolio's return on {} of {} days, {how}",
        far + missing,
        apart.len()
    ))
}

/// Whether a time is one of these, which ascend.
fn is_among(times: &[f64]) -> impl Fn(f64) -> bool {
    move |time| times.binary_search_by(|known| known.total_cmp(&time)).is_ok()
}

/// Among the columns that a version forecasts the one that is meant.
fn column(columns: &[&str], network: &RiskNetwork) -> Result<(usize, String)> {
    let at = match (&network.target, columns) {
        (None, [_]) => Some(0),
        (None, several) => {
            return Err(refuse("target", format!("name one of {}", several.join(", "))));
        }
        (Some(target), columns) => columns.iter().position(|column| column == target),
    };
    let wanted = network.target.as_deref().unwrap_or_default();
    let at = at.ok_or_else(|| {
        let near = did_you_mean(wanted, columns.iter().copied());
        refuse("target", format!("the version does not forecast {wanted}{near}"))
    })?;
    Ok((at, columns[at].to_owned()))
}

fn refuse(field: &str, detail: String) -> Error {
    Error::field(Code::InvalidRequest, format!("/network/{field}"), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_return_is_not_the_portfolios() {
        assert_eq!(other("move", &[0.0, 5e-5]), None);
        let missing = other("move", &[0.0, f64::NAN, 5e-5]).unwrap();
        assert!(missing.contains("on 1 of 3 days, missing on all of these"), "{missing}");
        let both = other("move", &[0.02, f64::NAN, 5e-5]).unwrap();
        assert!(both.contains("on 2 of 3 days, missing on 1 of these, up to 0.0200"), "{both}");
        let far = other("move", &[0.02, 0.0]).unwrap();
        assert!(far.contains("on 1 of 2 days, up to 0.0200 apart"), "{far}");
    }
}
