//! A convolution without padding, rectified and pooled by 2 x 2, forwards and backwards.
//!
//! Pictures are `[row, column, channel]`, so that what a window covers of one row is contiguous:
//! forwards no window is copied. Backwards only one of the four results under a pool has a
//! gradient, and only where it is positive; those alone are worked on, as rows of the windows'
//! matrix times a number, which is a quarter of the dense products.

use pulp::{Simd, WithSimd};

use crate::level::{dispatch, load, store};

/// Rows of windows and weights are padded to a multiple of this: the lanes of the widest vectors.
const PADDING: usize = 16;
/// Instead of a position under the pool: what was pooled was not positive.
const DEAD: u8 = 4;

/// `max(0, x * W + b)`, then the greatest of each 2 x 2; an odd last row or column is dropped.
#[derive(Debug, Clone)]
pub struct Convolution {
    shape: Shape,
    /// `[kernel, kernel, channels, stride]`, zeros after the outputs.
    weights: Vec<f32>,
    /// `[stride]`.
    bias: Vec<f32>,
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Of a picture that goes in.
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Rows and columns of the window.
    pub kernel: usize,
    /// Channels that come out.
    pub outputs: usize,
}

/// What a backward pass gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// `[pictures, height, width, channels]`, where it was asked for.
    pub inputs: Option<Vec<f32>>,
    /// `[kernel, kernel, channels, outputs]`.
    pub weights: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl Shape {
    /// Rows and columns after the pool.
    pub fn pooled(&self) -> (usize, usize) {
        let side = |side: usize| (side + 1).saturating_sub(self.kernel) / 2;
        (side(self.height), side(self.width))
    }

    /// Numbers of a picture that goes in.
    pub fn input(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of a picture that comes out.
    pub fn output(&self) -> usize {
        let (height, width) = self.pooled();
        height * width * self.outputs
    }

    /// Multiply-adds of one picture.
    pub fn multiply_adds(&self) -> usize {
        4 * self.output() * self.window()
    }

    /// Numbers under a window.
    fn window(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    fn stride(&self) -> usize {
        self.outputs.next_multiple_of(PADDING)
    }
}

impl Convolution {
    /// Of `weights` `[kernel, kernel, channels, outputs]` and `bias` `[outputs]`; None where their
    /// lengths don't fit, or a picture is smaller than a window under a pool.
    pub fn new(shape: Shape, weights: &[f32], bias: &[f32]) -> Option<Self> {
        let Shape { outputs, .. } = shape;
        let fits = shape.kernel > 0
            && shape.channels > 0
            && outputs > 0
            && shape.output() > 0
            && weights.len() == shape.window() * outputs
            && bias.len() == outputs;
        if !fits {
            return None;
        }
        let stride = shape.stride();
        let mut padded = vec![0.0; shape.window() * stride];
        for (row, from) in padded.chunks_exact_mut(stride).zip(weights.chunks_exact(outputs)) {
            row[..outputs].copy_from_slice(from);
        }
        let mut bias = bias.to_vec();
        bias.resize(stride, 0.0);
        Some(Self { shape, weights: padded, bias })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Puts pictures through: `[pictures, rows, columns, outputs]` after the pool, and which of the
    /// four under the pool each number is, for [`Convolution::backward`]. A picture has the same
    /// bits among any others.
    ///
    /// # Panics
    /// When `x` is no whole number of pictures.
    pub fn forward(&self, x: &[f32]) -> (Vec<f32>, Vec<u8>) {
        assert!(x.len().is_multiple_of(self.shape.input()));
        let pictures = x.len() / self.shape.input();
        let mut y = vec![0.0; pictures * self.shape.output()];
        let mut chosen = vec![0; y.len()];
        dispatch(Forward { layer: self, x, y: &mut y, chosen: &mut chosen });
        (y, chosen)
    }

    /// The gradients by a gradient `dy` of what [`Convolution::forward`] gave for `x`.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn backward(&self, x: &[f32], chosen: &[u8], dy: &[f32], with_inputs: bool) -> Gradients {
        let shape = self.shape;
        let pictures = x.len() / shape.input();
        assert!(x.len() == pictures * shape.input());
        assert!(dy.len() == pictures * shape.output() && chosen.len() == dy.len());
        let row = shape.window().next_multiple_of(PADDING);
        let mut rows = Rows {
            weights: vec![0.0; shape.outputs * row],
            bias: vec![0.0; shape.outputs],
            inputs: with_inputs.then(|| vec![0.0; x.len()]),
        };
        let turned = if with_inputs { self.turned(row) } else { Vec::new() };
        let pass = Backward { shape, row, turned: &turned, x, chosen, dy, into: &mut rows };
        dispatch(pass);
        let mut weights = vec![0.0; shape.window() * shape.outputs];
        for (output, gradient) in rows.weights.chunks_exact(row).enumerate() {
            for (at, value) in gradient[..shape.window()].iter().enumerate() {
                weights[at * shape.outputs + output] = *value;
            }
        }
        Gradients { inputs: rows.inputs, weights, bias: rows.bias }
    }

    /// The weights as `[outputs, row]`, zeros after the window.
    fn turned(&self, row: usize) -> Vec<f32> {
        let mut turned = vec![0.0; self.shape.outputs * row];
        for (at, weights) in self.weights.chunks_exact(self.shape.stride()).enumerate() {
            for (output, weight) in weights[..self.shape.outputs].iter().enumerate() {
                turned[output * row + at] = *weight;
            }
        }
        turned
    }
}

struct Forward<'a> {
    layer: &'a Convolution,
    x: &'a [f32],
    y: &'a mut [f32],
    chosen: &'a mut [u8],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { layer, x, y, chosen } = self;
        let shape = layer.shape;
        let (stride, (_, pooled)) = (shape.stride(), shape.pooled());
        // Two rows of results, which one row of the pool lies over.
        let length = 2 * pooled * stride;
        let mut results = vec![0.0; 2 * length];
        let pictures = x.chunks_exact(shape.input());
        let outputs =
            y.chunks_exact_mut(shape.output()).zip(chosen.chunks_exact_mut(shape.output()));
        for (picture, (y, chosen)) in pictures.zip(outputs) {
            let row = pooled * shape.outputs;
            let rows = y.chunks_exact_mut(row).zip(chosen.chunks_exact_mut(row)).enumerate();
            for (at, (y, chosen)) in rows {
                let (upper, lower) = results.split_at_mut(length);
                results_of_row(simd, layer, picture, 2 * at, upper);
                results_of_row(simd, layer, picture, 2 * at + 1, lower);
                let cells = y.chunks_exact_mut(shape.outputs);
                let cells = cells.zip(chosen.chunks_exact_mut(shape.outputs));
                let upper = upper.chunks_exact(2 * stride);
                for ((y, chosen), (upper, lower)) in
                    cells.zip(upper.zip(lower.chunks_exact(2 * stride)))
                {
                    pool(upper.split_at(stride), lower.split_at(stride), y, chosen);
                }
            }
        }
    }
}

