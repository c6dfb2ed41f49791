//! Colours of a cell while it is typed: bold, dim, and those of the eight that can be read on
//! black and on white.

use std::ops::Range;

use super::super::completion::KEYWORDS;
use super::super::source::{Kind, head, is_word, pieces};

const CONSTANTS: &[&str] = &["False", "None", "True"];
/// Of texts, in lower case.
const PREFIXES: &[&str] = &["b", "br", "f", "fr", "r", "rb", "rf"];
/// A bracket at the cursor and its partner: inverse would hide a block cursor.
const PAIR: &str = "1;4";
const UNMATCHED: &str = "1;31";

/// The cell in colours. `cursor` is a byte position whose bracket is shown with its partner;
/// `is_function` knows the names of functions.
pub(super) fn painted(
    cell: &str,
    cursor: Option<usize>,
    is_function: &dyn Fn(&str) -> bool,
) -> String {
    let mut out = String::with_capacity(cell.len() * 2);
    let tokens = Cutter { cell, is_function, tokens: Vec::new() }.cut();
    let brackets = Brackets::of(cell, &tokens);
    let pair = cursor.and_then(|cursor| brackets.pair_at(cursor));
    for token in tokens {
        let start = token.range.start;
        let code = if pair.is_some_and(|(open, close)| start == open || start == close) {
            PAIR
        } else if brackets.unmatched.binary_search(&start).is_ok() {
            UNMATCHED
        } else {
            token.look.code()
        };
        let text = &cell[token.range];
        if code.is_empty() {
            out.push_str(text);
        } else {
            out.push_str(&format!("\x1b[{code}m{text}\x1b[0m"));
        }
    }
    out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Plain,
    Bracket,
    Keyword,
    Constant,
    Number,
    Text,
    Comment,
    Function,
    Magic,
}

impl Look {
    /// The parameters of its ANSI sequence; none where it has no colour.
    fn code(self) -> &'static str {
        match self {
            Self::Plain | Self::Bracket => "",
            Self::Keyword => "35",
            Self::Constant | Self::Number => "36",
            Self::Text => "32",
            Self::Comment => "2",
            Self::Function => "1",
            Self::Magic => "1;35",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    range: Range<usize>,
    look: Look,
}

/// Byte positions of the brackets of code; those in texts and comments are none.
#[derive(Debug, Default)]
struct Brackets {
    /// An opening one and the one that closes it.
    pairs: Vec<(usize, usize)>,
    /// Closing ones that close nothing, or another kind; in their order.
    unmatched: Vec<usize>,
}

impl Brackets {
    fn of(cell: &str, tokens: &[Token]) -> Self {
        let mut found = Self::default();
        let mut open: Vec<(&str, usize)> = Vec::new();
        for token in tokens.iter().filter(|token| token.look == Look::Bracket) {
            let at = token.range.start;
            let opening = match &cell[token.range.clone()] {
                ")" => "(",
                "]" => "[",
                "}" => "{",
                other => {
                    open.push((other, at));
                    continue;
                }
            };
            match open.pop_if(|(bracket, _)| *bracket == opening) {
                Some((_, start)) => found.pairs.push((start, at)),
                None => found.unmatched.push(at),
            }
        }
        found
    }

    /// The pair of which one is at the cursor or, where none is, just before it.
    fn pair_at(&self, cursor: usize) -> Option<(usize, usize)> {
        let at = |place| self.pairs.iter().copied().find(|(a, b)| *a == place || *b == place);
        at(cursor).or_else(|| cursor.checked_sub(1).and_then(at))
    }
}

/// Cuts a cell into tokens, without gaps.
struct Cutter<'a> {
    cell: &'a str,
    is_function: &'a dyn Fn(&str) -> bool,
    tokens: Vec<Token>,
}

