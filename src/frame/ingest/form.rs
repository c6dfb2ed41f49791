//! Forms: images, one a part or many in an IDX file, with what belongs to them. One pass finds
//! the columns and their types, a second decodes the images.
//!
//! | part | what it is |
//! |---|---|
//! | `image`, a PNG or a JPEG | one row |
//! | `image` and `label`, IDX files | a row for each image with its label; the first file of images goes with the first of labels |
//! | `label`, a CSV file or JSON lines | further columns of the images, found by their file's name in its column `file` |
//! | any other text | a column of its name; its value holds for the images after it |

mod idx;
mod parts;
mod table;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use self::idx::broken_off;
use self::parts::{Content, Part, Reached, each_part};
use self::table::Table;
use super::columns::{check_names, declared};
use super::faults::Faults;
use super::sink::Sink;
use super::{Ingested, OnProgress, Output};
use crate::domain::schema::ColumnType;
use crate::error::{Code, Error, Result};
use crate::frame::builder::Value;
use crate::frame::cells::{Cells, Guess, misfit, parse_text};

/// The columns that every form has.
const FILE: &str = "file";
const IMAGE: &str = "image";
/// The column of the labels that an IDX file holds.
const LABEL: &str = "label";

pub(super) fn ingest(
    input: &Path,
    types: &[(String, ColumnType)],
    output: &dyn Output,
    temp_dir: &Path,
    progress: OnProgress<'_>,
) -> Result<Ingested> {
    let mut survey = Survey::default();
    each_part(input, temp_dir, ("typing", progress), &mut |part, _| survey.part(part))?;
    survey.check()?;
    let is_field =
        |name: &str| [FILE, IMAGE].contains(&name) || survey.fields.iter().any(|f| f.0 == name);
    let (of_fields, of_table): (Vec<_>, Vec<_>) =
        types.iter().cloned().partition(|(name, _)| survey.table.is_none() || is_field(name));
    let table =
        survey.table.take().map(|file| Table::read(file, &of_table, temp_dir)).transpose()?;
    let mut names = vec![FILE.to_owned(), IMAGE.to_owned()];
    names.extend(survey.fields.iter().map(|field| field.0.clone()));
    let fields = names.len();
    names.extend(table.iter().flat_map(Table::names).map(str::to_owned));
    check_names(&names, |at| format!("column {}", at + 1))?;
    let mut kinds = vec![ColumnType::String, ColumnType::Image];
    kinds.extend(survey.fields.iter().map(|field| field.1.kind()));
    for (kind, declared) in kinds.iter_mut().zip(declared(&names[..fields], &of_fields)?) {
        *kind = declared.unwrap_or(*kind);
    }
    if kinds[..2] != [ColumnType::String, ColumnType::Image] {
        let detail = "file is text and image an image in every form; leave them out";
        return Err(Error::field(Code::InvalidRequest, "/types", detail));
    }
    kinds.extend(table.iter().flat_map(Table::kinds));
    let columns = names.iter().cloned().zip(kinds.iter().copied()).collect();
    let mut rows = Rows {
        sink: Sink::create(output, columns)?,
        values: vec![None; survey.fields.len()],
        names: survey.fields.into_iter().map(|field| field.0).collect(),
        kinds,
        labels: survey.labels.into_iter(),
        table,
        cells: Cells::default(),
        faults: Faults::default(),
        count: 0,
    };
    each_part(input, temp_dir, ("writing", progress), &mut |part, reached| {
        rows.part(part, reached)
    })?;
    rows.finish()
}

/// What the first pass finds.
#[derive(Default)]
struct Survey {
    fields: Vec<(String, Guess)>,
    /// What IDX files hold, in their order.
    labels: Vec<Vec<u8>>,
    idx_images: Vec<(String, u32)>,
    table: Option<table::Source>,
    images: u64,
    faults: Faults,
}

