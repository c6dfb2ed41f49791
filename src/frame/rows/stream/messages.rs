//! An Arrow IPC stream taken apart (Apache Arrow Columnar Format 1.5, "IPC Streaming Format").
//!
//! Arrow's own reader trusts what a message says of its buffers: it panics where they lie outside
//! the body, and a few kilobytes can make it look at terabytes, since views and metadata may point
//! to the same bytes again and again. All that is checked here before arrow reads a batch.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, make_array, new_empty_array};
use arrow::buffer::Buffer;
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc;
use arrow::ipc::reader::read_record_batch;
use flatbuffers::{Vector, VerifierOptions};

use super::fields::Source;
use super::{MAX_TEXT, broken, too_much_text};
use crate::domain::prediction::MAX_ROWS;
use crate::error::{Code, Error, Result};
use crate::frame::ingest::MAX_COLUMNS;

const CONTINUATION: [u8; 4] = [0xff; 4];
/// Most bytes of a message without its body.
const MAX_METADATA: usize = 16 << 20;

/// What a stream holds.
pub(super) struct Content {
    pub(super) rows: usize,
    /// One for each column of the stream: all its rows, with the values of dictionaries in place
    /// of their keys.
    pub(super) columns: Vec<ArrayRef>,
}

/// Reads a stream; `check` is told its columns before any of their values are looked at, with the
/// name of its type for one that can't be read.
///
/// # Errors
/// [`Code::MalformedRequest`] where it is not a valid stream, [`Code::InvalidRequest`] where it
/// has too many rows, [`Code::TooLarge`] where it repeats long texts, and those of `check`.
pub(super) fn read(
    mut rest: Buffer,
    check: impl FnOnce(&[Result<Source, (String, String)>]) -> Result<()>,
) -> Result<Content> {
    let mut check = Some(check);
    let mut decoder: Option<Decoder> = None;
    while let Some((metadata, length)) = next_metadata(&mut rest)? {
        let message = verified(&metadata)?;
        let body = take(&mut rest, message.bodyLength(), length)?;
        match (message.header_type(), &mut decoder) {
            (ipc::MessageHeader::Schema, None) => {
                let schema = message.header_as_schema().ok_or_else(|| broken(EMPTY))?;
                let sources = sources(&schema, message.version())?;
                if let Some(check) = check.take() {
                    check(&sources)?;
                }
                let sources = sources.into_iter().filter_map(Result::ok).collect();
                decoder = Some(Decoder::new(sources, message.version()));
            }
            (ipc::MessageHeader::DictionaryBatch, Some(decoder)) => {
                let batch = message.header_as_dictionary_batch().ok_or_else(|| broken(EMPTY))?;
                decoder.dictionary(&batch, &body)?;
            }
            (ipc::MessageHeader::RecordBatch, Some(decoder)) => {
                let batch = message.header_as_record_batch().ok_or_else(|| broken(EMPTY))?;
                decoder.batch(batch, &body)?;
            }
            (ipc::MessageHeader::Schema, Some(_)) => {
                return Err(broken("it has a second schema"));
            }
            (_, None) => return Err(broken("it does not begin with a schema")),
            (other, Some(_)) => {
                let name = other.variant_name().unwrap_or("unknown");
                return Err(broken(format!("it has a message of the kind {name}")));
            }
        }
    }
    decoder.ok_or_else(|| broken("it is empty"))?.finish()
}

const EMPTY: &str = "a message has no content";

/// The metadata of the next message, with the bytes that are left behind them; none at the end.
fn next_metadata(rest: &mut Buffer) -> Result<Option<(Buffer, usize)>> {
    // The end may be said or not.
    if rest.is_empty() {
        return Ok(None);
    }
    let mut word = || -> Result<[u8; 4]> {
        let word = rest.first_chunk().copied();
        let word = word.ok_or_else(|| broken("it breaks off before a message's length"))?;
        rest.advance(4);
        Ok(word)
    };
    let first = word()?;
    let length = if first == CONTINUATION { word()? } else { first };
    let length = u32::from_le_bytes(length) as usize;
    if length == 0 {
        let behind = rest.len();
        return match behind {
            0 => Ok(None),
            _ => Err(broken(format!("{behind} bytes stand behind its end"))),
        };
    }
    if length > MAX_METADATA || length > rest.len() {
        let detail = format!(
            "a message claims {length} bytes of metadata, where {} are left (it must be a stream, not \
             a file)",
            rest.len()
        );
        return Err(broken(detail));
    }
    let metadata = rest.slice_with_length(0, length);
    rest.advance(length);
    Ok(Some((metadata, rest.len())))
}

