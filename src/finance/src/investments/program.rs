//! Convex programs, row by row, and their solution by Clarabel.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, ExponentialConeT, IPSolver, NonnegativeConeT, SecondOrderConeT,
    SolverStatus, SupportedConeT, ZeroConeT,
};

use super::constraints::Limit;
use crate::{Fault, Result};

/// A program takes no longer, so that nothing runs for ever.
const MOST_SECONDS: f64 = 60.0;

/// How much is added to what is factorised, and how accurate a solution is; each where the one before it fails:
/// little of it keeps the accuracy, more of it gets past programs that are nearly degenerate.
const ATTEMPTS: [(f64, f64); 3] = [(1e-10, 1e-11), (1e-8, 1e-11), (1e-8, 1e-8)];

const UNCLEAR: &str = "found no accurate solution: an asset may be a copy of another, or a bound may hardly leave \
                       room; leave one of them out, or loosen the bound";

fn settings((regularisation, tolerance): (f64, f64)) -> DefaultSettings<f64> {
    DefaultSettings {
        verbose: false,
        time_limit: MOST_SECONDS,
        max_iter: 500,
        static_regularization_constant: regularisation,
        tol_gap_abs: tolerance,
        tol_gap_rel: tolerance,
        tol_feas: tolerance * 10.0,
        reduced_tol_gap_abs: 1e-7,
        reduced_tol_gap_rel: 1e-7,
        reduced_tol_feas: 1e-7,
        presolve_enable: false,
        ..DefaultSettings::default()
    }
}

fn unclear(what: &str) -> Unsolved {
    Unsolved::Unclear(Fault::new("", format!("the optimiser {what}")))
}

/// `factors` of variables, of which the sum is at most (or exactly) `bound` and `fixed` together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Row {
    pub(super) factors: Vec<(usize, f64)>,
    /// Grows with the program's `scale`.
    pub(super) bound: f64,
    /// Does not.
    pub(super) fixed: f64,
    /// What it stands for; a row without is part of the program's own workings and always holds.
    pub(super) limit: Option<Limit>,
    /// The size of one of the row's units in those of the limit.
    pub(super) unit: f64,
    /// What counts as much as 1 when limits are weighed against each other, in the row's units.
    pub(super) span: f64,
}

impl Row {
    pub(super) fn working(factors: Vec<(usize, f64)>, bound: f64) -> Self {
        Self { factors, bound, fixed: 0.0, limit: None, unit: 1.0, span: 1.0 }
    }
}

/// Minimise x'Px/2 + q'x, subject to rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    pub(super) variables: usize,
    /// Upper triangle: row, column, value.
    pub(super) quadratic: Vec<(usize, usize, f64)>,
    pub(super) linear: Vec<f64>,
    pub(super) equal: Vec<Row>,
    pub(super) below: Vec<Row>,
    /// The sum of squares of all rows but the first is at most the square of the first: each row is what
    /// `bound` has more than its factors sum to.
    pub(super) norms: Vec<Vec<Row>>,
    /// Rows x, y, z, as those of `norms`, with y exp(x / y) <= z.
    pub(super) exponentials: Vec<[Row; 3]>,
    /// The variable that multiplies every bound, where the program is of a portfolio's direction alone.
    pub(super) scale: Option<usize>,
}

/// What a program came to.
#[derive(Debug, Clone)]
pub(super) struct Solved {
    pub(super) x: Vec<f64>,
    pub(super) value: f64,
    /// What the value falls by for one of a limit's units more room; 0 where there is room anyway.
    pub(super) prices: Vec<(Limit, f64)>,
}

/// Why a program has no solution.
#[derive(Debug, Clone)]
pub(super) enum Unsolved {
    Infeasible,
    /// Neither a solution nor a proof that there is none.
    Unclear(Fault),
}

impl Program {
    /// New variables, of which the first place is answered.
    pub(super) fn add(&mut self, count: usize) -> usize {
        let first = self.variables;
        self.variables += count;
        self.linear.resize(self.variables, 0.0);
        first
    }

