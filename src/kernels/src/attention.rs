//! Self-attention of several heads (Vaswani et al. 2017), forwards and backwards.
//!
//! Scores are held with the keys in rows and the queries side by side: a softmax then runs down the
//! rows, many queries at once, and nothing is summed across a vector.

use pulp::{Simd, WithSimd};

use crate::elementwise::exp_of_less;
use crate::level::{dispatch, load, store};
use crate::product::{Into, LANES, Left, Onto, Right, multiply};

/// `softmax(query key' / √each) value` of each head, which has `each` = `width / heads` columns of
/// the three, the first head the first ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attention {
    places: usize,
    width: usize,
    heads: usize,
    causal: bool,
}

/// Queries, keys and values, or their gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Projected<T> {
    /// `[rows, places, 3 * width]`: of each place its query, its key, and its value.
    Packed(T),
    /// The three, `[rows, places, width]` each.
    Separate([T; 3]),
}

/// The softmax of each head, for [`Attention::backward`].
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// `[rows, heads, places (of keys), stride]`: one column for each query.
    values: Vec<f32>,
}

/// Places that are turned at once.
const BLOCK: usize = 8;

/// The parts of what is projected.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

impl<T: AsRef<[f32]>> Projected<T> {
    /// Numbers of a part's row, from its first number on, and how far apart rows are.
    fn part(&self, part: usize, width: usize) -> Right<'_> {
        match self {
            Self::Packed(all) => {
                let all = all.as_ref();
                Right::rows(all.get(part * width..).unwrap_or_default(), 3 * width)
            }
            Self::Separate(parts) => Right::rows(parts[part].as_ref(), width),
        }
    }
}

impl Projected<Vec<f32>> {
    fn part_mut(&mut self, part: usize, width: usize) -> Into<'_> {
        let (values, row) = match self {
            Self::Packed(all) => (&mut all[part * width..], 3 * width),
            Self::Separate(parts) => (&mut parts[part][..], width),
        };
        Into { values, row, onto: Onto::Nothing }
    }
}

impl Attention {
    /// Over so many places, each of which sees all, or where `causal` itself and those before; None
    /// where a size is 0 or the heads don't divide the width.
    pub fn new(places: usize, width: usize, heads: usize, causal: bool) -> Option<Self> {
        let fits = places > 0 && width > 0 && heads > 0 && width.is_multiple_of(heads);
        fits.then_some(Self { places, width, heads, causal })
    }

    fn each(&self) -> usize {
        self.width / self.heads
    }

    /// Queries of a row of scores, with what pads them.
    fn columns(&self) -> usize {
        self.places.next_multiple_of(LANES)
    }

    /// From one row of scores to the next: where many of them would share few places of a cache,
    /// some more.
    fn stride(&self) -> usize {
        let columns = self.columns();
        if columns.is_multiple_of(64) { columns + LANES } else { columns }
    }

    /// Numbers of a head's scores.
    fn scores(&self) -> usize {
        self.places * self.stride()
    }

    /// None where lengths don't fit.
    fn rows(&self, x: &Projected<&[f32]>) -> Option<usize> {
        let size = self.places * self.width;
        let (length, size) = match x {
            Projected::Packed(all) => (all.len(), 3 * size),
            Projected::Separate([query, key, value]) => {
                let same = query.len() == key.len() && key.len() == value.len();
                (same.then_some(query.len())?, size)
            }
        };
        length.is_multiple_of(size).then_some(length / size)
    }

    /// `[rows, places, width]`, and nothing for a backward pass; None where lengths don't fit. A row
    /// has the same bits among any others.
    pub fn forward(&self, x: Projected<&[f32]>) -> Option<Vec<f32>> {
        let rows = self.rows(&x)?;
        let mut y = vec![0.0; rows * self.places * self.width];
        let mut head = vec![0.0; self.scores()];
        dispatch(Forward { size: *self, rows, x, keep: None, y: &mut y, weights: &mut head });
        Some(y)
    }

