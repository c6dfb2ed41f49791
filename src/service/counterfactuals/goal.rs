//! Which answer is sought of a row.

use crate::domain::counterfactual::CounterfactualGoal;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::stats::counterfactual::Goal;

/// The number of an answer that is held against a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measure {
    /// The probability of a class.
    Probability(usize),
    /// By how much the probability of a class is above the greatest other one: 0 at least where it is
    /// answered.
    Lead(usize),
    /// The number itself.
    Number,
}

/// What is sought of one row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sought {
    measure: Measure,
    pub(super) goal: Goal,
    pub(super) said: CounterfactualGoal,
}

impl Sought {
    /// The number of an answer, the probabilities of the classes in the signature's order or one number,
    /// that the goal is about.
    pub(super) fn measured(&self, answer: &[f64]) -> f64 {
        let at = |class: usize| answer.get(class).copied().unwrap_or(f64::NAN);
        match self.measure {
            Measure::Number => at(0),
            Measure::Probability(class) => at(class),
            Measure::Lead(class) => {
                let others = answer.iter().enumerate().filter(|(other, _)| *other != class);
                let most = others.fold((0, f64::NEG_INFINITY), |most, (other, p)| {
                    if *p > most.1 { (other, *p) } else { most }
                });
                let lead = at(class) - most.1;
                // Of two that are equally probable the first is answered.
                if lead == 0.0 && most.0 < class { -f64::MIN_POSITIVE } else { lead }
            }
        }
    }

    pub(super) fn is_met(&self, answer: &[f64]) -> bool {
        self.goal.is_met(self.measured(answer))
    }
}

/// What a request seeks: the same of each row, or of two classes the one that is not answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Same(Sought),
    Other { yes: Sought, no: Sought },
}

impl Wish {
    /// # Errors
    /// [`Code::InvalidRequest`] for a class that the version does not answer, and a goal that is none of
    /// its task.
    pub(super) fn new(goal: &CounterfactualGoal, signature: &Signature) -> Result<Self> {
        let bound = match (goal.at_least, goal.below) {
            (Some(_), Some(_)) => {
                return Err(refused(
                    "below",
                    "at_least and below are two goals: name one".to_owned(),
                ));
            }
            (Some(least), None) => Some(Goal::AtLeast(least)),
            (None, Some(below)) => Some(Goal::Below(below)),
            (None, None) => None,
        };
        match signature.task {
            Task::Regression => of_number(goal, bound),
            Task::Binary | Task::Multiclass => of_class(goal, bound, signature),
            Task::Forecast => {
                let detail = "the version forecasts series: counterfactuals are of single rows";
                Err(Error::field(Code::InvalidRequest, "/version", detail))
            }
        }
    }

    /// What is sought of a row that is answered so.
    pub(super) fn of(&self, answer: &[f64]) -> &Sought {
        match self {
            Self::Same(sought) => sought,
            Self::Other { yes, no } if yes.is_met(answer) => no,
            Self::Other { yes, .. } => yes,
        }
    }
}

fn of_number(goal: &CounterfactualGoal, bound: Option<Goal>) -> Result<Wish> {
    if let Some(class) = &goal.class {
        let detail = format!("the version answers numbers, and no class {class}");
        return Err(refused("class", detail));
    }
    let Some(goal_of_number) = bound else {
        let detail = "the version answers numbers: say at_least or below which one it is to be";
        return Err(Error::field(Code::InvalidRequest, "/goal", detail));
    };
    let said = goal.clone();
    Ok(Wish::Same(Sought { measure: Measure::Number, goal: goal_of_number, said }))
}

fn of_class(goal: &CounterfactualGoal, bound: Option<Goal>, signature: &Signature) -> Result<Wish> {
    let class = match &goal.class {
        Some(class) => Some(known(class, &signature.classes)?),
        None => None,
    };
    let positive = signature.positive_class.as_ref();
    let positive = positive.and_then(|name| signature.classes.iter().position(|c| c == name));
    if let Some(bound) = bound {
        check_probability(goal)?;
        let class = class.or(positive).ok_or_else(which)?;
        let measure = Measure::Probability(class);
        let name = signature.classes.get(class).cloned();
        let said = CounterfactualGoal { class: name, ..goal.clone() };
        return Ok(Wish::Same(Sought { measure, goal: bound, said }));
    }
    match (class, positive) {
        (Some(class), _) => Ok(Wish::Same(answered(class, signature))),
        (None, Some(positive)) => {
            let yes = answered(positive, signature);
            Ok(Wish::Other { yes, no: answered(1 - positive.min(1), signature) })
        }
        (None, None) => Err(which()),
    }
}

