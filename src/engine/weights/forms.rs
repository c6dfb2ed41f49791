//! How one parameter is stored.

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::engine::networks::parameters::Parameter;

/// Largest step of 8 bits, symmetric about 0.
const STEPS: f32 = 127.0;

/// In how many bytes weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// 4 for each number.
    Whole,
    /// 4 for each number that is not 0, and a bit for each, where that is less.
    Sparse,
    /// 1 for each number of a parameter of two axes or more, and 4 for each of its channels.
    Eight,
}

/// A tensor of a parameter.
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) kind: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Stored {
    /// The tensors of a parameter.
    pub(super) fn of(name: &str, parameter: &Parameter, form: Form) -> Vec<Self> {
        match form {
            Form::Sparse if is_sparse(parameter) => Self::sparse(name, parameter),
            Form::Eight if parameter.shape.len() >= 2 => Self::eight(name, parameter),
            Form::Whole | Form::Sparse | Form::Eight => {
                vec![Self::floats(name.to_owned(), parameter.shape.clone(), &parameter.values)]
            }
        }
    }

    fn floats(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, kind: Dtype::F32, shape, bytes }
    }

    fn sparse(name: &str, parameter: &Parameter) -> Vec<Self> {
        let mut kept = vec![0_u8; parameter.values.len().div_ceil(8)];
        let mut values = Vec::new();
        for (place, value) in parameter.values.iter().enumerate() {
            if *value != 0.0 {
                kept[place / 8] |= 1 << (place % 8);
                values.push(*value);
            }
        }
        let axes = parameter.shape.iter().map(|axis| u32::try_from(*axis).unwrap_or(u32::MAX));
        vec![
            Self {
                name: format!("{name}:shape"),
                kind: Dtype::U32,
                shape: vec![parameter.shape.len()],
                bytes: axes.flat_map(u32::to_le_bytes).collect(),
            },
            Self {
                name: format!("{name}:kept"),
                kind: Dtype::U8,
                shape: vec![kept.len()],
                bytes: kept,
            },
            Self::floats(format!("{name}:values"), vec![values.len()], &values),
        ]
    }

    fn eight(name: &str, parameter: &Parameter) -> Vec<Self> {
        let channels = Channels::of(name, &parameter.shape);
        let mut greatest = vec![0.0_f32; channels.count];
        for (place, value) in parameter.values.iter().enumerate() {
            let channel = channels.of_place(place);
            greatest[channel] = greatest[channel].max(value.abs());
        }
        // Of a channel of nothing but 0 any scale is right.
        let scales: Vec<f32> =
            greatest.iter().map(|g| if *g > 0.0 { g / STEPS } else { 1.0 }).collect();
        let step = |(place, value): (usize, &f32)| {
            let scale = scales[channels.of_place(place)];
            (value / scale).round().clamp(-STEPS, STEPS) as i8
        };
        let bytes = parameter.values.iter().enumerate().map(step);
        vec![
            Self {
                name: name.to_owned(),
                kind: Dtype::I8,
                shape: parameter.shape.clone(),
                bytes: bytes.map(|step| step.to_le_bytes()[0]).collect(),
            },
            Self::floats(format!("{name}:scale"), channels.shape, &scales),
        ]
    }
}

/// Whether bits and the numbers that are not 0 are less than all numbers.
fn is_sparse(parameter: &Parameter) -> bool {
    let zeros = parameter.values.iter().filter(|value| **value == 0.0).count();
    zeros * 32 > parameter.values.len() + 32 * parameter.shape.len() + 1024
}

/// The parts of a parameter that share a scale: the outputs of a layer, each member's own; the rows
/// of a table, since rare words are far smaller than frequent ones.
struct Channels {
    /// As many axes as the parameter has, 1 where all places share.
    shape: Vec<usize>,
    strides: Vec<usize>,
    axes: Vec<usize>,
    count: usize,
}

impl Channels {
    fn of(name: &str, axes: &[usize]) -> Self {
        let last = axes.len().saturating_sub(1);
        let is_table = name.rsplit('.').next() == Some("embedding");
        let is_shared = |axis: usize| match axes.len() {
            2 if is_table => axis == last,
            // Of three axes the first is that of members or of columns.
            3 => axis == 1,
            _ => axis != last,
        };
        let length = |(axis, length): (usize, &usize)| if is_shared(axis) { 1 } else { *length };
        Self::over(axes, axes.iter().enumerate().map(length).collect())
    }

