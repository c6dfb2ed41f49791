//! The lines that begin the cells of a percent script.

use serde_json::value::RawValue;

use super::{CellKind, Metadata, json};

/// The word for a code cell whose lines are comments, since its code ends within a string.
const COMMENTED: &str = "[commented]";
/// What belongs to a front end, not to a script; jupytext leaves it out too.
const LEFT_OUT: [&str; 6] =
    ["autoscroll", "collapsed", "scrolled", "trusted", "execution", "ExecuteTime"];
/// How many `%` stand before the title beyond the two of each marker.
const DEPTH: &str = "cell_depth";
const TITLE: &str = "title";
const TAGS: &str = "tags";
/// What is said of tags that cannot be read.
const BAD_TAGS: &str = "the tags are no list of strings; write tags=[\"parameters\"]";

/// What a marker says of its cell.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    pub(super) kind: CellKind,
    /// Whether the lines of a code cell are comments.
    pub(super) commented: bool,
    /// Title and options, in the order of their keys.
    pub(super) metadata: Metadata,
}

impl Marker {
    /// Reads a line, if it is a marker. An error is a sentence.
    pub(super) fn read(line: &str) -> Option<Result<Self, String>> {
        rest_of_marker(line.trim_start()).map(Self::read_rest)
    }

    /// The marker of a cell, without what is left out of scripts.
    pub(super) fn of(kind: CellKind, commented: bool, metadata: &Metadata) -> Self {
        let mut metadata = metadata.clone();
        LEFT_OUT.iter().for_each(|key| metadata.remove(key));
        // A script could not be read with such tags.
        if metadata.read::<Vec<String>>(TAGS).is_none() {
            metadata.remove(TAGS);
        }
        metadata.sort();
        Self { kind, commented, metadata }
    }

    /// Whether the lines of the cell are comments.
    pub(super) fn is_commented(&self) -> bool {
        self.commented || self.kind != CellKind::Code
    }

    /// Whether both say the same of their cells.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.commented == other.commented
            && self.metadata.same(&other.metadata)
    }

    /// The line that is read as this marker.
    pub(super) fn write(&self) -> String {
        // The plain form, unless it would be read as something else.
        let forms = [self.form(true, false), self.form(false, false), self.form(false, true)];
        let [.., last] = &forms;
        let told = |form: &&String| {
            let is_line = !form.contains(['\n', '\r']);
            is_line && matches!(Self::read(form), Some(Ok(read)) if read.same(self))
        };
        forms.iter().find(told).unwrap_or(last).clone()
    }

    /// A line with the title in front or among the options, and these as pairs or as an object.
    fn form(&self, title_in_front: bool, as_object: bool) -> String {
        let mut options = self.metadata.clone();
        let mut line = "# %%".to_owned();
        if title_in_front {
            if let Some(depth) =
                options.read::<usize>(DEPTH).filter(|depth| (1..=9).contains(depth))
            {
                line.push_str(&"%".repeat(depth));
                options.remove(DEPTH);
            }
            // jupytext would take these for options.
            let plain = |title: &String| !title.contains(['=', '{']);
            if let Some(title) = options.read::<String>(TITLE).filter(plain) {
                line = format!("{line} {title}");
                options.remove(TITLE);
            }
        }
        let word = match self.kind {
            CellKind::Code if self.commented => Some(COMMENTED),
            CellKind::Code => None,
            CellKind::Markdown => Some("[markdown]"),
            CellKind::Raw => Some("[raw]"),
        };
        let mut words: Vec<String> = word.map(str::to_owned).into_iter().collect();
        if as_object {
            let pair = |(key, value): (&str, &RawValue)| {
                format!("{}: {}", json::string(key), json::one_line(value.get()))
            };
            let fields: Vec<String> = options.iter().map(pair).collect();
            words.push(format!("{{{}}}", fields.join(", ")));
        } else {
            words.extend(
                options.iter().map(|(key, value)| format!("{key}={}", json::one_line(value.get()))),
            );
        }
        words.insert(0, line);
        words.join(" ")
    }

    fn read_rest(rest: &str) -> Result<Self, String> {
        let depth = rest.len() - rest.trim_start_matches('%').len();
        let text = rest.trim_start_matches('%').trim();
        let (title, mut metadata) = split_options(text);
        let unread = metadata.get(TAGS).is_some() && metadata.read::<Vec<String>>(TAGS).is_none();
        if unread || names_tags(title) {
            return Err(BAD_TAGS.to_owned());
        }
        let mut marker =
            Self { kind: CellKind::Code, commented: false, metadata: Metadata::default() };
        let title = marker.take_word(title);
        if !title.is_empty() {
            metadata.set(TITLE, &title);
        }
        if depth > 0 {
            metadata.set(DEPTH, &depth);
        }
        metadata.sort();
        marker.metadata = metadata;
        Ok(marker)
    }

    /// Takes the kind out of a title.
    fn take_word(&mut self, title: &str) -> String {
        let kinds = [
            ("[markdown]", CellKind::Markdown, false),
            ("[raw]", CellKind::Raw, false),
            ("[md]", CellKind::Markdown, false),
            (COMMENTED, CellKind::Code, true),
        ];
        for (word, kind, commented) in kinds {
            if let Some((before, after)) = title.split_once(word) {
                (self.kind, self.commented) = (kind, commented);
                return format!("{before}{after}").trim().to_owned();
            }
        }
        title.to_owned()
    }
}

