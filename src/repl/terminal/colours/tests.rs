use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn is_function(name: &str) -> bool {
    ["load", "train", "model", "head"].contains(&name)
}

fn tokens(cell: &str) -> Vec<(&str, Look)> {
    let tokens = Cutter { cell, is_function: &is_function, tokens: Vec::new() }.cut();
    tokens
        .into_iter()
        .map(|token| (&cell[token.range], token.look))
        .filter(|(_, look)| !matches!(look, Look::Plain | Look::Bracket))
        .collect()
}

/// Without ANSI sequences.
fn plain(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').unwrap().1)
}

#[test]
fn words_numbers_texts_and_comments_have_their_looks() {
    use Look::{Comment, Constant, Function, Keyword, Number, Text};
    assert_eq!(
        tokens("def f(x=None):\n    return train(x, 'a', model=1.5e-3) # not\n"),
        [
            ("def", Keyword),
            ("None", Constant),
            ("return", Keyword),
            ("train", Function),
            ("'a'", Text),
            ("1.5e-3", Number),
            ("# not", Comment),
        ]
    );
    assert_eq!(tokens("x.head(.5) + x.head - a1.model[0x1e+2]").len(), 4);
    assert_eq!(tokens("model == load"), [("model", Function), ("load", Function)]);
    assert_eq!(tokens("r'a' + not_a 'b'"), [("r'a'", Text), ("'b'", Text)]);
    assert_eq!(tokens("x = '''if\n# 1\n'''"), [("'''if\n# 1\n'''", Text)]);
}

#[test]
fn expressions_of_an_f_string_are_code() {
    use Look::{Function, Number, Text};
    assert_eq!(
        tokens("f'{{no}} {train} ü{a[1]}'"),
        [("f'{{no}} ", Text), ("train", Function), (" ü", Text), ("1", Number), ("'", Text)]
    );
    assert_eq!(tokens("'{train}'"), [("'{train}'", Text)]);
    assert_eq!(tokens("f'{train'"), [("f'{train'", Text)]);
    assert_eq!(tokens("f'}{1}'"), [("f'}", Text), ("1", Number), ("'", Text)]);
}

#[test]
fn lines_for_the_session_and_questions_are_magics() {
    use Look::{Comment, Function, Magic, Number};
    assert_eq!(
        tokens("# a\n%time load\n!echo 'if\n1"),
        [("# a", Comment), ("%time", Magic), ("load", Function), ("!", Magic), ("1", Number)]
    );
    assert_eq!(tokens("train?"), [("train", Function), ("?", Magic)]);
    assert_eq!(tokens("x % 3\n% y"), [("3", Number)]);
}

/// What is painted as a pair, and as unmatched, by `[` and `]`, and `!`.
fn brackets(cell: &str, cursor: usize) -> String {
    painted(cell, Some(cursor), &|_| false)
        .replace("\x1b[1;4m", "<")
        .replace("\x1b[1;31m", "!")
        .replace("\x1b[0m", "")
        .replace("\x1b[32m", "")
        .replace("\x1b[2m", "")
}

#[rstest]
#[case("f(a)", 1, "f<(a<)")]
#[case("f(a)", 2, "f<(a<)")]
#[case("f(a)", 3, "f<(a<)")]
#[case("f(a)", 4, "f<(a<)")]
#[case("f(a)", 0, "f(a)")]
#[case("[(])", 4, "[<(!]<)")]
#[case("f(')', b\n)", 9, "f<(')', b\n<)")]
#[case("')'", 1, "')'")]
#[case("(# )", 3, "(# )")]
#[case("a)", 0, "a!)")]
#[case("()()", 2, "()<(<)")]
#[case("((a)", 4, "(<(a<)")]
#[case("ü(ü)", 2, "ü<(ü<)")]
fn a_bracket_at_the_cursor_is_shown_with_its_partner(
    #[case] cell: &str,
    #[case] cursor: usize,
    #[case] expected: &str,
) {
    assert_eq!(brackets(cell, cursor), expected);
}

proptest! {
    #[test]
    fn colours_change_no_text(
        cell in "([a-z 0-9\"'#%!(){}\\[\\]\\n\\\\;:ü?.=]|f\"|train|%time |e-|'''){0,40}",
        cursor in 0usize..60,
    ) {
        prop_assert_eq!(plain(&painted(&cell, Some(cursor), &is_function)), cell);
    }

    #[test]
    fn colours_change_no_text_whatever_it_is(cell in "[^\\x1b]*") {
        prop_assert_eq!(plain(&painted(&cell, None, &is_function)), cell);
    }
}
