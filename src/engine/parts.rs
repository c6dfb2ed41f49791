//! Rows fall into a training, a validation and a test part.

use std::collections::{BTreeMap, HashMap};

use crate::domain::name::did_you_mean;
use crate::domain::schema::ColumnType;
use crate::domain::training::{ColumnParts, PartsSpec, RandomParts};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Error, Result};
use crate::frame::Frame;

/// Fewest rows with a target that are split.
const MIN_ROWS: usize = 20;

/// Row numbers of each part, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) train: Vec<usize>,
    pub(crate) validation: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

/// Which part a row is in, in the order in which they may be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Train,
    Validation,
    Test,
}

const NAMES: [&str; 3] = ["train", "validation", "test"];

impl Parts {
    /// Splits the rows of a frame. `classes` holds each row's class, none for regression.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] for too few rows, missing or unknown values in the column that
    /// splits, and an empty part.
    pub(crate) fn split(
        spec: &PartsSpec,
        frame: &Frame,
        classes: Option<&[usize]>,
        seed: u64,
    ) -> Result<Self> {
        let rows = frame.rows();
        if rows < MIN_ROWS {
            return Err(refuse(
                "/dataset",
                format!("only {rows} rows have a target; at least {MIN_ROWS} are needed"),
            ));
        }
        let parts = match spec {
            PartsSpec::Random(spec) => by_chance(spec, rows, classes, seed)?,
            PartsSpec::Time(spec) => {
                by_time(&order_of(frame, &spec.column)?, spec.validation, spec.test)?
            }
            PartsSpec::Column(spec) => by_column(spec, frame, classes, seed)?,
        };
        for (name, part) in NAMES.into_iter().zip(parts.each()) {
            if part.is_empty() {
                return Err(refuse("/parts", format!("the {name} part has no rows")));
            }
        }
        Ok(parts)
    }

    /// Whole series fall into the parts by chance. `series` says for each row of which it is, none
    /// where it is of the only one.
    ///
    /// # Errors
    /// [`Code::InvalidSpec`] for less than three series.
    pub(crate) fn by_series(
        spec: &RandomParts,
        series: &[Option<String>],
        seed: u64,
    ) -> Result<Self> {
        let mut rows: HashMap<&Option<String>, Vec<usize>> = HashMap::new();
        let mut names = Vec::new();
        for (row, name) in series.iter().enumerate() {
            let rows = rows.entry(name).or_default();
            if rows.is_empty() {
                names.push(name);
            }
            rows.push(row);
        }
        if names.len() < 3 {
            return Err(refuse(
                "/parts",
                format!(
                    "{} series can't fall into three parts by chance, and windows of one series \
                     overlap: part them by time",
                    names.len()
                ),
            ));
        }
        let of_series = by_chance(spec, names.len(), None, seed)?;
        let all = |part: &[usize]| {
            let mut rows: Vec<usize> =
                part.iter().filter_map(|&s| rows.get(names[s])).flatten().copied().collect();
            rows.sort_unstable();
            rows
        };
        Ok(Self {
            train: all(&of_series.train),
            validation: all(&of_series.validation),
            test: all(&of_series.test),
        })
    }

    /// The part of each of so many rows.
    pub(crate) fn of_rows(&self, rows: usize) -> Vec<Part> {
        let mut parts = vec![Part::Train; rows];
        self.validation.iter().for_each(|&row| parts[row] = Part::Validation);
        self.test.iter().for_each(|&row| parts[row] = Part::Test);
        parts
    }

    /// The rows of each part, in the order of the parts.
    pub(crate) fn each(&self) -> [&Vec<usize>; 3] {
        [&self.train, &self.validation, &self.test]
    }
}

fn refuse(pointer: &str, detail: String) -> Error {
    Error::field(Code::InvalidSpec, pointer, detail)
}

