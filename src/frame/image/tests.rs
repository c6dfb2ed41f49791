use image::codecs::jpeg::JpegEncoder;

use super::*;

/// A grey PNG.
pub(crate) fn grey(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
    Images::default().grey(height, width, pixels).unwrap().bytes().to_vec()
}

/// A PNG of colours and transparency.
fn png(height: u32, width: u32, color: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(pixels, width, height, color).unwrap();
    bytes
}

fn pixels(bytes: &[u8], channels: usize, height: usize, width: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; channels * height * width];
    image_pixels(bytes, ImageShape { channels, height, width }, &mut out).unwrap();
    out
}

fn problem(bytes: &[u8]) -> String {
    Images::default().bytes(bytes).unwrap_err()
}

#[test]
fn grey_pixels_come_back_as_they_were() {
    let bytes = grey(2, 3, &[0, 51, 102, 153, 204, 255]);
    assert_eq!(pixels(&bytes, 1, 2, 3), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(image_size(&bytes).unwrap(), ImageShape { channels: 1, height: 2, width: 3 });
    let mut images = Images::default();
    let read = images.base64(to_base64(&bytes).as_bytes()).unwrap();
    assert_eq!((read.height(), read.width(), read.channels()), (2, 3, 1));
    assert_eq!(read.bytes(), bytes);
}

#[test]
fn colours_are_planes_and_alpha_is_left_aside() {
    let bytes = png(1, 2, ExtendedColorType::Rgba8, &[255, 0, 51, 0, 0, 102, 255, 255]);
    assert_eq!(pixels(&bytes, 3, 1, 2), [1.0, 0.0, 0.0, 0.4, 0.2, 1.0]);
    assert_eq!(image_size(&bytes).unwrap().channels, 3);
    let grey_of_green = pixels(&png(1, 1, ExtendedColorType::Rgb8, &[0, 255, 0]), 1, 1, 1);
    assert!((grey_of_green[0] - 0.715).abs() < 0.01, "{grey_of_green:?}");
    assert_eq!(pixels(&grey(1, 1, &[51]), 3, 1, 1), [0.2, 0.2, 0.2]);
}

#[test]
fn another_size_is_averaged_or_filled_between() {
    let halves = [[0; 8], [255; 8]].concat();
    let small = pixels(&grey(4, 4, &halves), 1, 2, 2);
    assert!(small[0] < 0.2 && small[1] == small[0], "{small:?}");
    assert!(small[2] > 0.8 && small[3] == small[2], "{small:?}");
    let large = pixels(&grey(2, 1, &[0, 255]), 1, 8, 1);
    assert!(large.windows(2).all(|w| w[0] <= w[1]), "{large:?}");
}

#[test]
fn a_jpeg_is_read() {
    let mut bytes = Vec::new();
    let pixels_in = [128; 16 * 16];
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.write_image(&pixels_in, 16, 16, ExtendedColorType::L8).unwrap();
    let found = pixels(&bytes, 1, 16, 16);
    assert!(found.iter().all(|p| (p - 128.0 / 255.0).abs() < 0.02), "{found:?}");
    let text = format!("data:image/jpeg;base64,{}", to_base64(&bytes));
    assert!(is_base64_of_image(text.as_bytes()));
    assert!(Images::default().base64(text.as_bytes()).is_ok());
    assert!(problem(&bytes[..bytes.len() / 3]).starts_with("is a broken JPEG"));
}

#[test]
fn what_is_no_image_says_so() {
    let bytes = grey(8, 8, &[7; 64]);
    assert_eq!(problem(b""), "is neither a PNG nor a JPEG");
    assert_eq!(problem(b"GIF89a"), "is neither a PNG nor a JPEG");
    assert!(problem(&bytes[..40]).starts_with("is a broken PNG: "), "{}", problem(&bytes[..40]));
    let mut flipped = bytes.clone();
    let at = flipped.len() - 20;
    flipped[at] ^= 0xff;
    assert!(problem(&flipped).starts_with("is a broken PNG: "));
    let text = |text: &str| Images::default().base64(text.as_bytes()).unwrap_err();
    assert_eq!(text("no base64!"), "'no base64!' is no image: write a PNG or a JPEG as base64");
    assert_eq!(text("aGVsbG8="), "is neither a PNG nor a JPEG");
    for text in ["", "iVBOR", "/9j/ and so on", "data:image/gif;base64,R0lGOD"] {
        assert!(!is_base64_of_image(text.as_bytes()), "{text}");
    }
    for length in 0..bytes.len() {
        let _ = Images::default().bytes(&bytes[..length]);
    }
}

/// A PNG whose header claims more pixels than it has bytes for.
#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let claimed = |width: u32, height: u32| {
        let mut bytes = grey(1, 1, &[0]);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        problem(&bytes)
    };
    let refused = claimed(5_000, 20);
    assert!(refused.starts_with("is a PNG of 5000 x 20 pixels, and 4096 a side"), "{refused}");
    assert!(claimed(100_000, 100_000).contains("PNG"), "{}", claimed(100_000, 100_000));
    assert!(claimed(0x7fff_ffff, 0x7fff_ffff).contains("PNG"));
    let long = vec![b'A'; MAX_IMAGE_BYTES / 3 * 4 + 8];
    assert!(Images::default().base64(&long).unwrap_err().contains("more than 8 MiB"));
}
