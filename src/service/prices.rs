//! Prices out of a dataset, for what is calculated of them.

use super::Service;
use super::content::blocking;
use super::turns::Turn;
use crate::domain::key::Caller;
use crate::domain::prices::{MAX_PRICES, PricesRequest};
use crate::error::{Code, Error, Result};
use crate::frame::{self, Prices, prices_columns, read_parquet};

/// Fewer returns say nothing of risk.
const LEAST_RETURNS: usize = 50;

/// # Errors
/// [`Code::InvalidRequest`] where there are too few returns for anything to be said of risk, with what would help.
pub(super) fn check_enough(prices: &Prices, returns: usize) -> Result<()> {
    if returns >= LEAST_RETURNS {
        return Ok(());
    }
    let left = prices.times.len();
    let way_out = match prices.dropped_dates {
        0 => "widen from and to, or take a longer history".to_owned(),
        dropped => format!(
            "drop_dates left {left} of {} times: leave out the assets that lack most of them ({}), or take \
             drop_assets",
            left + dropped,
            prices.sparsest.join(", ")
        ),
    };
    let detail =
        format!("there are {returns} returns, and {LEAST_RETURNS} at least are needed: {way_out}");
    Err(Error::field(Code::InvalidRequest, "/prices", detail))
}

impl Service {
    /// The prices that a request names, out of the columns that they stand in. Whoever asks has taken a
    /// turn, which is held while they are read.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] with pointers below `/prices`, for an unknown dataset too, and for more
    /// values than are read at once.
    pub(super) async fn prices(
        &self,
        caller: &Caller,
        request: &PricesRequest,
        turn: Turn,
    ) -> Result<Prices> {
        let asked = &request.dataset;
        let found = self.named_dataset(caller, asked, Code::InvalidRequest, "/prices/dataset");
        let (dataset, content) = found.await?;
        let columns: Vec<_> =
            dataset.columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let names = prices_columns(&columns, request)?;
        // In the long form there is one price in each row.
        let prices = if request.asset.is_some() { 1 } else { names.len() as u64 - 1 };
        let values = dataset.rows.saturating_mul(prices);
        if values > MAX_PRICES as u64 {
            let detail = format!(
                "{} has {values} values to read, and at most {MAX_PRICES} are read at once: name fewer \
                 assets of a wide table, or upload a part of a long one",
                asked.name
            );
            return Err(Error::field(Code::InvalidRequest, "/prices/dataset", detail));
        }
        let file = self.spool(content).await?;
        let request = request.clone();
        blocking(move || {
            let _turn = turn;
            frame::prices(&read_parquet(file, Some(&names))?, &request)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::prices::PriceValues;

    #[test]
    fn too_few_returns_say_what_would_help() {
        let mut prices = Prices {
            times: vec![0.0; 44],
            is_timestamp: false,
            assets: vec!["a".to_owned(), "late".to_owned()],
            values: vec![1.0; 88],
            holds: PriceValues::Prices,
            dropped_assets: Vec::new(),
            dropped_dates: 1_215,
            sparsest: vec!["late".to_owned()],
            filled: 0,
        };
        assert!(check_enough(&prices, LEAST_RETURNS).is_ok());
        let told = check_enough(&prices, 43).unwrap_err().to_string();
        assert!(told.contains("there are 43 returns, and 50 at least are needed"), "{told}");
        assert!(told.contains("drop_dates left 44 of 1259 times"), "{told}");
        assert!(told.contains("lack most of them (late)"), "{told}");
        prices.dropped_dates = 0;
        let told = check_enough(&prices, 43).unwrap_err().to_string();
        assert!(told.contains("widen from and to"), "{told}");
    }
}
