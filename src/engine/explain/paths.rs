//! Integrated and expected gradients (Sundararajan et al. 2017; Erion et al. 2021): the gradients along
//! straight ways from reference rows to the row that is explained.

use super::Quantity;
use super::gradients::Differentiable;
use super::layered::Begun;
use crate::error::{Code, Error, Result};

/// How far what is attributed may be from what there is to attribute: this share of it, and as much
/// beside, in log odds or standard deviations of a target.
pub(super) const RELATIVE: f64 = 1e-3;
pub(super) const ABSOLUTE: f64 = 1e-4;

/// How many points of each way are evaluated, first and at most: doubled until what is attributed adds
/// up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) first: usize,
    pub(super) most: usize,
}

/// What the ways from reference rows have given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Integrated {
    /// Of each input.
    pub(super) attributions: Vec<f64>,
    /// The quantity of the row, and its mean over the reference rows.
    pub(super) value: f64,
    pub(super) base: f64,
    /// Points that were evaluated for the attributions.
    pub(super) points: usize,
    /// Units of the quantity in what the networks answer.
    pub(super) unit: f64,
}

impl Integrated {
    /// By how much the attributions miss the difference between value and base.
    pub(super) fn gap(&self) -> f64 {
        (self.attributions.iter().sum::<f64>() - (self.value - self.base)).abs()
    }

    pub(super) fn holds(&self) -> bool {
        self.gap() <= RELATIVE * (self.value - self.base).abs() + ABSOLUTE * self.unit
    }
}

/// Rows that a row is compared with.
pub(super) struct References {
    /// What each network reads of them, one row after the other.
    read: Vec<Vec<f32>>,
    /// What the first layers make of it, where the networks are of fully connected layers.
    begun: Option<Begun>,
    count: usize,
}

impl References {
    /// Of rows `[count, width]`.
    ///
    /// # Errors
    /// As [`Differentiable::read`].
    pub(super) fn new(networks: &Differentiable, rows: &[f32], width: usize) -> Result<Self> {
        let read = networks.read(rows, width)?;
        let count = rows.len() / width.max(1);
        let begun = networks.layered().map(|layered| layered.begin(&read, count));
        Ok(Self { read, begun, count })
    }
}

/// Attributions of a row's inputs, each way by equal steps; `base` is the mean quantity of the
/// references. The ways are straight in what the networks read: behind the embeddings of numbers, which
/// bend so often that no number of steps would follow them. What the channels of a number add is
/// summed.
///
/// # Errors
/// As [`Differentiable::at`]; [`crate::error::Code::Cancelled`] when `stop` says so.
pub(super) fn integrated(
    networks: &Differentiable,
    row: &[f32],
    (references, base): (&References, f64),
    of: Quantity,
    steps: Steps,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Integrated> {
    let to = networks.read(row, row.len())?;
    let begun = networks.layered().map(|layered| layered.begin(&to, 1));
    let value = match (networks.layered(), &begun) {
        (Some(layered), Some(begun)) => layered.value(begun, of),
        _ => networks.values(row, row.len(), of)?.first().copied().unwrap_or(f64::NAN),
    };
    let ways = Ways { networks, to, begun, references, of };
    let mut grid = Grid::new(steps.first, references.count);
    let mut sums: Vec<Vec<f64>> = ways.to.iter().map(|to| vec![0.0; to.len()]).collect();
    loop {
        let share = 1.0 / (grid.count * references.count).max(1) as f64;
        ways.add(&grid, &mut sums, stop)?;
        let mut attributions = networks.by_inputs(&sums, row.len());
        attributions.iter_mut().for_each(|sum| *sum *= share);
        let points = grid.count * references.count;
        let integrated = Integrated { attributions, value, base, points, unit: of.unit() };
        if integrated.holds() || grid.count * 2 > steps.most {
            return Ok(integrated);
        }
        if !grid.double() {
            sums.iter_mut().flatten().for_each(|sum| *sum = 0.0);
        }
    }
}

/// # Errors
/// [`Code::Cancelled`] when `stop` says so.
pub(super) fn go_on(stop: &mut dyn FnMut() -> bool) -> Result<()> {
    match stop() {
        true => Err(Error::new(Code::Cancelled, "the explanation is not waited for any more")),
        false => Ok(()),
    }
}

/// Which points of the ways are evaluated.
///
/// Where in its step a way is evaluated is another place for each: slopes change at once where a bin or a
/// rectifier ends, and what one way misses by that another makes up for. When steps are halved the points
/// between those of before are added, so that none is evaluated twice. A few ways alone would then be
/// evaluated at the ends of their steps rather than within: they begin anew.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    ways: usize,
    /// Points of each way, in all.
    count: usize,
    /// How often they were doubled.
    doubled: u32,
}

/// Fewest ways that make up for each other.
const MANY: usize = 16;

impl Grid {
    fn new(count: usize, ways: usize) -> Self {
        Self { ways, count, doubled: 0 }
    }

    /// Halves the steps; whether what was evaluated before counts on.
    fn double(&mut self) -> bool {
        self.count *= 2;
        self.doubled += 1;
        self.adds()
    }

    fn adds(self) -> bool {
        self.doubled > 0 && self.ways >= MANY
    }