impl Survey {
    fn part(&mut self, part: Part<'_>) -> Result<()> {
        let place = part.place();
        match part.content {
            Content::Bad(problem) => self.faults.add(place, problem),
            Content::Field(value) => {
                if [FILE, IMAGE].contains(&part.name.as_str()) {
                    let detail = format!("is text, and the column {} is there already", part.name);
                    return self.faults.add(place, detail);
                }
                self.field(part.name).observe(value.as_bytes());
                Ok(())
            }
            Content::Image(_) => {
                self.images += 1;
                Ok(())
            }
            Content::IdxImages { count, .. } => {
                self.idx_images.push((place, count));
                Ok(())
            }
            Content::IdxLabels { count, content } => {
                let mut labels = Vec::new();
                // A claim alone takes no memory.
                let read = content.take(u64::from(count) + 1).read_to_end(&mut labels);
                let problem = match read {
                    Err(error) => Some(broken_off(&error)),
                    Ok(read) => miscounted(read as u64, u64::from(count)),
                };
                let seen: HashSet<u8> = labels.iter().copied().collect();
                let guess = self.field(LABEL.to_owned());
                seen.iter().for_each(|label| guess.observe(label.to_string().as_bytes()));
                self.labels.push(labels);
                problem.map_or(Ok(()), |problem| self.faults.add(place, problem))
            }
            Content::Table(table) if self.table.is_some() => {
                drop(table);
                self.faults.add(place, "is a second table; send one with all rows")
            }
            Content::Table(table) => {
                self.table = Some(table);
                Ok(())
            }
        }
    }

    fn field(&mut self, name: String) -> &mut Guess {
        let at = self.fields.iter().position(|field| field.0 == name).unwrap_or_else(|| {
            self.fields.push((name, Guess::NOTHING));
            self.fields.len() - 1
        });
        &mut self.fields[at].1
    }

    /// Whether what belongs together is there.
    fn check(&mut self) -> Result<()> {
        for (at, (place, count)) in self.idx_images.iter().enumerate() {
            let detail = match self.labels.get(at).map(Vec::len) {
                None => "has no file of labels; send one for each file of images".to_owned(),
                Some(labels) if labels != *count as usize => {
                    format!("holds {count} images, and its file of labels {labels} labels")
                }
                Some(_) if self.table.is_some() => {
                    "holds images without names, and a table finds images by their names".to_owned()
                }
                Some(_) => continue,
            };
            self.faults.add(place.clone(), detail)?;
        }
        if self.labels.len() > self.idx_images.len() {
            self.faults.add("the form".to_owned(), "has more files of labels than of images")?;
        }
        self.faults.check()?;
        if self.images == 0 && self.idx_images.is_empty() {
            let detail = "the form has no images: send each as a part named image, with its file";
            return Err(Error::new(Code::InvalidData, detail));
        }
        Ok(())
    }
}

/// What is wrong where a file does not hold as many items as it claims.
fn miscounted(found: u64, claimed: u64) -> Option<String> {
    match found.cmp(&claimed) {
        std::cmp::Ordering::Less => Some(format!("holds {found} of the {claimed} it claims")),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => Some(format!("holds more than the {claimed} it claims")),
    }
}

/// The second pass.
struct Rows {
    sink: Sink,
    names: Vec<String>,
    kinds: Vec<ColumnType>,
    /// What the fields have been set to.
    values: Vec<Option<String>>,
    labels: std::vec::IntoIter<Vec<u8>>,
    table: Option<Table>,
    cells: Cells,
    faults: Faults,
    count: u64,
}

