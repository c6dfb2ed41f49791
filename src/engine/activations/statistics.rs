//! Statistics of units over many rows.

use super::super::networks::observer::Seen;
use super::{Inspector, check_layers, of_row, place};
use crate::domain::activation::LayerFunction;
use crate::domain::analysis::{LayerStatistics, RowActivation, UnitStatistics};
use crate::engine::features::Matrix;
use crate::error::Result;

/// Above this share of zeros a unit is dead, and above that share of numbers at an end of its range it is
/// saturated.
const DEAD: f64 = 0.999;
const SATURATED: f64 = 0.99;
/// How far from the middle of its range, as a share of its half, a number counts as at an end.
const END: f32 = 0.99;
/// What counts as 0 of a function that is never quite 0.
const FAINT: f32 = 1e-6;
/// Units of all layers that are listed.
const LISTED: usize = 1 << 14;

/// Which layers and how many rows are told.
#[derive(Debug, Clone, Copy)]
pub struct Statistics<'a> {
    /// All where none is named.
    pub layers: &'a [String],
    /// Rows that activate a unit most.
    pub strongest: usize,
}

/// What is summed of a layer.
struct Sums {
    units: Vec<Unit>,
    n: u64,
}

#[derive(Clone, Default)]
struct Unit {
    sum: f64,
    squares: f64,
    zeros: u64,
    ends: u64,
    /// The strongest first.
    strongest: Vec<(f32, usize)>,
}

impl Inspector {
    /// Statistics of the layers over rows of inputs, and what is to be said of them. `on_rows` is told
    /// how many rows were looked at.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidRequest`] for a layer that is not there; internal when a number is not
    /// finite; whatever `on_rows` fails with.
    pub fn statistics(
        &self,
        inputs: &Matrix,
        wanted: Statistics<'_>,
        on_rows: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<(Vec<LayerStatistics>, Vec<String>)> {
        let mut layers: Vec<(LayerStatistics, Sums)> = Vec::new();
        let mut first = 0;
        for rows in inputs.data.chunks((self.at_once * inputs.width).max(1)) {
            let looked = self.look(rows, inputs.width, false)?;
            if first == 0 {
                check_layers(&looked, wanted.layers, "/analysis/layers")?;
            }
            let count = rows.len() / inputs.width.max(1);
            let networks = looked.observers.len();
            let each = looked.observers.iter().enumerate().flat_map(|(network, observer)| {
                let network = (networks > 1).then_some(network as u32 + 1);
                observer.layers.iter().map(move |seen| (network, seen))
            });
            let is_wanted =
                |seen: &Seen| wanted.layers.is_empty() || wanted.layers.contains(&seen.name);
            let each = each.filter(|(_, seen)| is_wanted(seen)).enumerate();
            for (at, (network, seen)) in each {
                if layers.len() == at {
                    layers.push(begun(network, seen));
                }
                let sums = &mut layers[at].1;
                (0..count).for_each(|row| sums.add(seen, row, first + row, wanted.strongest));
            }
            first += count;
            on_rows(first as u64)?;
        }
        let (mut listed, mut warnings) = (0, Vec::new());
        let mut done = Vec::with_capacity(layers.len());
        for (mut layer, sums) in layers {
            let is_listed = listed + sums.units.len() <= LISTED;
            match is_listed {
                true => listed += sums.units.len(),
                false => warnings.push(format!(
                    "the {} units of {} are not listed one by one: name the layer alone in layers",
                    sums.units.len(),
                    layer.layer
                )),
            }
            sums.finish(&mut layer, is_listed);
            done.push(layer);
        }
        Ok((done, warnings))
    }
}

/// A layer of which nothing is summed yet.
fn begun(network: Option<u32>, seen: &Seen) -> (LayerStatistics, Sums) {
    let units = unit_shape(seen).iter().product();
    let layer = LayerStatistics {
        network,
        layer: seen.name.clone(),
        function: seen.function,
        axes: seen.axes.iter().map(|axis| (*axis).to_owned()).collect(),
        unit_axes: unit_shape(seen).len() as u32,
        units: units as u64,
        n: 0,
        dead: None,
        saturated: None,
        mean: 0.0,
        standard_deviation: 0.0,
        zeros: 0.0,
        verdict: String::new(),
        all: places_of(unit_shape(seen)).map(empty).collect(),
    };
    (layer, Sums { units: vec![Unit::default(); units], n: 0 })
}

fn unit_shape(seen: &Seen) -> &[usize] {
    &seen.shape[seen.shape.len() - seen.unit_axes.min(seen.shape.len())..]
}

fn places_of(shape: &[usize]) -> impl Iterator<Item = Vec<u32>> {
    (0..shape.iter().product()).map(|at| place(shape, at))
}

fn empty(unit: Vec<u32>) -> UnitStatistics {
    let strongest = Vec::new();
    UnitStatistics {
        unit,
        mean: 0.0,
        standard_deviation: 0.0,
        zeros: 0.0,
        saturated: None,
        strongest,
    }
}

fn is_zero(function: LayerFunction, value: f32) -> bool {
    match function {
        LayerFunction::Gelu => value.abs() < FAINT,
        _ => value == 0.0,
    }
}

/// Whether a number is at an end of its function's range; None where that has none.
fn is_at_end(function: LayerFunction, value: f32) -> Option<bool> {
    match function {
        LayerFunction::Tanh | LayerFunction::Clipped => Some(value.abs() > END),
        LayerFunction::Sigmoid => Some((2.0 * value - 1.0).abs() > END),
        LayerFunction::Linear | LayerFunction::Relu | LayerFunction::Gelu => None,
    }
}

/// Whether a unit that is 0 says that it does nothing.
fn can_die(function: LayerFunction) -> bool {
    matches!(function, LayerFunction::Relu | LayerFunction::Gelu)
}

impl Sums {
    /// Adds a row of what was seen, which is so many of all.
    fn add(&mut self, seen: &Seen, row: usize, number: usize, most: usize) {
        let (_, values) = of_row(seen, row);
        let function = seen.function;
        let units = self.units.len().max(1);
        let mut greatest = vec![f32::NEG_INFINITY; units];
        for place in values.chunks_exact(units) {
            self.n += 1;
            for ((unit, value), greatest) in self.units.iter_mut().zip(place).zip(&mut greatest) {
                unit.sum += f64::from(*value);
                unit.squares += f64::from(*value).powi(2);
                unit.zeros += u64::from(is_zero(function, *value));
                unit.ends += u64::from(is_at_end(function, *value) == Some(true));
                *greatest = greatest.max(*value);
            }
        }
        let least = if can_die(function) { 0.0 } else { f32::NEG_INFINITY };
        for (unit, value) in self.units.iter_mut().zip(greatest) {
            if value > least {
                unit.keep(value, number, most);
            }
        }
    }

