//! Which number of an answer is looked at.

use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::version::Signature;

/// One number of each answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Looked {
    /// Its place in an answer.
    pub(super) at: usize,
    /// Numbers of an answer.
    pub(super) width: usize,
    /// The class whose probability it is.
    pub(super) class: Option<String>,
    /// From which probability on the label is this class; of more than two classes, one half, since no
    /// two classes have more.
    pub(super) threshold: Option<f64>,
}

impl Looked {
    /// The probability of a class, or the number.
    ///
    /// # Errors
    /// What is wrong with the class that is asked for.
    pub(super) fn at(signature: &Signature, class: Option<&str>) -> Result<Self, String> {
        let Signature { task, classes, positive_class, threshold, .. } = signature;
        if matches!(task, Task::Regression | Task::Forecast) {
            return match class {
                None => Ok(Self { at: 0, width: 1, class: None, threshold: None }),
                Some(class) => Err(format!("the version answers numbers, and no class {class}")),
            };
        }
        let class = class.or(positive_class.as_deref()).ok_or_else(|| {
            let known: Vec<&str> = classes.iter().take(20).map(String::as_str).collect();
            format!("name the class that is looked at: {}", known.join(", "))
        })?;
        let at = classes.iter().position(|known| known == class).ok_or_else(|| {
            let near = did_you_mean(class, classes.iter().map(String::as_str));
            format!("the version knows no class {class}{near}")
        })?;
        let threshold = match threshold {
            Some(threshold) if positive_class.as_deref() == Some(class) => *threshold,
            Some(threshold) => 1.0 - threshold,
            None => 0.5,
        };
        let (width, class) = (classes.len(), Some(class.to_owned()));
        Ok(Self { at, width, class, threshold: Some(threshold) })
    }

    /// It, of each answer.
    pub(super) fn of(&self, answers: &[f64]) -> Vec<f64> {
        answers.iter().skip(self.at).step_by(self.width).copied().collect()
    }
}
