//! Forms (`multipart/form-data`) on their way out: files are read while they are sent.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio_util::io::ReaderStream;

/// Bytes of a file that are read and sent at a time.
const PIECE: usize = 256 << 10;

/// A part of a form.
#[derive(Debug, Clone, PartialEq)]
pub enum FormPart {
    Text {
        name: String,
        value: String,
    },
    File {
        name: String,
        /// As the server is to know it.
        file: String,
        path: PathBuf,
    },
}

/// The body of a form.
pub(super) fn body(boundary: &str, parts: Arc<[FormPart]>) -> reqwest::Body {
    let end = Bytes::from(format!("--{boundary}--\r\n"));
    let boundary: Arc<str> = boundary.into();
    let sent = stream::iter(0..parts.len())
        .then(move |at| sent(boundary.clone(), parts.clone(), at))
        .try_flatten();
    reqwest::Body::wrap_stream(sent.chain(stream::once(async { Ok(end) })))
}

async fn sent(
    boundary: Arc<str>,
    parts: Arc<[FormPart]>,
    at: usize,
) -> io::Result<impl Stream<Item = io::Result<Bytes>>> {
    let (name, file, text, read) = match &parts[at] {
        FormPart::Text { name, value } => (name, String::new(), Some(value.clone()), None),
        FormPart::File { name, file, path } => {
            let read = streamed(tokio::fs::File::open(path).await?);
            (name, format!("; filename=\"{}\"", quoted(file)), None, Some(read))
        }
    };
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"{file}\r\n\r\n",
        quoted(name)
    );
    let text = stream::iter(text.map(|text| Ok(Bytes::from(text))));
    let content = text.chain(stream::iter(read).flatten());
    let head = stream::once(async { Ok(Bytes::from(head)) });
    let end = stream::once(async { Ok(Bytes::from_static(b"\r\n")) });
    Ok(head.chain(content).chain(end))
}

/// A file as it is sent. Each piece is read by another thread, which costs as much as a hundred
/// kilobytes do.
pub(super) fn streamed(file: tokio::fs::File) -> ReaderStream<tokio::fs::File> {
    ReaderStream::with_capacity(file, PIECE)
}

/// A text within a header's quotes.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.chars().map(|c| if c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_follow_each_other_between_boundaries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, "bytes").unwrap();
        let parts = [
            FormPart::Text { name: "label".to_owned(), value: "cat".to_owned() },
            FormPart::File { name: "image".to_owned(), file: "a\"\n.png".to_owned(), path },
        ];
        let pieces: Vec<Bytes> = stream::iter(0..2)
            .then(|at| sent("b".into(), parts.to_vec().into(), at))
            .try_flatten()
            .try_collect()
            .await
            .unwrap();
        let expected = "--b\r\nContent-Disposition: form-data; name=\"label\"\r\n\r\ncat\r\n--b\r\n\
                        Content-Disposition: form-data; name=\"image\"; filename=\"a\\\"_.png\"\r\n\r\n\
                        bytes\r\n";
        assert_eq!(String::from_utf8(pieces.concat()).unwrap(), expected);
    }
}
