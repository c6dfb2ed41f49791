//! The parts of a form (`multipart/form-data`) as they are kept until they are read: without the
//! boundary, which every request draws anew, so that a form sent again has the same bytes.
//!
//! Laid out as a line that names the format, then part after part: the length of a header and the
//! header in JSON, chunks of [`CHUNK`] bytes (the last one may be shorter) each after its length,
//! and a length of 0. Lengths have 32 bits, the least significant byte first.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Context, Error, Result};

const MAGIC: &[u8] = b"ACTUARY FORM 1\n";
const CHUNK: usize = 64 << 10;
/// Longest name of a part and of its file, in bytes.
const MAX_NAME: usize = 256;
const MAX_FILE: usize = 1_024;
const MAX_HEADER: u32 = 16 << 10;

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartHeader {
    pub(super) name: String,
    /// The file's name, where it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
}

/// Lays out parts as they come in.
#[derive(Debug, Default)]
pub struct FormWriter {
    parts: u64,
    chunk: Vec<u8>,
}

impl FormWriter {
    /// Begins a part; what it returns is to be kept, as with the other functions.
    ///
    /// # Errors
    /// [`Code::InvalidData`] for a name that is empty or too long.
    pub fn begin(&mut self, name: &str, file: Option<&str>) -> Result<Vec<u8>> {
        self.parts += 1;
        let place = format!("part {}", self.parts);
        if name.is_empty() || name.len() > MAX_NAME {
            let detail = format!("has to have a name of 1 to {MAX_NAME} bytes");
            return Err(Error::field(Code::InvalidData, place, detail));
        }
        if file.is_some_and(|file| file.len() > MAX_FILE) {
            let detail = format!("has a file name of more than {MAX_FILE} bytes; rename it");
            return Err(Error::field(Code::InvalidData, place, detail));
        }
        let header = PartHeader { name: name.to_owned(), file: file.map(str::to_owned) };
        let header = serde_json::to_vec(&header).context("laying out a form")?;
        let mut out = if self.parts == 1 { MAGIC.to_vec() } else { Vec::new() };
        push(&mut out, &header);
        Ok(out)
    }

    /// Some bytes of the part.
    pub fn write(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while self.chunk.len() + bytes.len() >= CHUNK {
            let (now, later) = bytes.split_at(CHUNK - self.chunk.len());
            self.chunk.extend_from_slice(now);
            push(&mut out, &self.chunk);
            self.chunk.clear();
            bytes = later;
        }
        self.chunk.extend_from_slice(bytes);
        out
    }

    /// Ends the part.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.chunk.is_empty() {
            push(&mut out, &self.chunk);
            self.chunk.clear();
        }
        push(&mut out, &[]);
        out
    }
}

/// Appends bytes, of which there are fewer than 2^32, after their length.
fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads the parts of a form; as [`Read`] the content of the part that it is at.
pub(super) struct FormReader<R> {
    input: R,
    /// Bytes of the chunk that are left.
    left: u32,
    /// Whether it is within a part.
    within: bool,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> FormReader<R> {
    /// # Errors
    /// [`Code::InvalidData`] for what is no form.
    pub(super) fn new(mut input: R) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        if input.read_exact(&mut magic).is_err() || magic != MAGIC {
            return Err(broken());
        }
        let bytes = Rc::new(Cell::new(MAGIC.len() as u64));
        Ok(Self { input, left: 0, within: false, bytes })
    }

    /// Bytes that were read, also while the reader is lent.
    pub(super) fn progress(&self) -> Rc<Cell<u64>> {
        self.bytes.clone()
    }

    fn count(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// Goes to the next part, past what was not read of this one; None after the last.
    ///
    /// # Errors
    /// [`Code::InvalidData`] where the form breaks off.
    pub(super) fn advance(&mut self) -> Result<Option<PartHeader>> {
        if self.within {
            io::copy(self, &mut io::sink()).map_err(|_| broken())?;
        }
        let mut length = [0; 4];
        if self.input.read(&mut length[..1]).map_err(|_| broken())? == 0 {
            return Ok(None);
        }
        self.input.read_exact(&mut length[1..]).map_err(|_| broken())?;
        let length = u32::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(broken());
        }
        let mut header = vec![0; length as usize];
        self.input.read_exact(&mut header).map_err(|_| broken())?;
        self.count(4 + u64::from(length));
        (self.within, self.left) = (true, 0);
        serde_json::from_slice(&header).map(Some).map_err(|_| broken())
    }
}

impl<R: Read> Read for FormReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.within || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            let mut length = [0; 4];
            self.input.read_exact(&mut length)?;
            self.left = u32::from_le_bytes(length);
            self.count(4);
            if self.left == 0 {
                self.within = false;
                return Ok(0);
            }
        }
        let most = buffer.len().min(self.left as usize);
        let read = self.input.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u32;
        self.count(read as u64);
        Ok(read)
    }
}

fn broken() -> Error {
    Error::new(Code::InvalidData, "the form's parts can't be read: send it again")
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Parts as they are kept.
    pub(in crate::frame) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
        laid_out(parts, usize::MAX)
    }

    /// The same, its content arriving in pieces.
    fn laid_out(parts: &[(&str, Option<&str>, &[u8])], piece: usize) -> Vec<u8> {
        let mut writer = FormWriter::default();
        let mut out = Vec::new();
        for (name, file, content) in parts {
            out.extend(writer.begin(name, *file).unwrap());
            content.chunks(piece).for_each(|bytes| out.extend(writer.write(bytes)));
            out.extend(writer.end());
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn parts_come_back_and_have_the_same_bytes_however_they_arrive(
            lengths in proptest::collection::vec(0_usize..200_000, 1..4),
            piece in 1_usize..100_000,
        ) {
            let contents: Vec<Vec<u8>> =
                lengths.iter().map(|n| (0..*n).map(|i| i as u8).collect()).collect();
            let parts: Vec<_> = contents.iter().map(|c| ("image", Some("ü.png"), &c[..])).collect();
            let kept = laid_out(&parts, piece);
            prop_assert_eq!(&kept, &form(&parts));
            let mut reader = FormReader::new(&kept[..]).unwrap();
            for content in &contents {
                let header = reader.advance().unwrap().unwrap();
                prop_assert_eq!(header.file.as_deref(), Some("ü.png"));
                let mut read = Vec::new();
                reader.read_to_end(&mut read).unwrap();
                prop_assert_eq!(&read, content);
            }
            prop_assert_eq!(reader.advance().unwrap(), None);
        }
    }

    #[test]
    fn what_is_not_read_of_a_part_is_skipped_and_what_breaks_off_is_told() {
        let kept = form(&[("a", None, b"one"), ("b", Some("f"), b"two")]);
        let mut reader = FormReader::new(&kept[..]).unwrap();
        assert_eq!(reader.advance().unwrap().unwrap().name, "a");
        assert_eq!(reader.advance().unwrap().unwrap().name, "b");
        assert_eq!(reader.advance().unwrap(), None);
        for length in 0..kept.len() {
            let Ok(mut reader) = FormReader::new(&kept[..length]) else { continue };
            while let Ok(Some(_)) = reader.advance() {}
        }
        let mut writer = FormWriter::default();
        assert!(writer.begin("", None).is_err());
        assert!(writer.begin(&"n".repeat(257), None).is_err());
    }
}