    /// Points of each way that are new.
    fn new_points(self) -> usize {
        if self.adds() { self.count / 2 } else { self.count }
    }

    /// Where in its step, from 0 to 1, a way is evaluated.
    fn offset(self, way: usize) -> f64 {
        // Multiples of the golden ratio lie as evenly as can be; the first is the middle.
        const RATIO: f64 = 0.618_033_988_749_894_9;
        let first = (way as f64 * RATIO + 0.5).fract();
        if !self.adds() {
            return first;
        }
        // In steps of half the length what was evaluated lies at twice its share of them; the middle
        // between two of these is new.
        let before = (first * f64::from(2_u32.pow(self.doubled - 1))).fract();
        (before + 0.5).fract()
    }

    /// A way, and how far along it a new point lies.
    fn point(self, at: usize) -> (usize, f32) {
        let count = self.new_points();
        let (way, step) = (at / count, at % count);
        (way, ((step as f64 + self.offset(way)) / count as f64) as f32)
    }

    /// New points of all ways.
    fn points(self) -> usize {
        self.ways * self.new_points()
    }
}

/// What is done with some points: the way of each, and how far along it lies.
type WithPoints<'a> = dyn FnMut(&[(usize, f32)]) -> Result<()> + 'a;

/// The ways from reference rows to a row.
struct Ways<'a> {
    networks: &'a Differentiable,
    /// What each network reads of the row.
    to: Vec<Vec<f32>>,
    /// What the first layers make of it, where the networks are of fully connected layers.
    begun: Option<Begun>,
    references: &'a References,
    of: Quantity,
}

impl Ways<'_> {
    /// Adds to the sums, of the numbers that each network reads, the gradients at the points of a grid,
    /// each times the length of its way.
    fn add(
        &self,
        grid: &Grid,
        sums: &mut [Vec<f64>],
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<()> {
        let layered = self.networks.layered().zip(self.references.begun.as_ref());
        if let (Some((layered, from)), Some(to)) = (layered, &self.begun) {
            let mut of_ways = layered.room(grid.ways);
            self.each(grid, layered.at_once(), stop, &mut |points| {
                layered.add((from, to), points, self.of, &mut of_ways);
                Ok(())
            })?;
            let added = layered.attributed(&of_ways, &self.to, &self.references.read);
            for (sum, added) in sums.iter_mut().flatten().zip(added.iter().flatten()) {
                *sum += added;
            }
            return Ok(());
        }
        self.each(grid, self.networks.at_once(), stop, &mut |points| self.by_graph(points, sums))
    }

    /// Goes through the points of a grid, so many at once.
    fn each(
        &self,
        grid: &Grid,
        at_once: usize,
        stop: &mut dyn FnMut() -> bool,
        with: &mut WithPoints<'_>,
    ) -> Result<()> {
        let all = grid.points();
        for first in (0..all).step_by(at_once.max(1)) {
            go_on(stop)?;
            let some = first..(first + at_once).min(all);
            with(&some.map(|at| grid.point(at)).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// The same by the graph of a pass through all of each network.
    fn by_graph(&self, points: &[(usize, f32)], sums: &mut [Vec<f64>]) -> Result<()> {
        let ends = || self.to.iter().zip(&self.references.read);
        let of_network = |(to, read): (&Vec<f32>, &Vec<f32>)| -> Vec<f32> {
            let point = |(way, along): &(usize, f32)| {
                let (along, from) = (*along, &read[way * to.len()..][..to.len()]);
                from.iter().zip(to).map(move |(from, to)| from + along * (to - from))
            };
            points.iter().flat_map(point).collect()
        };
        let read = ends().map(of_network).collect();
        let gradients = self.networks.at(read, points.len(), self.of)?;
        for ((sums, (to, read)), gradients) in sums.iter_mut().zip(ends()).zip(&gradients) {
            for ((way, _), gradients) in points.iter().zip(gradients.chunks_exact(to.len().max(1)))
            {
                let way = read[way * to.len()..][..to.len()].iter().zip(to);
                for ((sum, gradient), (from, to)) in sums.iter_mut().zip(gradients).zip(way) {
                    *sum += f64::from(*gradient) * (f64::from(*to) - f64::from(*from));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often steps are halved, all points that were evaluated are equally far apart on each way.
    #[test]
    fn halved_steps_keep_what_was_evaluated() {
        for ways in [1, 3, MANY, 64] {
            let mut grid = Grid::new(4, ways);
            let mut all: Vec<Vec<f32>> = vec![Vec::new(); ways];
            loop {
                for (way, along) in (0..grid.points()).map(|at| grid.point(at)) {
                    assert!((0.0..=1.0).contains(&along));
                    all[way].push(along);
                }
                for along in &mut all {
                    along.sort_unstable_by(f32::total_cmp);
                    assert_eq!(along.len(), grid.count);
                    let step = 1.0 / grid.count as f32;
                    assert!(along.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-6));
                }
                let means: f32 = all.iter().flatten().sum::<f32>() / (ways * grid.count) as f32;
                assert!((means - 0.5).abs() < 0.6 / (grid.count * ways.min(4)) as f32, "{means}");
                if grid.count > 500 {
                    break;
                }
                if !grid.double() {
                    all.iter_mut().for_each(Vec::clear);
                }
            }
        }
    }
}
