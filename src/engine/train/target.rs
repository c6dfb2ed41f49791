//! What is predicted: the task, the classes, the truth of each row.

use std::collections::{BTreeMap, BTreeSet};

use super::check::calibration_misfit;
use crate::domain::model::Task;
use crate::domain::name::did_you_mean;
use crate::domain::training::TrainingSpec;
use crate::domain::version::Signature;
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// The labels that by themselves say that a class is the positive one.
const POSITIVE: [&str; 4] = ["1", "true", "yes", "y"];

/// The truth of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Truth {
    /// Indices into the classes.
    Classes(Vec<usize>),
    Numbers(Vec<f64>),
    /// More than one number a row, which the targets hold.
    Series,
}

impl Truth {
    pub(crate) fn classes(&self) -> Option<&[usize]> {
        match self {
            Self::Classes(classes) => Some(classes),
            Self::Numbers(_) | Self::Series => None,
        }
    }

    /// This one's rows, then another's of the same kind.
    pub(super) fn joined(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Classes(a), Self::Classes(b)) => Self::Classes([&a[..], &b[..]].concat()),
            (Self::Numbers(a), Self::Numbers(b)) => Self::Numbers([&a[..], &b[..]].concat()),
            (first, _) => first.clone(),
        }
    }

    pub(super) fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Classes(all) => Self::Classes(rows.iter().map(|&r| all[r]).collect()),
            Self::Numbers(all) => Self::Numbers(rows.iter().map(|&r| all[r]).collect()),
            Self::Series => Self::Series,
        }
    }
}

/// What is predicted.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) task: Task,
    /// Sorted; empty for regression.
    pub(super) classes: Vec<String>,
    /// Index of the positive class (binary).
    pub(super) positive: Option<usize>,
    /// Rows of the frame that have a target.
    pub(super) rows: Vec<usize>,
    /// One for each of `rows`.
    pub(super) truth: Truth,
}

impl Target {
    /// Reads the target column.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] with `/target`, `/task`, `/calibration` or `/positive_class`.
    pub(super) fn read(frame: &Frame, spec: &TrainingSpec) -> Result<Self> {
        let refuse = |pointer: &str, detail| Error::field(Code::InvalidSpec, pointer, detail);
        let kind = frame
            .column(&spec.target)
            .map(|c| c.kind)
            .ok_or_else(|| refuse("/target", format!("there is no column {}", spec.target)))?;
        let labels = frame.labels(&spec.target)?;
        let distinct: BTreeSet<&str> = labels.iter().flatten().map(String::as_str).collect();
        let task = Task::infer(spec.task, kind, distinct.len() as u64)
            .map_err(|e| refuse(&e.pointer, format!("{} {}", spec.target, e.detail)))?;
        if let Some(detail) = calibration_misfit(spec.calibration, task) {
            return Err(refuse("/calibration", detail.to_owned()));
        }
        let rows: Vec<usize> = (0..labels.len()).filter(|&r| labels[r].is_some()).collect();
        if matches!(task, Task::Regression | Task::Forecast) {
            let numbers = frame.numbers(&spec.target)?;
            let truth: Vec<f64> = rows.iter().map(|&r| numbers[r]).collect();
            if truth.iter().any(|v| !v.is_finite()) {
                let detail =
                    format!("{} holds infinite values; correct or remove these rows", spec.target);
                return Err(refuse("/target", detail));
            }
            let truth = Truth::Numbers(truth);
            return Ok(Self { task, classes: Vec::new(), positive: None, rows, truth });
        }
        let classes = sorted(distinct);
        let index = |label: &str| classes.iter().position(|c| c == label);
        let truth: Vec<usize> = labels.iter().flatten().filter_map(|l| index(l)).collect();
        let positive = match (&spec.positive_class, task) {
            (Some(class), Task::Binary) => Some(index(class).ok_or_else(|| {
                let near = did_you_mean(class, classes.iter().map(String::as_str));
                let detail = format!(
                    "'{class}' is no class of {}; they are {}{near}",
                    spec.target,
                    classes.join(" and ")
                );
                refuse("/positive_class", detail)
            })?),
            (Some(_), _) => {
                let detail = format!(
                    "only a binary model has one; {} has {} classes",
                    spec.target,
                    classes.len()
                );
                return Err(refuse("/positive_class", detail));
            }
            (None, Task::Binary) => named_positive(&classes).or_else(|| Some(rarer(&truth))),
            (None, _) => None,
        };
        Ok(Self { task, classes, positive, rows, truth: Truth::Classes(truth) })
    }

