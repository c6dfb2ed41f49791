//! What folding embeddings of numbers into the first layer is worth, below the command line.

use std::time::{Duration, Instant};

use super::bench::{Quiet, drawn, rate};
use crate::domain::training::TrainingSpec;
use crate::engine::{LoadedModel, Matrix, Trained, train};
use crate::error::{Error, Result};
use crate::frame::Frame;

/// Rows that are scored, some at a time.
const SCORED: usize = 4096;

/// A version that was trained on drawn rows, served with its embeddings folded and as it was trained.
pub struct Folding {
    trained: Trained,
    folded: LoadedModel,
    unfolded: LoadedModel,
    rows: Frame,
    inputs: Matrix,
}

/// How a version is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    Folded,
    Unfolded,
}

impl Folding {
    /// Trains a version of two classes on so many drawn rows of so many numbers; the specification's
    /// target is `y`.
    ///
    /// # Errors
    /// As [`train`].
    pub fn train(spec: &TrainingSpec, rows: usize, columns: usize) -> Result<Self> {
        let trained = train(&drawn(rows, columns, 1)?, spec, None, &mut Quiet)?;
        let rows = drawn(SCORED, columns, 2)?;
        let folded = load(&trained, Served::Folded)?;
        let unfolded = load(&trained, Served::Unfolded)?;
        let inputs = folded.inputs(&rows)?;
        Ok(Self { trained, folded, unfolded, rows, inputs })
    }

    fn model(&self, served: Served) -> &LoadedModel {
        match served {
            Served::Folded => &self.folded,
            Served::Unfolded => &self.unfolded,
        }
    }

    /// Memory of the tables, in bytes; 0 where nothing was folded.
    pub fn table_bytes(&self) -> u64 {
        self.folded.table_bytes()
    }

    /// The largest distance between both kinds of logits, relative to the largest or to 1.
    ///
    /// # Errors
    /// As [`LoadedModel::logits_of`].
    pub fn apart(&self) -> Result<f64> {
        let [folded, unfolded] =
            [&self.folded, &self.unfolded].map(|model| model.logits_of(&self.inputs));
        let (folded, unfolded) = (folded?, unfolded?);
        let largest = unfolded.iter().fold(1_f64, |largest, z| largest.max(z.abs()));
        let apart = folded.iter().zip(&unfolded).map(|(a, b)| (a - b).abs() / largest);
        Ok(apart.fold(0.0, f64::max))
    }

    /// Rows a second that the network answers, `at_once` at a time.
    ///
    /// # Errors
    /// As [`LoadedModel::logits_of`].
    pub fn network(&self, served: Served, at_once: usize, time: Duration) -> Result<f64> {
        let (model, width) = (self.model(served), self.inputs.width);
        let parts = self.inputs.data.chunks_exact(at_once.max(1) * width);
        let parts: Vec<Matrix> =
            parts.map(|data| Matrix { rows: at_once, width, data: data.to_vec() }).collect();
        let mut parts = parts.iter().cycle();
        rate(time, at_once, || parts.next().map_or(Ok(()), |part| model.logits_of(part).map(drop)))
    }

    /// Rows a second that the version answers, from the values of their columns on.
    ///
    /// # Errors
    /// As [`LoadedModel::predict`].
    pub fn version(&self, served: Served, at_once: usize, time: Duration) -> Result<f64> {
        let model = self.model(served);
        let starts = (0..SCORED / at_once.max(1)).map(|part| part * at_once);
        let parts: Vec<Frame> =
            starts.map(|start| self.rows.part(start, at_once)).collect::<Result<_>>()?;
        let mut parts = parts.iter().cycle();
        rate(time, at_once, || parts.next().map_or(Ok(()), |part| model.predict(part).map(drop)))
    }

    /// How long the version takes to be loaded.
    ///
    /// # Errors
    /// As [`LoadedModel::load`].
    pub fn load(&self, served: Served) -> Result<Duration> {
        let start = Instant::now();
        let model = load(&self.trained, served)?;
        let took = start.elapsed();
        match model.is_on_cpu() {
            true => Ok(took),
            false => Err(Error::internal("measuring", "the version is not on the CPU")),
        }
    }
}

fn load(trained: &Trained, served: Served) -> Result<LoadedModel> {
    let Trained { signature, spec, features, weights, .. } = trained;
    match served {
        Served::Folded => LoadedModel::load(signature, spec, features.clone(), weights),
        Served::Unfolded => LoadedModel::load_unfolded(signature, spec, features.clone(), weights),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_ways_of_serving_a_version_answer_alike_and_are_measured() {
        let spec = json!({"dataset": {"name": "bench"}, "target": "y", "device": "cpu", "epochs": 2,
                          "baselines": false, "network": {"kind": "tabm", "members": 2, "width": 16}});
        let folding = Folding::train(&serde_json::from_value(spec).unwrap(), 3000, 5).unwrap();
        assert!(folding.table_bytes() > 0);
        let apart = folding.apart().unwrap();
        assert!(apart > 0.0 && apart <= 1e-6, "{apart}");
        let moment = Duration::from_millis(2);
        for served in [Served::Folded, Served::Unfolded] {
            assert!(folding.network(served, 1, moment).unwrap() > 0.0);
            assert!(folding.version(served, 100, moment).unwrap() > 0.0);
            assert!(folding.load(served).unwrap() > Duration::ZERO);
        }
    }
}