/// An image as a part holds it.
enum Picture<'a> {
    Encoded(&'a [u8]),
    Grey { height: u32, width: u32, pixels: &'a [u8] },
}

impl Rows {
    fn part(&mut self, part: Part<'_>, reached: Reached<'_>) -> Result<()> {
        let (place, file) = (part.place(), part.file.clone());
        match part.content {
            Content::Field(value) => {
                if let Some(at) = self.names.iter().position(|name| *name == part.name) {
                    self.values[at] = Some(value);
                }
            }
            Content::Image(bytes) => {
                self.row(&place, file.as_deref(), &Picture::Encoded(&bytes))?;
                reached(self.count)?;
            }
            Content::IdxImages { count, height, width, content } => {
                let labels = self.labels.next().unwrap_or_default();
                self.idx(
                    &place,
                    file.as_deref(),
                    (count, height, width),
                    &labels,
                    content,
                    reached,
                )?;
            }
            Content::IdxLabels { .. } | Content::Table(_) | Content::Bad(_) => {}
        }
        Ok(())
    }

    fn idx(
        &mut self,
        place: &str,
        file: Option<&str>,
        (count, height, width): (u32, u32, u32),
        labels: &[u8],
        mut content: Box<dyn Read + '_>,
        reached: Reached<'_>,
    ) -> Result<()> {
        let Some(label) = self.names.iter().position(|name| name == LABEL) else { return Ok(()) };
        if self.values[label].is_some() {
            let detail =
                "has a file of labels, and a part label holds for it too; drop one of both";
            return self.faults.add(place.to_owned(), detail);
        }
        let mut pixels = vec![0; height as usize * width as usize];
        for (at, value) in labels.iter().enumerate().take(count as usize) {
            if let Err(error) = content.read_exact(&mut pixels) {
                return self.faults.add(format!("{place}, image {}", at + 1), broken_off(&error));
            }
            self.values[label] = Some(value.to_string());
            let place = format!("{place}, image {}", at + 1);
            self.row(&place, file, &Picture::Grey { height, width, pixels: &pixels })?;
            reached(self.count)?;
        }
        self.values[label] = None;
        match content.read(&mut pixels[..1]) {
            Ok(0) => Ok(()),
            Ok(_) => self.faults.add(place.to_owned(), "holds more images than it claims"),
            Err(error) => self.faults.add(place.to_owned(), broken_off(&error)),
        }
    }

    fn row(&mut self, place: &str, file: Option<&str>, picture: &Picture<'_>) -> Result<()> {
        self.count += 1;
        self.sink.push(0, file.map_or(Value::Null, Value::Text));
        let image = match *picture {
            Picture::Encoded(bytes) => self.cells.image(bytes),
            Picture::Grey { height, width, pixels } => self.cells.grey(height, width, pixels),
        };
        self.sink.push(1, *image.as_ref().unwrap_or(&Value::Null));
        if let Err(problem) = image {
            self.faults.add(place.to_owned(), problem)?;
        }
        for (at, value) in self.values.iter().enumerate() {
            let (column, kind) = (at + 2, self.kinds[at + 2]);
            let value = value.as_deref().map(str::as_bytes);
            let read = value.map_or(Ok(Value::Null), |text| match kind {
                ColumnType::String => {
                    parse_text(text).map(Value::Text).ok_or_else(|| misfit(kind, text))
                }
                _ => self.cells.read(kind, text),
            });
            self.sink.push(column, *read.as_ref().unwrap_or(&Value::Null));
            if let Err(problem) = read {
                self.faults.add(format!("{place}, column {}", self.names[at]), problem)?;
            }
        }
        if let Some(table) = &mut self.table {
            let start = 2 + self.values.len();
            let push = |column, value: Value<'_>| self.sink.push(start + column, value);
            if let Err(problem) = table.push(file, &mut self.cells, push) {
                self.faults.add(place.to_owned(), problem)?;
            }
        }
        self.sink.end_row(self.faults.is_empty())
    }

    fn finish(mut self) -> Result<Ingested> {
        for name in self.table.iter().flat_map(Table::unused) {
            let place = format!("file {name} of the table");
            self.faults.add(place, "is no image of the form; send it, or leave the row out")?;
        }
        self.faults.check()?;
        self.sink.finish()
    }
}

#[cfg(test)]
mod tests;
