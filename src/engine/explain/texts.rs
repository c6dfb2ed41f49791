//! Attributions of the words of a text, on the way from no words: from words that are zero.

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::tensor::{Int, Tensor, TensorData};

use super::Quantity;
use super::gradients::Differentiable;
use super::paths::{Integrated, Steps, go_on};
use crate::error::{Context, Result};

/// Attributions of the words of a text, `row` as [`crate::engine::features::Layout::Text`] has it.
///
/// Each word becomes the one row of a table of its own, whose numbers the way goes along, all words of
/// all networks at once.
///
/// # Errors
/// As [`super::paths::integrated`].
pub(super) fn integrated(
    networks: &Differentiable,
    row: &[f32],
    of: Quantity,
    steps: Steps,
    stop: &mut dyn FnMut() -> bool,
) -> Result<Integrated> {
    let words = split(row);
    let tables = networks.tables(&words).map(|(table, shares)| embedded(table, &words, &shares));
    let tables = tables.collect::<Result<Vec<_>>>()?;
    let along = |shares: &[f32]| at(networks, &tables, words.len(), shares, of);
    let (ends, _) = along(&[0.0, 1.0])?;
    let (base, value) = (ends[0], ends[1]);
    let mut count = steps.first;
    loop {
        let mut attributions = vec![0.0; words.len()];
        let shares: Vec<f32> = (0..count).map(|at| (at as f32 + 0.5) / count as f32).collect();
        for shares in shares.chunks(networks.at_once()) {
            go_on(stop)?;
            let (_, some) = along(shares)?;
            attributions.iter_mut().zip(some).for_each(|(sum, some)| *sum += some / count as f64);
        }
        let integrated = Integrated { attributions, value, base, points: count, unit: of.unit() };
        if integrated.holds() || count * 2 > steps.most {
            return Ok(integrated);
        }
        count *= 2;
    }
}

/// The rows of the table that each word is made of.
fn split(row: &[f32]) -> Vec<Vec<usize>> {
    let mut words: Vec<Vec<usize>> = Vec::new();
    for code in row.iter().take_while(|code| code.abs() >= 1.0) {
        let part = code.abs() as usize - 1;
        match words.last_mut() {
            Some(word) if *code > 0.0 => word.push(part),
            _ => words.push(vec![part]),
        }
    }
    words
}

/// A network's numbers of each word, and how many a word has.
struct Embedded {
    /// `[words, width]`.
    words: Vec<f32>,
    width: usize,
}

/// The numbers of each word, of which each part has a share.
fn embedded(
    table: Tensor<Autodiff<Flex>, 2>,
    words: &[Vec<usize>],
    shares: &[Vec<f32>],
) -> Result<Embedded> {
    let [rows, width] = table.dims();
    let mut numbers = Vec::with_capacity(words.len() * width);
    // A table has many rows, of which a text reads few.
    let parts: Vec<i64> = words.iter().flatten().map(|part| (*part).min(rows - 1) as i64).collect();
    if parts.is_empty() {
        return Ok(Embedded { words: numbers, width });
    }
    let parts = Tensor::<Flex, 1, Int>::from_data(TensorData::from(parts.as_slice()), &FlexDevice);
    let read = table.inner().select(0, parts).into_data().into_vec::<f32>();
    let read = read.map_err(|e| format!("{e:?}")).context("reading a table of words")?;
    let mut read = read.chunks_exact(width.max(1));
    for shares in shares {
        let mut sum = vec![0.0; width];
        for (share, row) in shares.iter().zip(read.by_ref()) {
            sum.iter_mut().zip(row).for_each(|(sum, number)| *sum += share * number);
        }
        numbers.extend(sum);
    }
    Ok(Embedded { words: numbers, width })
}

/// The quantity where the words have these shares of their numbers, and the sum over the shares of
/// what each word's gradient gives along the way.
fn at(
    networks: &Differentiable,
    tables: &[Embedded],
    words: usize,
    shares: &[f32],
    of: Quantity,
) -> Result<(Vec<f64>, Vec<f64>)> {
    // One row for each share and word; a text of no words reads none of them.
    let width = words.max(1);
    let code = |at: usize| if words == 0 { 0.0 } else { -((at + 1) as f32) };
    let codes: Vec<f32> = (0..shares.len() * width).map(code).collect();
    let scaled = |table: &Embedded| {
        let mut numbers: Vec<f32> = shares
            .iter()
            .flat_map(|share| table.words.iter().map(move |number| share * number))
            .collect();
        let rows = (shares.len() * words).max(1);
        numbers.resize(rows * table.width, 0.0);
        Tensor::from_data(TensorData::new(numbers, [rows, table.width]), &FlexDevice)
    };
    let tables_of_shares = tables.iter().map(scaled).collect();
    let (values, gradients) = networks.by_tables(&codes, width, tables_of_shares, of)?;
    let mut along = vec![0.0; words];
    for (table, gradients) in tables.iter().zip(gradients) {
        for (at, gradients) in gradients.chunks_exact(table.width).enumerate() {
            // Of no words there is one row, which nobody reads.
            let Some(word) = at.checked_rem(words) else { break };
            let numbers = &table.words[word * table.width..][..table.width];
            let products = gradients.iter().zip(numbers);
            along[word] += products.map(|(g, x)| f64::from(*g) * f64::from(*x)).sum::<f64>();
        }
    }
    Ok((values, along))
}
