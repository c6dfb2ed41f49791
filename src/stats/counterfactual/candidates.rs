//! Values that a lever may take.

use super::{Change, Direction, Lever};

/// Positions between the old value and a new one of a number without a step.
const FINENESS: u64 = 1024;

/// Values of a number that are tried at most, whatever is asked for.
const MOST_CANDIDATES: usize = 1024;

/// Beyond this, neighbouring multiples of a step are not told apart.
const MOST_STEPS: f64 = 9e15;

/// A lever at its row's value.
#[derive(Debug, Clone)]
pub(super) struct Held<'a> {
    pub(super) column: usize,
    pub(super) from: f64,
    change: &'a Change,
}

impl<'a> Held<'a> {
    /// `None` for a column beyond the row, bounds that hold nothing, or a step or scale that is not
    /// above zero.
    pub(super) fn new(lever: &'a Lever, row: &[f64]) -> Option<Self> {
        let from = *row.get(lever.column)?;
        let is_valid = match &lever.change {
            Change::Level { .. } => true,
            Change::Number { low, high, step, scale, .. } => {
                let is_scale = |scale: f64| scale > 0.0 && scale.is_finite();
                low <= high && is_scale(*scale) && step.is_none_or(is_scale)
            }
        };
        is_valid.then_some(Self { column: lever.column, from, change: &lever.change })
    }

    pub(super) fn cost(&self, to: f64) -> f64 {
        match self.change {
            Change::Number { scale, .. } => (to - self.from).abs() / scale,
            Change::Level { .. } => 1.0,
        }
    }

    /// Values to try, none of them the row's own: about `count` of a number, all allowed levels.
    pub(super) fn candidates(&self, count: usize) -> Vec<f64> {
        let mut values = match self.change {
            Change::Level { allowed } => allowed.iter().map(|level| f64::from(*level)).collect(),
            Change::Number { .. } if !self.from.is_finite() => Vec::new(),
            Change::Number { typical, .. } => {
                self.numbers(typical, count.clamp(2, MOST_CANDIDATES))
            }
        };
        values.retain(|v| *v != self.from && self.cost(*v).is_finite());
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values
    }

    /// The least and the greatest value that the bounds and the direction allow.
    fn range(&self) -> Option<(f64, f64)> {
        let Change::Number { low, high, direction, .. } = self.change else {
            return None;
        };
        let (low, high) = match direction {
            Direction::Any => (*low, *high),
            Direction::Increase => (low.max(self.from), *high),
            Direction::Decrease => (*low, high.min(self.from)),
        };
        (low <= high).then_some((low, high))
    }

    fn numbers(&self, typical: &[f64], count: usize) -> Vec<f64> {
        let Some((low, high)) = self.range() else {
            return Vec::new();
        };
        let mut within: Vec<f64> =
            typical.iter().copied().filter(|v| low <= *v && *v <= high).collect();
        within.sort_unstable_by(f64::total_cmp);
        within.dedup();
        let kept = within.len().min(count);
        let mut values: Vec<f64> =
            (0..kept).map(|at| within[at * (within.len() - 1) / (kept - 1).max(1)]).collect();
        // Few typical values say little of the range, so it is also divided evenly.
        let own = self.from.clamp(low, high);
        let end_of = |bound: f64| if bound.is_finite() { bound } else { own };
        let (start, end) = (end_of(low), end_of(high));
        if kept < count / 2 {
            let share = |at: usize| at as f64 / (count - 1) as f64;
            values.extend((0..count).map(|at| start * (1.0 - share(at)) + end * share(at)));
        }
        values.extend([start, end]);
        values.into_iter().filter_map(|v| self.snapped(v, low, high)).collect()
    }

    /// The nearest value on the grid of steps that is within the range.
    fn snapped(&self, value: f64, low: f64, high: f64) -> Option<f64> {
        let Change::Number { step: Some(step), .. } = self.change else {
            return (value.is_finite() && low <= value && value <= high).then_some(value);
        };
        let nearest = (value / step).round();
        let snapped = [nearest, nearest - 1.0, nearest + 1.0].map(|at| multiple(at, *step));
        let is_within = |v: &f64| low <= *v && *v <= high;
        (nearest.abs() < MOST_STEPS).then(|| snapped.into_iter().find(is_within)).flatten()
    }

    /// A value farther from the row's own than `to` by about that share of the way, or by a step;
    /// `None` for a category or where there is none within the range.
    pub(super) fn pushed(&self, to: f64, share: f64) -> Option<f64> {
        let (low, high) = self.range()?;
        let Change::Number { step, .. } = self.change else {
            return None;
        };
        let way = to - self.from;
        let least = step.map_or(0.0, |step| step * way.signum());
        let farther = to + if (way * share).abs() < least.abs() { least } else { way * share };
        let pushed = self.snapped(farther.clamp(low, high), low, high)?;
        (self.cost(pushed) > self.cost(to)).then_some(pushed)
    }

    /// The values from just off the row's own up to `to`; `None` for a category.
    pub(super) fn ladder(&self, to: f64) -> Option<Ladder> {
        let (low, high) = self.range()?;
        let Change::Number { step, .. } = self.change else {
            return None;
        };
        let from = self.from.clamp(low, high);
        // From beyond the bounds, the bound itself is the first value that is allowed.
        let skipped = u64::from(from != self.from);
        let Some(step) = *step else {
            return Some(Ladder { from, to, step: None, rungs: FINENESS, skipped });
        };
        let steps = ((to - from) / step).abs();
        let rungs = if skipped == 0 { steps.ceil() as u64 } else { steps as u64 + 1 };
        let step = Some(step);
        (steps < MOST_STEPS).then_some(Ladder { from, to, step, rungs: rungs.max(1), skipped })
    }
}

/// Values between an old one and a new one, from rung 1 to the last, which is the new one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ladder {
    from: f64,
    to: f64,
    step: Option<f64>,
    pub(super) rungs: u64,
    /// One if rung 1 is `from` itself.
    skipped: u64,
}

impl Ladder {
    pub(super) fn value(&self, rung: u64) -> f64 {
        let Some(step) = self.step else {
            let share =
                rung.saturating_sub(self.skipped) as f64 / (self.rungs - self.skipped) as f64;
            return if rung >= self.rungs {
                self.to
            } else {
                self.from * (1.0 - share) + self.to * share
            };
        };
        let back = self.rungs.saturating_sub(rung) as f64;
        multiple((self.to / step).round() - back * (self.to - self.from).signum(), step)
    }
}

/// So many times the step; exact for decimal steps such as 0.01, whose inverse is a whole number.
fn multiple(times: f64, step: f64) -> f64 {
    let inverse = (1.0 / step).round();
    let is_decimal = step < 1.0 && (step * inverse - 1.0).abs() < 1e-12;
    // Plus zero, so that no zero is negative.
    (if is_decimal { times / inverse } else { times * step }) + 0.0
}