/// A message whose every offset was followed once, and that is no larger than it looks.
fn verified(metadata: &Buffer) -> Result<ipc::Message<'_>> {
    let options = VerifierOptions {
        max_depth: 64,
        max_tables: metadata.len(),
        // Tables share descriptions of their fields; nothing else is counted twice.
        max_apparent_size: metadata.len().saturating_mul(8),
        ignore_missing_null_terminator: true,
    };
    let message = ipc::root_as_message_with_opts(&options, metadata);
    message.map_err(|_| broken("a message's metadata are not valid"))
}

/// The body of a message.
fn take(rest: &mut Buffer, length: i64, left: usize) -> Result<Buffer> {
    let fits = usize::try_from(length).ok().filter(|&length| length <= left);
    let Some(length) = fits else {
        let detail = format!("a message claims a body of {length} bytes, where {left} are left");
        return Err(broken(detail));
    };
    let body = rest.slice_with_length(0, length);
    rest.advance(length);
    Ok(body)
}

/// The columns that a schema describes; for a type that is not read, the column's name and its.
fn sources(
    schema: &ipc::Schema<'_>,
    version: ipc::MetadataVersion,
) -> Result<Vec<Result<Source, (String, String)>>> {
    if !matches!(version, ipc::MetadataVersion::V4 | ipc::MetadataVersion::V5) {
        return Err(broken("its format is older than Arrow 0.8; write it with a newer version"));
    }
    if schema.endianness() != ipc::Endianness::Little {
        return Err(broken("its numbers are big-endian; write them little-endian"));
    }
    let fields = schema.fields().map_or(0, |fields| fields.len());
    if fields > MAX_COLUMNS {
        let detail = format!("it has {fields} columns, and {MAX_COLUMNS} are read");
        return Err(broken(detail));
    }
    let read = |field: ipc::Field<'_>| {
        Source::read(&field).map_err(|kind| (field.name().unwrap_or_default().to_owned(), kind))
    };
    Ok(schema.fields().into_iter().flatten().map(read).collect())
}

/// Batches on their way into columns.
struct Decoder {
    sources: Vec<Source>,
    version: ipc::MetadataVersion,
    /// The columns as batches hold them.
    schema: Arc<Schema>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Of each column, one array a batch.
    columns: Vec<Vec<ArrayRef>>,
    rows: usize,
    /// Bytes of text that views claim.
    text: usize,
}

impl Decoder {
    fn new(sources: Vec<Source>, version: ipc::MetadataVersion) -> Self {
        let schema = schema(sources.iter().map(|source| source.stored().clone()));
        let columns = vec![Vec::new(); sources.len()];
        let dictionaries = HashMap::new();
        Self { sources, version, schema, dictionaries, columns, rows: 0, text: 0 }
    }

    /// Takes the values of a dictionary, in place of those that it had.
    fn dictionary(&mut self, batch: &ipc::DictionaryBatch<'_>, body: &Buffer) -> Result<()> {
        let id = batch.id();
        let uses = |source: &&Source| source.dictionary.as_ref().is_some_and(|(at, _)| *at == id);
        let Some(source) = self.sources.iter().find(uses) else {
            return Err(broken(format!("no column uses the dictionary {id}")));
        };
        if batch.isDelta() {
            let detail = "a dictionary is sent in parts (deltas); send each whole";
            return Err(broken(detail));
        }
        let data = batch.data().ok_or_else(|| broken(EMPTY))?;
        let kinds = schema(std::iter::once(source.values.clone()));
        let viewed = viewed(&source.values);
        let columns = self.decode(data, body, &kinds)?;
        let values = columns.first().ok_or_else(|| broken(EMPTY))?;
        self.dictionaries.insert(id, cast(values, &viewed).map_err(unreadable)?);
        Ok(())
    }

