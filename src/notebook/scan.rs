//! Which lines of code begin within a string.

/// A string that is open at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    quote: u8,
    triple: bool,
}

/// Reads code line by line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Scanner(Option<Open>);

impl Scanner {
    /// Whether the next line begins within a string.
    pub(super) fn in_string(self) -> bool {
        self.0.is_some()
    }

    /// Reads a line, without its end.
    pub(super) fn read(&mut self, line: &str) {
        // A magic is no Starlark, and its quotes are its own.
        if !self.in_string() && line.starts_with(['%', '!']) {
            return;
        }
        let bytes = line.trim_end_matches('\r').as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let tripled = bytes.get(at..at + 3).is_some_and(|three| three == [byte; 3]);
            match (self.0, byte) {
                (None, b'#') => return,
                (None, b'"' | b'\'') => {
                    self.0 = Some(Open { quote: byte, triple: tripled });
                    at += if tripled { 3 } else { 1 };
                }
                // In a raw string too, a backslash keeps a quote from ending it.
                (Some(_), b'\\') => at += 2,
                (Some(open), _) if byte == open.quote && (tripled || !open.triple) => {
                    self.0 = None;
                    at += if open.triple { 3 } else { 1 };
                }
                _ => at += 1,
            }
        }
        // A string of one line goes on only after a backslash at its end.
        let goes_on = at > bytes.len();
        if self.0.is_some_and(|open| !open.triple) && !goes_on {
            self.0 = None;
        }
    }
}

/// Whether the code ends within a string.
pub(super) fn ends_in_string(code: &str) -> bool {
    let mut scanner = Scanner::default();
    code.split('\n').for_each(|line| scanner.read(line));
    scanner.in_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_of_three_quotes_goes_on() {
        assert!(ends_in_string("x = \"\"\"a"));
        assert!(ends_in_string("x = r'''a\"\"\"\nb"));
        assert!(ends_in_string("x = '''a\\'''"));
        assert!(!ends_in_string("x = '''a\n# b'''"));
        assert!(!ends_in_string("x = '''''' + \"\"\"\"\"\""));
    }

    #[test]
    fn a_string_of_one_line_ends_with_it() {
        assert!(!ends_in_string("x = 'a"));
        assert!(!ends_in_string("x = '' # '''"));
        assert!(!ends_in_string("x = 'it\\'s' # \"\"\""));
        assert!(ends_in_string("x = 'a\\"));
        assert!(!ends_in_string("x = 'a\\\n b"));
    }

    #[test]
    fn the_quotes_of_a_magic_or_a_comment_open_nothing() {
        assert!(!ends_in_string("%run \"\"\"\n!echo '''\n# don't '''"));
        assert!(ends_in_string("'''\n%x\n!y"));
    }
}
