//! What would change a decision.

use super::super::Service;
use super::super::policies::Bound;
use super::decide::Scale;
use crate::domain::assessment::{Assessment, AssessmentChange, Decision};
use crate::domain::counterfactual::{CounterfactualGoal, CounterfactualRequest};
use crate::domain::key::Caller;
use crate::domain::prediction::{Row, VersionRef};
use crate::error::Result;
use crate::frame::RowReader;

/// Columns that are changed at once, and alternatives of each applicant, at most.
const CHANGES: u32 = 3;
const ALTERNATIVES: u32 = 3;

impl Service {
    /// Adds to those whose score is not approved what would have to be different of what the policy says
    /// is changeable. Each change is assessed as an application is: rules and price may still refuse it.
    pub(super) async fn add_changes(
        &self,
        caller: &Caller,
        bound: &Bound,
        rows: &[Row],
        assessments: &mut [Assessment],
    ) -> Result<()> {
        let scale = Scale::new(bound.terms());
        let falls_short = |(_, one): &(usize, &Assessment)| {
            one.pd.is_some_and(|pd| scale.decision(pd) != Decision::Approve)
        };
        let short: Vec<usize> =
            assessments.iter().enumerate().filter(falls_short).map(|(row, _)| row).collect();
        if short.is_empty() {
            return Ok(());
        }
        let inputs = &bound.signature().inputs;
        let read = |row: &usize| -> Row {
            let cells = rows.get(*row).into_iter().flatten();
            let cells = cells.filter(|(name, _)| inputs.iter().any(|input| input.name == **name));
            cells.map(|(name, cell)| (name.clone(), cell.clone())).collect()
        };
        let request = CounterfactualRequest {
            rows: Some(short.iter().map(read).collect()),
            version: Some(VersionRef::Number(bound.loaded.version.version)),
            change: bound.terms().changeable.clone(),
            goal: CounterfactualGoal {
                class: Some(bound.adverse.clone()),
                at_least: None,
                // Who is exactly at the cut-off is approved.
                below: Some(scale.approved_pd().next_up()),
            },
            max_changes: CHANGES,
            alternatives: ALTERNATIVES,
        };
        let found =
            self.counterfactuals(caller, &bound.terms().model, request).await?.counterfactuals;
        let mut changed = Vec::new();
        for (row, found) in short.iter().zip(&found) {
            for alternative in &found.alternatives {
                let mut cells = rows.get(*row).cloned().unwrap_or_default();
                for change in &alternative.changes {
                    cells.insert(change.column.clone(), change.to.clone());
                }
                changed.push(cells);
            }
        }
        let mut decided = match changed.is_empty() {
            true => Vec::new(),
            false => {
                let frame = RowReader::new(&bound.columns()).rows(&changed)?;
                self.decided(bound, frame).await?.assessments
            }
        }
        .into_iter();
        for (row, found) in short.iter().zip(found) {
            let changes = found.alternatives.into_iter().zip(decided.by_ref());
            let changes = changes.map(|(alternative, after)| AssessmentChange {
                changes: alternative.changes,
                cost: alternative.cost,
                decision: after.decision,
                points: after.points,
                pd: after.pd,
            });
            if let Some(assessment) = assessments.get_mut(*row) {
                assessment.changes = Some(changes.collect());
            }
        }
        Ok(())
    }
}
