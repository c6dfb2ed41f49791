//! First layers into which the embeddings of numbers are folded.
//!
//! A number's embedding is linear between the edges of its bins, and so is what the first layer makes of
//! it: for each member and unit a function of that number alone, which is kept at the edges. Two rows of
//! such a table take the place of as many rows of weights as the embedding is wide.

use actuary_kernels::{Dense, Edges, Place, Table};

use super::Inputs;
use super::serving::first_layer;
use crate::engine::networks::parameters::Parameters;
use crate::engine::networks::piecewise::Knots;

/// Most memory of the tables of a network. Beyond, thousands of rows are no faster than by weights.
const MOST_BYTES: usize = 16 << 20;
/// Most edges for each number that an embedding consists of. Beyond, tables are so much larger than the
/// weights that reading them takes longer than a batch of rows takes by those.
const MOST_EDGES: usize = 10;
/// Two numbers of a table are read in the time of so many multiply-adds that use what they read again.
const WORK: usize = 8;
/// Inputs of a number without bins at which the tables are tried out: it is held within 100 deviations.
const UNBOUNDED: [f32; 6] = [0.0, 1.0, -1.0, 0.5, -100.0, 100.0];

/// The first layer of each member.
#[derive(Debug)]
pub(super) struct Folded {
    edges: Edges,
    /// Inputs that are numbers, and the others.
    numbers: Vec<usize>,
    others: Vec<usize>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    /// Of the other inputs, and the bias.
    others: Dense,
    numbers: Table,
}

/// What is the same for all members.
pub(super) struct Read {
    rows: usize,
    places: Vec<Place>,
    others: Vec<f32>,
}

impl Folded {
    /// None where it is not worth it, or the parameters don't fit.
    pub(super) fn new(inputs: &Inputs<'_>, parameters: &Parameters) -> Option<Self> {
        let numbers = inputs.numbers.iter().enumerate();
        let knots: Option<Vec<Knots>> =
            numbers.map(|(n, (input, edges))| Knots::new(*input, edges, n, parameters)).collect();
        let knots = knots.filter(|knots| !knots.is_empty())?;
        let embedded: Vec<f64> = knots.iter().flat_map(|knots| &knots.values).copied().collect();
        let numbers = knots.iter().map(|knots| knots.input).collect();
        let edges = Edges::new(knots.into_iter().map(|knots| knots.edges).collect())?;
        let width = embedded.len().checked_div(edges.count())? * edges.numbers();
        let [members, _] = *parameters.get("scale")?.shape.as_slice() else { return None };
        let units = parameters.get("hidden.0.bias")?.values.len();
        let is_worth = edges.count() <= MOST_EDGES * width
            && Table::bytes_of(&edges, units).checked_mul(members)? <= MOST_BYTES;
        if !is_worth {
            return None;
        }
        let others = inputs.others();
        let member = |member: usize| {
            let (weights, bias) = first_layer(parameters, member)?;
            let (of_numbers, of_others) = weights.split_at_checked(width * units)?;
            Some(Member {
                others: Dense::new(others.len(), of_others, bias, false)?,
                numbers: Table::new(&edges, &embedded, of_numbers, units)?,
            })
        };
        let members = (0..members).map(member).collect::<Option<_>>()?;
        Some(Self { edges, numbers, others, members })
    }

    pub(super) fn bytes(&self) -> usize {
        self.members.iter().map(|member| member.numbers.bytes()).sum()
    }

    /// What takes as long as so many multiply-adds, for a row.
    pub(super) fn work(&self) -> usize {
        let inputs = WORK * self.numbers.len() + self.others.len();
        self.members.iter().map(|member| inputs * member.others.outputs()).sum()
    }

    pub(super) fn read(&self, rows: &[f32], width: usize) -> Read {
        let count = rows.len() / width.max(1);
        let mut places = Vec::with_capacity(count * self.numbers.len());
        let mut others = Vec::with_capacity(count * self.others.len());
        for row in rows.chunks_exact(width.max(1)) {
            let numbers = self.numbers.iter().enumerate();
            places.extend(numbers.map(|(number, &input)| self.edges.place(number, row[input])));
            others.extend(self.others.iter().map(|&input| row[input]));
        }
        Read { rows: count, places, others }
    }

    /// Puts rows through a member's layer, rectified, into `y` `[rows, stride]`; the stride.
    pub(super) fn apply(&self, member: usize, read: &Read, y: &mut Vec<f32>) -> usize {
        let Member { others, numbers } = &self.members[member];
        others.apply(read.rows, &read.others, self.others.len(), y);
        numbers.add_rectified(self.numbers.len(), &read.places, y);
        others.stride()
    }
}

/// Rows of `width` inputs in which each number is at each of its edges and halfway between, and each
/// category once at least, as far as there are rows.
pub(super) fn probes(inputs: &Inputs<'_>, width: usize) -> Vec<f32> {
    let points = |edges: &[f32]| -> Vec<f32> {
        let halfway = edges.windows(2).map(|pair| pair[0] + (pair[1] - pair[0]) / 2.0);
        match edges.len() {
            0 | 1 => UNBOUNDED.to_vec(),
            _ => edges.iter().copied().chain(halfway).collect(),
        }
    };
    let numbers: Vec<(usize, Vec<f32>)> =
        inputs.numbers.iter().map(|(input, edges)| (*input, points(edges))).collect();
    let count = numbers.iter().map(|(_, points)| points.len()).max().unwrap_or(0);
    let mut rows = vec![0.0; count * width];
    for (at, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
        for (number, (input, points)) in numbers.iter().enumerate() {
            // Not all numbers at their least, or in step.
            row[*input] = points[(at + 7 * number) % points.len()];
        }
        for (group, others) in inputs.others.iter().enumerate() {
            // One place more than there are: none of them is on.
            if let Some(&input) = others.get((at + group) % (others.len() + 1)) {
                row[input] = 1.0;
            }
        }
    }
    rows
}
