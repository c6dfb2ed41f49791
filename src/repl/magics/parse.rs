//! A cell in its parts: lines for the session at its head, code behind them.

use super::super::source::is_word;

/// A part of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repl) enum Step {
    /// `%name rest`, at a line of the cell, from 0.
    Magic { line: usize, name: String, rest: String },
    /// `!command`.
    Shell { line: usize, command: String },
    /// `name?`, and `name??`, which is `more`.
    Help { line: usize, name: String, more: bool },
    /// With empty lines before it, so that its lines keep their numbers.
    Code(String),
}

/// Cuts a cell into its parts. What is no part for the session is code, and the parser's to refuse.
pub(in crate::repl) fn steps(cell: &str) -> Vec<Step> {
    let before = &cell[..cell.len() - cell.trim_start().len()];
    if let Some(step) = question(cell.trim(), before.matches('\n').count()) {
        return vec![step];
    }
    let mut found = Vec::new();
    let mut start = 0;
    for (line, text) in cell.split_inclusive('\n').enumerate() {
        let trimmed = text.trim();
        if let Some(rest) = trimmed.strip_prefix('%') {
            let name: String = rest.chars().take_while(|c| is_word(*c)).collect();
            let rest = rest[name.len()..].trim().to_owned();
            found.push(Step::Magic { line, name, rest });
        } else if let Some(command) = trimmed.strip_prefix('!') {
            found.push(Step::Shell { line, command: command.trim().to_owned() });
        } else if !trimmed.is_empty() && !trimmed.starts_with('#') {
            break;
        }
        start += text.len();
    }
    let code = cell.get(start..).unwrap_or_default();
    if !code.trim().is_empty() {
        let before = cell.get(..start).unwrap_or_default().matches('\n').count();
        found.push(Step::Code(format!("{}{code}", "\n".repeat(before))));
    }
    found
}

/// `train?`, `?train`, `m.promote??`, `%time?`, and words that end a session or ask for help.
fn question(text: &str, line: usize) -> Option<Step> {
    match text {
        "exit" | "quit" => return Some(Step::Code(format!("{}{text}()", "\n".repeat(line)))),
        "help" | "?" => return Some(Step::Help { line, name: String::new(), more: false }),
        _ => {}
    }
    let name = text.trim_start_matches('?').trim_end_matches('?').trim();
    let marks = (text.len() - text.trim_start_matches('?').len())
        + (text.len() - text.trim_end_matches('?').len());
    let word = name.strip_prefix('%').unwrap_or(name);
    let is_name = word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && word.chars().all(|c| is_word(c) || c == '.');
    let is_question = matches!(marks, 1 | 2) && is_name;
    is_question.then(|| Step::Help { line, name: name.to_owned(), more: marks == 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn magic(line: usize, name: &str, rest: &str) -> Step {
        Step::Magic { line, name: name.into(), rest: rest.into() }
    }

    fn code(text: &str) -> Step {
        Step::Code(text.into())
    }

    #[test]
    fn magics_stand_at_the_head_and_code_keeps_its_lines() {
        assert_eq!(steps("%time f(1)"), [magic(0, "time", "f(1)")]);
        assert_eq!(
            steps("# first\n%time\n!ls -l\n\nx = 1\n%y\n"),
            [
                magic(1, "time", ""),
                Step::Shell { line: 2, command: "ls -l".into() },
                code("\n\n\n\nx = 1\n%y\n")
            ]
        );
        assert_eq!(steps("# only\n"), []);
        assert_eq!(steps("x % 3"), [code("x % 3")]);
        assert_eq!(steps("# a\nx"), [code("\nx")]);
        assert_eq!(steps("%"), [magic(0, "", "")]);
    }

    #[test]
    fn a_question_mark_asks_for_help() {
        for (typed, name, more) in [
            ("train?", "train", false),
            ("?train", "train", false),
            ("m.promote??", "m.promote", true),
            ("%time?", "%time", false),
            ("help", "", false),
        ] {
            assert_eq!(steps(typed), [Step::Help { line: 0, name: name.into(), more }]);
        }
        let below = Step::Help { line: 2, name: "train".into(), more: false };
        assert_eq!(steps("\n\ntrain?"), [below]);
        assert_eq!(steps("exit"), [code("exit()")]);
        for text in ["\"what?\"", "1 if x else 2?", "x???"] {
            assert_eq!(steps(text), [code(text)]);
        }
    }
}