    /// The same and what [`Attention::backward`] needs. Each weight is multiplied by its number in
    /// `keep` `[rows, heads, places (of keys), places (of queries)]`: 0 where it is dropped, else
    /// what makes up for those.
    ///
    /// # Panics
    /// When `keep` is not of its shape.
    pub fn forward_kept(
        &self,
        x: Projected<&[f32]>,
        keep: Option<&[f32]>,
    ) -> Option<(Vec<f32>, Weights)> {
        let rows = self.rows(&x)?;
        self.check(rows, keep);
        let mut y = vec![0.0; rows * self.places * self.width];
        let mut values = vec![0.0; rows * self.heads * self.scores()];
        dispatch(Forward { size: *self, rows, x, keep, y: &mut y, weights: &mut values });
        Some((y, Weights { values }))
    }

    fn check(&self, rows: usize, keep: Option<&[f32]>) {
        let count = rows * self.heads * self.places * self.places;
        assert!(keep.is_none_or(|keep| keep.len() == count));
    }

    /// The gradients of queries, keys and values, as `x` has them, by a gradient `dy` of what
    /// [`Attention::forward_kept`] gave for `x` and `keep`.
    ///
    /// # Panics
    /// When lengths don't fit.
    pub fn backward(
        &self,
        x: Projected<&[f32]>,
        keep: Option<&[f32]>,
        weights: &Weights,
        dy: &[f32],
    ) -> Projected<Vec<f32>> {
        let rows = weights.values.len() / (self.heads * self.scores());
        assert_eq!(self.rows(&x), Some(rows));
        assert_eq!(dy.len(), rows * self.places * self.width);
        self.check(rows, keep);
        let mut dx = match x {
            Projected::Packed(x) => Projected::Packed(vec![0.0; x.len()]),
            Projected::Separate(x) => Projected::Separate(x.map(|x| vec![0.0; x.len()])),
        };
        dispatch(Backward { size: *self, x, keep, weights: &weights.values, dy, dx: &mut dx });
        dx
    }
}

/// The numbers of one head of one row, of rows that begin at its first place.
#[inline(always)]
fn head_of<'a>(size: &Attention, all: Right<'a>, row: usize, head: usize) -> Right<'a> {
    let start = row * size.places * all.row + head * size.each();
    all.from(0, start)
}

/// The same to write to.
#[inline(always)]
fn into_head<'a>(size: &Attention, all: Into<'a>, row: usize, head: usize) -> Into<'a> {
    let start = row * size.places * all.row + head * size.each();
    Into { values: &mut all.values[start..], ..all }
}

/// `[places, each]` times a factor as `[each, stride]`; what pads it is left alone.
#[inline(always)]
fn turn(size: &Attention, from: Right<'_>, factor: f32, to: &mut [f32]) {
    let whole = size.places / BLOCK * BLOCK;
    for place in (0..whole).step_by(BLOCK) {
        turn_places::<BLOCK>(size, from, place, factor, to);
    }
    for place in whole..size.places {
        turn_places::<1>(size, from, place, factor, to);
    }
}

/// So many places from one on.
#[inline(always)]
fn turn_places<const N: usize>(
    size: &Attention,
    from: Right<'_>,
    place: usize,
    factor: f32,
    to: &mut [f32],
) {
    let each = size.each();
    let lines: [&[f32]; N] =
        std::array::from_fn(|line| &from.values[(place + line) * from.row..][..each]);
    for (column, to) in to.chunks_exact_mut(size.stride()).take(each).enumerate() {
        let values: [f32; N] = std::array::from_fn(|line| factor * lines[line][column]);
        to[place..place + N].copy_from_slice(&values);
    }
}

/// Room for a head's numbers where its width is no whole number of vectors.
struct Room {
    from: Vec<f32>,
    to: Vec<f32>,
}

impl Room {
    #[inline(always)]
    fn new<S: Simd>(size: &Attention) -> Self {
        let count = size.places * size.each().next_multiple_of(S::F32_LANES);
        Self { from: vec![0.0; count], to: vec![0.0; count] }
    }

