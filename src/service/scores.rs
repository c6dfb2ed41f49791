//! What a model answers in the words of its signature.

use crate::domain::prediction::Scores;
use crate::domain::version::Signature;
use crate::engine::Outputs;

/// Puts names to the numbers of a model, and says which class is answered: by the threshold where
/// there is one, else the first of the most probable.
pub(super) fn named(signature: &Signature, outputs: Outputs) -> Scores {
    let classes = &signature.classes;
    if classes.is_empty() {
        return Scores::numbers(outputs.values);
    }
    let positive = signature.positive_class.as_ref();
    let positive = positive.and_then(|class| classes.iter().position(|c| c == class));
    let label = |probabilities: &[f64]| match (positive, signature.threshold) {
        (Some(positive), Some(threshold)) => {
            let is_positive = probabilities.get(positive).is_some_and(|p| *p >= threshold);
            if is_positive { positive } else { 1 - positive }
        }
        _ => {
            let greater = |best: (usize, f64), (at, &p): (usize, &f64)| {
                if p > best.1 { (at, p) } else { best }
            };
            probabilities.iter().enumerate().fold((0, f64::NEG_INFINITY), greater).0
        }
    };
    let labels = outputs.values.chunks_exact(classes.len()).map(|row| label(row) as u32).collect();
    Scores::probabilities(classes, labels, outputs.values)
}
