//! Logistic regression by Newton's method (iteratively reweighted least squares).

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::{Fault, Result};

/// Most steps: from zero a problem that has an answer needs about ten.
const STEPS: usize = 100;
/// A step that changes nothing by more than this, relative to its size or to 1, is the last.
const CONVERGED: f64 = 1e-10;
/// Halvings of a step that would make it worse.
const HALVINGS: usize = 30;
/// Weights of evidence of a unit are odds of 2.7 times: no coefficient that means anything is so large.
const DIVERGED: f64 = 1e4;

/// What is regressed.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a> {
    /// `[rows, columns]`, row after row.
    pub inputs: &'a [f64],
    pub columns: usize,
    /// Which rows have the outcome whose logit is modelled.
    pub bad: &'a [bool],
    /// How much each row counts; 1 each where there are none.
    pub weights: Option<&'a [f64]>,
    /// Penalty: half of it times the sum of the squared coefficients is added to the sum of the log
    /// losses. The intercept is free. 0 is none.
    pub l2: f64,
}

/// A logistic regression that has converged.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    pub intercept: f64,
    /// One for each column; 0 of one that is left out.
    pub coefficients: Vec<f64>,
    /// Standard errors of the intercept and of each coefficient, by the inverse of the penalised
    /// information; 0 of one that is left out.
    pub intercept_error: f64,
    pub errors: Vec<f64>,
    /// Which columns are in it.
    pub kept: Vec<bool>,
    /// Sum of the rows' log losses, without the penalty.
    pub loss: f64,
    pub steps: usize,
}

/// What a step has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Sum of the rows' log losses after it, without the penalty.
    pub loss: f64,
    /// Whether it was the last.
    pub is_last: bool,
}

/// A regression, step by step.
pub struct Newton<'a> {
    problem: Problem<'a>,
    /// The columns that are in it.
    columns: Vec<usize>,
    /// Intercept and coefficients.
    beta: DVector<f64>,
    steps: usize,
    /// The factor of the information at `beta`, once it has converged.
    information: Option<Cholesky<f64, Dyn>>,
    loss: f64,
}

impl<'a> Newton<'a> {
    /// From coefficients of zero, of those columns that are `kept`.
    ///
    /// # Errors
    /// A [`Fault`] for a problem that is none: of no rows, of one outcome, of inputs that don't fit or are
    /// not finite, of a negative penalty.
    pub fn new(problem: Problem<'a>, kept: &[bool]) -> Result<Self> {
        let Problem { inputs, columns, bad, weights, l2 } = problem;
        let fits = kept.len() == columns
            && inputs.len() == columns * bad.len()
            && weights.is_none_or(|weights| weights.len() == bad.len());
        if !fits || inputs.iter().any(|input| !input.is_finite()) {
            return Err(Fault::new("", "the inputs don't fit the rows, or are not finite"));
        }
        if !(l2 >= 0.0 && l2.is_finite()) {
            return Err(Fault::new("/l2", format!("{l2} has to be 0 or more")));
        }
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let (mut good, mut of_bad) = (0.0, 0.0);
        for (row, bad) in bad.iter().enumerate() {
            *(if *bad { &mut of_bad } else { &mut good }) += weight(row);
        }
        if !(good > 0.0 && of_bad > 0.0 && good.is_finite() && of_bad.is_finite()) {
            return Err(Fault::new("/target", "has to have rows of either outcome"));
        }
        let columns: Vec<usize> = (0..columns).filter(|column| kept[*column]).collect();
        let mut beta = DVector::zeros(columns.len() + 1);
        beta[0] = f64::ln(of_bad / good);
        let mut newton = Self { problem, columns, beta, steps: 0, information: None, loss: 0.0 };
        newton.loss = newton.losses(&newton.beta).0;
        Ok(newton)
    }

    fn logit(&self, beta: &DVector<f64>, row: usize) -> f64 {
        let inputs = &self.problem.inputs[row * self.problem.columns..];
        let terms = self.columns.iter().zip(beta.iter().skip(1));
        terms.fold(beta[0], |sum, (column, beta)| sum + beta * inputs[*column])
    }

    fn weight(&self, row: usize) -> f64 {
        self.problem.weights.map_or(1.0, |weights| weights[row])
    }

    /// The sum of the log losses, and the same with the penalty.
    fn losses(&self, beta: &DVector<f64>) -> (f64, f64) {
        let of_row = |(row, bad): (usize, &bool)| {
            let logit = self.logit(beta, row);
            let away = if *bad { -logit } else { logit };
            // ln(1 + e^away), without overflow.
            self.weight(row) * (away.max(0.0) + (-away.abs()).exp().ln_1p())
        };
        let loss: f64 = self.problem.bad.iter().enumerate().map(of_row).sum();
        let squares: f64 = beta.iter().skip(1).map(|beta| beta * beta).sum();
        (loss, loss + self.problem.l2 / 2.0 * squares)
    }

    /// Gradient and information of the penalised loss, and whether each row is on its own side.
    fn derivatives(&self) -> (DVector<f64>, DMatrix<f64>, bool) {
        let size = self.beta.len();
        let (mut gradient, mut information) = (DVector::zeros(size), DMatrix::zeros(size, size));
        let mut row_of = vec![1.0; size];
        let mut separated = true;
        for (row, bad) in self.problem.bad.iter().enumerate() {
            let inputs = &self.problem.inputs[row * self.problem.columns..];
            for (slot, column) in row_of[1..].iter_mut().zip(&self.columns) {
                *slot = inputs[*column];
            }
            let logit = self.logit(&self.beta, row);
            let probability = 1.0 / (1.0 + (-logit).exp());
            let weight = self.weight(row);
            separated &= weight == 0.0 || if *bad { logit > 0.0 } else { logit < 0.0 };
            let slope = weight * (probability - f64::from(u8::from(*bad)));
            let curve = weight * probability * (1.0 - probability);
            for (at, input) in row_of.iter().enumerate() {
                gradient[at] += slope * input;
                let scaled = curve * input;
                // The upper triangle lies in columns.
                for (slot, other) in information.column_mut(at).iter_mut().zip(&row_of[..=at]) {
                    *slot += scaled * other;
                }
            }
        }
        for at in 1..size {
            gradient[at] += self.problem.l2 * self.beta[at];
            information[(at, at)] += self.problem.l2;
        }
        information.fill_lower_triangle_with_upper_triangle();
        (gradient, information, separated)
    }

