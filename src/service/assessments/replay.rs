//! Recorded assessments, and what the same applicants are told now.

use uuid::Uuid;

use super::super::turns::PATIENCE;
use super::super::{Service, blocking, not_found};
use super::Manner;
use crate::domain::assessment::{Assessment, AssessmentRecord, AssessmentReplay};
use crate::domain::key::Caller;
use crate::error::Result;
use crate::frame::RowReader;

impl Service {
    /// A recorded assessment.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`].
    pub async fn get_assessment(&self, caller: &Caller, id: Uuid) -> Result<AssessmentRecord> {
        let found = self.store().get_assessment(&caller.project, id).await?;
        found.ok_or_else(|| not_found("recorded assessment", &id.to_string()))
    }

    /// Assesses the recorded rows again by the same versions of the policy and of the model, and compares.
    ///
    /// # Errors
    /// [`crate::error::Code::NotFound`]; [`crate::error::Code::TooManyRequests`] where reasons are not found
    /// again in time.
    pub async fn replay_assessment(&self, caller: &Caller, id: Uuid) -> Result<AssessmentReplay> {
        let record = self.get_assessment(caller, id).await?;
        let (policy, version) = (record.policy.as_str(), record.policy_version);
        let policy = self.policy_version(&caller.project, policy, Some(version)).await?;
        let bound = self.bound(&caller.project, policy, Some(record.version)).await?;
        let (columns, rows) = (bound.columns(), record.rows);
        let frame = blocking(move || RowReader::new(&columns).rows(&rows)).await?;
        let manner = self.manner(&bound, record.basis.as_ref()).await?;
        let manner = Manner { is_replay: true, ..manner };
        let now = self.assessed(&bound, frame, &manner, PATIENCE).await?;
        let then: Vec<Assessment> = record
            .assessments
            .into_iter()
            .map(|assessment| Assessment { changes: None, ..assessment })
            .collect();
        let is_of_same_rows = then.len() == now.assessments.len();
        let all = |is_same: fn(&Assessment, &Assessment) -> bool| {
            is_of_same_rows && then.iter().zip(&now.assessments).all(|(a, b)| is_same(a, b))
        };
        let differences = then.iter().zip(&now.assessments).map(|(a, b)| match (a.pd, b.pd) {
            (None, None) => 0.0,
            (a, b) => (a.unwrap_or(f64::MAX) - b.unwrap_or(f64::MAX)).abs(),
        });
        Ok(AssessmentReplay {
            id,
            identical: then == now.assessments && record.basis == now.basis,
            same_decisions: all(|a, b| a.decision == b.decision),
            same_reasons: all(|a, b| {
                let told = |one: &Assessment| -> Vec<(String, String)> {
                    one.reasons.iter().map(|r| (r.code.clone(), r.text.clone())).collect()
                };
                told(a) == told(b)
            }),
            max_difference: differences.fold(0.0, f64::max),
            assessments: now.assessments,
        })
    }
}
