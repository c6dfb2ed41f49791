//! What a specification says of images.

use super::{Bounds, Findings, UNIT};
use crate::domain::network::NetworkSpec;
use crate::domain::training::{AugmentationSpec, TrainingSpec};
use crate::engine::features::Layout;
use crate::engine::networks::convolutional::{smallest_cnn, smallest_lenet};
use crate::error::{Code, Error, Result};
use crate::frame::ImageShape;

const ONLY_IMAGES: &str = "reads images, and no feature holds any; take another network";

pub(super) fn check_images(spec: &TrainingSpec, findings: &mut Findings) {
    if let Some(image) = &spec.preprocessing.image {
        for (name, side) in [("height", image.height), ("width", image.width)] {
            if let Some(side) = side {
                findings.whole(&format!("/preprocessing/image/{name}"), side.into(), 4..=512);
            }
        }
        if let Some(channels) = image.channels.filter(|channels| ![1, 3].contains(channels)) {
            let detail = format!("{channels} is neither 1 (grey) nor 3 (red, green, blue)");
            findings.add("/preprocessing/image/channels", detail);
        }
    }
    if let Some(augmentation) = &spec.augmentation {
        let AugmentationSpec { shift, rotate, scale, noise, mixup } = *augmentation;
        findings.whole("/augmentation/shift", shift.into(), 0..=64);
        for (name, value, high) in [
            ("rotate", rotate, 180.0),
            ("scale", scale, 0.9),
            ("noise", noise, 10.0),
            ("mixup", mixup, 10.0),
        ] {
            let bounds = Bounds { high, ..UNIT };
            findings.real(&format!("/augmentation/{name}"), value, bounds);
        }
    }
}

/// Checks whether a network reads inputs of a layout.
///
/// # Errors
/// [`Code::InvalidSpec`] naming the network.
pub(in crate::engine::train) fn check_layout(network: &NetworkSpec, layout: &Layout) -> Result<()> {
    let smallest = match network {
        NetworkSpec::Linear(_)
        | NetworkSpec::Mlp(_)
        | NetworkSpec::Lstm(_)
        | NetworkSpec::Attention(_)
        | NetworkSpec::NLinear(_)
        | NetworkSpec::DLinear(_) => return Ok(()),
        NetworkSpec::TextCnn(_) | NetworkSpec::TextAttention(_) => {
            return match layout {
                Layout::Text { .. } => Ok(()),
                _ => Err(Error::field(
                    Code::InvalidSpec,
                    "/network",
                    "reads a text, and no feature holds one; take another network",
                )),
            };
        }
        NetworkSpec::Tabm(_)
        | NetworkSpec::Monotone(_)
        | NetworkSpec::Scorecard(_)
        | NetworkSpec::Transformer(_) => {
            return match layout {
                Layout::Table(_) => Ok(()),
                Layout::Image(_) => Err(Error::field(
                    Code::InvalidSpec,
                    "/network",
                    "reads the columns of a table, and the feature holds images; take cnn or lenet",
                )),
                Layout::Text { .. } => Err(Error::field(
                    Code::InvalidSpec,
                    "/network",
                    "reads the columns of a table, and the feature is a text; take text_cnn",
                )),
                Layout::Sequence { .. } => Err(Error::field(
                    Code::InvalidSpec,
                    "/network",
                    "reads the columns of a row, and these are windows; take lstm or attention",
                )),
            };
        }
        NetworkSpec::Lenet(_) => smallest_lenet(),
        NetworkSpec::Cnn(cnn) => smallest_cnn(cnn.channels.as_ref().map_or(1, Vec::len)),
    };
    let detail = match layout {
        Layout::Image(shape) if shape.height.min(shape.width) >= smallest => return Ok(()),
        Layout::Image(ImageShape { height, width, .. }) => format!(
            "reads images of {smallest} pixels a side or more, and these are {height} x {width}: ask \
             for more by preprocessing.image, or for another network"
        ),
        Layout::Table(_) | Layout::Text { .. } | Layout::Sequence { .. } => ONLY_IMAGES.to_owned(),
    };
    Err(Error::field(Code::InvalidSpec, "/network", detail))
}

/// Checks whether what is asked for suits features of which so many hold images.
pub(super) fn check_features(
    spec: &TrainingSpec,
    features: usize,
    images: usize,
    findings: &mut Findings,
) {
    if images > 0 && features > 1 {
        let detail = "an image is learnt from alone: name one column of images, and no other";
        findings.add("/features", detail);
    }
    if images > 0 {
        return;
    }
    if spec.network.as_ref().is_some_and(NetworkSpec::is_for_images) {
        findings.add("/network", ONLY_IMAGES);
    }
    if spec.preprocessing.image.is_some() {
        findings.add("/preprocessing/image", "no feature holds images; leave it out");
    }
    if spec.augmentation.is_some() {
        findings.add("/augmentation", "no feature holds images; leave it out");
    }
}