/// The greatest of four results, channel by channel, and which it is; the first of equals. A NaN
/// stays one, so that it is seen.
#[inline(always)]
fn pool(upper: (&[f32], &[f32]), lower: (&[f32], &[f32]), y: &mut [f32], chosen: &mut [u8]) {
    let four = upper.0.iter().zip(upper.1).zip(lower.0.iter().zip(lower.1));
    for ((y, chosen), ((a, b), (c, d))) in y.iter_mut().zip(chosen).zip(four) {
        let (first, at_first) = if *b > *a || b.is_nan() { (*b, 1) } else { (*a, 0) };
        let (second, at_second) = if *d > *c || d.is_nan() { (*d, 3) } else { (*c, 2) };
        let lower = second > first || second.is_nan();
        let (most, at) = if lower { (second, at_second) } else { (first, at_first) };
        *y = if most <= 0.0 { 0.0 } else { most };
        *chosen = if most <= 0.0 { DEAD } else { at };
    }
}

/// The results of one row, an even number of them: `[columns, stride]`.
#[inline(always)]
fn results_of_row<S: Simd>(
    simd: S,
    layer: &Convolution,
    picture: &[f32],
    row: usize,
    results: &mut [f32],
) {
    let stride = layer.shape.stride();
    let columns = results.len() / stride;
    let mut column = 0;
    while column < columns {
        let left = columns - column;
        let results = &mut results[column * stride..];
        let place = (row, column);
        let mut lane = 0;
        while lane < stride {
            let wide = stride - lane >= 2 * S::F32_LANES;
            match (left, wide) {
                (6.., true) => tile::<S, 6, 2>(simd, layer, picture, place, lane, results),
                (6.., false) => tile::<S, 6, 1>(simd, layer, picture, place, lane, results),
                (4.., true) => tile::<S, 4, 2>(simd, layer, picture, place, lane, results),
                (4.., false) => tile::<S, 4, 1>(simd, layer, picture, place, lane, results),
                (_, true) => tile::<S, 2, 2>(simd, layer, picture, place, lane, results),
                (_, false) => tile::<S, 2, 1>(simd, layer, picture, place, lane, results),
            }
            lane += if wide { 2 } else { 1 } * S::F32_LANES;
        }
        column += match left {
            6.. => 6,
            4.. => 4,
            _ => 2,
        };
    }
}

