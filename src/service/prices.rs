//! Prices out of a dataset, for what is calculated of them.

use super::Service;
use super::content::blocking;
use super::turns::Turn;
use crate::domain::key::Caller;
use crate::domain::prices::{MAX_PRICES, PricesRequest};
use crate::error::{Code, Error, Result};
use crate::frame::{self, Prices, prices_columns, read_parquet};

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
