//! Seeks the portfolio of least variance within bounds, and says how long that took.
//!
//! `min_variance RETURNS ASSETS MOST WEIGHTS`: RETURNS is a file of little-endian doubles, a row for each period;
//! MOST the greatest weight; WEIGHTS is written, a line for each asset. Prints the seconds of the covariance (Ledoit
//! and Wolf) and of the optimisation. `examples/bench/min_variance.py` runs it beside skfolio.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use actuary_finance::investments::{
    Constraints, CovarianceMethod, History, Market, Objective, Unmet, covariance, optimise,
};

#[expect(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [returns, assets, most, weights] = given.as_slice() else {
        return Err("min_variance RETURNS ASSETS MOST WEIGHTS".into());
    };
    let bytes = std::fs::read(returns)?;
    let number = |bytes: &[u8]| bytes.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN);
    let rows: Vec<f64> = bytes.chunks_exact(8).map(number).collect();
    let assets: usize = assets.parse()?;
    let history = History::new(assets, &rows)?;
    let began = Instant::now();
    let estimated = covariance(&history, CovarianceMethod::LedoitWolf)?.matrix;
    let estimating = began.elapsed().as_secs_f64();
    let mean = vec![0.0; assets];
    let market = Market { mean, covariance: estimated, history, free: 0.0 };
    let constraints =
        Constraints { upper: vec![most.parse()?; assets], ..Constraints::long_only(assets) };
    let began = Instant::now();
    let found =
        optimise(&market, &constraints, Objective::MinVariance).map_err(|unmet| match unmet {
            Unmet::Fault(fault) => fault.detail,
            Unmet::Limits(limits) => format!("{limits:?} can't be met"),
        })?;
    println!("{estimating} {}", began.elapsed().as_secs_f64());
    let mut text = String::new();
    for weight in &found.weights {
        writeln!(text, "{weight}")?;
    }
    std::fs::write(weights, text)?;
    Ok(())
}
