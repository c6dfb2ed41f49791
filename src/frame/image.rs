//! Images: checked when they come in, decoded and brought to one size when they are learnt from.
//! The only place that knows PNG and JPEG. What is read is not trusted: a few kilobytes can claim
//! to be gigabytes of pixels, so sizes are looked at before anything is decoded.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::error::ImageError;
use image::imageops::FilterType;
use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat,
    ImageReader, Limits,
};

use super::shown;
use crate::error::{Context, Error, Result};

/// Most bytes of an encoded image.
pub const MAX_IMAGE_BYTES: usize = 8 << 20;
/// Most pixels a side.
pub const MAX_IMAGE_SIDE: u32 = 4_096;
/// Memory that decoding one image may take: four channels of 16 bits at the largest size.
const MAX_ALLOC: u64 = 8 * (MAX_IMAGE_SIDE as u64).pow(2);

/// What base64 is read: as it is usually written, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How base64 of a PNG and of a JPEG begins.
const PNG_BASE64: &[u8] = b"iVBORw0KGgo";
const JPEG_BASE64: &[u8] = b"/9j/";
/// No JPEG is shorter, so that `/9j/` alone is taken for a text.
const MIN_JPEG_BASE64: usize = 128;

/// Size of an image as a network reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

/// A PNG or a JPEG that was decoded once, so that it can be again.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct EncodedImage {
    bytes: Vec<u8>,
    height: u32,
    width: u32,
    channels: u32,
}

impl EncodedImage {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    /// 1 for a grey image, else 3.
    pub(super) fn channels(&self) -> u32 {
        self.channels
    }
}

/// Reads encoded images, one after the other.
#[derive(Debug, Default)]
pub(super) struct Images {
    current: EncodedImage,
}

impl Images {
    /// An image as base64, with or without `data:image/png;base64,` before it.
    ///
    /// # Errors
    /// Why it is none, and what would be.
    pub(super) fn base64(&mut self, text: &[u8]) -> Result<&EncodedImage, String> {
        const WANTED: &str = "write a PNG or a JPEG as base64";
        let encoded = without_prefix(text);
        if encoded.len() / 4 * 3 > MAX_IMAGE_BYTES + 3 {
            return Err(too_long());
        }
        self.current.bytes.clear();
        match BASE64.decode_vec(encoded, &mut self.current.bytes) {
            Ok(()) => self.check(),
            Err(_) => {
                let text = String::from_utf8_lossy(&text[..text.len().min(200)]);
                Err(format!("'{}' is no image: {WANTED}", shown(&text)))
            }
        }
    }

    /// An image as bytes.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<&EncodedImage, String> {
        if bytes.len() > MAX_IMAGE_BYTES {
            return Err(too_long());
        }
        self.current.bytes.clear();
        self.current.bytes.extend_from_slice(bytes);
        self.check()
    }

    /// A grey image as its pixels, row after row, 0 black and 255 white.
    pub(super) fn grey(
        &mut self,
        height: u32,
        width: u32,
        pixels: &[u8],
    ) -> Result<&EncodedImage, String> {
        let EncodedImage { bytes, .. } = &mut self.current;
        bytes.clear();
        PngEncoder::new_with_quality(bytes, CompressionType::Fast, PngFilter::NoFilter)
            .write_image(pixels, width, height, ExtendedColorType::L8)
            .map_err(|error| format!("can't be kept as a PNG: {error}"))?;
        (self.current.height, self.current.width, self.current.channels) = (height, width, 1);
        Ok(&self.current)
    }

    fn check(&mut self) -> Result<&EncodedImage, String> {
        let decoded = decode(&self.current.bytes)?;
        (self.current.height, self.current.width) = (decoded.height(), decoded.width());
        self.current.channels = channels(decoded.color());
        Ok(&self.current)
    }
}

/// Whether a text begins as base64 of an image does.
pub(super) fn is_base64_of_image(text: &[u8]) -> bool {
    let encoded = without_prefix(text);
    encoded.starts_with(PNG_BASE64)
        || (encoded.starts_with(JPEG_BASE64) && encoded.len() >= MIN_JPEG_BASE64)
}

