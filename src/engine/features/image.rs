//! Images.

use serde::{Deserialize, Serialize};

use super::Block;
use crate::domain::training::ImageSpec;
use crate::error::{Code, Error, Result};
use crate::frame::{ImageShape, image_pixels, image_size};

/// Pixels of the longer side, at most, where nothing is asked for: what is larger is slow to learn
/// from, and seldom needed to tell things apart.
const MAX_SIDE: usize = 64;
/// Fewest pixels a side.
const MIN_SIDE: usize = 4;
/// Pixels that hardly differ are not blown up.
const MIN_DEVIATION: f64 = 1e-3;

/// Inputs: the pixels `[channel, row, column]`, less the channel's mean in the training images and
/// divided by its deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    channels: usize,
    height: usize,
    width: usize,
    /// Of each channel, black being 0 and white 1.
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl Image {
    /// # Errors
    /// [`Code::InvalidSpec`] where a row has no image.
    pub(super) fn fit(
        name: &str,
        images: &[Option<&[u8]>],
        spec: Option<&ImageSpec>,
    ) -> Result<Self> {
        let images = all_there(name, images)?;
        let shape = shape(&images, spec.copied().unwrap_or_default())?;
        let ImageShape { channels, height, width } = shape;
        let mut pixels = vec![0.0; channels * height * width];
        let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
        for image in &images {
            image_pixels(image, shape, &mut pixels)?;
            for (channel, pixels) in pixels.chunks_exact(height * width).enumerate() {
                let values = pixels.iter().map(|p| f64::from(*p));
                let (sum, square) =
                    values.fold((0.0, 0.0), |(sum, square), p| (sum + p, square + p * p));
                sums[channel] += sum;
                squares[channel] += square;
            }
        }
        let count = (images.len() * height * width) as f64;
        let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let spread = |(square, mean): (&f64, &f64)| {
            (square / count - mean * mean).max(0.0).sqrt().max(MIN_DEVIATION)
        };
        let deviation = squares.iter().zip(&mean).map(spread).collect();
        Ok(Self { channels, height, width, mean, deviation })
    }

    pub(super) fn shape(&self) -> ImageShape {
        ImageShape { channels: self.channels, height: self.height, width: self.width }
    }

    pub(super) fn width(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// # Errors
    /// [`Code::InvalidRequest`] for a row without an image.
    pub(super) fn encode(&self, images: &[Option<&[u8]>], mut block: Block<'_>) -> Result<()> {
        for (row, image) in images.iter().enumerate() {
            let image =
                image.ok_or_else(|| Error::new(Code::InvalidRequest, "a row has no image"))?;
            let pixels = block.row(row, self.width());
            image_pixels(image, self.shape(), pixels)?;
            let planes = pixels.chunks_exact_mut(self.height * self.width);
            for (plane, (mean, deviation)) in planes.zip(self.mean.iter().zip(&self.deviation)) {
                let (mean, factor) = (*mean as f32, (1.0 / deviation) as f32);
                plane.iter_mut().for_each(|pixel| *pixel = (*pixel - mean) * factor);
            }
        }
        Ok(())
    }
}

fn all_there<'a>(name: &str, images: &[Option<&'a [u8]>]) -> Result<Vec<&'a [u8]>> {
    let there: Vec<&[u8]> = images.iter().flatten().copied().collect();
    match images.len() - there.len() {
        0 => Ok(there),
        missing => {
            let detail = format!("{name} is missing in {missing} training rows; leave them out");
            Err(Error::field(Code::InvalidSpec, "/features", detail))
        }
    }
}

/// The size that images are brought to.
fn shape(images: &[&[u8]], spec: ImageSpec) -> Result<ImageShape> {
    let sizes = images.iter().map(|image| image_size(image)).collect::<Result<Vec<_>>>()?;
    let median = |side: fn(&ImageShape) -> usize| {
        let mut sides: Vec<usize> = sizes.iter().map(side).collect();
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied().unwrap_or(MAX_SIDE)
    };
    let (height, width) = (median(|s| s.height), median(|s| s.width));
    let longer = height.max(width);
    let suited = |side: usize| match longer > MAX_SIDE {
        true => (side * MAX_SIDE + longer / 2) / longer,
        false => side,
    };
    let asked = |asked: Option<u32>, side: usize| {
        asked.map_or_else(|| suited(side).max(MIN_SIDE), |asked| asked as usize)
    };
    let found = sizes.iter().map(|size| size.channels).max().unwrap_or(1);
    Ok(ImageShape {
        channels: spec.channels.map_or(found, |channels| channels as usize),
        height: asked(spec.height, height),
        width: asked(spec.width, width),
    })
}
