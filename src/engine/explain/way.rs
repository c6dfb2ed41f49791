//! How a row is attributed to its inputs or columns by each method.

use std::borrow::Cow;

use super::paths::{Integrated, References, Steps, integrated};
use super::players::Player;
use super::{Asked, Attributing, Explainer, Quantity, shapley, texts};
use crate::engine::features::Layout;
use crate::error::Result;

/// Points from each reference row, and from the one of integrated gradients.
const EXPECTED: Steps = Steps { first: 4, most: 256 };
const INTEGRATED: Steps = Steps { first: 32, most: 4096 };
/// From each row of a baseline, of which there are up to four times as many.
const FROM_BASELINE: Steps = Steps { first: 1, most: 128 };

/// Standard errors of players, where they can be told.
pub(super) type Errors = Option<Vec<f64>>;

/// How a version's answers are attributed, with what is known of those that they are compared with.
pub(super) struct Way<'a> {
    explainer: &'a Explainer,
    players: &'a [Player],
    /// `[rows, inputs]`.
    pub(super) references: Cow<'a, [f32]>,
    steps: Steps,
    /// What the networks read of the references; none where it is not needed.
    read: Option<References>,
    /// The mean of each quantity over the references.
    bases: Vec<(Quantity, f64)>,
}

impl<'a> Way<'a> {
    pub(super) fn new(
        explainer: &'a Explainer,
        asked: &Asked<'a>,
        players: &'a [Player],
    ) -> Result<Self> {
        let width = explainer.layout.width();
        let (references, steps) = match (asked.against, asked.method) {
            (Some(baseline), _) => (Cow::Borrowed(&*baseline.references), FROM_BASELINE),
            (None, Attributing::Integrated) => {
                (Cow::Borrowed(explainer.average.data.as_slice()), INTEGRATED)
            }
            (None, _) => (explainer.references(), EXPECTED),
        };
        let read = match asked.method {
            Attributing::Shapley => None,
            _ => Some(References::new(&explainer.networks, &references, width)?),
        };
        Ok(Self { explainer, players, references, steps, read, bases: Vec::new() })
    }

    /// Of one row: by its inputs, or by the players with their standard errors.
    pub(super) fn attributed(
        &mut self,
        row: &[f32],
        of: Quantity,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<(Integrated, Option<Errors>)> {
        let networks = &self.explainer.networks;
        if let Layout::Text { .. } = self.explainer.layout {
            return Ok((texts::integrated(networks, row, of, INTEGRATED, stop)?, None));
        }
        let Some(read) = &self.read else {
            let (values, errors) =
                shapley::shapley(networks, row, &self.references, self.players, of, stop)?;
            return Ok((values, Some(errors)));
        };
        let base = match self.bases.iter().find(|(quantity, _)| *quantity == of) {
            Some((_, base)) => *base,
            None => {
                let base = self.explainer.base(&self.references, of)?;
                self.bases.push((of, base));
                base
            }
        };
        Ok((integrated(networks, row, (read, base), of, self.steps, stop)?, None))
    }
}
