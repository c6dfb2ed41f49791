//! The text of a cell before it is parsed: where its strings and comments are, whether it is
//! complete, what stands at the cursor.

use std::ops::Range;

/// `load` is a keyword of Starlark, and a function here. It goes through the parser under a name
/// of the same length, so that no column moves.
pub(super) const LOAD: &str = "l0ad";
const KEYWORD: &str = "load";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Code,
    Text,
    Comment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    /// Whether a text has its closing quote.
    closed: bool,
    /// Length of its opening quotes; its prefix belongs to the code before it.
    pub(super) opening: usize,
}

/// Cuts a source into code, texts and comments, without gaps.
pub(super) fn pieces(source: &str) -> Vec<Piece> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut code) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let piece = match byte {
            b'#' => {
                let end = source[at..].find('\n').map_or(source.len(), |n| at + n);
                Piece { range: at..end, kind: Kind::Comment, closed: true, opening: 1 }
            }
            b'"' | b'\'' => text(source, at),
            _ => {
                at += 1;
                continue;
            }
        };
        if code < piece.range.start {
            let range = code..piece.range.start;
            found.push(Piece { range, kind: Kind::Code, closed: true, opening: 0 });
        }
        at = piece.range.end;
        code = at;
        found.push(piece);
    }
    if code < source.len() {
        let range = code..source.len();
        found.push(Piece { range, kind: Kind::Code, closed: true, opening: 0 });
    }
    found
}

/// Length of the lines at a cell's head that are for the session, `%time` and `!ls`, with what
/// stands between them.
pub(super) fn head(cell: &str) -> usize {
    let (mut length, mut at) = (0, 0);
    for line in cell.split_inclusive('\n') {
        at += line.len();
        match line.trim_start().chars().next() {
            Some('%' | '!') => length = at,
            Some('#') | None => {}
            Some(_) => break,
        }
    }
    length
}

/// The text whose first quote is at `start`.
fn text(source: &str, start: usize) -> Piece {
    let bytes = source.as_bytes();
    let quote = bytes[start];
    let triple = bytes.get(start..start + 3) == Some(&[quote; 3]);
    let opening = if triple { 3 } else { 1 };
    // In a raw text, too, a quote after a backslash does not close it.
    let mut at = start + opening;
    while let Some(&byte) = bytes.get(at) {
        let closes =
            if triple { bytes.get(at..at + 3) == Some(&[quote; 3]) } else { byte == quote };
        if closes {
            return Piece { range: start..at + opening, kind: Kind::Text, closed: true, opening };
        }
        if byte == b'\n' && !triple {
            // It ends with its line, and the parser will say so.
            return Piece { range: start..at, kind: Kind::Text, closed: true, opening };
        }
        at += if byte == b'\\' { 2 } else { 1 };
    }
    let range = start..source.len();
    Piece { range, kind: Kind::Text, closed: false, opening }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The source as the parser gets it.
pub(super) fn masked(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for piece in pieces(source) {
        let text = &source[piece.range];
        if piece.kind == Kind::Code { replace_word(text, &mut out) } else { out.push_str(text) }
    }
    out
}

fn replace_word(code: &str, out: &mut String) {
    let mut rest = code;
    let mut before = None;
    while let Some(at) = rest.find(KEYWORD) {
        let (head, tail) = rest.split_at(at);
        let after = &tail[KEYWORD.len()..];
        let left = head.chars().next_back().or(before);
        let alone = !left.is_some_and(is_word) && !after.chars().next().is_some_and(is_word);
        out.push_str(head);
        out.push_str(if alone { LOAD } else { KEYWORD });
        before = Some('d');
        rest = after;
    }
    out.push_str(rest);
}

/// What the parser or the evaluator said, in the user's words.
pub(super) fn unmasked(text: &str) -> String {
    text.replace(LOAD, KEYWORD)
}

/// The source without a `;` at its end, and whether there was one.
pub(super) fn without_semicolon(source: &str) -> (String, bool) {
    for piece in pieces(source).iter().rev() {
        let text = &source[piece.range.clone()];
        match piece.kind {
            Kind::Comment => {}
            Kind::Text => break,
            Kind::Code if text.trim().is_empty() => {}
            Kind::Code => {
                let end = piece.range.start + text.trim_end().len();
                if !source[..end].ends_with(';') {
                    break;
                }
                let (head, tail) = (&source[..end - 1], &source[end..]);
                return (format!("{head} {tail}"), true);
            }
        }
    }
    (source.to_owned(), false)
}

/// Whether Enter should go on instead of evaluating: a bracket or a long text is open, or a block
/// is, which an empty line ends.
pub fn is_open(source: &str) -> bool {
    // A command has the shell's brackets and quotes.
    let source = &source[head(source)..];
    let pieces = pieces(source);
    if pieces.iter().any(|piece| !piece.closed && piece.opening == 3) {
        return true;
    }
    let mut depth = 0i64;
    let mut code = String::new();
    for piece in &pieces {
        let text = &source[piece.range.clone()];
        match piece.kind {
            Kind::Code => {
                depth += text.chars().map(step).sum::<i64>();
                code.push_str(text);
            }
            // Anything that is no space and no bracket.
            Kind::Text => code.extend(text.chars().map(|c| if c == '\n' { c } else { 'x' })),
            Kind::Comment => {}
        }
    }
    if depth > 0 {
        return true;
    }
    let last = code.lines().next_back().unwrap_or_default();
    if code.trim_end().ends_with('\\') {
        return true;
    }
    if source.ends_with('\n') {
        // The empty line: only a header without a body is still open.
        return code.trim_end().ends_with(':') && !code.ends_with("\n\n");
    }
    last.trim_end().ends_with(':') || (code.contains('\n') && last.starts_with([' ', '\t']))
}

/// The code alone, at its places: every byte of a text is an `x`, also the ends of its lines, every
/// byte of a comment a space. None where a text is open at the end.
pub(super) fn outline(source: &str) -> Option<String> {
    let mut out = String::with_capacity(source.len());
    for piece in pieces(source) {
        match piece.kind {
            Kind::Code => out.push_str(&source[piece.range]),
            Kind::Text if !piece.closed => return None,
            Kind::Text => out.extend(piece.range.map(|_| 'x')),
            Kind::Comment => out.extend(piece.range.map(|_| ' ')),
        }
    }
    Some(out)
}

/// How much deeper in brackets the code behind a character is.
pub(super) fn step(c: char) -> i64 {
    match c {
        '(' | '[' | '{' => 1,
        ')' | ']' | '}' => -1,
        _ => 0,
    }
}

/// What stands before the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    /// A word that begins at `start`; within the brackets of a call, its function.
    Name { start: usize, call: Option<String> },
    /// The word after a dot, and the name before it.
    Attribute { start: usize, of: String },
    /// A text that begins at `start` behind its quote; within a call, its function, what that is a
    /// method of, and whether the text is the first argument.
    Text { start: usize, call: Option<String>, of: Option<String>, first: bool },
    /// What follows a magic, and the magic; its own name where that is being typed.
    Magic { start: usize, name: Option<String> },
    /// Nothing that could be completed.
    Nothing,
}

