//! Scorecards as tables of points.

use reqwest::Method;

use super::Client;
use crate::domain::scorecard::{Scorecard, ScorecardQuery};
use crate::error::Result;

impl Client {
    /// # Errors
    /// What the server says.
    pub async fn get_scorecard(
        &self,
        model: &str,
        version: u32,
        query: &ScorecardQuery,
    ) -> Result<Scorecard> {
        let path = ["models", model, "versions", &version.to_string(), "scorecard"];
        let call = self.call(Method::GET, &path)?;
        let ScorecardQuery { points, points_to_double, odds, rounded, adverse } = query;
        let call = call
            .query("points", Some(*points))
            .query("points_to_double", Some(*points_to_double))
            .query("odds", Some(*odds))
            .query("rounded", Some(*rounded))
            .query("adverse", adverse.as_deref());
        self.fetch(call).await
    }
}