    /// Takes the rows of a batch.
    fn batch(&mut self, batch: ipc::RecordBatch<'_>, body: &Buffer) -> Result<()> {
        let rows = usize::try_from(batch.length()).map_err(|_| broken("a batch has no length"))?;
        self.rows = self.rows.saturating_add(rows);
        if self.rows > MAX_ROWS {
            let detail =
                format!("{} rows are more than {MAX_ROWS}: send fewer at a time", self.rows);
            return Err(Error::field(Code::InvalidRequest, "/rows", detail));
        }
        let schema = self.schema.clone();
        let arrays = self.decode(batch, body, &schema)?;
        for ((source, column), array) in self.sources.iter().zip(&mut self.columns).zip(arrays) {
            column.push(match &source.dictionary {
                None => array,
                Some((id, _)) => looked_up(&array, self.dictionaries.get(id), source)?,
            });
        }
        Ok(())
    }

    /// The arrays of a batch of such columns, once what it says of them was checked.
    fn decode(
        &mut self,
        batch: ipc::RecordBatch<'_>,
        body: &Buffer,
        schema: &Arc<Schema>,
    ) -> Result<Vec<ArrayRef>> {
        check(&batch, body, schema, &mut self.text)?;
        let read =
            read_record_batch(body, batch, schema.clone(), &HashMap::new(), None, &self.version);
        Ok(read.map_err(unreadable)?.columns().to_vec())
    }

    fn finish(self) -> Result<Content> {
        let joined = |(source, arrays): (&Source, Vec<ArrayRef>)| match arrays.as_slice() {
            [] => Ok(new_empty_array(&source.values)),
            [one] => Ok(one.clone()),
            several => {
                let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                concat(&several).map_err(unreadable)
            }
        };
        let columns = self.sources.iter().zip(self.columns).map(joined).collect::<Result<_>>()?;
        Ok(Content { rows: self.rows, columns })
    }
}

fn schema(kinds: impl Iterator<Item = DataType>) -> Arc<Schema> {
    Arc::new(Schema::new(kinds.map(|kind| Field::new("", kind, true)).collect::<Vec<_>>()))
}

