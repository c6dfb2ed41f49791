//! The parts of a form, each as what its content shows it to be.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::idx::{self, Kind, is_idx};
use super::table;
use crate::error::{Context, Result};
use crate::frame::form::FormReader;
use crate::frame::image::{MAX_IMAGE_BYTES, is_image};
use crate::frame::ingest::OnProgress;
use crate::frame::ingest::source::{Reporter, open};
use crate::frame::shown;

const BUFFER_BYTES: usize = 256 << 10;
/// Bytes by which a content is told.
const START: u64 = 8;
/// Longest text of a part.
const MAX_FIELD: u64 = 64 << 10;
/// Names under which images and labels come.
const IMAGES: [&str; 2] = ["image", "images"];
const LABELS: [&str; 2] = ["label", "labels"];

/// A part of a form.
pub(super) struct Part<'a> {
    /// Counted from 1.
    number: u64,
    pub(super) name: String,
    pub(super) file: Option<String>,
    pub(super) content: Content<'a>,
}

pub(super) enum Content<'a> {
    Field(String),
    /// A PNG or a JPEG.
    Image(Vec<u8>),
    IdxImages {
        count: u32,
        height: u32,
        width: u32,
        content: Box<dyn Read + 'a>,
    },
    IdxLabels {
        count: u32,
        content: Box<dyn Read + 'a>,
    },
    Table(table::Source),
    /// None of these, and why.
    Bad(String),
}

impl Part<'_> {
    /// For an error.
    pub(super) fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("part {} ({})", self.number, shown(file)),
            None => format!("part {} ({})", self.number, shown(&self.name)),
        }
    }
}

/// Told how many rows there are up to now.
pub(super) type Reached<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// Shows every part of a form to `on_part`, with a way to tell how many rows there are up to now.
pub(super) fn each_part(
    input: &Path,
    temp_dir: &Path,
    (stage, progress): (&'static str, OnProgress<'_>),
    on_part: &mut dyn FnMut(Part<'_>, Reached<'_>) -> Result<()>,
) -> Result<()> {
    let mut form = FormReader::new(BufReader::with_capacity(BUFFER_BYTES, open(input)?))?;
    let mut reporter = Reporter::new(progress, stage, input)?;
    let (mut number, mut rows) = (0, 0);
    let bytes = form.progress();
    while let Some(header) = form.advance()? {
        number += 1;
        let mut start = Vec::new();
        (&mut form).take(START).read_to_end(&mut start).context("reading a form")?;
        let content = content(&header.name, header.file.is_some(), &start, &mut form, temp_dir)?;
        let part = Part { number, name: header.name, file: header.file, content };
        on_part(part, &mut |so_far| {
            rows = so_far;
            reporter.reached(rows, bytes.get())
        })?;
        reporter.reached(rows, bytes.get())?;
    }
    reporter.ended(rows)
}

fn content<'a>(
    name: &str,
    is_file: bool,
    start: &'a [u8],
    rest: impl Read + 'a,
    temp_dir: &Path,
) -> Result<Content<'a>> {
    const READING: &str = "reading a form";
    let (is_images, is_labels) = (IMAGES.contains(&name), LABELS.contains(&name));
    if is_images && is_image(start) {
        let mut bytes = start.to_vec();
        let most = MAX_IMAGE_BYTES as u64 + 1 - bytes.len() as u64;
        rest.take(most).read_to_end(&mut bytes).context(READING)?;
        return Ok(Content::Image(bytes));
    }
    if is_file && (is_images || is_labels) && is_idx(start) {
        return Ok(match (idx::open(start, rest), is_images) {
            (Ok((Kind::Images { count, height, width }, content)), true) => {
                Content::IdxImages { count, height, width, content }
            }
            (Ok((Kind::Labels { count }, content)), false) => Content::IdxLabels { count, content },
            (Ok(_), true) => {
                Content::Bad("is an IDX file of labels; name the part label".to_owned())
            }
            (Ok(_), false) => {
                Content::Bad("is an IDX file of images; name the part image".to_owned())
            }
            (Err(problem), _) => Content::Bad(problem),
        });
    }
    if is_file && is_labels {
        return Ok(Content::Table(table::Source::keep(start, rest, temp_dir)?));
    }
    if is_images {
        return Ok(Content::Bad("is neither a PNG nor a JPEG nor an IDX file".to_owned()));
    }
    if is_file {
        let detail = "is a file, and files are parts named image or label";
        return Ok(Content::Bad(detail.to_owned()));
    }
    let mut text = start.to_vec();
    rest.take(MAX_FIELD).read_to_end(&mut text).context(READING)?;
    Ok(match String::from_utf8(text) {
        Ok(text) if text.len() as u64 > MAX_FIELD => {
            Content::Bad(format!("is longer than {} KiB", MAX_FIELD >> 10))
        }
        Ok(text) if text.contains('\0') => {
            Content::Bad("holds a NUL character, which no text may".to_owned())
        }
        Ok(text) => Content::Field(text),
        Err(_) => Content::Bad("is not UTF-8".to_owned()),
    })
}

/// A file without a name, so that nothing is left of it when this process is killed, and the way
/// to it.
pub(super) fn nameless(temp_dir: &Path) -> Result<(File, std::path::PathBuf)> {
    use std::os::fd::AsRawFd as _;
    let file = tempfile::tempfile_in(temp_dir)
        .context(format!("making a file in {}", temp_dir.display()))?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok((file, path.into()))
}
