//! IDX, the format of MNIST: four bytes that tell type and dimensions, the dimensions with 32
//! bits each, most significant byte first, then unsigned bytes. Plain or compressed with gzip.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use crate::frame::image::MAX_IMAGE_SIDE;

/// Most images or labels of one file.
const MAX_ITEMS: u32 = 16 << 20;
const GZIP: &[u8] = b"\x1f\x8b";

/// What an IDX file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Labels { count: u32 },
    Images { count: u32, height: u32, width: u32 },
}

/// Whether a file begins as IDX does, or as gzip does, which nothing else here is.
pub(super) fn is_idx(start: &[u8]) -> bool {
    start.starts_with(GZIP) || start.starts_with(&[0, 0])
}

/// A reader of the file's content after what it says of itself.
///
/// # Errors
/// Why it is none that is read here.
pub(super) fn open<'a>(
    start: &'a [u8],
    rest: impl Read + 'a,
) -> Result<(Kind, Box<dyn Read + 'a>), String> {
    let whole = start.chain(rest);
    let mut content: Box<dyn Read + 'a> = match start.starts_with(GZIP) {
        true => Box::new(io::BufReader::new(MultiGzDecoder::new(whole))),
        false => Box::new(whole),
    };
    let mut number = || {
        let mut bytes = [0; 4];
        let read = content.read_exact(&mut bytes);
        read.map(|()| u32::from_be_bytes(bytes)).map_err(|error| broken_off(&error))
    };
    let kind = match number()? {
        0x0801 => Kind::Labels { count: number()? },
        0x0803 => Kind::Images { count: number()?, height: number()?, width: number()? },
        other => {
            return Err(format!(
                "is no IDX file of images (it begins with 00000803) or labels (00000801): it begins \
                 with {other:08x}"
            ));
        }
    };
    match kind {
        Kind::Labels { count } | Kind::Images { count, .. } if count > MAX_ITEMS => {
            Err(format!("claims {count} items, and {MAX_ITEMS} are read"))
        }
        Kind::Images { height, width, .. }
            if !(1..=MAX_IMAGE_SIDE).contains(&height)
                || !(1..=MAX_IMAGE_SIDE).contains(&width) =>
        {
            Err(format!(
                "claims images of {height} x {width}, and {MAX_IMAGE_SIDE} a side are read"
            ))
        }
        kind => Ok((kind, content)),
    }
}

/// What is wrong with a file that can't be read on.
pub(super) fn broken_off(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "breaks off: it holds less than it claims".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// An IDX file of images.
    pub(in crate::frame::ingest) fn images(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let count = pixels.len() as u32 / (height * width);
        let numbers = [0x0803, count, height, width].map(u32::to_be_bytes);
        [&numbers.concat(), pixels].concat()
    }

    /// An IDX file of labels.
    pub(in crate::frame::ingest) fn labels(labels: &[u8]) -> Vec<u8> {
        let numbers = [0x0801, labels.len() as u32].map(u32::to_be_bytes);
        [&numbers.concat(), labels].concat()
    }

    pub(in crate::frame::ingest) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(file: &[u8]) -> Result<(Kind, Vec<u8>), String> {
        let (start, rest) = file.split_at(file.len().min(16));
        let (kind, mut content) = open(start, rest)?;
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| broken_off(&error))?;
        Ok((kind, bytes))
    }

    #[test]
    fn plain_and_compressed_files_are_read() {
        let file = images(1, 2, &[1, 2, 3, 4]);
        let expected = (Kind::Images { count: 2, height: 1, width: 2 }, vec![1, 2, 3, 4]);
        assert_eq!(read(&file), Ok(expected.clone()));
        assert_eq!(read(&gzip(&file)), Ok(expected));
        assert_eq!(read(&labels(&[7, 9])), Ok((Kind::Labels { count: 2 }, vec![7, 9])));
        assert!(is_idx(&file) && is_idx(&gzip(&file)) && !is_idx(b"file,label"));
    }

    #[test]
    fn other_files_say_why_they_are_not_read() {
        assert!(read(&[0, 0, 0x0d, 3, 0, 0, 0, 1]).unwrap_err().contains("begins with 00000d03"));
        assert!(read(&[0, 0, 8]).unwrap_err().starts_with("breaks off"));
        assert!(read(&images(5_000, 1, &[])).unwrap_err().contains("5000 x 1"));
        let many = [0x0801, u32::MAX].map(u32::to_be_bytes).concat();
        assert!(read(&many).unwrap_err().contains("4294967295 items"));
        let zipped = gzip(&labels(&[7; 100]));
        assert!(read(&zipped[..zipped.len() - 12]).is_err());
        assert!(read(b"\x1f\x8bnothing").is_err());
    }
}