/// That a class is answered: by the threshold of a version of two classes, else as the most probable.
fn answered(class: usize, signature: &Signature) -> Sought {
    let said = CounterfactualGoal {
        class: signature.classes.get(class).cloned(),
        ..CounterfactualGoal::default()
    };
    let positive = signature.positive_class.as_ref();
    let positive = positive.and_then(|name| signature.classes.iter().position(|c| c == name));
    let (measure, goal) = match (positive, signature.threshold) {
        (Some(positive), Some(threshold)) if positive == class => {
            (Measure::Probability(positive), Goal::AtLeast(threshold))
        }
        (Some(positive), Some(threshold)) => {
            (Measure::Probability(positive), Goal::Below(threshold))
        }
        _ => (Measure::Lead(class), Goal::AtLeast(0.0)),
    };
    Sought { measure, goal, said }
}

fn check_probability(goal: &CounterfactualGoal) -> Result<()> {
    let is_probability = |p: f64| p > 0.0 && p <= 1.0;
    for (field, bound) in [("at_least", goal.at_least), ("below", goal.below)] {
        if let Some(bound) = bound.filter(|bound| !is_probability(*bound)) {
            let detail =
                format!("{bound} is no probability that can be missed: above 0, at most 1");
            return Err(refused(field, detail));
        }
    }
    Ok(())
}

fn known(class: &str, classes: &[String]) -> Result<usize> {
    classes.iter().position(|known| known == class).ok_or_else(|| {
        let near = did_you_mean(class, classes.iter().map(String::as_str));
        refused("class", format!("the version knows no class {class}{near}"))
    })
}

fn which() -> Error {
    refused("class", "the version has several classes: name the one that is sought".to_owned())
}

fn refused(field: &str, detail: String) -> Error {
    Error::field(Code::InvalidRequest, format!("/goal/{field}"), detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn signature(task: &str, classes: &[&str], threshold: Option<f64>) -> Signature {
        let positive = threshold.map(|_| classes[1]);
        serde_json::from_value(json!({
            "task": task, "inputs": [], "target": "y", "classes": classes,
            "positive_class": positive, "threshold": threshold
        }))
        .unwrap()
    }

    fn goal(value: serde_json::Value) -> CounterfactualGoal {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn two_classes_flip_at_the_threshold() {
        let signature = signature("binary", &["no", "yes"], Some(0.2));
        let wish = Wish::new(&CounterfactualGoal::default(), &signature).unwrap();
        let declined = wish.of(&[0.8, 0.2]);
        assert_eq!(declined.said.class.as_deref(), Some("no"));
        assert_eq!(declined.goal, Goal::Below(0.2));
        assert!(!declined.is_met(&[0.8, 0.2]) && declined.is_met(&[0.81, 0.19]));
        assert_eq!(wish.of(&[0.9, 0.1]).said.class.as_deref(), Some("yes"));
        // A probability of the other class, and the positive one where none is named.
        let sought = Wish::new(&goal(json!({"class": "no", "at_least": 0.9})), &signature).unwrap();
        assert!(sought.of(&[0.8, 0.2]).is_met(&[0.9, 0.1]));
        let sought = Wish::new(&goal(json!({"below": 0.1})), &signature).unwrap();
        assert_eq!(sought.of(&[0.8, 0.2]).said.class.as_deref(), Some("yes"));
        assert!(!sought.of(&[0.8, 0.2]).is_met(&[0.9, 0.1]));
    }

    #[test]
    fn of_several_classes_the_most_probable_first_one_is_answered() {
        let signature = signature("multiclass", &["a", "b", "c"], None);
        let wish = Wish::new(&goal(json!({"class": "b"})), &signature).unwrap();
        let sought = wish.of(&[1.0, 0.0, 0.0]);
        assert!(sought.is_met(&[0.3, 0.4, 0.3]) && !sought.is_met(&[0.4, 0.3, 0.3]));
        assert!(!sought.is_met(&[0.4, 0.4, 0.2]), "a comes first");
        assert!(sought.is_met(&[0.2, 0.4, 0.4]), "b comes first");
    }

    #[test]
    fn goals_of_another_task_are_refused() {
        let two = signature("binary", &["no", "yes"], Some(0.5));
        let three = signature("multiclass", &["a", "b", "c"], None);
        let number = signature("regression", &[], None);
        for (signature, wish, pointer, word) in [
            (&two, json!({"class": "yse"}), "/goal/class", "did you mean yes?"),
            (&two, json!({"at_least": 1.5}), "/goal/at_least", "no probability"),
            (&two, json!({"below": 0.0}), "/goal/below", "no probability"),
            (&two, json!({"at_least": 0.1, "below": 0.2}), "/goal/below", "two goals"),
            (&three, json!({}), "/goal/class", "name the one"),
            (&three, json!({"below": 0.1}), "/goal/class", "name the one"),
            (&number, json!({}), "/goal", "at_least or below"),
            (&number, json!({"class": "a", "below": 1.0}), "/goal/class", "no class a"),
            (&signature("forecast", &[], None), json!({}), "/version", "forecasts series"),
        ] {
            let error = Wish::new(&goal(wish), signature).unwrap_err();
            let Error::Problem { errors, .. } = &error else { panic!("{error}") };
            assert_eq!(errors[0].pointer, pointer);
            assert!(errors[0].detail.contains(word), "{}", errors[0].detail);
        }
    }
}