    /// Scales of a shape over a parameter of another.
    fn over(axes: &[usize], shape: Vec<usize>) -> Self {
        let mut strides = vec![0; axes.len()];
        let mut count = 1;
        for axis in (0..axes.len()).rev() {
            if shape[axis] > 1 {
                strides[axis] = count;
            }
            count *= shape[axis];
        }
        Self { shape, strides, axes: axes.to_vec(), count }
    }

    fn of_place(&self, place: usize) -> usize {
        let mut rest = place;
        let mut channel = 0;
        for (length, stride) in self.axes.iter().zip(&self.strides).rev() {
            channel += rest % length * stride;
            rest /= length;
        }
        channel
    }
}

/// What a parameter has beside the tensor of its name, or instead of it.
pub(super) const PARTS: [&str; 4] = ["shape", "kept", "values", "scale"];

/// Reads the parameter of the tensor of its name.
///
/// # Errors
/// What is wrong with it, after "the weights".
pub(super) fn read(
    tensors: &SafeTensors<'_>,
    name: &str,
    view: &TensorView<'_>,
) -> Result<Parameter, String> {
    match view.dtype() {
        Dtype::F32 => Ok(Parameter { shape: view.shape().to_vec(), values: floats(view) }),
        Dtype::I8 => read_eight(tensors, name, view),
        other => Err(format!("hold {name} as {other:?}, not as F32 or I8")),
    }
}

fn floats(view: &TensorView<'_>) -> Vec<f32> {
    let numbers = view.data().chunks_exact(4);
    numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Another tensor of a parameter.
fn beside<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    part: &str,
    kind: Dtype,
) -> Result<TensorView<'a>, String> {
    let view = tensors.tensor(&format!("{name}:{part}"));
    let view = view.map_err(|_| format!("hold {name} without its {part}"))?;
    match view.dtype() == kind {
        true => Ok(view),
        false => Err(format!("hold the {part} of {name} as {:?}, not as {kind:?}", view.dtype())),
    }
}

fn read_eight(
    tensors: &SafeTensors<'_>,
    name: &str,
    view: &TensorView<'_>,
) -> Result<Parameter, String> {
    let scale = beside(tensors, name, "scale", Dtype::F32)?;
    let (shape, of_scale) = (view.shape(), scale.shape());
    let fits = shape.len() == of_scale.len()
        && shape.iter().zip(of_scale).all(|(axis, scale)| *scale == 1 || scale == axis);
    if !fits {
        return Err(format!("hold {name} as {shape:?} with scales as {of_scale:?}"));
    }
    let channels = Channels::over(shape, of_scale.to_vec());
    let scales = floats(&scale);
    let steps = view.data().iter().enumerate();
    let values = steps
        .map(|(place, b)| f32::from(i8::from_le_bytes([*b])) * scales[channels.of_place(place)]);
    Ok(Parameter { shape: shape.to_vec(), values: values.collect() })
}

