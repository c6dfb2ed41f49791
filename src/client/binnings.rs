//! Columns by what they tell of an outcome.

use reqwest::Method;

use super::Client;
use crate::domain::binning::{BinningAnswer, BinningRequest};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn bin_columns(&self, request: &BinningRequest) -> Result<BinningAnswer> {
        let call = self.call(Method::POST, &["loans", "binnings"])?.pure();
        self.fetch(call.json(request)?).await
    }
}