    /// `a b` for `a` `[places, places]` and `b` of one head. What is cut short within a vector is
    /// read and written slowly: once each, and not for every product.
    #[inline(always)]
    fn multiply<S: Simd>(&mut self, size: &Attention, a: Left<'_>, b: Right<'_>, c: Into<'_>) {
        let (places, each) = (size.places, size.each());
        let across = each.next_multiple_of(S::F32_LANES);
        if across == each {
            return multiply([places, places, each], a, b, c);
        }
        let Self { from, to } = self;
        for (near, b) in from.chunks_exact_mut(across).zip(b.values.chunks(b.row)) {
            near.iter_mut().zip(&b[..each]).for_each(|(near, b)| *near = *b);
        }
        let near = Into { values: to, row: across, onto: Onto::Nothing };
        multiply([places, places, across], a, Right::rows(from, across), near);
        for (near, c) in to.chunks_exact(across).zip(c.values.chunks_mut(c.row)) {
            c[..each].copy_from_slice(&near[..each]);
        }
    }
}

/// `to = from * keep` for the weights of one head; `keep` has no padding.
#[inline(always)]
fn drop<S: Simd>(simd: S, size: &Attention, from: &[f32], keep: &[f32], to: &mut [f32]) {
    let (places, stride) = (size.places, size.stride());
    let rows = from.chunks_exact(stride).zip(keep.chunks_exact(places));
    for ((from, keep), to) in rows.zip(to.chunks_exact_mut(stride)) {
        for at in (0..places).step_by(S::F32_LANES) {
            store(simd, to, at, simd.mul_f32s(load(simd, from, at), load(simd, keep, at)));
        }
    }
}

struct Forward<'a> {
    size: Attention,
    rows: usize,
    x: Projected<&'a [f32]>,
    keep: Option<&'a [f32]>,
    y: &'a mut [f32],
    /// Of all heads of all rows, or of one, which is used again.
    weights: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Forward { size, rows, x, keep, y, weights } = self;
        let Attention { places, width, heads, .. } = size;
        let (each, stride) = (size.each(), size.stride());
        let factor = 1.0 / (each as f32).sqrt();
        let [query, key, value] = [QUERY, KEY, VALUE].map(|part| x.part(part, width));
        let mut turned = vec![0.0; each * stride];
        let mut room = Room::new::<S>(&size);
        let mut dropped = vec![0.0; keep.map_or(0, |_| size.scores())];
        let queries: Vec<f32> = (0..size.columns()).map(|query| query as f32).collect();
        let all = weights.len() > size.scores();
        for at in 0..rows * heads {
            let (row, head) = (at / heads, at % heads);
            let start = if all { at * size.scores() } else { 0 };
            let weights = &mut weights[start..start + size.scores()];
            turn(&size, head_of(&size, query, row, head), factor, &mut turned);
            let key = head_of(&size, key, row, head);
            let key = Left::rows(key.values, key.row);
            let scores = Into { values: weights, row: stride, onto: Onto::Nothing };
            let turned = Right::rows(&turned, stride);
            multiply([places, each, size.columns()], key, turned, scores);
            softmax(simd, &size, &queries, weights);
            let mut weights = &weights[..];
            if let Some(keep) = keep {
                let keep = &keep[at * places * places..][..places * places];
                drop(simd, &size, weights, keep, &mut dropped);
                weights = &dropped;
            }
            let value = head_of(&size, value, row, head);
            let y =
                into_head(&size, Into { values: y, row: width, onto: Onto::Nothing }, row, head);
            room.multiply::<S>(&size, Left::columns(weights, stride), value, y);
        }
    }
}

/// Turns the scores of a head into weights, of which those of a query add up to 1.
#[inline(always)]
fn softmax<S: Simd>(simd: S, size: &Attention, queries: &[f32], scores: &mut [f32]) {
    let stride = size.stride();
    for column in (0..size.columns()).step_by(S::F32_LANES) {
        // Keys from `some` on are seen by some of these queries only, from `none` on by none.
        let (some, none) = match size.causal {
            true => (column, (column + S::F32_LANES).min(size.places)),
            false => (size.places, size.places),
        };
        let queries = load(simd, queries, column);
        let mut most = simd.splat_f32s(f32::NEG_INFINITY);
        for (key, scores) in scores.chunks_exact_mut(stride).take(none).enumerate() {
            let mut score = load(simd, scores, column);
            if key > some {
                let unseen = simd.less_than_f32s(queries, simd.splat_f32s(key as f32));
                score = simd.select_f32s(unseen, simd.splat_f32s(f32::NEG_INFINITY), score);
                store(simd, scores, column, score);
            }
            // Of what is no number, the other.
            most = simd.max_f32s(score, most);
        }
        let mut sum = simd.splat_f32s(0.0);
        for scores in scores.chunks_exact_mut(stride).take(none) {
            let weight = exp_of_less(simd, simd.sub_f32s(load(simd, scores, column), most));
            sum = simd.add_f32s(sum, weight);
            store(simd, scores, column, weight);
        }
        let share = simd.div_f32s(simd.splat_f32s(1.0), sum);
        for (key, scores) in scores.chunks_exact_mut(stride).enumerate() {
            let weight = match key < none {
                true => simd.mul_f32s(load(simd, scores, column), share),
                false => simd.splat_f32s(0.0),
            };
            store(simd, scores, column, weight);
        }
    }
}

