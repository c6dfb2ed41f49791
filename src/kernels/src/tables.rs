//! First layers of numbers that are embedded piecewise linearly, as tables.

use pulp::{Simd, WithSimd};

use crate::aligned::Aligned;
use crate::level::dispatch;

/// Units of a row are padded to a multiple of this: the lanes of the widest vectors.
const PADDING: usize = 16;

/// The edges of numbers, between which what becomes of them is linear. Below the first and above the last
/// of its edges it goes on as between the nearest two.
#[derive(Debug, Clone)]
pub struct Edges {
    /// At least two of each number, ascending.
    edges: Vec<Vec<f32>>,
    /// How many edges the numbers before each have.
    starts: Vec<usize>,
}

/// Where a number lies: the edge below it, counted over all numbers, and how far it is to the next one;
/// before a number's first edge below 0, behind its last above 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    edge: usize,
    share: f32,
}

impl Edges {
    /// None where a number has fewer than two edges.
    pub fn new(edges: Vec<Vec<f32>>) -> Option<Self> {
        let mut count = 0;
        let starts = edges.iter().map(|edges| {
            let start = count;
            count += edges.len();
            (edges.len() >= 2).then_some(start)
        });
        Some(Self { starts: starts.collect::<Option<_>>()?, edges })
    }

    pub fn numbers(&self) -> usize {
        self.edges.len()
    }

    /// Edges of all numbers.
    pub fn count(&self) -> usize {
        self.edges.iter().map(Vec::len).sum()
    }

    /// Where a number of this place among the numbers lies.
    pub fn place(&self, number: usize, x: f32) -> Place {
        let edges = &self.edges[number];
        let bin = edges[1..edges.len() - 1].partition_point(|edge| *edge <= x);
        let (start, end) = (edges[bin], edges[bin + 1]);
        Place { edge: self.starts[number] + bin, share: (x - start) / (end - start) }
    }
}

/// What numbers add to each unit of a layer, at each of their edges.
///
/// A layer behind an embedding that is linear between edges is linear there, too: it is two rows of the
/// table, in shares, whatever the width of the embedding.
#[derive(Debug, Clone)]
pub struct Table {
    stride: usize,
    /// `[edges, stride]`, zeros after the units.
    values: Aligned,
}

impl Table {
    /// Of what numbers are embedded as at each of their edges, `[edges, width]`, and the weights of the
    /// layer that reads it, `[width, units]`, number after number. Summed in f64.
    ///
    /// None where lengths don't fit.
    pub fn new(edges: &Edges, embedded: &[f64], weights: &[f32], units: usize) -> Option<Self> {
        let width = embedded.len().checked_div(edges.count())?;
        let fits = units > 0
            && width * edges.count() == embedded.len()
            && edges.numbers().checked_mul(width)?.checked_mul(units)? == weights.len();
        if !fits {
            return None;
        }
        let stride = units.next_multiple_of(PADDING);
        let mut values = Aligned::zeros(edges.count() * stride);
        dispatch(Fill { edges, embedded, weights, width, units, stride, values: &mut values });
        Some(Self { stride, values })
    }

    /// Memory of a table of so many units, in bytes.
    pub fn bytes_of(edges: &Edges, units: usize) -> usize {
        edges.count() * units.next_multiple_of(PADDING) * size_of::<f32>()
    }

    /// Memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }

    /// Adds what the numbers of rows come to, `places` `[rows, numbers]`, to `y` `[rows, stride]`, where
    /// the stride is the units made a multiple of 16, as in [`crate::Dense`]; then makes 0 of what is
    /// negative. A row has the same bits among any others.
    ///
    /// # Panics
    /// When lengths don't fit, or a place is of other edges.
    pub fn add_rectified(&self, numbers: usize, places: &[Place], y: &mut [f32]) {
        assert!(
            numbers > 0
                && places.len().is_multiple_of(numbers)
                && y.len() == places.len() / numbers * self.stride
        );
        dispatch(Add { table: self, numbers, places, y });
    }
}

struct Fill<'a> {
    edges: &'a Edges,
    embedded: &'a [f64],
    weights: &'a [f32],
    width: usize,
    units: usize,
    stride: usize,
    values: &'a mut [f32],
}

