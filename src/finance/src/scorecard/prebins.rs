//! Bins to begin with: the leaves of a classification tree on one number (CART, Breiman et al. 1984).

/// Rows of one value, or of the values of one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) good: u64,
    pub(super) bad: u64,
}

impl Cell {
    pub(super) fn rows(self) -> u64 {
        self.good + self.bad
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self { good: self.good + other.good, bad: self.bad + other.bad }
    }

    pub(super) fn bad_rate(self) -> f64 {
        self.bad as f64 / self.rows().max(1) as f64
    }
}

/// Sums of cells from the first on: those of a range are one subtraction away.
pub(super) struct Sums(Vec<Cell>);

impl Sums {
    pub(super) fn of(cells: &[Cell]) -> Self {
        let mut sums = vec![Cell::default()];
        for cell in cells {
            sums.push(sums[sums.len() - 1].with(*cell));
        }
        Self(sums)
    }

    pub(super) fn between(&self, from: usize, to: usize) -> Cell {
        let (low, high) = (self.0[from], self.0[to]);
        Cell { good: high.good - low.good, bad: high.bad - low.bad }
    }
}

/// A cut of a leaf into two, and by how much it lessens the impurity of all rows.
struct Cut {
    from: usize,
    to: usize,
    at: usize,
    gain: f64,
}

/// Where a tree of so many leaves, none of fewer than `least` rows, cuts values that ascend: the places
/// of the first cell behind each cut, ascending. The leaf whose cut gains most is cut first.
pub(super) fn cuts(cells: &[Cell], most_leaves: usize, least: u64) -> Vec<usize> {
    let sums = Sums::of(cells);
    let mut open: Vec<Cut> = best(&sums, 0, cells.len(), least).into_iter().collect();
    let mut found = Vec::new();
    while found.len() + 1 < most_leaves {
        // The first of those that gain alike.
        let best_of = |chosen: Option<usize>, at: usize| match chosen {
            Some(chosen) if open[chosen].gain >= open[at].gain => Some(chosen),
            _ => Some(at),
        };
        let Some(chosen) = (0..open.len()).fold(None, best_of) else { break };
        let Cut { from, to, at, .. } = open.remove(chosen);
        found.push(at);
        open.extend(best(&sums, from, at, least));
        open.extend(best(&sums, at, to, least));
    }
    found.sort_unstable();
    found
}

/// The cut of a leaf that gains most by Gini's impurity; None where none gains anything.
fn best(sums: &Sums, from: usize, to: usize, least: u64) -> Option<Cut> {
    let whole = sums.between(from, to);
    let mut best: Option<Cut> = None;
    for at in from + 1..to {
        let (left, right) = (sums.between(from, at), sums.between(at, to));
        if left.rows() < least || right.rows() < least {
            continue;
        }
        let gain = impurity(whole) - impurity(left) - impurity(right);
        let is_better = best.as_ref().is_none_or(|best| gain > best.gain);
        if gain > 1e-9 && is_better {
            best = Some(Cut { from, to, at, gain });
        }
    }
    best
}

/// Gini's impurity times the rows.
fn impurity(cell: Cell) -> f64 {
    let (good, bad) = (cell.good as f64, cell.bad as f64);
    let rows = good + bad;
    if rows > 0.0 { 2.0 * good * bad / rows } else { 0.0 }
}