struct Backward<'a> {
    size: Attention,
    x: Projected<&'a [f32]>,
    keep: Option<&'a [f32]>,
    weights: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut Projected<Vec<f32>>,
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Backward { size, x, keep, weights, dy, dx } = self;
        let Attention { places, width, heads, .. } = size;
        let (each, stride) = (size.each(), size.stride());
        let factor = 1.0 / (each as f32).sqrt();
        let dy = Right::rows(dy, width);
        let [query, key, value] = [QUERY, KEY, VALUE].map(|part| x.part(part, width));
        let mut turned = vec![0.0; each * stride];
        let mut room = Room::new::<S>(&size);
        let mut gradients = vec![0.0; size.scores()];
        let mut dropped = vec![0.0; keep.map_or(0, |_| size.scores())];
        for (at, weights) in weights.chunks_exact(size.scores()).enumerate() {
            let (row, head) = (at / heads, at % heads);
            let dy = head_of(&size, dy, row, head);
            turn(&size, dy, 1.0, &mut turned);
            let value = head_of(&size, value, row, head);
            let value = Left::rows(value.values, value.row);
            let by_weights = Into { values: &mut gradients, row: stride, onto: Onto::Nothing };
            let by_turned = Right::rows(&turned, stride);
            multiply([places, each, size.columns()], value, by_turned, by_weights);
            let mut used = weights;
            if let Some(keep) = keep {
                let keep = &keep[at * places * places..][..places * places];
                drop(simd, &size, weights, keep, &mut dropped);
                used = &dropped;
            }
            let into = into_head(&size, dx.part_mut(VALUE, width), row, head);
            room.multiply::<S>(&size, Left::rows(used, stride), dy, into);
            undo_softmax(simd, &size, weights, used, factor, &mut gradients);
            let query = head_of(&size, query, row, head);
            let into = into_head(&size, dx.part_mut(KEY, width), row, head);
            room.multiply::<S>(&size, Left::rows(&gradients, stride), query, into);
            let key = head_of(&size, key, row, head);
            let into = into_head(&size, dx.part_mut(QUERY, width), row, head);
            room.multiply::<S>(&size, Left::columns(&gradients, stride), key, into);
        }
    }
}

/// Turns the gradients by what the values were multiplied by, `used`, into those by the products of
/// queries and keys.
///
/// Where weights w were dropped, used = w k: then the gradient by w is that by `used` times k, and
/// w times it is `used` times that by `used`, so that k itself is not needed.
#[inline(always)]
fn undo_softmax<S: Simd>(
    simd: S,
    size: &Attention,
    weights: &[f32],
    used: &[f32],
    factor: f32,
    gradients: &mut [f32],
) {
    let stride = size.stride();
    let factor = simd.splat_f32s(factor);
    for column in (0..size.columns()).step_by(S::F32_LANES) {
        let mut sum = simd.splat_f32s(0.0);
        for (used, by) in used.chunks_exact(stride).zip(gradients.chunks_exact_mut(stride)) {
            let along = simd.mul_f32s(load(simd, used, column), load(simd, by, column));
            sum = simd.add_f32s(sum, along);
            store(simd, by, column, along);
        }
        for (weights, by) in weights.chunks_exact(stride).zip(gradients.chunks_exact_mut(stride)) {
            let weight = load(simd, weights, column);
            let rest = simd.sub_f32s(load(simd, by, column), simd.mul_f32s(weight, sum));
            store(simd, by, column, simd.mul_f32s(rest, factor));
        }
    }
}

#[cfg(test)]
mod tests;
