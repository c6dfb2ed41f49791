//! Predictions: asked for, looked up, replayed.

use reqwest::Method;
use uuid::Uuid;

use super::Client;
use crate::domain::prediction::{PredictionRecord, PredictionRequest, PredictionResponse, Replay};
use crate::error::Result;

impl Client {
    /// Scores rows.
    ///
    /// # Errors
    /// What the server says.
    pub async fn predict(
        &self,
        model: &str,
        request: &PredictionRequest,
    ) -> Result<PredictionResponse> {
        let call = self.call(Method::POST, &["models", model, "predictions"])?.json(request)?;
        self.fetch(if request.record { call } else { call.pure() }).await
    }

    /// # Errors
    /// What the server says.
    pub async fn get_prediction(&self, id: Uuid) -> Result<PredictionRecord> {
        self.fetch(self.call(Method::GET, &["predictions", &id.to_string()])?).await
    }

    /// Scores a recorded prediction again.
    ///
    /// # Errors
    /// What the server says.
    pub async fn replay_prediction(&self, id: Uuid) -> Result<Replay> {
        let path = ["predictions", &id.to_string(), "replay"];
        self.fetch(self.call(Method::POST, &path)?.pure()).await
    }
}
