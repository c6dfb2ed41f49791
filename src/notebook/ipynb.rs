//! Notebooks as `.ipynb`, the JSON of nbformat 4.5.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::{Cell, CellKind, Metadata, Notebook, NotebookError, json};

/// The format that is read and written.
const MAJOR: u32 = 4;
/// The first minor version whose cells have ids.
const MINOR: u32 = 5;
const KERNEL: &str = "actuary";
const LANGUAGE: &str = "starlark";

#[derive(Serialize)]
struct KernelSpec {
    display_name: &'static str,
    name: &'static str,
}

#[derive(Serialize)]
struct LanguageInfo {
    codemirror_mode: &'static str,
    file_extension: &'static str,
    mimetype: &'static str,
    name: &'static str,
    pygments_lexer: &'static str,
}

impl Notebook {
    /// Reads a notebook of format 4.0 to 4.5; `name` is the file's, for errors.
    ///
    /// Cells without an id get one. All that has no meaning here is kept as it is.
    ///
    /// # Errors
    /// Where the text is no notebook, or one of another format.
    pub fn from_ipynb(name: &str, text: &str) -> Result<Self, NotebookError> {
        // The version first, since other formats have other fields.
        let fields: Metadata = serde_json::from_str(text).map_err(|e| fault(name, &e))?;
        let refusal = |problem: String, way_out: String| {
            let (name, way_out) = (name.to_owned(), Some(way_out));
            Err(NotebookError { name, line: None, problem, way_out })
        };
        match fields.read::<u32>("nbformat") {
            Some(MAJOR) => {}
            Some(old) if old < MAJOR => {
                let way_out = format!("`jupyter nbconvert --to notebook {name}` converts it");
                return refusal(format!("its format {old} is too old"), way_out);
            }
            Some(new) => {
                let way_out = "save it in Jupyter as one of format 4".to_owned();
                return refusal(format!("its format {new} is too new"), way_out);
            }
            None => {
                let way_out = "a notebook of Jupyter says \"nbformat\": 4".to_owned();
                return refusal("it has no `nbformat`".to_owned(), way_out);
            }
        }
        let mut notebook: Self = serde_json::from_str(text).map_err(|e| fault(name, &e))?;
        notebook.name_cells();
        Ok(notebook)
    }

    /// The notebook as Jupyter would write it, but for outputs, which stay byte for byte.
    pub fn to_ipynb(&self) -> String {
        let cells = self.cells.iter().zip(self.ids()).map(|(cell, id)| cell.to_json(&id));
        let mut fields = vec![
            ("cells".to_owned(), json::list(cells, 1)),
            ("metadata".to_owned(), metadata(&with_kernel(&self.metadata), 1)),
            ("nbformat".to_owned(), MAJOR.to_string()),
            ("nbformat_minor".to_owned(), self.minor.max(MINOR).to_string()),
        ];
        fields.extend(extra(&self.extra, 1));
        json::object(fields, 0) + "\n"
    }
}

impl Cell {
    fn to_json(&self, id: &str) -> String {
        const DEPTH: usize = 2;
        let is_code = self.kind == CellKind::Code;
        let mut fields = vec![
            ("cell_type".to_owned(), json::string(self.kind.name())),
            ("id".to_owned(), json::string(id)),
            ("metadata".to_owned(), metadata(&self.metadata, DEPTH + 1)),
            ("source".to_owned(), json::lines(&self.source, DEPTH + 1)),
        ];
        if is_code || self.execution_count.is_some() {
            let count = self.execution_count.map_or("null".to_owned(), |count| count.to_string());
            fields.push(("execution_count".to_owned(), count));
        }
        if is_code || !self.outputs.is_empty() {
            let outputs = self.outputs.iter().map(|output| output.get().to_owned());
            fields.push(("outputs".to_owned(), json::list(outputs, DEPTH + 1)));
        }
        fields.extend(extra(&self.extra, DEPTH + 1));
        json::object(fields, DEPTH)
    }
}

