//! Which part a row is in, by a rule that anyone can repeat.
//!
//! For every class, its rows are put in the order of SHA-256 over `fold`, the row's number
//! (counted from 0) and its class, with a zero byte between. The row at place i of that order is
//! tested in fold i mod K. Of the rows that a fold does not test, those of each class are put in
//! the order of SHA-256 over `validation F` (F the fold), number and class; every fifth of them,
//! from the first on, validates. All classes are thus spread alike over all parts.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// One row of this many that a fold does not test validates.
const VALIDATION: usize = 5;

/// The fold that tests each row.
pub(crate) fn folds(classes: &[String], count: u32) -> Vec<u32> {
    let mut folds = vec![0; classes.len()];
    for rows in ordered(classes, "fold", |_| true).values() {
        for (&row, fold) in rows.iter().zip((0..count).cycle()) {
            if let Some(place) = folds.get_mut(row) {
                *place = fold;
            }
        }
    }
    folds
}

/// The part of each row in a fold.
pub(crate) fn parts(classes: &[String], folds: &[u32], fold: u32) -> Vec<&'static str> {
    let is_tested = |row: usize| folds.get(row) == Some(&fold);
    let mut parts: Vec<_> =
        (0..classes.len()).map(|row| if is_tested(row) { "test" } else { "train" }).collect();
    let salt = format!("validation {fold}");
    for rows in ordered(classes, &salt, |row| !is_tested(row)).values() {
        for row in rows.iter().step_by(VALIDATION) {
            if let Some(part) = parts.get_mut(*row) {
                *part = "validation";
            }
        }
    }
    parts
}

/// The rows of each class in the order of their hashes.
fn ordered<'a>(
    classes: &'a [String],
    salt: &str,
    wanted: impl Fn(usize) -> bool,
) -> BTreeMap<&'a str, Vec<usize>> {
    let mut hashed: BTreeMap<&str, Vec<([u8; 32], usize)>> = BTreeMap::new();
    for (row, class) in classes.iter().enumerate().filter(|(row, _)| wanted(*row)) {
        let hash = Sha256::digest(format!("{salt}\0{row}\0{class}"));
        hashed.entry(class).or_default().push((hash.into(), row));
    }
    let sorted = |mut rows: Vec<([u8; 32], usize)>| {
        rows.sort_unstable();
        rows.into_iter().map(|(_, row)| row).collect()
    };
    hashed.into_iter().map(|(class, rows)| (class, sorted(rows))).collect()
}
