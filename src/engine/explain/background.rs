//! The rows that a version is explained against, kept with it: what its networks read of a fixed
//! sample of its training rows, and applicants among whom a baseline of reasons is chosen.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::applicants::{self, Applicants, Drawn};
use crate::engine::features::{Layout, Matrix};
use crate::engine::random::{Purpose, keyed, shuffle};
use crate::error::{Code, Context, Error, Result};

/// Rows that are kept, and numbers of them at most.
const ROWS: usize = 256;
pub(super) const NUMBERS: usize = 1 << 20;
/// Fewer are no sample.
const LEAST_ROWS: usize = 16;
const INPUTS: &str = "inputs";
/// What the networks read of applicants, and what these have in their columns (JSON).
const APPLICANTS: &str = "applicants";
const VALUES: &str = "values";
const FORMAT: &str = "actuary-background-1";

/// What a version carries.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    pub(super) references: Matrix,
    /// None of versions of earlier programs, and of others than tables of two classes.
    pub(super) applicants: Option<Applicants>,
}

/// What is kept of training rows, as safetensors; no row of texts, which are explained against no words.
///
/// # Errors
/// Internal, when it can't be written.
pub(crate) fn background(
    layout: &Layout,
    inputs: &Matrix,
    drawn: &Drawn,
    seed: u64,
) -> Result<Vec<u8>> {
    encode(&Carried { references: sample(layout, inputs, seed), applicants: drawn.among(inputs) })
}

/// Some rows of a matrix as one of their own.
pub(super) fn take(inputs: &Matrix, rows: &[usize]) -> Matrix {
    let data: Vec<f32> = inputs.each(rows).flatten().copied().collect();
    Matrix { rows: rows.len(), width: inputs.width, data }
}

fn sample(layout: &Layout, inputs: &Matrix, seed: u64) -> Matrix {
    let width = inputs.width;
    let most = match layout {
        Layout::Text { .. } => 0,
        _ => ROWS.min((NUMBERS / width.max(1)).max(LEAST_ROWS)),
    };
    let mut rows: Vec<usize> = (0..inputs.rows).collect();
    shuffle(&mut keyed(seed, Purpose::Background, 0, 0), &mut rows);
    rows.truncate(most);
    take(inputs, &rows)
}

pub(super) fn encode(carried: &Carried) -> Result<Vec<u8>> {
    const WRITING: &str = "writing a background";
    let numbers = |matrix: &Matrix| [matrix.rows, matrix.width].to_vec();
    let mut tensors: Vec<(&str, Dtype, Vec<usize>, &[u8])> = vec![(
        INPUTS,
        Dtype::F32,
        numbers(&carried.references),
        bytemuck::cast_slice(&carried.references.data),
    )];
    let values;
    if let Some(Applicants { inputs, columns }) = &carried.applicants {
        values = applicants::encode(columns)?;
        tensors.push((VALUES, Dtype::U8, vec![values.len()], &values));
        let bytes = bytemuck::cast_slice(&inputs.data);
        tensors.push((APPLICANTS, Dtype::F32, numbers(inputs), bytes));
    }
    let views = tensors.into_iter().map(|(name, kind, shape, bytes)| {
        Ok((name, TensorView::new(kind, shape, bytes).context(WRITING)?))
    });
    let views: Vec<(&str, TensorView<'_>)> = views.collect::<Result<_>>()?;
    let metadata = HashMap::from([("format".to_owned(), FORMAT.to_owned())]);
    serialize(views, Some(metadata)).context(WRITING)
}

/// # Errors
/// [`Code::InvalidData`] for what is no background of rows of so many inputs.
pub(super) fn decode(bytes: &[u8], width: usize) -> Result<Carried> {
    let bad = || Error::new(Code::InvalidData, "the version's background can't be read");
    let tensors = SafeTensors::deserialize(bytes).map_err(|_| bad())?;
    let matrix = |name: &str| -> Result<Matrix> {
        let view = tensors.tensor(name).map_err(|_| bad())?;
        let data: Vec<f32> = match (view.dtype(), view.shape()) {
            (Dtype::F32, [_, found]) if *found == width => {
                bytemuck::pod_collect_to_vec(view.data())
            }
            _ => return Err(bad()),
        };
        match data.iter().all(|number| number.is_finite()) {
            true => Ok(Matrix { rows: data.len() / width.max(1), width, data }),
            false => Err(bad()),
        }
    };
    let references = matrix(INPUTS)?;
    let applicants = match tensors.tensor(VALUES) {
        Err(_) => None,
        Ok(values) => {
            let inputs = matrix(APPLICANTS)?;
            let columns = applicants::decode(values.data(), inputs.rows).ok_or_else(bad)?;
            Some(Applicants { inputs, columns })
        }
    };
    Ok(Carried { references, applicants })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::features::Group;

    #[test]
    fn a_fixed_sample_comes_back() {
        let inputs = Matrix { rows: 400, width: 2, data: (0..800).map(|i| i as f32).collect() };
        let layout = Layout::Table(vec![Group::Flag(0), Group::Flag(1)]);
        let kept = sample(&layout, &inputs, 7);
        assert_eq!((kept.rows, kept.width, kept.data.len()), (256, 2, 512));
        assert_eq!(kept, sample(&layout, &inputs, 7));
        assert_ne!(kept, sample(&layout, &inputs, 8));
        assert!(kept.data.chunks(2).all(|row| row[1] == row[0] + 1.0), "whole rows");
        let carried = Carried { references: kept, applicants: None };
        let bytes = encode(&carried).unwrap();
        assert_eq!(decode(&bytes, 2).unwrap(), carried);
        assert!(decode(&bytes, 4).is_err() && decode(&bytes[1..], 2).is_err());
        let text = Layout::Text { width: 2, words: 2, buckets: 9 };
        assert_eq!(sample(&text, &inputs, 7).rows, 0);
    }
}
