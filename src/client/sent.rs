//! What was sent, as a command of curl that sends it again.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName, IF_MATCH, IF_NONE_MATCH};

use super::call::{Body, Call, IDEMPOTENCY_KEY};
use super::form::FormPart;
use crate::error::Result;

/// Headers that a command names; others are the connection's own.
const SHOWN: [HeaderName; 5] = [ACCEPT, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY];
/// A longer body stands in a file: a command line has an end.
const LONGEST: usize = 64 << 10;

/// A request that was sent.
#[derive(Clone)]
pub struct Sent {
    call: Call,
    /// Bytes of a body that was too long to be remembered.
    left_out: Option<usize>,
}

impl Sent {
    /// Remembers a request, without its body where that is longer than `most` bytes.
    pub(super) fn new(call: &Call, most: usize) -> Self {
        match &call.body {
            Body::Bytes(bytes) if bytes.len() > most => {
                let call = Call { body: Body::Empty, ..call.clone() };
                Self { call, left_out: Some(bytes.len()) }
            }
            _ => Self { call: call.clone(), left_out: None },
        }
    }

    /// A command for a POSIX shell, in lines, with the key as `$ACTUARY_KEY`. A body that is long or no
    /// text is given to `keep` with its media type, which says in which file it is.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn curl(&self, mut keep: impl FnMut(&[u8], &str) -> Result<String>) -> Result<String> {
        let Self { call, left_out } = self;
        let header =
            |name: &HeaderName| call.headers.get(name).and_then(|value| value.to_str().ok());
        let is_stream = header(&ACCEPT) == Some("text/event-stream");
        let mut first = format!("curl -sS{}", if is_stream { "N" } else { "" });
        if call.method != Method::GET {
            first.push_str(&format!(" -X {}", call.method));
        }
        let mut parts = vec![
            format!("{first} {}", quoted(call.url.as_str())),
            "-H \"Authorization: Bearer $ACTUARY_KEY\"".to_owned(),
        ];
        let is_form = matches!(call.body, Body::Form(..));
        for name in SHOWN.iter().filter(|name| !(is_form && *name == CONTENT_TYPE)) {
            if let Some(value) = header(name) {
                parts.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
            }
        }
        match &call.body {
            Body::Empty => {}
            Body::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') && text.len() <= LONGEST => {
                    parts.push(format!("--data-binary {}", quoted(text)));
                }
                _ => {
                    let file = keep(bytes, header(&CONTENT_TYPE).unwrap_or_default())?;
                    parts.push(format!("--data-binary {}", quoted(&format!("@{file}"))));
                }
            },
            Body::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                parts.push(format!("--data-binary {}", quoted(&format!("@{}", path.display()))));
            }
            Body::Form(_, given) => parts.extend(given.iter().map(part)),
        }
        let text = parts.join(" \\\n  ");
        Ok(match left_out {
            Some(bytes) => format!(
                "# with a body of {bytes} bytes, which is not remembered:\n# {}",
                text.replace('\n', "\n# ")
            ),
            None => text,
        })
    }
}

/// A part of a form. curl reads a `;` or a `"` within a name as its own, so that they are in quotes.
fn part(part: &FormPart) -> String {
    let within = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    match part {
        FormPart::Text { name, value } => {
            format!("--form-string {}", quoted(&format!("{name}={value}")))
        }
        FormPart::File { name, file, path } => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let path = within(&path.display().to_string());
            let file = within(file);
            format!("-F {}", quoted(&format!("{name}=@\"{path}\";filename=\"{file}\"")))
        }
    }
}

/// A text as a shell reads it whole.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::Url;

    use super::*;

    fn call(method: Method) -> Call {
        Call::new(method, Url::parse("http://h:1/api/v1/models/m/predictions?a=b").unwrap())
    }

    fn curl(call: Call) -> String {
        let sent = Sent::new(&call, 1 << 20);
        sent.curl(|bytes, media_type| Ok(format!("{media_type}-{}", bytes.len()))).unwrap()
    }

    #[test]
    fn a_request_is_a_command_that_a_shell_reads() {
        assert_eq!(
            curl(call(Method::GET)),
            "curl -sS 'http://h:1/api/v1/models/m/predictions?a=b' \\\n  \
             -H \"Authorization: Bearer $ACTUARY_KEY\""
        );
        let given = call(Method::POST).pure().json(&"it's").unwrap();
        assert_eq!(
            curl(given),
            "curl -sS -X POST 'http://h:1/api/v1/models/m/predictions?a=b' \\\n  \
             -H \"Authorization: Bearer $ACTUARY_KEY\" \\\n  \
             -H 'content-type: application/json' \\\n  --data-binary '\"it'\\''s\"'"
        );
    }

    #[test]
    fn a_precondition_is_sent_again_and_a_huge_body_left_out() {
        let given = call(Method::PUT).header(IF_MATCH, "\"3\"").unwrap();
        assert!(curl(given).contains("-H 'if-match: \"3\"'"));
        let long = Body::Bytes(Bytes::from(vec![b'x'; LONGEST + 1]));
        let given = call(Method::POST).body("text/x", long.clone()).unwrap();
        assert!(curl(given.clone()).ends_with("'@text/x-65537'"));
        let text = Sent::new(&given, LONGEST).curl(|_, _| unreachable!()).unwrap();
        assert!(text.starts_with("# with a body of 65537 bytes"), "{text}");
        assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
    }

    #[test]
    fn what_is_no_text_is_kept_in_a_file() {
        let bytes = Body::Bytes(Bytes::from_static(&[0, 255]));
        let given = call(Method::POST).body("application/x", bytes).unwrap();
        assert!(curl(given).ends_with("--data-binary '@application/x-2'"));
        let file = Body::File("/a b/c.csv".into());
        let given = call(Method::POST).body("text/csv", file).unwrap();
        let text = curl(given);
        assert!(text.ends_with("--data-binary '@/a b/c.csv'"), "{text}");
        assert!(text.contains("-H 'idempotency-key: "), "{text}");
    }

    #[test]
    fn a_form_is_sent_part_by_part() {
        let parts = vec![
            FormPart::Text { name: "label".into(), value: "cat;x".into() },
            FormPart::File {
                name: "file".into(),
                file: "a\"b.png".into(),
                path: "/p;q.png".into(),
            },
        ];
        let body = Body::Form("x".into(), parts.into());
        let text = curl(call(Method::POST).body("multipart/form-data; boundary=x", body).unwrap());
        assert!(text.contains("--form-string 'label=cat;x'"), "{text}");
        assert!(text.ends_with("-F 'file=@\"/p;q.png\";filename=\"a\\\"b.png\"'"), "{text}");
        assert!(!text.contains("boundary"), "{text}");
    }
}