/// How the values of a dictionary are kept: texts as views, which repeat without being copied.
fn viewed(values: &DataType) -> DataType {
    match values {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

/// The values that keys stand for.
fn looked_up(keys: &ArrayRef, values: Option<&ArrayRef>, source: &Source) -> Result<ArrayRef> {
    let viewed = viewed(&source.values);
    // Where all keys are null, the dictionary may be left out.
    let values = values.cloned().unwrap_or_else(|| new_empty_array(&viewed));
    let kind = DataType::Dictionary(
        Box::new(keys.data_type().clone()),
        Box::new(values.data_type().clone()),
    );
    let data = keys.to_data().into_builder().data_type(kind).add_child_data(values.to_data());
    // Keys are held against the number of values here.
    let dictionary = make_array(data.build().map_err(unreadable)?);
    if *values.data_type() != viewed {
        return Err(broken("two columns of different types use the same dictionary"));
    }
    cast(&dictionary, &viewed).map_err(unreadable)
}

/// Holds what a batch says of its columns against its body.
fn check(
    batch: &ipc::RecordBatch<'_>,
    body: &Buffer,
    schema: &Schema,
    text: &mut usize,
) -> Result<()> {
    if batch.compression().is_some() {
        return Err(broken("its buffers are compressed; write it without compression"));
    }
    let mut parts = Parts {
        nodes: Cursor::new(batch.nodes()),
        buffers: Cursor::new(batch.buffers()),
        counts: Cursor::new(batch.variadicBufferCounts()),
        body,
        left: body.len(),
        rows: batch.length(),
    };
    for field in schema.fields() {
        parts.column(field.data_type(), text)?;
    }
    if parts.nodes.is_at_end() && parts.buffers.is_at_end() && parts.counts.is_at_end() {
        return Ok(());
    }
    Err(broken("a batch has more buffers than its columns need"))
}

/// What a batch consists of, column by column.
struct Parts<'a> {
    nodes: Cursor<'a, ipc::FieldNode>,
    buffers: Cursor<'a, ipc::Buffer>,
    /// Buffers of text behind views.
    counts: Cursor<'a, i64>,
    body: &'a Buffer,
    /// Bytes of the body that no buffer has claimed: together they claim no more than there are.
    left: usize,
    rows: i64,
}

impl<'a> Parts<'a> {
    fn column(&mut self, kind: &DataType, text: &mut usize) -> Result<()> {
        let few = || broken("a batch has fewer buffers than its columns need");
        let node = self.nodes.next().ok_or_else(few)?;
        if node.length() != self.rows || !(0..=self.rows).contains(&node.null_count()) {
            return Err(broken("a column's length differs from its batch's"));
        }
        if *kind == DataType::Null {
            return Ok(());
        }
        // No type takes less than a bit a row.
        let most = self.body.len().saturating_mul(8);
        let rows = usize::try_from(self.rows).ok().filter(|&rows| rows <= most);
        let rows = rows.ok_or_else(|| broken("a batch has more rows than its body has bits"))?;
        let valid = self.buffer()?;
        if node.null_count() > 0 && valid.len().saturating_mul(8) < rows {
            return Err(broken("a column marks fewer rows as null or not than it has"));
        }
        let first = self.buffer()?;
        // Arrow takes such a buffer for whole numbers of this many bytes.
        let unit = match kind {
            DataType::Utf8 | DataType::Binary => 4,
            DataType::LargeUtf8 | DataType::LargeBinary => 8,
            DataType::Utf8View | DataType::BinaryView => 16,
            other => other.primitive_width().filter(|width| *width <= 8).unwrap_or(1),
        };
        if !first.len().is_multiple_of(unit) {
            return Err(broken("a buffer ends within a number"));
        }
        let further = match kind {
            DataType::Utf8View | DataType::BinaryView => {
                let claimed = first.chunks_exact(16).take(rows).filter_map(|v| v.first_chunk());
                let claimed = claimed.map(|length| u32::from_le_bytes(*length) as usize);
                *text = claimed.fold(*text, usize::saturating_add);
                if *text > MAX_TEXT {
                    return Err(too_much_text());
                }
                self.counts.next().ok_or_else(few)?
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => 1,
            _ => 0,
        };
        if further < 0 {
            return Err(few());
        }
        (0..further).try_for_each(|_| self.buffer().map(|_| ()))
    }

    /// The bytes of the next buffer.
    fn buffer(&mut self) -> Result<&'a [u8]> {
        let outside = || broken("a buffer lies outside its message's body, or two overlap");
        let buffer = self
            .buffers
            .next()
            .ok_or_else(|| broken("a batch has fewer buffers than its columns need"))?;
        let start = usize::try_from(buffer.offset()).map_err(|_| outside())?;
        let length = usize::try_from(buffer.length()).map_err(|_| outside())?;
        self.left = self.left.checked_sub(length).ok_or_else(outside)?;
        let end = start.checked_add(length).ok_or_else(outside)?;
        self.body.get(start..end).ok_or_else(outside)
    }
}

/// Walks a vector, which may not be there.
struct Cursor<'a, T> {
    vector: Option<Vector<'a, T>>,
    at: usize,
}

impl<'a, T> Cursor<'a, T>
where
    T: flatbuffers::Follow<'a>,
{
    fn new(vector: Option<Vector<'a, T>>) -> Self {
        Self { vector, at: 0 }
    }

    fn next(&mut self) -> Option<T::Inner> {
        let vector = self.vector.as_ref().filter(|vector| self.at < vector.len())?;
        let next = vector.get(self.at);
        self.at += 1;
        Some(next)
    }

    fn is_at_end(&self) -> bool {
        self.vector.as_ref().is_none_or(|vector| self.at == vector.len())
    }
}

/// What arrow says of a batch.
fn unreadable(error: arrow::error::ArrowError) -> Error {
    const LENGTH: usize = 200;
    let text = error.to_string();
    broken(text.chars().filter(|c| !c.is_control()).take(LENGTH).collect::<String>())
}
