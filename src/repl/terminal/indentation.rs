//! Indentation of a cell's lines while they are typed. Positions are in bytes.

use std::ops::Range;

use super::super::source::{head, is_open, outline, step};

/// Spaces of a level.
const LEVEL: usize = 4;

/// A change of the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) removed: Range<usize>,
    /// Where the cursor is then.
    pub(super) cursor: usize,
}

/// Whether Enter at the cell's end goes on. Spaces alone are an empty line, which ends a block.
pub(super) fn is_unfinished(cell: &str) -> bool {
    let kept = cell.trim_end_matches([' ', '\t', '\n']);
    let ends = cell[kept.len()..].matches('\n').count();
    is_open(&format!("{kept}{}", "\n".repeat(ends)))
}

/// What the line after `before` begins with: the indentation of the statement that ends there,
/// a level more behind a colon; within brackets that of the line before; none within a text.
pub(super) fn indentation_after(before: &str) -> String {
    let before = &before[head(before)..];
    let Some(outline) = outline(before) else { return String::new() };
    let (mut depth, mut line, mut statement) = (0, 0, 0);
    for (at, c) in outline.char_indices() {
        depth += step(c);
        if c == '\n' {
            line = at + 1;
            if depth <= 0 && !outline[..at].ends_with('\\') {
                statement = line;
            }
        }
    }
    let start = if depth > 0 { line } else { statement };
    let indentation = &before[start..start + blanks(&before[start..])];
    let opens = depth <= 0 && outline[statement..].trim_end().ends_with(':');
    format!("{indentation}{}", " ".repeat(if opens { LEVEL } else { 0 }))
}

/// Spaces to the next level, where the cursor is in the indentation of a line after the first.
pub(super) fn indented(cell: &str, cursor: usize) -> Option<String> {
    let before = blank_before(cell, cursor)?;
    Some(" ".repeat(LEVEL - before % LEVEL))
}

/// The cell without the spaces back to the level before, where the cursor is behind spaces alone
/// in a line after the first.
pub(super) fn unindented(cell: &str, cursor: usize) -> Option<Edit> {
    let before = blank_before(cell, cursor).filter(|before| *before > 0)?;
    let start = cursor - excess(before);
    Some(Edit { removed: start..cursor, cursor: start })
}

/// The cell with the cursor's line a level further to the left.
pub(super) fn dedented(cell: &str, cursor: usize) -> Option<Edit> {
    let start = line_start(cell, cursor)?;
    let spaces = cell[start..].len() - cell[start..].trim_start_matches(' ').len();
    let removed = start..start + excess(spaces);
    let cursor = cursor.saturating_sub(removed.len()).max(start);
    (!removed.is_empty()).then_some(Edit { removed, cursor })
}

/// Spaces before the cursor, where its line is not the first and holds nothing else before it.
fn blank_before(cell: &str, cursor: usize) -> Option<usize> {
    let start = line_start(cell, cursor)?;
    let before = &cell[start..cursor];
    (start > 0 && before.chars().all(|c| c == ' ')).then_some(before.len())
}

fn line_start(cell: &str, cursor: usize) -> Option<usize> {
    Some(cell.get(..cursor)?.rfind('\n').map_or(0, |end| end + 1))
}

/// Spaces behind the level before, of which a level has [`LEVEL`].
fn excess(spaces: usize) -> usize {
    match spaces % LEVEL {
        0 => spaces.min(LEVEL),
        rest => rest,
    }
}

fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("x = 1", 0)]
    #[case("def f():", 4)]
    #[case("def f():  # why: so", 4)]
    #[case("def f():\n    x = 1", 4)]
    #[case("def f():\n    for x in y:", 8)]
    #[case("def f():\n    for x in y:\n        ", 8)]
    #[case("  # only said:", 2)]
    #[case("x = {'a':", 0)]
    #[case("    f(a,", 4)]
    #[case("    f(a,\n      b,", 6)]
    #[case("    f(a,\n      b)", 4)]
    #[case("    if f(a,\n      b):", 8)]
    #[case("    x = 1 + \\\n  2", 4)]
    #[case("    x = '''a\n  b:'''", 4)]
    #[case("    x = '''a:", 0)]
    #[case("    x = 'a:'", 4)]
    #[case("%time x:", 0)]
    fn the_next_line_is_indented(#[case] before: &str, #[case] spaces: usize) {
        assert_eq!(indentation_after(before), " ".repeat(spaces), "{before:?}");
    }

    #[test]
    fn tabs_are_kept() {
        assert_eq!(indentation_after("if x:\n\ty = 1"), "\t");
    }

    #[rstest]
    #[case("def f():", true)]
    #[case("def f():\n    ", true)]
    #[case("def f():\n    \n    ", false)]
    #[case("def f():\n    x = 1", true)]
    #[case("def f():\n    x = 1\n    ", false)]
    #[case("def f():\n    x = 1\n    # why\n    ", false)]
    #[case("f(a,\n    ", true)]
    #[case("x = 1  ", false)]
    #[case("!ls (", false)]
    fn a_line_of_spaces_ends_a_block(#[case] cell: &str, #[case] goes_on: bool) {
        assert_eq!(is_unfinished(cell), goes_on, "{cell:?}");
    }

    fn without(cell: &str, edit: &Edit) -> String {
        let (head, tail) = (&cell[..edit.removed.start], &cell[edit.removed.end..]);
        format!("{}|{}", &head[..edit.cursor.min(head.len())], &head[edit.cursor.min(head.len())..])
            + tail
    }

    #[rstest]
    #[case("a\n        |x", Some("a\n    |x"))]
    #[case("a\n      |x", Some("a\n    |x"))]
    #[case("a\n  |  x", Some("a\n|  x"))]
    #[case("a\n|    x", None)]
    #[case("a\n    x|", None)]
    #[case("    |x", None)]
    fn backspace_goes_to_the_level_before(#[case] cell: &str, #[case] then: Option<&str>) {
        let cursor = cell.find('|').unwrap();
        let cell = cell.replace('|', "");
        let edited = unindented(&cell, cursor).map(|edit| without(&cell, &edit));
        assert_eq!(edited.as_deref(), then);
    }

    #[rstest]
    #[case("a\n        x|\nb", Some((2..6, 7)))]
    #[case("a\n      |x", Some((2..4, 6)))]
    #[case("a\n|    x", Some((2..6, 2)))]
    #[case("a\n  |  x", Some((2..6, 2)))]
    #[case("    x|", Some((0..4, 1)))]
    #[case("a\nx|", None)]
    fn a_line_goes_a_level_to_the_left(
        #[case] cell: &str,
        #[case] then: Option<(Range<usize>, usize)>,
    ) {
        let at = cell.find('|').unwrap();
        let edit = dedented(&cell.replace('|', ""), at);
        assert_eq!(edit.map(|edit| (edit.removed, edit.cursor)), then);
    }

    #[test]
    fn tab_goes_to_the_next_level() {
        assert_eq!(indented("a\n  ", 4).as_deref(), Some("  "));
        assert_eq!(indented("a\n", 2).as_deref(), Some("    "));
        assert_eq!(indented("a\n    x", 7), None);
        assert_eq!(indented("  ", 2), None);
    }

    proptest! {
        #[test]
        fn any_cell_can_be_asked_at_any_place(cell in "[a \\t\"'#%(){\\n\\\\:ü]{0,30}", at in 0usize..40) {
            is_unfinished(&cell);
            indentation_after(&cell);
            for edit in [dedented(&cell, at), unindented(&cell, at)].into_iter().flatten() {
                prop_assert!(cell[edit.removed.clone()].chars().all(|c| c == ' '));
                prop_assert!(edit.cursor <= cell.len() - edit.removed.len());
            }
            indented(&cell, at);
        }
    }
}
