//! Weights as safetensors: one little-endian f32 tensor per parameter, named by its path in the
//! network, with `format: actuary-1` as the only metadata, so that equal weights are equal bytes.
//!
//! Simpler forms stand in several tensors: a parameter `P` of few numbers that are not 0 as `P:shape`
//! (u32), `P:kept` (u8, one bit for each number, the lowest first) and `P:values` (f32, those whose
//! bit is set); a parameter in 8 bits as `P` (i8) and `P:scale` (f32), which has as many axes, some of
//! them of length 1, and by which it is multiplied.
//!
//! What is read is not trusted: sizes are checked before anything is made of them.

mod forms;

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize};

pub(crate) use self::forms::Form;
use self::forms::{Stored, read, read_sparse};
use super::networks::parameters::{Parameters, all_finite};
use crate::error::{Code, Context, Error, Result};

/// Most parameters, and tensors of one.
const MAX_PARAMETERS: usize = 4096;
const TENSORS: usize = 3;
/// Longest header, in bytes.
const MAX_HEADER: u64 = (TENSORS as u64) << 20;
const FORMAT: &str = "actuary-1";

/// Writes parameters.
pub(crate) fn encode(parameters: &Parameters, form: Form) -> Result<Vec<u8>> {
    let stored: Vec<Stored> =
        parameters.iter().flat_map(|(name, p)| Stored::of(name, p, form)).collect();
    let views = stored
        .iter()
        .map(|s| TensorView::new(s.kind, s.shape.clone(), &s.bytes).map(|view| (&s.name, view)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .context("writing weights")?;
    let metadata = HashMap::from([("format".to_owned(), FORMAT.to_owned())]);
    serialize(views, Some(metadata)).context("writing weights")
}

/// The parameters of several networks under names of their own; those of one network as they are.
pub(crate) fn joined(mut networks: Vec<Parameters>) -> Parameters {
    if networks.len() == 1 {
        return networks.swap_remove(0);
    }
    let numbered = networks.into_iter().enumerate().flat_map(|(number, parameters)| {
        parameters.into_iter().map(move |(name, p)| (format!("networks.{number}.{name}"), p))
    });
    numbered.collect()
}

/// The parameters of each of so many networks.
///
/// # Errors
/// [`Code::InvalidData`] for a name that belongs to none of them.
pub(crate) fn parted(parameters: Parameters, count: usize) -> Result<Vec<Parameters>> {
    if count <= 1 {
        return Ok(vec![parameters]);
    }
    let mut networks = vec![Parameters::new(); count];
    for (name, parameter) in parameters {
        let numbered = name.strip_prefix("networks.").and_then(|rest| rest.split_once('.'));
        let network = numbered.and_then(|(number, own)| {
            Some((networks.get_mut(number.parse::<usize>().ok()?)?, own.to_owned()))
        });
        let Some((network, own)) = network else {
            let detail = format!("the weights hold {name}, which is of none of {count} networks");
            return Err(Error::new(Code::InvalidData, detail));
        };
        network.insert(own, parameter);
    }
    Ok(networks)
}

/// Reads parameters, all of them finite.
///
/// # Errors
/// [`Code::InvalidData`] saying what is wrong with the bytes.
pub(crate) fn decode(bytes: &[u8]) -> Result<Parameters> {
    let bad = |detail: String| Error::new(Code::InvalidData, format!("the weights {detail}"));
    let header = bytes
        .first_chunk::<8>()
        .map(|length| u64::from_le_bytes(*length))
        .ok_or_else(|| bad("are no safetensors: they have no header".into()))?;
    if header > MAX_HEADER {
        return Err(bad(format!("have a header of {header} bytes; {MAX_HEADER} are the most")));
    }
    let tensors =
        SafeTensors::deserialize(bytes).map_err(|e| bad(format!("are no safetensors: {e}")))?;
    let whole = |name: &&str| name.split_once(':').is_none_or(|(_, part)| part == "shape");
    let parameters = tensors.names().iter().filter(|name| whole(name)).count();
    if parameters > MAX_PARAMETERS || tensors.len() > MAX_PARAMETERS * TENSORS {
        let detail = format!(
            "hold {} tensors of {parameters} parameters; {MAX_PARAMETERS} parameters are the most",
            tensors.len()
        );
        return Err(bad(detail));
    }
    let mut parameters = Parameters::new();
    for (name, view) in tensors.iter() {
        let read = match name.split_once(':') {
            None => Some((name, read(&tensors, name, &view))),
            Some((name, "shape")) => Some((name, read_sparse(&tensors, name, &view))),
            Some(_) => None,
        };
        if let Some((name, read)) = read {
            parameters.insert(name.to_owned(), read.map_err(&bad)?);
        }
    }
    let is_part = |name: &&str| match name.split_once(':') {
        None => true,
        Some((name, part)) => parameters.contains_key(name) && forms::PARTS.contains(&part),
    };
    if let Some(name) = tensors.names().iter().find(|name| !is_part(name)) {
        return Err(bad(format!("hold {name}, which is part of nothing")));
    }
    if !all_finite(&parameters) {
        return Err(bad("hold a number that is not finite".into()));
    }
    Ok(parameters)
}