impl Cutter<'_> {
    fn cut(mut self) -> Vec<Token> {
        let head = head(self.cell);
        let mut at = 0;
        for line in self.cell[..head].split_inclusive('\n') {
            let sign = at + line.len() - line.trim_start().len();
            let end = at + line.len();
            self.push(at..sign, Look::Plain);
            match self.cell[sign..end].chars().next() {
                Some('%') => {
                    let name = self.cell[sign + 1..end].chars().take_while(|c| is_word(*c));
                    let rest = sign + 1 + name.map(char::len_utf8).sum::<usize>();
                    self.push(sign..rest, Look::Magic);
                    // `%time` has code there.
                    self.source(rest..end);
                }
                Some('!') => {
                    self.push(sign..sign + 1, Look::Magic);
                    self.push(sign + 1..end, Look::Plain);
                }
                _ => self.source(sign..end),
            }
            at = end;
        }
        self.source(head..self.cell.len());
        self.tokens
    }

    fn push(&mut self, range: Range<usize>, look: Look) {
        match self.tokens.last_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.look == look && look == Look::Plain => last.range.end = range.end,
            _ => self.tokens.push(Token { range, look }),
        }
    }

    /// What is no line for the session.
    fn source(&mut self, range: Range<usize>) {
        let base = range.start;
        let pieces = pieces(&self.cell[range]);
        let mut start = base;
        for (at, piece) in pieces.iter().enumerate() {
            let mut end = base + piece.range.end;
            match piece.kind {
                Kind::Code => {
                    if pieces.get(at + 1).is_some_and(|next| next.kind == Kind::Text) {
                        end -= prefix(&self.cell[start..end]);
                    }
                    self.code(start..end, Look::Bracket);
                }
                Kind::Text => {
                    let quote = base + piece.range.start;
                    if self.cell[start..quote].contains(['f', 'F']) {
                        self.formatted(start..end, quote + piece.opening);
                    } else {
                        self.push(start..end, Look::Text);
                    }
                }
                Kind::Comment => self.push(start..end, Look::Comment),
            }
            start = end;
        }
    }

    /// An f-string, whose content begins at `content`: its expressions are code.
    fn formatted(&mut self, range: Range<usize>, content: usize) {
        let (mut from, mut at) = (range.start, content);
        while at < range.end {
            let rest = &self.cell[at..range.end];
            if rest.starts_with("{{") {
                at += 2;
            } else if let Some(length) = expression(rest) {
                let end = at + length;
                self.push(from..at, Look::Text);
                self.push(at..at + 1, Look::Plain);
                self.code(at + 1..end - 1, Look::Plain);
                self.push(end - 1..end, Look::Plain);
                (from, at) = (end, end);
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.push(from..range.end, Look::Text);
    }

    /// Code without texts and comments; its brackets get the given look.
    fn code(&mut self, range: Range<usize>, bracket: Look) {
        let mut at = range.start;
        while let Some(c) = self.cell[at..range.end].chars().next() {
            let (before, rest) = (&self.cell[range.start..at], &self.cell[at..range.end]);
            let (length, look) = match c {
                _ if begins_number(before, rest) => (number(rest), Look::Number),
                _ if is_word(c) => {
                    let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    (length, self.word(before, rest, length))
                }
                '(' | ')' | '[' | ']' | '{' | '}' => (1, bracket),
                // That of `train?`; the language has none.
                '?' => (1, Look::Magic),
                _ => (c.len_utf8(), Look::Plain),
            };
            self.push(at..at + length, look);
            at += length;
        }
    }

    /// The look of the word of `length` bytes that `rest` begins with.
    fn word(&self, before: &str, rest: &str, length: usize) -> Look {
        let (word, after) = rest.split_at(length);
        if CONSTANTS.contains(&word) {
            return Look::Constant;
        }
        if KEYWORDS.contains(&word) {
            return Look::Keyword;
        }
        let after = after.trim_start_matches([' ', '\t']);
        // An argument or a variable may be named like a function.
        let is_named = after.starts_with('=') && !after.starts_with("==");
        let may_be = !is_named && (!before.ends_with('.') || after.starts_with('('));
        if may_be && (self.is_function)(word) { Look::Function } else { Look::Plain }
    }
}

/// Length of the prefix of a text at the end of the code before it.
fn prefix(code: &str) -> usize {
    let length = code.chars().rev().take_while(|c| is_word(*c)).map(char::len_utf8).sum::<usize>();
    let word = &code[code.len() - length..];
    if PREFIXES.contains(&word.to_ascii_lowercase().as_str()) { length } else { 0 }
}

/// Length of the expression that a part of an f-string begins with, with its braces.
fn expression(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth <= 0 {
            return (at > 0).then_some(at + 1);
        }
    }
    None
}

/// Whether a number begins between two parts of code: `1`, `.5`, but no `.5` after `a`.
fn begins_number(before: &str, rest: &str) -> bool {
    let digits = rest.strip_prefix('.').unwrap_or(rest);
    let has_point = digits.len() < rest.len();
    let is_attribute = has_point && before.ends_with(|c| is_word(c) || c == ')' || c == ']');
    digits.starts_with(|c: char| c.is_ascii_digit()) && !is_attribute
}

/// Length of the number that a text begins with: `12`, `0x1f`, `1.5e-3`.
fn number(text: &str) -> usize {
    let is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let is_sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E') && !is_hexadecimal;
        if !is_word(c) && c != '.' && !is_sign {
            return at;
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests;
