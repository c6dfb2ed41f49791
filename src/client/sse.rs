//! The format of server-sent events (WHATWG HTML, section 9.2.6), as far as this program's own
//! stream uses it: the data of every message; its `id` and `event` stand in the data, too.

use crate::error::{Error, Result};

/// Longest message.
const LIMIT: usize = 4 << 20;

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// The line that is not complete yet.
    line: Vec<u8>,
    data: String,
}

impl Parser {
    /// Takes in bytes and gives the data of every message that they complete.
    ///
    /// # Errors
    /// [`Error::Internal`] for a message that is too long.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>> {
        let mut messages = Vec::new();
        for byte in bytes {
            if *byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                let line = line.strip_suffix(b"\r").unwrap_or(&line);
                messages.extend(self.line(&String::from_utf8_lossy(line)));
            } else {
                self.line.push(*byte);
            }
        }
        if self.line.len() + self.data.len() > LIMIT {
            let context = "reading a stream of events";
            return Err(Error::internal(
                context,
                format!("a message is longer than {LIMIT} bytes"),
            ));
        }
        Ok(messages)
    }

    fn line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            let mut data = std::mem::take(&mut self.data);
            // The last line feed is not part of the message.
            data.pop()?;
            return Some(data);
        }
        // Comments have an empty name.
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name == "data" {
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.data.push('\n');
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_however_the_bytes_are_cut() {
        let stream = ": hello\n\nid: 1\nevent: log\ndata: {\"a\":\"ü\"}\n\nretry: 5\r\ndata:x\r\n\
                      data: y\r\n\r\ndata\n\nid: 4\n\ndata: unfinished";
        let wanted = ["{\"a\":\"ü\"}", "x\ny", ""];
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let found: Vec<_> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.push(piece).unwrap())
                .collect();
            assert_eq!(found, wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn an_endless_message_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; 1 << 20];
        assert!((0..5).any(|_| parser.push(&piece).is_err()));
    }
}