    /// One step of Newton's, shortened where it would make the loss worse.
    ///
    /// # Errors
    /// A [`Fault`] where there is no answer: the outcomes are separate, or columns say the same.
    pub fn step(&mut self) -> Result<Step> {
        let separate = || {
            Fault::new(
                "/l2",
                "the columns tell the two outcomes apart without error, or nearly: no coefficients are \
                 the best ones. Leave out the column that knows the outcome, or take a penalty above 0",
            )
        };
        let (gradient, information, separated) = self.derivatives();
        if separated && self.problem.l2 == 0.0 && self.steps > 0 {
            return Err(separate());
        }
        let Some(information) = Cholesky::new(information) else {
            let detail = "some columns say the same as others: leave one of them out, or take a penalty \
                          above 0";
            return Err(if self.steps > 0 { separate() } else { Fault::new("/l2", detail) });
        };
        let change = information.solve(&gradient);
        let before = self.losses(&self.beta).1;
        let mut share = 1.0;
        let mut next = &self.beta - &change;
        for _ in 0..HALVINGS {
            // Equal but for rounding is as good.
            if self.losses(&next).1 <= before * (1.0 + 1e-14) {
                break;
            }
            share /= 2.0;
            next = &self.beta - &change * share;
        }
        let moved =
            next.iter().zip(&self.beta).map(|(new, old)| (new - old).abs() / old.abs().max(1.0));
        let is_last = moved.fold(0.0, f64::max) <= CONVERGED;
        self.beta = next;
        self.steps += 1;
        self.loss = self.losses(&self.beta).0;
        let is_lost = self.beta.iter().skip(1).any(|beta| beta.abs() > DIVERGED);
        if is_lost || !self.loss.is_finite() || (self.steps >= STEPS && !is_last) {
            return Err(separate());
        }
        if is_last {
            self.information = Some(information);
        }
        Ok(Step { loss: self.loss, is_last })
    }

    /// Steps that it has taken.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The intercept, and the coefficients of all columns: 0 of those that are left out.
    pub fn coefficients(&self) -> (f64, Vec<f64>) {
        (self.beta[0], self.spread(self.beta.iter().skip(1).copied()))
    }

    fn spread(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut all = vec![0.0; self.problem.columns];
        for (column, value) in self.columns.iter().zip(values) {
            all[*column] = value;
        }
        all
    }

    /// What it has come to after the last step.
    fn converged(&self) -> Option<Logistic> {
        let inverse = self.information.as_ref()?.inverse();
        let errors: Vec<f64> = (0..self.beta.len()).map(|at| inverse[(at, at)].sqrt()).collect();
        let (intercept, coefficients) = self.coefficients();
        let mut kept = vec![false; self.problem.columns];
        self.columns.iter().for_each(|column| kept[*column] = true);
        Some(Logistic {
            intercept,
            coefficients,
            intercept_error: errors[0],
            errors: self.spread(errors[1..].iter().copied()),
            kept,
            loss: self.loss,
            steps: self.steps,
        })
    }

    /// Goes on to the end, `watch` being told of each step; None where it says to stop.
    ///
    /// # Errors
    /// As [`Newton::step`].
    pub fn run<E: From<Fault>>(
        mut self,
        watch: &mut dyn FnMut(&Self, Step) -> std::result::Result<(), E>,
    ) -> std::result::Result<Logistic, E> {
        loop {
            let step = self.step()?;
            watch(&self, step)?;
            if step.is_last {
                let lost = || Fault::new("", "the regression has no information");
                return self.converged().ok_or_else(|| lost().into());
            }
        }
    }
}

/// Fits all columns.
///
/// # Errors
/// As [`Newton::new`] and [`Newton::step`].
pub fn fit(problem: Problem<'_>) -> Result<Logistic> {
    Newton::new(problem, &vec![true; problem.columns])?.run(&mut |_, _| Ok(()))
}

/// Fits with no coefficient above 0 of the columns that are `held`, as weights of evidence should have: while
/// there is one, the column that is farthest above 0 for its standard error is left out, and all others
/// fitted anew. `watch` is told of each step.
///
/// # Errors
/// As [`Newton::new`] and [`Newton::step`], and what `watch` says.
pub fn fit_signed<E: From<Fault>>(
    problem: Problem<'_>,
    held: &[bool],
    watch: &mut dyn FnMut(&Newton<'_>, Step) -> std::result::Result<(), E>,
) -> std::result::Result<Logistic, E> {
    let mut kept = vec![true; problem.columns];
    loop {
        let fitted = Newton::new(problem, &kept)?.run(watch)?;
        let wrong =
            |column: &usize| held.get(*column) == Some(&true) && fitted.coefficients[*column] > 0.0;
        let away = |column: usize| fitted.coefficients[column] / fitted.errors[column];
        let worst = (0..problem.columns).filter(wrong).max_by(|a, b| away(*a).total_cmp(&away(*b)));
        match worst {
            Some(column) => kept[column] = false,
            None => return Ok(fitted),
        }
    }
}
