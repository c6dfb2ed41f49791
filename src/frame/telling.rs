//! How well one column alone tells what is to be predicted.

use std::collections::{BTreeMap, HashMap};

use super::Frame;
use crate::domain::model::Task;
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, Result};
use crate::stats;

/// Whole numbers of so few values are looked at as codes, too.
const CODES: usize = 50;
/// Classes that codes are held against.
const FREQUENT: usize = 20;

/// A column that alone ranks the classes so well is suspect.
pub(crate) const SUSPECT_AUC: f64 = 0.95;
/// The same for a number.
pub(crate) const SUSPECT_CORRELATION: f64 = 0.99;

/// A column that alone tells the target too well to be known before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    pub column: String,
    /// `AUC`, or `correlation` (its absolute value).
    pub figure: &'static str,
    pub value: f64,
}

/// The columns of a frame that alone tell one of them, the strongest first: `distinct` says how many
/// different values each of the frame's columns has; `go_on` is asked between them.
///
/// # Errors
/// [`Code::InvalidData`] for a target that is not there or can't be predicted; what `go_on` says.
pub fn telling(
    frame: &Frame,
    target: &str,
    distinct: &[u64],
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<Telling>> {
    let invalid = |detail: String| Error::new(Code::InvalidData, detail);
    let found = frame.columns().iter().zip(distinct).find(|(column, _)| column.name == target);
    let (column, different) =
        found.ok_or_else(|| invalid(format!("there is no column {target}")))?;
    let task = Task::infer(None, column.kind, *different)
        .map_err(|field| invalid(format!("{target} {}", field.detail)))?;
    let mut counts = BTreeMap::new();
    if task != Task::Regression {
        for label in frame.labels(target)?.into_iter().flatten() {
            *counts.entry(label).or_insert(0) += 1;
        }
    }
    let (figure, suspect) = match task {
        Task::Regression => ("correlation", SUSPECT_CORRELATION),
        _ => ("AUC", SUSPECT_AUC),
    };
    let truth = Target::read(frame, target, task, &counts)?;
    let mut all = Vec::new();
    for (column, distinct) in frame.columns().iter().zip(distinct) {
        go_on()?;
        if column.name != target
            && let Some(value) = truth.told_by(frame, &column.name, *distinct)?
            && value >= suspect
        {
            all.push(Telling { column: column.name.clone(), figure, value });
        }
    }
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    Ok(all)
}

/// What is predicted, in the rows looked at.
pub(crate) enum Target {
    Classes(Classes),
    Numbers(Vec<f64>),
}

pub(crate) struct Classes {
    /// Rows of the frame that are of a class.
    rows: Vec<usize>,
    /// The class of each of them, and how many there are.
    of_row: Vec<usize>,
    count: usize,
    /// Those that codes are held against, which takes each a look of its own: the most frequent.
    frequent: Vec<usize>,
}

impl Target {
    /// Of a column of a frame; `counts` are the classes with their rows, unread for a number.
    ///
    /// # Errors
    /// Those of a column that is not there or has no such values.
    pub(crate) fn read(
        frame: &Frame,
        name: &str,
        task: Task,
        counts: &BTreeMap<String, u64>,
    ) -> Result<Self> {
        if task == Task::Regression {
            return Ok(Self::Numbers(frame.numbers(name)?));
        }
        let places: HashMap<&str, usize> =
            counts.keys().enumerate().map(|(at, class)| (class.as_str(), at)).collect();
        let labels = frame.labels(name)?;
        let class = |row: usize| Some((row, *places.get(labels[row].as_deref()?)?));
        let (rows, of_row) = (0..labels.len()).filter_map(class).unzip();
        let mut frequent: Vec<(u64, usize)> = counts.values().copied().zip(0..).collect();
        frequent.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
        // One of two classes tells of both.
        let told = if task == Task::Binary { 1 } else { FREQUENT };
        let frequent = frequent.into_iter().take(told).map(|(_, class)| class).collect();
        Ok(Self::Classes(Classes { rows, of_row, count: places.len(), frequent }))
    }

    /// How well a column alone tells it: the greatest AUC of a class, at least 0.5, or the absolute
    /// correlation. What a category tells is learnt on one half of the rows and tried on the other.
    ///
    /// # Errors
    /// Internal, for a column that is not there.
    pub(crate) fn told_by(&self, frame: &Frame, name: &str, distinct: u64) -> Result<Option<f64>> {
        let kind = frame.column(name).map_or(ColumnType::Image, |column| column.kind);
        let codes = match kind {
            ColumnType::Image => return Ok(None),
            ColumnType::String | ColumnType::Bool => Some(frame.labels(name)?),
            ColumnType::Int64 if distinct <= CODES as u64 => Some(frame.labels(name)?),
            _ => None,
        };
        let numbers = match kind {
            ColumnType::String => None,
            _ => Some(frame.numbers(name)?),
        };
        Ok(match self {
            Self::Numbers(truth) => numbers.and_then(|numbers| {
                let pairs =
                    numbers.iter().zip(truth).filter(|(x, y)| x.is_finite() && y.is_finite());
                let (x, y): (Vec<f64>, Vec<f64>) = pairs.map(|(x, y)| (*x, *y)).unzip();
                stats::correlation(&x, &y).map(f64::abs)
            }),
            Self::Classes(classes) => {
                let by_number = numbers.and_then(|numbers| classes.told_by_number(&numbers));
                let by_code = codes.and_then(|codes| classes.told_by_code(&codes));
                by_number.into_iter().chain(by_code).reduce(f64::max)
            }
        })
    }
}

impl Classes {
    /// The greatest AUC of a class by the numbers of all rows of the frame.
    fn told_by_number(&self, numbers: &[f64]) -> Option<f64> {
        // That a value is missing may tell as much.
        let value = |&row: &usize| if numbers[row].is_finite() { numbers[row] } else { f64::MIN };
        let values: Vec<f64> = self.rows.iter().map(value).collect();
        let each = stats::auc_of_each(&values, &self.of_row, self.count)?;
        each.into_iter().flatten().map(two_sided).reduce(f64::max)
    }

    /// The greatest AUC of a frequent class by the codes of all rows of the frame.
    fn told_by_code(&self, codes: &[Option<String>]) -> Option<f64> {
        let mut places: HashMap<&Option<String>, usize> = HashMap::new();
        let place = |row: &usize| {
            let next = places.len();
            *places.entry(&codes[*row]).or_insert(next)
        };
        let codes: Vec<usize> = self.rows.iter().map(place).collect();
        let of_class = |class: &usize| {
            let truth: Vec<bool> = self.of_row.iter().map(|of_row| of_row == class).collect();
            auc_of_codes(&codes, places.len(), &truth)
        };
        self.frequent.iter().filter_map(of_class).map(two_sided).reduce(f64::max)
    }
}

fn two_sided(auc: f64) -> f64 {
    auc.max(1.0 - auc)
}

/// AUC on the odd rows of the rates that so many codes have on the even ones.
fn auc_of_codes(codes: &[usize], count: usize, truth: &[bool]) -> Option<f64> {
    let mut rates = vec![(0.0, 0.0); count];
    for (code, is) in codes.iter().zip(truth).step_by(2) {
        let (of_class, all) = &mut rates[*code];
        *of_class += f64::from(u8::from(*is));
        *all += 1.0;
    }
    let overall = truth.iter().filter(|is| **is).count() as f64 / truth.len().max(1) as f64;
    // A code that is seen once tells little: it is drawn towards what all say.
    let rate = |(is, all): (f64, f64)| (is + overall) / (all + 1.0);
    let tried = || codes.iter().zip(truth).skip(1).step_by(2);
    let scores: Vec<f64> = tried().map(|(code, _)| rate(rates[*code])).collect();
    stats::auc(&scores, &tried().map(|(_, is)| *is).collect::<Vec<_>>())
}
