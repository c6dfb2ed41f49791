//! Growing of a tree: columns are sorted once, and their orders are parted with the rows.

use std::collections::VecDeque;

use super::{Kind, Node, Split, Test, Tree, TreeOptions};
use crate::stats::surrogate::column::{Column, rows_of};

/// Share of the root's squared errors that a split has to save, so that rounding makes none.
const LEAST_GAIN: f64 = 1e-12;

/// Fits a tree to `target`, one value a row, in the columns' order of preference where two splits
/// are equally good.
///
/// Categories are parted in the order of their mean target, which holds the best of all two-way
/// splits (Fisher 1958) unless the least size of a leaf rules that out. Missing values go where
/// they fit better; where a node has none, they go with the more rows, as levels do that it has not
/// seen. A row of weight zero is left out. `None` for no rows or columns, lengths that differ, a
/// code that is no level, a target that is not finite, or weights that are not finite, negative or
/// all zero.
pub fn fit(
    columns: &[Column<'_>],
    target: &[f64],
    weights: Option<&[f64]>,
    options: TreeOptions,
) -> Option<Tree> {
    let rows = rows_of(columns)?;
    let all_equal = vec![1.0; if weights.is_none() { rows } else { 0 }];
    let weights = weights.unwrap_or(&all_equal);
    let are_valid = target.len() == rows
        && weights.len() == rows
        && u32::try_from(rows).is_ok()
        && target.iter().all(|y| y.is_finite())
        && weights.iter().all(|w| w.is_finite() && *w >= 0.0);
    if !are_valid {
        return None;
    }
    let kept: Vec<u32> = (0..rows as u32).filter(|row| weights[*row as usize] > 0.0).collect();
    let mut grower = Grower {
        columns,
        target,
        weights,
        min_leaf: options.min_leaf.max(1),
        least_gain: 0.0,
        goes_left: vec![false; rows],
        nodes: Vec::new(),
    };
    let orders = columns.iter().map(|column| order(column, &kept)).collect();
    let kinds = columns.iter().map(|column| kind(column, &kept)).collect();
    grower.grow(kept, orders, options.max_depth)?;
    Some(Tree { kinds, nodes: grower.nodes })
}

/// The rows with a value, ascending in it; none for a categorical column.
fn order(column: &Column<'_>, rows: &[u32]) -> Vec<u32> {
    let Column::Numeric(values) = column else {
        return Vec::new();
    };
    let known = rows.iter().map(|row| (values[*row as usize], *row)).filter(|v| v.0.is_finite());
    let mut known: Vec<(f64, u32)> = known.collect();
    known.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    known.into_iter().map(|(_, row)| row).collect()
}

fn kind(column: &Column<'_>, rows: &[u32]) -> Kind {
    match column {
        Column::Categorical { levels, .. } => Kind::Categorical { levels: *levels },
        Column::Numeric(values) => {
            Kind::Numeric { missing: rows.iter().any(|row| !values[*row as usize].is_finite()) }
        }
    }
}

/// Sums over some rows, targets taken from the node's mean.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    rows: usize,
    weight: f64,
    target: f64,
}

impl Sums {
    fn add(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            weight: self.weight + other.weight,
            target: self.target + other.target,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            rows: self.rows - other.rows,
            weight: self.weight - other.weight,
            target: self.target - other.target,
        }
    }

    /// Squared error saved by its own mean.
    fn saved(self) -> f64 {
        self.target * self.target / self.weight
    }
}

/// The best split of a node so far.
struct Found {
    gain: f64,
    column: usize,
    test: Test,
}

struct Grower<'a> {
    columns: &'a [Column<'a>],
    target: &'a [f64],
    weights: &'a [f64],
    min_leaf: usize,
    least_gain: f64,
    /// Of each row, by the split at hand.
    goes_left: Vec<bool>,
    nodes: Vec<Node>,
}

