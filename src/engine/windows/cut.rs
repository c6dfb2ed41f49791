//! Series are cut into windows, each of one part.

use super::{AllSeries, Shape};
use crate::engine::parts::Part;

/// A window: a series and the place in it where the window starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) series: usize,
    pub(crate) start: usize,
}

/// The windows of each part, and what was left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cut {
    pub(crate) train: Vec<Window>,
    pub(crate) validation: Vec<Window>,
    pub(crate) test: Vec<Window>,
    /// Windows that foretell rows of two parts, or read rows of a later part than they foretell.
    pub(crate) across: usize,
    /// Windows that foretell a row without a value.
    pub(crate) without_target: usize,
    /// Series too short for a window.
    pub(crate) too_short: usize,
}

/// Cuts series into windows. `part` is the part of each row of the frame, `has_target` says whether
/// all that is foretold is known in it. Training windows start `stride` rows apart, others at each
/// row.
pub(crate) fn cut(
    all: &AllSeries,
    shape: Shape,
    stride: usize,
    part: &[Part],
    has_target: &[bool],
) -> Cut {
    let mut found = Cut::default();
    for (index, series) in all.series.iter().enumerate() {
        let Some(last) = series.rows.len().checked_sub(shape.length()) else {
            found.too_short += 1;
            continue;
        };
        // Where the row before it, in training, was taken; windows of a part need not begin at 0.
        let mut next_training = 0;
        for start in 0..=last {
            let read = &series.rows[start..start + shape.look_back];
            let targets = &series.rows[start + shape.ahead..][..shape.targets];
            let Some(of) = targets.first().map(|row| part[*row]) else { continue };
            let is_of_one = targets.iter().all(|row| part[*row] == of);
            if !is_of_one || read.iter().any(|row| part[*row] > of) {
                found.across += 1;
                continue;
            }
            if !targets.iter().all(|row| has_target[*row]) {
                found.without_target += 1;
                continue;
            }
            let window = Window { series: index, start };
            match of {
                Part::Train if start >= next_training => {
                    next_training = start + stride.max(1);
                    found.train.push(window);
                }
                Part::Train => {}
                Part::Validation => found.validation.push(window),
                Part::Test => found.test.push(window),
            }
        }
    }
    found
}
