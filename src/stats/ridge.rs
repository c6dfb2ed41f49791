//! Ridge regression in closed form.

use nalgebra::{Cholesky, DMatrix};

/// Sums of products of the rows seen so far, from which the coefficients for any penalty follow:
/// memory does not grow with the rows.
#[derive(Debug, Clone)]
pub struct Ridge {
    /// `[inputs, inputs]`.
    gram: DMatrix<f64>,
    /// `[inputs, outputs]`.
    cross: DMatrix<f64>,
}

impl Ridge {
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self { gram: DMatrix::zeros(inputs, inputs), cross: DMatrix::zeros(inputs, outputs) }
    }

    /// Adds rows: `x` is `[rows, inputs]`, `y` `[rows, outputs]`, row after row. What is left over
    /// behind the last whole row is passed over.
    pub fn add(&mut self, x: &[f64], y: &[f64]) {
        let (inputs, outputs) = self.cross.shape();
        let rows = (x.len() / inputs.max(1)).min(y.len() / outputs.max(1));
        // Rows of a slice are columns of a matrix, so these are the transposes.
        let x = DMatrix::from_column_slice(inputs, rows, &x[..rows * inputs]);
        let y = DMatrix::from_column_slice(outputs, rows, &y[..rows * outputs]);
        self.gram.gemm(1.0, &x, &x.transpose(), 1.0);
        self.cross.gemm(1.0, &x, &y.transpose(), 1.0);
    }

    /// Coefficients `[inputs, outputs]`, row after row, that minimise the squared errors plus
    /// `penalty` times the squared coefficients (no intercept). `None` where they are not unique or
    /// not finite.
    pub fn solve(&self, penalty: f64) -> Option<Vec<f64>> {
        let (inputs, outputs) = self.cross.shape();
        let penalised = &self.gram + DMatrix::identity(inputs, inputs) * penalty;
        let solution = Cholesky::new(penalised)?.solve(&self.cross);
        let rows = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o)));
        let coefficients: Vec<f64> = rows.map(|at| solution[at]).collect();
        coefficients.iter().all(|c| c.is_finite()).then_some(coefficients)
    }
}
