//! What folding a linear scale of columns into the first layer of a network could save: 1,000 rows of 20
//! columns are brought to `(x - mean) / deviation`, held within 100 deviations and written row after
//! row, as a version reads them; beside that the same without the scale, held within the same bounds in
//! the columns' own units, since a layer can't hold them.
//!
//!     cargo run --release --example scaling

#![expect(clippy::print_stdout, reason = "what it measures is what it is for")]

use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 1_000;
const COLUMNS: usize = 20;
/// Rows that are written before the next ones, which stay in the nearest cache.
const BLOCK: usize = 256;
const TURNS: usize = 2_000;

struct Scale {
    mean: f64,
    deviation: f64,
}

fn main() {
    let number = |row: usize, column: usize| {
        let mixed = (row * COLUMNS + column).wrapping_mul(2_654_435_761) % 4_000_037;
        (mixed as f64 - 2_000_018.0) / 1e6
    };
    let columns: Vec<Vec<f64>> =
        (0..COLUMNS).map(|column| (0..ROWS).map(|row| number(row, column)).collect()).collect();
    let scales: Vec<Scale> = (0..COLUMNS)
        .map(|column| Scale { mean: column as f64 / 100.0, deviation: 1.0 + column as f64 / 50.0 })
        .collect();
    let mut rows = vec![0.0_f32; ROWS * COLUMNS];
    let scaled =
        |scale: &Scale, x: f64| ((x - scale.mean) / scale.deviation).clamp(-100.0, 100.0) as f32;
    let folded = |scale: &Scale, x: f64| {
        let reach = 100.0 * scale.deviation;
        x.clamp(scale.mean - reach, scale.mean + reach) as f32
    };
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        with.push(time(&columns, &scales, &mut rows, scaled));
        without.push(time(&columns, &scales, &mut rows, folded));
    }
    let [with, without] = [with, without].map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2] * 1e6
    });
    println!("scaled   {with:.1} µs for {ROWS} rows of {COLUMNS} columns");
    println!("folded   {without:.1} µs");
    println!("saved    {:.1} µs", with - without);
}

/// Seconds of writing all columns.
fn time(
    columns: &[Vec<f64>],
    scales: &[Scale],
    rows: &mut [f32],
    read: impl Fn(&Scale, f64) -> f32,
) -> f64 {
    let start = Instant::now();
    for (block, first) in rows.chunks_mut(BLOCK * COLUMNS).zip((0..).step_by(BLOCK)) {
        for (at, (column, scale)) in columns.iter().zip(scales).enumerate() {
            let inputs = block.iter_mut().skip(at).step_by(COLUMNS);
            for (input, x) in inputs.zip(&column[first..]) {
                // A missing number is read as the mean in both.
                let x = if x.is_finite() { *x } else { scale.mean };
                *input = read(scale, x);
            }
        }
    }
    black_box(rows);
    start.elapsed().as_secs_f64()
}
