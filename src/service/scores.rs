//! What a model answers in the words of its signature.

use std::sync::Arc;

use crate::domain::prediction::Scores;
use crate::domain::version::Signature;
use crate::engine::Outputs;

/// The words for a version's numbers, looked up once for all that it answers.
pub(super) struct Naming {
    /// In the order of the probabilities; empty where a number is predicted.
    classes: Arc<[String]>,
    /// Which of them is answered from which probability on, where there is a threshold.
    positive: Option<(usize, f64)>,
}

impl Naming {
    pub(super) fn new(signature: &Signature) -> Self {
        let classes = &signature.classes;
        let positive = signature.positive_class.as_ref();
        let positive = positive.and_then(|class| classes.iter().position(|c| c == class));
        Self { classes: classes.as_slice().into(), positive: positive.zip(signature.threshold) }
    }

    /// Puts names to the numbers of a model, and says which class is answered: by the threshold where
    /// there is one, else the first of the most probable.
    pub(super) fn named(&self, outputs: Outputs) -> Scores {
        if self.classes.is_empty() {
            return Scores::numbers(outputs.values);
        }
        let rows = outputs.values.chunks_exact(self.classes.len());
        let labels = rows.map(|row| self.label(row) as u32).collect();
        Scores::probabilities(&self.classes, labels, outputs.values)
    }

    fn label(&self, probabilities: &[f64]) -> usize {
        if let Some((positive, threshold)) = self.positive {
            let is_positive = probabilities.get(positive).is_some_and(|p| *p >= threshold);
            return if is_positive { positive } else { 1 - positive };
        }
        let greater = |best: (usize, f64), (at, &p): (usize, &f64)| {
            if p > best.1 { (at, p) } else { best }
        };
        probabilities.iter().enumerate().fold((0, f64::NEG_INFINITY), greater).0
    }
}