    /// Where neither the specification nor a label says which class is the positive one.
    pub(super) fn guessed(&self, spec: &TrainingSpec) -> Option<String> {
        let class = self.classes.get(self.positive?)?;
        let is_said = spec.positive_class.is_some() || named_positive(&self.classes).is_some();
        (!is_said).then(|| {
            format!(
                "the positive class is {class}, the rarer one of {}: name positive_class if the other is meant",
                spec.target
            )
        })
    }

    /// Reads the target column of any rows as a version knows it: with its classes, of which the rows
    /// need not have each.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] with `/dataset`.
    pub(super) fn of_signature(frame: &Frame, signature: &Signature) -> Result<Self> {
        let refuse = |detail| Error::field(Code::InvalidRequest, "/dataset", detail);
        let Signature { task, target, classes, positive_class, .. } = signature;
        if frame.column(target).is_none() {
            let detail = format!(
                "it has no column {target}, which the version foretells: name a dataset with what came \
                 true"
            );
            return Err(refuse(detail));
        }
        let labels = frame.labels(target)?;
        let rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row].is_some()).collect();
        let truth = if *task == Task::Regression {
            let numbers = frame.numbers(target).map_err(|_| {
                refuse(format!("its column {target} holds no numbers, which the version foretells"))
            })?;
            let truth: Vec<f64> = rows.iter().map(|&row| numbers[row]).collect();
            if truth.iter().any(|number| !number.is_finite()) {
                return Err(refuse(format!("its column {target} holds infinite values")));
            }
            Truth::Numbers(truth)
        } else {
            let class = |label: &String| {
                classes.iter().position(|class| class == label).ok_or_else(|| {
                    let shown: String = label.chars().take(40).collect();
                    let known: Vec<&str> = classes.iter().take(20).map(String::as_str).collect();
                    refuse(format!(
                        "its column {target} holds '{shown}', which is none of the version's classes: \
                         {}",
                        known.join(", ")
                    ))
                })
            };
            Truth::Classes(labels.iter().flatten().map(class).collect::<Result<_>>()?)
        };
        let positive = positive_class.as_ref();
        let positive = positive.and_then(|positive| classes.iter().position(|c| c == positive));
        Ok(Self { task: *task, classes: classes.clone(), positive, rows, truth })
    }
}

/// The task that the target alone tells, its classes and the positive one, before a training begins. With windows a
/// number is forecast, whatever it tells.
///
/// # Errors
/// As the training's own.
pub fn told_apart(
    frame: &Frame,
    spec: &TrainingSpec,
) -> Result<(Task, Vec<String>, Option<String>)> {
    let Target { task, classes, positive, .. } = Target::read(frame, spec)?;
    let positive = positive.and_then(|positive| classes.get(positive).cloned());
    Ok((task, classes, positive))
}