/// Every class is shuffled and cut by itself, so that it has the same share in every part.
fn by_chance(
    spec: &RandomParts,
    rows: usize,
    classes: Option<&[usize]>,
    seed: u64,
) -> Result<Parts> {
    let mut strata: Vec<Vec<usize>> = Vec::new();
    for row in 0..rows {
        let class = classes.and_then(|c| c.get(row)).copied().unwrap_or(0);
        if class >= strata.len() {
            strata.resize(class + 1, Vec::new());
        }
        strata[class].push(row);
    }
    let mut parts = Parts { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for (class, mut stratum) in strata.into_iter().enumerate().filter(|(_, s)| !s.is_empty()) {
        let count = stratum.len();
        if count < 3 {
            return Err(refuse(
                "/target",
                format!(
                    "a class has only {count} rows; at least 3 are needed, one for each part: \
                     give more data or leave these rows out"
                ),
            ));
        }
        shuffle(&mut keyed(seed, Purpose::Parts, class as u64, 0), &mut stratum);
        let share = |share: f64| ((count as f64 * share).round() as usize).max(1);
        let test = share(spec.test).min(count - 2);
        let validation = share(spec.validation).min(count - test - 1);
        parts.test.extend(&stratum[..test]);
        parts.validation.extend(&stratum[test..test + validation]);
        parts.train.extend(&stratum[test + validation..]);
    }
    parts.train.sort_unstable();
    parts.validation.sort_unstable();
    parts.test.sort_unstable();
    Ok(parts)
}

/// What orders the rows: microseconds or numbers, none missing.
fn order_of(frame: &Frame, column: &str) -> Result<Vec<f64>> {
    let pointer = "/parts/column";
    let kind = frame.column(column).map(|c| c.kind);
    if !kind.is_some_and(|k| k == ColumnType::Timestamp || k.is_numeric()) {
        return Err(refuse(
            pointer,
            format!("{column} has to be a column of timestamps or numbers to order the rows by"),
        ));
    }
    let values = frame.numbers(column)?;
    let missing = values.iter().filter(|v| v.is_nan()).count();
    if missing > 0 {
        return Err(refuse(
            pointer,
            format!("{column} is missing in {missing} rows; every row needs its time"),
        ));
    }
    Ok(values)
}

/// Cuts the ordered rows between two instants, as near to the shares as that allows.
fn by_time(order: &[f64], validation: f64, test: f64) -> Result<Parts> {
    let mut rows: Vec<usize> = (0..order.len()).collect();
    rows.sort_by(|&a, &b| order[a].total_cmp(&order[b]));
    let cuts: Vec<usize> =
        (1..rows.len()).filter(|&i| order[rows[i - 1]] != order[rows[i]]).collect();
    let total = rows.len() as f64;
    let nearest = |cuts: &[usize], share: f64| {
        let wanted = total * share;
        cuts.iter()
            .enumerate()
            .min_by(|a, b| (*a.1 as f64 - wanted).abs().total_cmp(&(*b.1 as f64 - wanted).abs()))
            .map(|(position, &cut)| (position, cut))
    };
    // The first cut leaves one for the second.
    let (first, second) = cuts
        .split_last()
        .and_then(|(_, before)| nearest(before, 1.0 - validation - test))
        .and_then(|(position, first)| Some((first, nearest(&cuts[position + 1..], 1.0 - test)?.1)))
        .ok_or_else(|| {
            refuse(
                "/parts/column",
                format!(
                    "the column has {} different values; at least 3 are needed, one for each part",
                    cuts.len() + 1
                ),
            )
        })?;
    let part = |range: &[usize]| {
        let mut part = range.to_vec();
        part.sort_unstable();
        part
    };
    Ok(Parts {
        train: part(&rows[..first]),
        validation: part(&rows[first..second]),
        test: part(&rows[second..]),
    })
}

/// Whether a column says of rows that they validate; they are drawn from the training rows otherwise.
///
/// # Errors
/// [`Code::InvalidRequest`] where there is no such column.
pub(crate) fn says_validation(frame: &Frame, column: &str) -> Result<bool> {
    Ok(frame.labels(column)?.iter().any(|label| label.as_deref() == Some("validation")))
}

fn by_column(
    spec: &ColumnParts,
    frame: &Frame,
    classes: Option<&[usize]>,
    seed: u64,
) -> Result<Parts> {
    let column = spec.column.as_str();
    let pointer = "/parts/column";
    let mut parts = Parts { train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for (row, label) in frame.labels(column)?.into_iter().enumerate() {
        let part = match label.as_deref() {
            Some("train") => &mut parts.train,
            Some("validation") => &mut parts.validation,
            Some("test") => &mut parts.test,
            None => {
                return Err(refuse(
                    pointer,
                    format!(
                        "{column} is missing in a row; every row has to say train, validation or test"
                    ),
                ));
            }
            Some(other) => {
                let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                return Err(refuse(
                    pointer,
                    format!(
                        "{column} says '{shown}' in a row; it has to be train, validation or test{}",
                        did_you_mean(&shown, NAMES)
                    ),
                ));
            }
        };
        part.push(row);
    }
    if parts.validation.is_empty() {
        let rows = std::mem::take(&mut parts.train);
        (parts.train, parts.validation) = validation_of(&rows, spec.validation, classes, seed);
    }
    Ok(parts)
}

/// Training rows without a share of each class, and that share.
fn validation_of(
    rows: &[usize],
    share: f64,
    classes: Option<&[usize]>,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let mut strata = BTreeMap::<usize, Vec<usize>>::new();
    for &row in rows {
        let class = classes.and_then(|c| c.get(row)).copied().unwrap_or(0);
        strata.entry(class).or_default().push(row);
    }
    let (mut train, mut validation) = (Vec::new(), Vec::new());
    for (class, mut stratum) in strata {
        shuffle(&mut keyed(seed, Purpose::Parts, class as u64, 1), &mut stratum);
        // A class of one row trains.
        let count = ((stratum.len() as f64 * share).round() as usize).max(1);
        let count = count.min(stratum.len() - 1);
        validation.extend(&stratum[..count]);
        train.extend(&stratum[count..]);
    }
    train.sort_unstable();
    validation.sort_unstable();
    (train, validation)
}

#[cfg(test)]
mod tests;
