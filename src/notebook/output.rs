//! The outputs of a code cell.

use serde_json::value::RawValue;

use super::json;

/// Levels above an output in the file, so that it is indented as Jupyter does.
const DEPTH: usize = 4;

/// What a code cell puts out.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What the cell printed.
    Stream {
        text: String,
    },
    /// The value of the cell.
    Result {
        execution_count: u32,
        bundle: Bundle,
    },
    /// What the cell showed besides.
    Display {
        bundle: Bundle,
    },
    Error {
        ename: String,
        evalue: String,
        traceback: Vec<String>,
    },
}

/// One thing in the forms that it can be shown in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// `text/plain`.
    pub text: String,
    /// `text/html`.
    pub html: Option<String>,
    /// `image/svg+xml`.
    pub svg: Option<String>,
    /// `application/json`.
    pub json: Option<serde_json::Value>,
}

impl Output {
    /// The output as it stands in a notebook file.
    pub fn to_raw(&self) -> Box<RawValue> {
        let text = |text: &str| json::string(text);
        let mut fields = match self {
            Self::Stream { text: printed } => {
                vec![("name", text("stdout")), ("text", json::lines(printed, DEPTH + 1))]
            }
            Self::Result { execution_count, bundle } => {
                let mut fields = bundle.fields();
                fields.push(("execution_count", execution_count.to_string()));
                fields
            }
            Self::Display { bundle } => bundle.fields(),
            Self::Error { ename, evalue, traceback } => {
                let lines = traceback.iter().map(|line| text(line));
                vec![
                    ("ename", text(ename)),
                    ("evalue", text(evalue)),
                    ("traceback", json::list(lines, DEPTH + 1)),
                ]
            }
        };
        fields.push(("output_type", text(self.kind())));
        let json = json::object(owned(fields), DEPTH);
        // The text is JSON by construction.
        RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Stream { .. } => "stream",
            Self::Result { .. } => "execute_result",
            Self::Display { .. } => "display_data",
            Self::Error { .. } => "error",
        }
    }
}

impl Bundle {
    /// `data` and `metadata` of an output.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let lines = |text: &String| json::lines(text, DEPTH + 2);
        let mut forms = vec![("text/plain", lines(&self.text))];
        forms.extend(self.html.as_ref().map(|html| ("text/html", lines(html))));
        forms.extend(self.svg.as_ref().map(|svg| ("image/svg+xml", lines(svg))));
        let value = self.json.as_ref();
        forms.extend(
            value.map(|value| ("application/json", json::indented(&value.to_string(), DEPTH + 2))),
        );
        vec![
            ("data", json::object(owned(forms), DEPTH + 1)),
            ("metadata", json::object(Vec::new(), DEPTH + 1)),
        ]
    }
}

fn owned(fields: Vec<(&str, String)>) -> Vec<(String, String)> {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