/// Whether bytes begin as a PNG or a JPEG does.
pub(super) fn is_image(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// An image as it is written in JSON and CSV.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The size of a stored image.
///
/// # Errors
/// [`Error::Internal`], since what is stored was decoded once.
pub fn image_size(bytes: &[u8]) -> Result<ImageShape> {
    let sized = || -> Result<ImageShape, String> {
        let (_, mut decoder) = open(bytes)?;
        let (width, height) = decoder.dimensions();
        let turned = decoder.orientation().is_ok_and(is_turned);
        let (height, width) = if turned { (width, height) } else { (height, width) };
        let channels = channels(decoder.color_type()) as usize;
        Ok(ImageShape { channels, height: height as usize, width: width as usize })
    };
    sized().map_err(|problem| Error::internal("measuring a stored image", problem))
}

/// The pixels of a stored image as 0 to 1, brought to a size: `out` is `[channels, height,
/// width]`. A picture of another size is stretched to it (averaging where it shrinks, linear
/// where it grows); colours become grey by their luminance (ITU-R BT.709), and an alpha channel
/// is left aside.
///
/// # Errors
/// [`Error::Internal`], since what is stored was decoded once, and when `out` has another length.
pub fn image_pixels(bytes: &[u8], shape: ImageShape, out: &mut [f32]) -> Result<()> {
    const READING: &str = "reading a stored image";
    let ImageShape { channels, height, width } = shape;
    let area = height * width;
    if out.len() != channels * area || !(channels == 1 || channels == 3) {
        return Err(Error::internal(READING, format!("{} numbers for {shape:?}", out.len())));
    }
    let decoded = decode(bytes).map_err(|problem| Error::internal(READING, problem))?;
    let (h, w) = (u32::try_from(height).context(READING)?, u32::try_from(width).context(READING)?);
    let resized = |image: DynamicImage| match (image.height(), image.width()) == (h, w) {
        true => image,
        false => image.resize_exact(w, h, FilterType::Triangle),
    };
    // Before it is resized, since an average of 8 bits is rounded.
    let pixels = match channels {
        1 => resized(DynamicImage::ImageLuma8(decoded.into_luma8())).into_luma8().into_raw(),
        _ => resized(DynamicImage::ImageRgb8(decoded.into_rgb8())).into_rgb8().into_raw(),
    };
    for (at, pixel) in pixels.chunks_exact(channels).enumerate() {
        for (channel, value) in pixel.iter().enumerate() {
            out[channel * area + at] = f32::from(*value) / 255.0;
        }
    }
    Ok(())
}

fn without_prefix(text: &[u8]) -> &[u8] {
    let prefixes = [&b"data:image/png;base64,"[..], b"data:image/jpeg;base64,"];
    prefixes.iter().find_map(|prefix| text.strip_prefix(*prefix)).unwrap_or(text)
}

fn too_long() -> String {
    format!("is an image of more than {} MiB; send a smaller one", MAX_IMAGE_BYTES >> 20)
}

fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        _ => None,
    }
}

/// 1 for a grey image, else 3.
fn channels(color: ColorType) -> u32 {
    if color.has_color() { 3 } else { 1 }
}

fn is_turned(orientation: image::metadata::Orientation) -> bool {
    use image::metadata::Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The decoder of an image whose size is within the limits.
fn open(bytes: &[u8]) -> Result<(&'static str, impl ImageDecoder + '_), String> {
    let format = format_of(bytes).ok_or("is neither a PNG nor a JPEG")?;
    let name = if format == ImageFormat::Png { "PNG" } else { "JPEG" };
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| unreadable(name, &error))?;
    let (width, height) = decoder.dimensions();
    if width > MAX_IMAGE_SIDE || height > MAX_IMAGE_SIDE || decoder.total_bytes() > MAX_ALLOC {
        return Err(format!(
            "is a {name} of {width} x {height} pixels, and {MAX_IMAGE_SIDE} a side are read; send a \
             smaller one"
        ));
    }
    Ok((name, decoder))
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let decoding = AssertUnwindSafe(|| {
        let (name, mut decoder) = open(bytes)?;
        // A broken note on the orientation is no reason to refuse the picture.
        let orientation = decoder.orientation().ok();
        let decoded = DynamicImage::from_decoder(decoder);
        let mut decoded = decoded.map_err(|error| unreadable(name, &error))?;
        if let Some(orientation) = orientation {
            decoded.apply_orientation(orientation);
        }
        Ok(decoded)
    });
    // Where a decoder panics on a malformed file, that is one more bad file for the caller.
    catch_unwind(decoding).unwrap_or_else(|_| Err("is a broken image".to_owned()))
}

fn unreadable(name: &str, error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => {
            format!("is a {name} that takes more than {} MiB to decode", MAX_ALLOC >> 20)
        }
        error => format!("is a broken {name}: {}", first_line(&error.to_string())),
    }
}

/// The beginning of what a decoder says.
fn first_line(text: &str) -> String {
    const LENGTH: usize = 120;
    text.chars().take_while(|c| *c != '\n').filter(|c| !c.is_control()).take(LENGTH).collect()
}

#[cfg(test)]
pub(super) mod tests;