impl WithSimd for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self { edges, embedded, weights, width, units, stride, values } = self;
        let mut sums = vec![0.0_f64; units];
        let mut rows = values.chunks_exact_mut(stride).zip(embedded.chunks_exact(width.max(1)));
        for (number, edges) in edges.edges.iter().enumerate() {
            let weights = &weights[number * width * units..(number + 1) * width * units];
            for (row, embedded) in rows.by_ref().take(edges.len()) {
                sums.fill(0.0);
                for (x, weights) in embedded.iter().zip(weights.chunks_exact(units)) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += x * f64::from(*weight);
                    }
                }
                row.iter_mut().zip(&sums).for_each(|(value, sum)| *value = *sum as f32);
            }
        }
    }
}

struct Add<'a> {
    table: &'a Table,
    numbers: usize,
    places: &'a [Place],
    y: &'a mut [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { table, numbers, places, y } = self;
        let stride = table.stride;
        for (places, y) in places.chunks_exact(numbers).zip(y.chunks_exact_mut(stride)) {
            let mut unit = 0;
            while unit < stride {
                unit += match (stride - unit) / S::F32_LANES {
                    8.. => run::<S, 8>(simd, table, places, y, unit),
                    4.. => run::<S, 4>(simd, table, places, y, unit),
                    2.. => run::<S, 2>(simd, table, places, y, unit),
                    _ => run::<S, 1>(simd, table, places, y, unit),
                };
            }
        }
    }
}

