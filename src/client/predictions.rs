//! Predictions: asked for, looked up, replayed.

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::ACCEPT;
use uuid::Uuid;

use super::Client;
use super::call::Body;
use crate::domain::prediction::{
    ARROW_STREAM, PredictionRecord, PredictionRequest, PredictionResponse, Replay, VersionRef,
};
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

    /// Scores the rows of an Arrow IPC stream and gives the answer as one: `label` and
    /// `probabilities.CLASS`, or `value`, with the version in its schema's metadata.
    ///
    /// # Errors
    /// What the server says.
    pub async fn predict_arrow(
        &self,
        model: &str,
        rows: Bytes,
        version: Option<&VersionRef>,
        record: bool,
    ) -> Result<Bytes> {
        let version = version.map(|version| match version {
            VersionRef::Number(number) => number.to_string(),
            VersionRef::Alias(alias) => alias.clone(),
        });
        let call = self
            .call(Method::POST, &["models", model, "predictions"])?
            .query("version", version)
            .query("record", record.then_some(true))
            .header(ACCEPT, ARROW_STREAM)?
            .body(ARROW_STREAM, Body::Bytes(rows))?;
        let call = if record { call } else { call.pure() };
        self.repeat(&call, || self.read(&call)).await
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