/// Reads a parameter of which the numbers that are not 0 stand alone, by the tensor of its shape.
///
/// # Errors
/// As [`read`].
pub(super) fn read_sparse(
    tensors: &SafeTensors<'_>,
    name: &str,
    view: &TensorView<'_>,
) -> Result<Parameter, String> {
    if view.dtype() != Dtype::U32 {
        return Err(format!("hold the shape of {name} as {:?}, not as U32", view.dtype()));
    }
    let axes = view.data().chunks_exact(4);
    let shape: Vec<usize> =
        axes.map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize).collect();
    let count = shape.iter().try_fold(1_usize, |count, axis| count.checked_mul(*axis));
    let kept = beside(tensors, name, "kept", Dtype::U8)?;
    let values = floats(&beside(tensors, name, "values", Dtype::F32)?);
    let bits = kept.data();
    let set: usize = bits.iter().map(|byte| byte.count_ones() as usize).sum();
    let Some(count) = count.filter(|n| n.div_ceil(8) == bits.len() && set == values.len()) else {
        return Err(format!(
            "hold {name} as {shape:?} with {} bytes of bits, of which {set} are set, and {} values",
            bits.len(),
            values.len()
        ));
    };
    let mut all = vec![0.0; count];
    let mut values = values.into_iter();
    for (place, number) in all.iter_mut().enumerate() {
        if bits[place / 8] & (1 << (place % 8)) != 0 {
            *number = values.next().unwrap_or_default();
        }
    }
    Ok(Parameter { shape, values: all })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::engine::networks::parameters::Parameters;
    use crate::engine::weights::{decode, encode};

    fn parameters(name: &str, shape: &[usize], value: impl Fn(usize) -> f32) -> Parameters {
        let values = (0..shape.iter().product()).map(value).collect();
        Parameters::from([(name.to_owned(), Parameter { shape: shape.to_vec(), values })])
    }

    #[test]
    fn zeros_take_a_bit_each() {
        let few = parameters("a.weight", &[100, 80], |i| if i % 4 == 3 { i as f32 } else { 0.0 });
        let bytes = encode(&few, Form::Sparse).unwrap();
        assert!(bytes.len() < 8000 + 1000 + 400, "{} bytes", bytes.len());
        assert_eq!(decode(&bytes).unwrap(), few);
        // Where nothing is saved, it stays as it is.
        let many = parameters("a.weight", &[100, 80], |i| i as f32 + 1.0);
        assert_eq!(encode(&many, Form::Sparse).unwrap(), encode(&many, Form::Whole).unwrap());
    }

    #[rstest]
    #[case("hidden.0.weight", &[6, 40], &[1, 40])]
    #[case("head.weight", &[4, 6, 10], &[4, 1, 10])]
    #[case("convolution.0.weight", &[5, 5, 2, 8], &[1, 1, 1, 8])]
    #[case("networks.0.embedding", &[40, 6], &[40, 1])]
    fn eight_bits_are_near_in_each_channel(
        #[case] name: &str,
        #[case] shape: &[usize],
        #[case] scales: &[usize],
    ) {
        let channels = Channels::of(name, shape);
        assert_eq!(channels.shape, scales);
        // Channels of very different sizes.
        let whole = parameters(name, shape, |place| {
            let size = 10_f32.powi(channels.of_place(place) as i32 % 7 - 3);
            size * ((place * 7919 % 201) as f32 / 100.0 - 1.0)
        });
        let bytes = encode(&whole, Form::Eight).unwrap();
        let read = decode(&bytes).unwrap();
        let (whole, read) = (&whole[name], &read[name]);
        assert_eq!(whole.shape, read.shape);
        for place in 0..whole.values.len() {
            let size = 10_f32.powi(channels.of_place(place) as i32 % 7 - 3);
            let apart = (whole.values[place] - read.values[place]).abs();
            assert!(apart <= size / 127.0 * 0.51, "{place}: {apart} of {size}");
        }
        // What was read is stored as the same bytes again.
        let again = Parameters::from([(name.to_owned(), read.clone())]);
        assert_eq!(encode(&again, Form::Eight).unwrap().len(), bytes.len());
    }

    #[test]
    fn a_bias_stays_whole() {
        let bias = parameters("hidden.0.bias", &[300], |i| i as f32 / 7.0);
        assert_eq!(decode(&encode(&bias, Form::Eight).unwrap()).unwrap(), bias);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let refused = |tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)>| {
            let views = tensors.iter().map(|(name, kind, shape, bytes)| {
                (*name, TensorView::new(*kind, shape.clone(), bytes).unwrap())
            });
            decode(&safetensors::serialize(views, None).unwrap()).unwrap_err().to_string()
        };
        let shape = |axes: &[u32]| axes.iter().flat_map(|a| a.to_le_bytes()).collect::<Vec<u8>>();
        let lone = refused(vec![("w", Dtype::I8, vec![2, 2], vec![1; 4])]);
        assert!(lone.contains("hold w without its scale"), "{lone}");
        let narrow = refused(vec![
            ("w", Dtype::I8, vec![2, 2], vec![1; 4]),
            ("w:scale", Dtype::F32, vec![1, 3], vec![0; 12]),
        ]);
        assert!(narrow.contains("with scales as [1, 3]"), "{narrow}");
        let huge = refused(vec![
            ("w:shape", Dtype::U32, vec![3], shape(&[u32::MAX, u32::MAX, u32::MAX])),
            ("w:kept", Dtype::U8, vec![1], vec![1]),
            ("w:values", Dtype::F32, vec![1], vec![0; 4]),
        ]);
        assert!(huge.contains("1 bytes of bits"), "{huge}");
        let short = refused(vec![
            ("w:shape", Dtype::U32, vec![1], shape(&[8])),
            ("w:kept", Dtype::U8, vec![1], vec![3]),
            ("w:values", Dtype::F32, vec![1], vec![0; 4]),
        ]);
        assert!(short.contains("of which 2 are set, and 1 values"), "{short}");
        let lacking = refused(vec![("w:shape", Dtype::U32, vec![1], shape(&[8]))]);
        assert!(lacking.contains("without its kept"), "{lacking}");
        let stray = refused(vec![("w:kept", Dtype::U8, vec![1], vec![3])]);
        assert!(stray.contains("w:kept, which is part of nothing"), "{stray}");
        let other = refused(vec![("w:shape", Dtype::F32, vec![1], vec![0; 4])]);
        assert!(other.contains("the shape of w as F32"), "{other}");
    }
}