/// What stands before the end of `source`.
pub(super) fn at_end(source: &str) -> At {
    let line = source.rsplit('\n').next().unwrap_or_default();
    if let Some(rest) = line.trim_start().strip_prefix('%') {
        let word = rest.rsplit(char::is_whitespace).next().unwrap_or_default();
        let name = rest.split_once(char::is_whitespace).map(|(name, _)| name.to_owned());
        let takes_code = matches!(name.as_deref(), Some("time" | "timeit"));
        if !takes_code {
            return At::Magic { start: source.len() - word.len(), name };
        }
    }
    let pieces = pieces(source);
    let Some(last) = pieces.last() else { return At::Name { start: 0, call: None } };
    match last.kind {
        Kind::Comment => At::Nothing,
        Kind::Text if last.closed => At::Nothing,
        Kind::Text => {
            let (call, before) = open_call(source, &pieces, last.range.start);
            let first = before.is_some_and(|text| text.trim_matches(['[', ' ', '\n']).is_empty());
            let (of, call) = match call.as_deref().and_then(|call| call.rsplit_once('.')) {
                Some((of, call)) => (Some(of.to_owned()), Some(call.to_owned())),
                None => (None, call),
            };
            At::Text { start: last.range.start + last.opening, call, of, first }
        }
        Kind::Code => {
            let code = &source[last.range.clone()];
            let word = code.chars().rev().take_while(|c| is_word(*c)).map(char::len_utf8);
            let start = source.len() - word.sum::<usize>();
            match source[..start].strip_suffix('.') {
                Some(before) => {
                    let name = before.chars().rev().take_while(|c| is_word(*c));
                    let length: usize = name.map(char::len_utf8).sum();
                    let of = before[before.len() - length..].to_owned();
                    if of.is_empty() { At::Nothing } else { At::Attribute { start, of } }
                }
                None => {
                    let call = open_call(source, &pieces, start).0;
                    let call = call.map(|call| call.rsplit('.').next().unwrap_or("").to_owned());
                    At::Name { start, call }
                }
            }
        }
    }
}

/// The function whose call is open at `end`, with what it is a method of, and what stands between its bracket and `end`.
fn open_call<'a>(
    source: &'a str,
    pieces: &[Piece],
    end: usize,
) -> (Option<String>, Option<&'a str>) {
    let mut depth = 0i64;
    for piece in pieces.iter().rev().filter(|p| p.kind == Kind::Code && p.range.start < end) {
        let range = piece.range.start..piece.range.end.min(end);
        for (at, c) in source[range.clone()].char_indices().rev() {
            depth += step(c);
            if depth > 0 {
                let at = range.start + at;
                let head = &source[..at];
                let name = head.chars().rev().take_while(|c| is_word(*c) || *c == '.');
                let length: usize = name.map(char::len_utf8).sum();
                let name = head[head.len() - length..].trim_start_matches('.');
                // A list within a call is one of its arguments.
                if c == '[' && name.is_empty() {
                    depth = 0;
                    continue;
                }
                let call = (c == '(' && !name.is_empty()).then(|| name.to_owned());
                return (call, Some(&source[at + 1..end]));
            }
        }
    }
    (None, None)
}

#[cfg(test)]
mod tests;