/// The results at `C` columns by `V` vectors of outputs.
#[inline(always)]
fn tile<S: Simd, const C: usize, const V: usize>(
    simd: S,
    layer: &Convolution,
    picture: &[f32],
    (row, column): (usize, usize),
    lane: usize,
    results: &mut [f32],
) {
    let Shape { width, channels, kernel, .. } = layer.shape;
    let (stride, span) = (layer.shape.stride(), V * S::F32_LANES);
    let (bias, _) = S::as_simd_f32s(&layer.bias[lane..lane + span]);
    let mut sums = [[simd.splat_f32s(0.0); V]; C];
    for sums in &mut sums {
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum = *bias;
        }
    }
    let across = kernel * channels;
    for (line, weights) in layer.weights.chunks_exact(across * stride).enumerate() {
        let start = ((row + line) * width + column) * channels;
        // What the windows of all columns cover of this line.
        let covered = &picture[start..start + across + (C - 1) * channels];
        for (at, weights) in weights.chunks_exact(stride).enumerate() {
            let (weights, _) = S::as_simd_f32s(&weights[lane..lane + span]);
            for (column, sums) in sums.iter_mut().enumerate() {
                let value = simd.splat_f32s(covered[column * channels + at]);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_e_f32s(value, *weight, *sum);
                }
            }
        }
    }
    for (column, sums) in sums.iter().enumerate() {
        let start = column * stride + lane;
        let (results, _) = S::as_mut_simd_f32s(&mut results[start..start + span]);
        for (result, sum) in results.iter_mut().zip(sums) {
            *result = *sum;
        }
    }
}

/// Gradients while they are summed.
struct Rows {
    /// `[outputs, row]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    inputs: Option<Vec<f32>>,
}

struct Backward<'a> {
    shape: Shape,
    /// Numbers between the starts of two windows.
    row: usize,
    turned: &'a [f32],
    x: &'a [f32],
    chosen: &'a [u8],
    dy: &'a [f32],
    into: &'a mut Rows,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { shape, row, turned, x, chosen, dy, into } = self;
        let (height, width) = shape.pooled();
        let cells = height * width;
        // One after the other as the pool takes them: the four of a cell are neighbours.
        let count = 4 * height * width * row;
        let mut found = vec![(0, 0.0); cells];
        let starts: Vec<usize> = window_starts(shape).collect();
        let mut windows = vec![0.0; count + PADDING];
        let mut inputs = into.inputs.as_mut().map(|inputs| (inputs, vec![0.0; count]));
        let steps = x
            .chunks_exact(shape.input())
            .zip(chosen.chunks_exact(shape.output()).zip(dy.chunks_exact(shape.output())));
        for (picture, (x, (chosen, dy))) in steps.enumerate() {
            copy_windows(simd, shape, x, &starts, row, &mut windows);
            for output in 0..shape.outputs {
                let count = alive(shape, output, chosen, dy, row, &mut found);
                let found = &found[..count];
                into.bias[output] += found.iter().map(|(_, dy)| dy).sum::<f32>();
                let gradient = &mut into.weights[output * row..(output + 1) * row];
                add_windows_of(simd, found, &windows, gradient);
            }
            let Some((inputs, gradients)) = &mut inputs else { continue };
            gradients.fill(0.0);
            let by_cell = chosen.chunks_exact(shape.outputs).zip(dy.chunks_exact(shape.outputs));
            for ((chosen, dy), gradients) in by_cell.zip(gradients.chunks_exact_mut(4 * row)) {
                for ((chosen, dy), weights) in chosen.iter().zip(dy).zip(turned.chunks_exact(row)) {
                    if *chosen != DEAD {
                        let window = usize::from(*chosen) * row;
                        add_scaled(simd, *dy, weights, &mut gradients[window..window + row]);
                    }
                }
            }
            let start = picture * shape.input();
            add_windows(shape, gradients, &starts, row, &mut inputs[start..start + shape.input()]);
        }
    }
}