/// What follows the `# %%` of a marker.
fn rest_of_marker(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?.trim_start().strip_prefix("%%")?;
    let after = rest.trim_start_matches('%');
    (after.is_empty() || after.starts_with(char::is_whitespace)).then_some(rest)
}

/// Whether the line is a marker.
pub(super) fn is_marker(line: &str) -> bool {
    rest_of_marker(line.trim_start()).is_some()
}

/// Whether the line is a marker behind any number of `# `.
fn hides_marker(mut line: &str) -> bool {
    loop {
        if rest_of_marker(line).is_some() {
            return true;
        }
        match line.strip_prefix("# ") {
            Some(rest) => line = rest,
            None => return false,
        }
    }
}

/// The line with one `# ` more, where it could be read as a marker.
pub(super) fn escaped(line: &str) -> String {
    let text = line.trim_start();
    let (indent, _) = line.split_at(line.len() - text.len());
    if hides_marker(text) { format!("{indent}# {text}") } else { line.to_owned() }
}

/// What was [`escaped`].
pub(super) fn unescaped(line: &str) -> String {
    let text = line.trim_start();
    let (indent, _) = line.split_at(line.len() - text.len());
    match text.strip_prefix("# ") {
        Some(rest) if hides_marker(rest) => format!("{indent}{rest}"),
        _ => line.to_owned(),
    }
}

/// Title and options. The options are as much of the end of the text as can be read as such.
fn split_options(text: &str) -> (&str, Metadata) {
    let starts = text.char_indices().filter(|(at, c)| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        !c.is_whitespace() && before.is_none_or(char::is_whitespace)
    });
    for (at, _) in starts {
        let (title, options) = text.split_at(at);
        if let Some(options) = read_options(options) {
            return (title.trim_end(), options);
        }
    }
    (text, Metadata::default())
}

/// `key=value` several times, values being JSON and a key alone meaning null; or one object.
fn read_options(text: &str) -> Option<Metadata> {
    if text.starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    let mut options = Metadata::default();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_at(rest.find(|c: char| !is_key(c)).unwrap_or(rest.len()));
        let value = after.strip_prefix('=');
        if key.is_empty() || (value.is_none() && options.iter().next().is_none()) {
            return None;
        }
        let after = match value {
            Some(value) => {
                let (value, after) = first_value(value)?;
                options.set_raw(key, value);
                after
            }
            None => {
                options.set_raw(key, RawValue::NULL.to_owned());
                after
            }
        };
        rest = after.trim_start();
        if !rest.is_empty() && rest.len() == after.len() {
            return None;
        }
    }
    Some(options)
}

/// The JSON that the text begins with, and what follows.
fn first_value(text: &str) -> Option<(Box<RawValue>, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    let value = values.next()?.ok()?;
    let (_, after) = text.split_at_checked(values.byte_offset())?;
    Some((value, after))
}

fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.@/-".contains(c)
}

/// Whether a `tags=` is left in a title.
fn names_tags(title: &str) -> bool {
    title.match_indices(TAGS).any(|(at, _)| {
        let (before, after) = title.split_at(at);
        let value = after.strip_prefix(TAGS).unwrap_or_default().trim_start();
        (before.is_empty() || before.ends_with(char::is_whitespace)) && value.starts_with('=')
    })
}