/// `V` vectors of units of a row, from `unit` on; their number.
#[inline(always)]
fn run<S: Simd, const V: usize>(
    simd: S,
    table: &Table,
    places: &[Place],
    y: &mut [f32],
    unit: usize,
) -> usize {
    let (width, stride) = (V * S::F32_LANES, table.stride);
    let (y, _) = S::as_mut_simd_f32s(&mut y[unit..unit + width]);
    let mut sums = [simd.splat_f32s(0.0); V];
    sums.iter_mut().zip(&*y).for_each(|(sum, y)| *sum = *y);
    for place in places {
        let at = place.edge * stride + unit;
        let pair = &table.values[at..at + stride + width];
        let (low, _) = S::as_simd_f32s(&pair[..width]);
        let (high, _) = S::as_simd_f32s(&pair[stride..]);
        let share = simd.splat_f32s(place.share);
        for ((sum, low), high) in sums.iter_mut().zip(low).zip(high) {
            let step = simd.sub_f32s(*high, *low);
            *sum = simd.add_f32s(*sum, simd.mul_add_e_f32s(share, step, *low));
        }
    }
    let zero = simd.splat_f32s(0.0);
    for (y, sum) in y.iter_mut().zip(&sums) {
        // A NaN stays one, so that it is seen.
        *y = simd.select_f32s(simd.less_than_f32s(*sum, zero), zero, *sum);
    }
    width
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Dense;
    use crate::level::tests::each;
    use crate::reference::{Number, assert_near, assert_same_bits, numbers, of, sum};

    /// Edges that are not evenly apart.
    fn edges(counts: &[usize]) -> Vec<Vec<f32>> {
        let of = |count: usize| (0..count).map(|edge| (edge * edge) as f32 * 0.1 - 0.6).collect();
        counts.iter().map(|count| of(*count)).collect()
    }

    /// A number's embedding, and with it the layer, by the definition: `embedded` `[edges, width]` of all
    /// numbers, `weights` `[numbers * width, units]`.
    fn reference<N: Number>(
        edges: &[Vec<f32>],
        (embedded, weights): (&[N], &[N]),
        x: &[f32],
        bias: &[N],
    ) -> Vec<N> {
        let (count, units) = (edges.iter().map(Vec::len).sum::<usize>(), bias.len());
        let (width, zero) = (embedded.len() / count, N::of(0.0));
        let row = |x: &[f32]| -> Vec<N> {
            let mut before = 0;
            let mut read = Vec::new();
            for (edges, &x) in edges.iter().zip(x) {
                let within = |bin: &usize| *bin + 2 == edges.len() || x < edges[bin + 1];
                let bin = (0..edges.len() - 1).find(within).unwrap();
                let (start, end) = (f64::from(edges[bin]), f64::from(edges[bin + 1]));
                let share = N::of((f64::from(x) - start) / (end - start));
                let at = |edge: usize| &embedded[(before + edge) * width..][..width];
                let pairs = at(bin).iter().zip(at(bin + 1));
                read.extend(pairs.map(|(low, high)| *low + share * (*high - *low)));
                before += edges.len();
            }
            let unit = |unit: usize| {
                let products = read.iter().zip(weights.iter().skip(unit).step_by(units));
                let y = bias[unit] + sum(products.map(|(x, weight)| *x * *weight));
                if y < zero { zero } else { y }
            };
            (0..units).map(unit).collect()
        };
        x.chunks(edges.len()).flat_map(row).collect()
    }

    /// Rows, `[rows, units]`, onto a bias.
    fn added(edges: &Edges, table: &Table, x: &[f32], bias: &[f32]) -> Vec<f32> {
        let layer = Dense::new(0, &[], bias, false).unwrap();
        let mut y = Vec::new();
        layer.apply(x.len() / edges.numbers(), &[], 0, &mut y);
        let places: Vec<Place> = x
            .chunks(edges.numbers())
            .flat_map(|row| row.iter().enumerate().map(|(number, x)| edges.place(number, *x)))
            .collect();
        table.add_rectified(edges.numbers(), &places, &mut y);
        y.chunks_exact(layer.stride()).flat_map(|row| row[..bias.len()].to_vec()).collect()
    }

    proptest! {
        #[test]
        fn it_is_the_layer_behind_the_embedding_in_any_shape_and_batch(
            counts in proptest::collection::vec(2_usize..8, 1..5), width in 0_usize..6,
            units in 1_usize..150, rows in 0_usize..9, seed in any::<u32>(),
        ) {
            let all = edges(&counts);
            let count: usize = counts.iter().sum();
            let embedded = numbers(count * width, seed);
            let weights = numbers(counts.len() * width * units, seed ^ 1);
            let bias = numbers(units, seed ^ 2);
            // Beyond the edges, too.
            let x: Vec<f32> =
                numbers(rows * counts.len(), seed ^ 3).iter().map(|x| x * 4.0).collect();
            let (wide, edges) = (of::<f64>(&embedded), Edges::new(all.clone()).unwrap());
            for _level in each() {
                let table = Table::new(&edges, &wide, &weights, units).unwrap();
                prop_assert_eq!(table.bytes(), Table::bytes_of(&edges, units));
                let y = added(&edges, &table, &x, &bias);
                let expected = reference(&all, (&wide, &of(&weights)), &x, &of::<f64>(&bias));
                assert_near(&y, &expected);
                assert_near(&y, &reference::<f32>(&all, (&embedded, &weights), &x, &bias));
                for (row, together) in x.chunks_exact(counts.len()).zip(y.chunks_exact(units)) {
                    assert_same_bits(&added(&edges, &table, row, &bias), together);
                }
            }
        }
    }

    #[test]
    fn a_number_lies_at_an_edge_between_two_or_beyond() {
        let edges = Edges::new(vec![vec![0.0, 1.0], vec![-1.0, 1.0, 5.0]]).unwrap();
        assert_eq!((edges.numbers(), edges.count()), (2, 5));
        let place = |number, x| {
            let Place { edge, share } = edges.place(number, x);
            (edge, share)
        };
        assert_eq!(
            [place(0, -2.0), place(0, 0.25), place(0, 3.0)],
            [(0, -2.0), (0, 0.25), (0, 3.0)]
        );
        assert_eq!(
            [place(1, -2.0), place(1, -1.0), place(1, 0.0)],
            [(2, -0.5), (2, 0.0), (2, 0.5)]
        );
        assert_eq!([place(1, 1.0), place(1, 5.0), place(1, 9.0)], [(3, 0.0), (3, 1.0), (3, 2.0)]);
    }

    #[test]
    fn what_is_no_number_stays_seen() {
        let edges = Edges::new(edges(&[3])).unwrap();
        let table = Table::new(&edges, &[1.0, 2.0, 3.0], &[1.0], 1).unwrap();
        for _level in each() {
            assert!(added(&edges, &table, &[f32::NAN], &[0.0])[0].is_nan());
            assert_eq!(added(&edges, &table, &[f32::INFINITY], &[0.0]), [f32::INFINITY]);
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(Edges::new(vec![vec![0.0]]).is_none());
        let edges = Edges::new(edges(&[2, 3])).unwrap();
        assert!(Table::new(&edges, &[0.0; 10], &[0.0; 12], 3).is_some());
        assert!(Table::new(&edges, &[0.0; 9], &[0.0; 12], 3).is_none());
        assert!(Table::new(&edges, &[0.0; 10], &[0.0; 11], 3).is_none());
        assert!(Table::new(&edges, &[0.0; 10], &[], 0).is_none());
        assert!(Table::new(&Edges::new(Vec::new()).unwrap(), &[], &[], 1).is_none());
    }
}