/// Where the windows begin that an output's numbers are of, and their gradients, without those that
/// have none; how many there are. Without branches, which none could foresee.
#[inline(always)]
fn alive(
    shape: Shape,
    output: usize,
    chosen: &[u8],
    dy: &[f32],
    row: usize,
    found: &mut [(usize, f32)],
) -> usize {
    let mut count = 0;
    let chosen = chosen.chunks_exact(shape.outputs).map(|chosen| chosen[output]);
    let dy = dy.chunks_exact(shape.outputs).map(|dy| dy[output]);
    for (cell, (chosen, dy)) in chosen.zip(dy).enumerate() {
        found[count] = ((4 * cell + usize::from(chosen)) * row, dy);
        count += usize::from(chosen != DEAD);
    }
    count
}

/// Adds windows times their factors to a gradient, in the order of the cells.
#[inline(always)]
fn add_windows_of<S: Simd>(simd: S, found: &[(usize, f32)], windows: &[f32], gradient: &mut [f32]) {
    let mut at = 0;
    while at < gradient.len() {
        let left = (gradient.len() - at) / S::F32_LANES;
        let (windows, gradient) = (&windows[at..], &mut gradient[at..]);
        at += S::F32_LANES
            * match left {
                4.. => add_vectors_of::<S, 4>(simd, found, windows, gradient),
                2.. => add_vectors_of::<S, 2>(simd, found, windows, gradient),
                _ => add_vectors_of::<S, 1>(simd, found, windows, gradient),
            };
    }
}

/// So many vectors, which stay in registers; how many that was.
#[inline(always)]
fn add_vectors_of<S: Simd, const V: usize>(
    simd: S,
    found: &[(usize, f32)],
    windows: &[f32],
    gradient: &mut [f32],
) -> usize {
    let mut sums: [S::f32s; V] =
        std::array::from_fn(|vector| load(simd, gradient, vector * S::F32_LANES));
    for (start, dy) in found {
        let dy = simd.splat_f32s(*dy);
        let (window, _) = S::as_simd_f32s(&windows[*start..][..V * S::F32_LANES]);
        for (sum, window) in sums.iter_mut().zip(window) {
            *sum = simd.mul_add_e_f32s(dy, *window, *sum);
        }
    }
    for (vector, sum) in sums.into_iter().enumerate() {
        store(simd, gradient, vector * S::F32_LANES, sum);
    }
    V
}

/// `y += factor * x`, both a whole number of the widest vectors long.
#[inline(always)]
fn add_scaled<S: Simd>(simd: S, factor: f32, x: &[f32], y: &mut [f32]) {
    let factor = simd.splat_f32s(factor);
    let (x, _) = S::as_simd_f32s(x);
    let (y, _) = S::as_mut_simd_f32s(y);
    for (y, x) in y.iter_mut().zip(x) {
        *y = simd.mul_add_e_f32s(factor, *x, *y);
    }
}

/// Where each window begins in a picture, in the order of the cells of the pool.
#[inline(always)]
fn window_starts(shape: Shape) -> impl Iterator<Item = usize> {
    let (height, width) = shape.pooled();
    (0..height * width * 4).map(move |at| {
        let (cell, place) = (at / 4, at % 4);
        let (row, column) = (2 * (cell / width) + place / 2, 2 * (cell % width) + place % 2);
        (row * shape.width + column) * shape.channels
    })
}

/// Whole vectors of each line, of which the next line overwrites what was too much; behind the last
/// one of a window it is left in the padding, and behind the last window there is room for it.
#[inline(always)]
fn copy_windows<S: Simd>(
    simd: S,
    shape: Shape,
    x: &[f32],
    starts: &[usize],
    row: usize,
    windows: &mut [f32],
) {
    let across = shape.kernel * shape.channels;
    for (window, start) in starts.iter().enumerate() {
        for line in 0..shape.kernel {
            let from = &x[start + line * shape.width * shape.channels..];
            let to = &mut windows[window * row + line * across..];
            for at in (0..across).step_by(S::F32_LANES) {
                store(simd, to, at, load(simd, from, at));
            }
        }
    }
}

/// The other way: adds what windows hold to where they come from.
#[inline(always)]
fn add_windows(shape: Shape, windows: &[f32], starts: &[usize], row: usize, x: &mut [f32]) {
    let across = shape.kernel * shape.channels;
    for (start, window) in starts.iter().zip(windows.chunks_exact(row)) {
        for (line, window) in window[..shape.window()].chunks_exact(across).enumerate() {
            let from = start + line * shape.width * shape.channels;
            for (x, window) in x[from..from + across].iter_mut().zip(window) {
                *x += window;
            }
        }
    }
}

#[cfg(test)]
mod tests;