    fn finish(self, layer: &mut LayerStatistics, is_listed: bool) {
        let n = self.n.max(1) as f64;
        let function = layer.function;
        let has_ends = is_at_end(function, 0.0).is_some();
        let share = |count: u64| count as f64 / n;
        let numbers = n * self.units.len().max(1) as f64;
        let sum: f64 = self.units.iter().map(|unit| unit.sum).sum();
        let squares: f64 = self.units.iter().map(|unit| unit.squares).sum();
        let zeros: u64 = self.units.iter().map(|unit| unit.zeros).sum();
        let count = |is: &dyn Fn(&Unit) -> bool| self.units.iter().filter(|u| is(u)).count() as u64;
        layer.n = self.n;
        layer.mean = sum / numbers;
        layer.standard_deviation = deviation(sum, squares, numbers);
        layer.zeros = zeros as f64 / numbers;
        layer.dead = can_die(function).then(|| count(&|unit| share(unit.zeros) > DEAD));
        layer.saturated = has_ends.then(|| count(&|unit| share(unit.ends) > SATURATED));
        layer.verdict = verdict(layer);
        if !is_listed {
            layer.all.clear();
        }
        for (said, unit) in layer.all.iter_mut().zip(self.units) {
            said.mean = unit.sum / n;
            said.standard_deviation = deviation(unit.sum, unit.squares, n);
            said.zeros = share(unit.zeros);
            said.saturated = has_ends.then(|| share(unit.ends));
            let rows = unit.strongest.into_iter();
            said.strongest =
                rows.map(|(value, row)| RowActivation { row: row as u64, value }).collect();
        }
    }
}

/// With n, of a sum and a sum of squares.
fn deviation(sum: f64, squares: f64, n: f64) -> f64 {
    let mean = sum / n;
    (squares / n - mean * mean).max(0.0).sqrt()
}

impl Unit {
    /// Keeps a row where it is among the strongest; of equals the first.
    fn keep(&mut self, value: f32, row: usize, most: usize) {
        let at = self.strongest.partition_point(|(other, _)| *other >= value);
        if at < most {
            self.strongest.insert(at, (value, row));
            self.strongest.truncate(most);
        }
    }
}

fn verdict(layer: &LayerStatistics) -> String {
    let of = |count: u64| match count {
        1 => format!("1 of {} units is", layer.units),
        _ => format!("{count} of {} units are", layer.units),
    };
    match (layer.dead, layer.saturated) {
        (Some(0), _) => "no unit is dead".to_owned(),
        (Some(dead), _) if dead == layer.units => {
            "all units are dead: nothing gets through".to_owned()
        }
        (Some(dead), _) => {
            format!("{} dead: they add nothing, and the layer could be narrower", of(dead))
        }
        (None, Some(0)) => "no unit is saturated".to_owned(),
        (None, Some(saturated)) => {
            format!("{} saturated: they hardly tell rows apart, and hardly learn", of(saturated))
        }
        (None, None) => "sums, which neither die nor saturate".to_owned(),
    }
}