impl Grower<'_> {
    fn grow(&mut self, rows: Vec<u32>, orders: Vec<Vec<u32>>, max_depth: usize) -> Option<()> {
        let mean = self.mean(&rows)?;
        let weigh = |power: &dyn Fn(f64) -> f64| -> f64 {
            let each = rows.iter().map(|row| *row as usize);
            each.map(|row| self.weights[row] * power(self.target[row])).sum()
        };
        // The second part is what rounding of the mean leaves of a constant target.
        self.least_gain =
            LEAST_GAIN * (weigh(&|y| (y - mean).powi(2)) + LEAST_GAIN * weigh(&|y: f64| y.powi(2)));
        self.nodes.push(Node { mean, rows: rows.len(), split: None });
        let mut open = VecDeque::from([(0, 0, rows, orders)]);
        while let Some((node, depth, rows, orders)) = open.pop_front() {
            if depth >= max_depth || rows.len() / 2 < self.min_leaf {
                continue;
            }
            let Some(found) = self.best(&rows, &orders, self.nodes[node].mean) else {
                continue;
            };
            let column = &self.columns[found.column];
            for row in &rows {
                self.goes_left[*row as usize] = found.test.passes(column, *row as usize);
            }
            let (left, right) = self.part(&rows);
            let mut parted = Vec::with_capacity(orders.len());
            if depth + 1 < max_depth {
                parted.extend(orders.iter().map(|order| self.part(order)));
            }
            let (orders_left, orders_right) = parted.into_iter().unzip();
            let at = self.nodes.len();
            let split = Split { column: found.column, test: found.test, left: at, right: at + 1 };
            self.nodes[node].split = Some(split);
            for (rows, orders) in [(left, orders_left), (right, orders_right)] {
                self.nodes.push(Node { mean: self.mean(&rows)?, rows: rows.len(), split: None });
                open.push_back((self.nodes.len() - 1, depth + 1, rows, orders));
            }
        }
        Some(())
    }

    fn part(&self, rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
        rows.iter().partition(|row| self.goes_left[**row as usize])
    }

    /// Weighted mean of the target; `None` for no rows or one that is not finite.
    fn mean(&self, rows: &[u32]) -> Option<f64> {
        let (mut weight, mut sum) = (0.0, 0.0);
        for row in rows {
            weight += self.weights[*row as usize];
            sum += self.weights[*row as usize] * self.target[*row as usize];
        }
        let mean = sum / weight;
        mean.is_finite().then_some(mean)
    }

    fn best(&self, rows: &[u32], orders: &[Vec<u32>], mean: f64) -> Option<Found> {
        let mut best = None;
        let all = self.sums(rows, mean);
        for (column, values) in self.columns.iter().enumerate() {
            match values {
                Column::Numeric(values) => {
                    self.numeric(column, values, &orders[column], mean, all, &mut best);
                }
                Column::Categorical { codes, levels } => {
                    let sums = self.by_level(rows, codes, *levels, mean);
                    self.categorical(column, &sums, all, &mut best);
                }
            }
        }
        best
    }

    fn row(&self, row: u32, mean: f64) -> Sums {
        let weight = self.weights[row as usize];
        Sums { rows: 1, weight, target: weight * (self.target[row as usize] - mean) }
    }

    fn sums(&self, rows: &[u32], mean: f64) -> Sums {
        rows.iter().fold(Sums::default(), |sums, row| sums.add(self.row(*row, mean)))
    }

    /// What a split saves; `None` if a side is too small or it saves no more than the best so far.
    fn gain(&self, left: Sums, all: Sums, best: &Option<Found>) -> Option<f64> {
        let right = all.less(left);
        if left.rows.min(right.rows) < self.min_leaf {
            return None;
        }
        let gain = left.saved() + right.saved() - all.saved();
        // Weights too small to be told from zero after the subtraction give no finite gain.
        let least = best.as_ref().map_or(self.least_gain, |best| best.gain);
        (gain > least && gain.is_finite()).then_some(gain)
    }

    fn numeric(
        &self,
        column: usize,
        values: &[f64],
        order: &[u32],
        mean: f64,
        all: Sums,
        best: &mut Option<Found>,
    ) {
        let is_full = order.len() == all.rows;
        let missing = if is_full { Sums::default() } else { all.less(self.sums(order, mean)) };
        if missing.rows > 0
            && let Some(gain) = self.gain(missing, all, best)
        {
            *best = Some(Found { gain, column, test: Test::Missing });
        }
        let mut left = Sums::default();
        let mut cut = None;
        for (at, pair) in order.windows(2).enumerate() {
            left = left.add(self.row(pair[0], mean));
            if values[pair[0] as usize] >= values[pair[1] as usize] {
                continue;
            }
            let goes_left = left.rows * 2 >= all.rows;
            if missing.rows == 0 {
                if let Some(gain) = self.gain(left, all, best) {
                    cut = Some((at, goes_left));
                    *best = Some(Found { gain, column, test: Test::Missing });
                }
                continue;
            }
            for goes_left in [false, true] {
                let left = if goes_left { left.add(missing) } else { left };
                if let Some(gain) = self.gain(left, all, best) {
                    cut = Some((at, goes_left));
                    *best = Some(Found { gain, column, test: Test::Missing });
                }
            }
        }
        // The threshold costs more to find than the gain, so only the best one's is looked for.
        if let (Some((at, missing)), Some(best)) = (cut, best) {
            let [low, high] = [order[at], order[at + 1]].map(|row| values[row as usize]);
            best.test = Test::Below { threshold: threshold(low, high), missing };
        }
    }

    fn by_level(&self, rows: &[u32], codes: &[u32], levels: usize, mean: f64) -> Vec<Sums> {
        let mut sums = vec![Sums::default(); levels];
        for row in rows {
            let of_level = &mut sums[codes[*row as usize] as usize];
            *of_level = of_level.add(self.row(*row, mean));
        }
        sums
    }

    fn categorical(&self, column: usize, sums: &[Sums], all: Sums, best: &mut Option<Found>) {
        let (mut seen, unseen): (Vec<u32>, Vec<u32>) =
            (0..sums.len() as u32).partition(|level| sums[*level as usize].rows > 0);
        let mean = |level: u32| sums[level as usize].target / sums[level as usize].weight;
        seen.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)).then(a.cmp(b)));
        let mut left = Sums::default();
        for count in 1..seen.len() {
            left = left.add(sums[seen[count - 1] as usize]);
            if let Some(gain) = self.gain(left, all, best) {
                let mut levels = seen[..count].to_vec();
                if left.rows * 2 >= all.rows {
                    levels.extend(&unseen);
                }
                levels.sort_unstable();
                *best = Some(Found { gain, column, test: Test::In { levels } });
            }
        }
    }
}

/// The middle of two values, rounded to the fewest digits that still part them.
fn threshold(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    let rounded = (0..17).filter_map(|digits| format!("{middle:.digits$e}").parse::<f64>().ok());
    rounded.into_iter().find(|t| low < *t && *t <= high).unwrap_or(high)
}