/// By value where all are numbers, else by text.
fn sorted(labels: BTreeSet<&str>) -> Vec<String> {
    let mut classes: Vec<String> = labels.into_iter().map(str::to_owned).collect();
    if classes.iter().all(|c| c.parse::<f64>().is_ok()) {
        let value = |c: &String| c.parse::<f64>().unwrap_or(f64::NAN);
        classes.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    classes
}

/// Which of two classes has a label that says so. A 1 beside a 2 says nothing: which of them is the event is
/// written elsewhere.
fn named_positive(classes: &[String]) -> Option<usize> {
    let is_more = |c: &String| c.parse::<f64>().is_ok_and(|number| number > 1.0);
    let is_numbered = classes.iter().any(is_more);
    let says_so =
        |c: &String| POSITIVE.contains(&c.to_lowercase().as_str()) && !(is_numbered && c == "1");
    classes.iter().position(says_so)
}

/// The class of two that a training would take as the positive one, by how many rows have each.
pub(crate) fn positive_of(counts: &BTreeMap<String, u64>) -> Option<&str> {
    let classes: Vec<String> = counts.keys().cloned().collect();
    let named = named_positive(&classes).and_then(|at| counts.keys().nth(at));
    named
        .or_else(|| counts.iter().min_by_key(|(_, rows)| **rows).map(|(class, _)| class))
        .map(String::as_str)
}

/// The rarer one of two classes, else the second.
fn rarer(truth: &[usize]) -> usize {
    let second = truth.iter().filter(|&&class| class == 1).count();
    usize::from(second * 2 <= truth.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::ColumnType;
    use crate::frame::Values;

    #[test]
    fn tasks_are_inferred() {
        use ColumnType::{Bool, Float64, Int64, String, Timestamp};
        for (kind, distinct, task) in [
            (Bool, 2, Some(Task::Binary)),
            (String, 2, Some(Task::Binary)),
            (Float64, 2, Some(Task::Binary)),
            (String, 3, Some(Task::Multiclass)),
            (String, 20, Some(Task::Multiclass)),
            (String, 21, None),
            (Int64, 10, Some(Task::Multiclass)),
            (Int64, 11, Some(Task::Regression)),
            (Float64, 3, Some(Task::Regression)),
            (Float64, 1, None),
            (Int64, 0, None),
            (Timestamp, 5, None),
        ] {
            assert_eq!(Task::infer(None, kind, distinct).ok(), task, "{kind:?} {distinct}");
        }
        assert_eq!(Task::infer(Some(Task::Binary), Int64, 3).unwrap_err().pointer, "/task");
        assert_eq!(Task::infer(Some(Task::Regression), String, 3).unwrap_err().pointer, "/task");
        assert_eq!(Task::infer(Some(Task::Regression), Int64, 3), Ok(Task::Regression));
        assert_eq!(Task::infer(Some(Task::Multiclass), String, 500), Ok(Task::Multiclass));
    }

    #[test]
    fn classes_are_sorted_and_the_positive_one_found() {
        let read = |values: &[&str], positive: Option<&str>| {
            let column = values.iter().map(|v| Some((*v).to_owned())).collect();
            let frame =
                Frame::new(values.len(), vec![("y".into(), Values::String(column))]).unwrap();
            let mut spec = crate::engine::testing::spec("y");
            spec.positive_class = positive.map(str::to_owned);
            Target::read(&frame, &spec)
        };
        let target = read(&["10", "9", "9"], None).unwrap();
        assert_eq!(target.classes, ["9", "10"]);
        assert_eq!(target.positive, Some(1), "the rarer one");
        assert_eq!(read(&["no", "Yes", "Yes"], None).unwrap().positive, Some(0), "Yes sorts first");
        assert_eq!(read(&["a", "b"], None).unwrap().positive, Some(1));
        assert_eq!(read(&["0", "1", "1"], None).unwrap().positive, Some(1));
        assert_eq!(read(&["-1", "1", "1"], None).unwrap().positive, Some(1));
        // As in German credit, where 2 is bad.
        assert_eq!(read(&["1", "1", "2"], None).unwrap().positive, Some(1), "the rarer one");
        assert_eq!(read(&["2", "1", "2"], None).unwrap().positive, Some(0), "the rarer one");
        assert_eq!(read(&["good", "bad", "good"], Some("good")).unwrap().positive, Some(1));
        let error = read(&["good", "bad"], Some("goood")).unwrap_err();
        assert!(error.to_string().contains("did you mean good?"), "{error}");
    }
}