    /// Rows in the order in which Clarabel reads them: equal, below, norms, exponentials.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        let norms = self.norms.iter().flatten();
        let exponentials = self.exponentials.iter().flatten();
        self.equal.iter().chain(&self.below).chain(norms).chain(exponentials)
    }

    /// # Errors
    /// [`Unsolved::Infeasible`] where no point meets all rows; a [`Fault`] where none is found in time.
    pub(super) fn solve(&self) -> std::result::Result<Solved, Unsolved> {
        let rows: Vec<&Row> = self.rows().collect();
        let quadratic = columns(self.variables, self.variables, &self.quadratic);
        let mut entries = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            entries.extend(row.factors.iter().map(|(variable, factor)| (at, *variable, *factor)));
            if let Some(scale) = self.scale.filter(|_| row.bound != 0.0) {
                entries.push((at, scale, -row.bound));
            }
        }
        let matrix = columns(rows.len(), self.variables, &entries);
        let bound = |row: &&Row| row.fixed + if self.scale.is_some() { 0.0 } else { row.bound };
        let bounds: Vec<f64> = rows.iter().map(bound).collect();
        let mut cones: Vec<SupportedConeT<f64>> = Vec::new();
        if !self.equal.is_empty() {
            cones.push(ZeroConeT(self.equal.len()));
        }
        if !self.below.is_empty() {
            cones.push(NonnegativeConeT(self.below.len()));
        }
        cones.extend(self.norms.iter().map(|rows| SecondOrderConeT(rows.len())));
        cones.extend(self.exponentials.iter().map(|_| ExponentialConeT()));
        let mut outcome = Err(Unsolved::Infeasible);
        for attempt in ATTEMPTS {
            let settings = settings(attempt);
            let solver =
                DefaultSolver::new(&quadratic, &self.linear, &matrix, &bounds, &cones, settings);
            let mut solver =
                solver.map_err(|error| unclear(&format!("refused the problem: {error}")))?;
            solver.solve();
            let solution = &solver.solution;
            outcome = match solution.status {
                SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(Solved {
                    prices: self.prices(&rows, &solution.z),
                    x: solution.x.clone(),
                    value: solution.obj_val,
                }),
                SolverStatus::PrimalInfeasible => Err(Unsolved::Infeasible),
                SolverStatus::MaxTime => {
                    return Err(unclear("takes longer than a minute: send fewer assets or dates"));
                }
                _ => Err(unclear(UNCLEAR)),
            };
            if matches!(solution.status, SolverStatus::Solved | SolverStatus::PrimalInfeasible) {
                break;
            }
        }
        outcome
    }

    fn prices(&self, rows: &[&Row], duals: &[f64]) -> Vec<(Limit, f64)> {
        let mut prices: Vec<(Limit, f64)> = Vec::new();
        for (row, dual) in rows.iter().zip(duals) {
            let Some(limit) = row.limit else { continue };
            match prices.iter_mut().find(|(known, _)| *known == limit) {
                Some((_, price)) => *price += dual / row.unit,
                None => prices.push((limit, dual / row.unit)),
            }
        }
        prices
    }

    /// By how much each limit is missed, in its own unit, where all together are missed by as little as can be;
    /// None where they need not be missed.
    ///
    /// Every row with a limit gets room at a price of 1 for each span, the bounds of single assets at hardly more:
    /// where either would do it is the limit of many assets that is named. What must not be sold short or held at
    /// all stays so.
    ///
    /// # Errors
    /// A [`Fault`] where even that is not found.
    pub(super) fn misses(&self) -> Result<Option<Vec<(Limit, f64)>>> {
        let mut elastic = Program { quadratic: Vec::new(), ..self.clone() };
        elastic.linear = vec![0.0; self.variables];
        let mut room: Vec<(Limit, usize, f64)> = Vec::new();
        let give = |row: &mut Row, room: &mut Vec<(Limit, usize, f64)>, added: &mut Vec<f64>| {
            let Some(limit) = row.limit else { return };
            let single = matches!(limit, Limit::LeastWeight(_) | Limit::MostWeight(_));
            if single && row.bound == 0.0 {
                return;
            }
            let place = match room.iter().find(|(known, _, _)| *known == limit) {
                Some((_, place, _)) => *place,
                None => {
                    let place = self.variables + added.len();
                    added.push(if single { 1.001 } else { 1.0 });
                    room.push((limit, place, row.span * row.unit));
                    place
                }
            };
            row.factors.push((place, -row.span));
        };
        let mut added = Vec::new();
        for row in elastic.below.iter_mut().chain(elastic.norms.iter_mut().flatten()) {
            give(row, &mut room, &mut added);
        }
        for (at, price) in added.into_iter().enumerate() {
            let place = elastic.add(1);
            debug_assert_eq!(place, self.variables + at);
            elastic.linear[place] = price;
            elastic.below.push(Row::working(vec![(place, -1.0)], 0.0));
        }
        let solved = elastic.solve().map_err(|unsolved| match unsolved {
            Unsolved::Unclear(fault) => fault,
            Unsolved::Infeasible => Fault::new("", "the constraints contradict each other"),
        })?;
        let missed: Vec<(Limit, f64)> = room
            .into_iter()
            .filter(|(_, place, _)| solved.x[*place] > 1e-6)
            .map(|(limit, place, unit)| (limit, solved.x[place] * unit))
            .collect();
        Ok(if missed.is_empty() { None } else { Some(missed) })
    }
}

/// A sparse matrix of entries, of which each place comes once.
fn columns(rows: usize, columns: usize, entries: &[(usize, usize, f64)]) -> CscMatrix<f64> {
    let pick = |of: fn(&(usize, usize, f64)) -> usize| entries.iter().map(of).collect();
    let values = entries.iter().map(|(_, _, value)| *value).collect();
    CscMatrix::new_from_triplets(rows, columns, pick(|one| one.0), pick(|one| one.1), values)
}