impl CellKind {
    const ALL: [Self; 3] = [Self::Code, Self::Markdown, Self::Raw];

    /// `cell_type` in the file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Markdown => "markdown",
            Self::Raw => "raw",
        }
    }
}

/// The notebook's metadata with the kernel and the language, unless another kernel runs it.
fn with_kernel(metadata: &Metadata) -> Metadata {
    let mut metadata = metadata.clone();
    let missing = |key: &str| metadata.get(key).is_none_or(|value| value.get() == "null");
    let says = |key: &str, field: &str, text: Option<&str>| {
        let value = metadata.read::<serde_json::Value>(key);
        let own = value.as_ref().and_then(|value| value.get(field)).and_then(|own| own.as_str());
        own.is_some_and(|own| text.is_none_or(|text| own == text))
    };
    let ours = says("kernelspec", "name", Some(KERNEL));
    if !ours && !missing("kernelspec") {
        return metadata;
    }
    let complete = ours && says("kernelspec", "display_name", None);
    let known_language = says("language_info", "name", Some(LANGUAGE));
    if !complete {
        metadata.set("kernelspec", &KernelSpec { display_name: "Actuary", name: KERNEL });
    }
    if !known_language {
        let language = LanguageInfo {
            codemirror_mode: "python",
            file_extension: ".star",
            mimetype: "text/x-starlark",
            name: LANGUAGE,
            pygments_lexer: "python",
        };
        metadata.set("language_info", &language);
    }
    metadata
}

fn metadata(of: &Metadata, depth: usize) -> String {
    json::object(extra(of, depth + 1), depth)
}

/// Fields that are kept, as they stand `depth` levels deep.
fn extra(of: &Metadata, depth: usize) -> Vec<(String, String)> {
    of.iter().map(|(key, value)| (key.to_owned(), json::indented(value.get(), depth))).collect()
}

/// What is wrong with the JSON, and in which line.
fn fault(name: &str, error: &serde_json::Error) -> NotebookError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    NotebookError {
        name: name.to_owned(),
        line: Some(error.line()),
        problem: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
        way_out: None,
    }
}

impl<'de> Deserialize<'de> for Notebook {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Notebook;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a notebook")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notebook, A::Error> {
                let mut notebook = Notebook::default();
                let mut cells = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "cells" => cells = Some(map.next_value()?),
                        "metadata" => notebook.metadata = map.next_value()?,
                        "nbformat" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        "nbformat_minor" => notebook.minor = map.next_value()?,
                        _ => notebook.extra.push(key, map.next_value()?),
                    }
                }
                notebook.cells = cells.ok_or_else(|| A::Error::missing_field("cells"))?;
                Ok(notebook)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Cell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cell")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
                let mut cell = Cell::new(CellKind::Code, "");
                let mut kind = None;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "cell_type" => kind = Some(map.next_value()?),
                        "id" => cell.id = map.next_value()?,
                        "source" => cell.source = map.next_value::<Source>()?.0,
                        "metadata" => cell.metadata = map.next_value()?,
                        "outputs" => cell.outputs = map.next_value::<Vec<Box<RawValue>>>()?,
                        "execution_count" => cell.execution_count = map.next_value()?,
                        _ => cell.extra.push(key, map.next_value()?),
                    }
                }
                cell.kind = kind.ok_or_else(|| A::Error::missing_field("cell_type"))?;
                Ok(cell)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Deserialize<'de> for CellKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| {
            D::Error::custom(format!("a cell is code, markdown or raw, not `{name}`"))
        })
    }
}

/// A text as one string, or as several in a row.
struct Source(String);

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<Source, E> {
                Ok(Source(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut lines: A) -> Result<Source, A::Error> {
                let mut text = String::new();
                while let Some(line) = lines.next_element::<String>()? {
                    text.push_str(&line);
                }
                Ok(Source(text))
            }
        }
        deserializer.deserialize_any(Text)
    }
}
