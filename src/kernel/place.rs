//! Places in a cell's text: Jupyter counts characters, the session counts bytes.

/// The byte at which a character begins, counted from 0; the end where there are fewer.
pub(super) fn byte_of(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(at, _)| at)
}

/// The character that begins at a byte.
pub(super) fn character_of(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}

/// The names that somebody at a place may want to know about: the one that the cursor is in or
/// behind, then the functions whose calls are open there, the innermost first.
pub(super) fn names_at(text: &str, character: usize) -> Vec<&str> {
    let at = byte_of(text, character);
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let end = at + after.find(|c| !is_word(c)).unwrap_or(after.len());
    let mut names = vec![last_name(text.get(..end).unwrap_or(before))];
    let mut depth = 0;
    for (at, c) in before.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => names.push(last_name(before.get(..at).unwrap_or_default())),
            '(' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The name at the end of a text, without what it is an attribute of.
fn last_name(text: &str) -> &str {
    text.rsplit(|c| !is_word(c)).next().unwrap_or_default()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The spaces that the line after an open cell begins with.
pub(super) fn indent_after(text: &str) -> String {
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let kept = last.len() - last.trim_start_matches(' ').len();
    let more = if last.trim_end().ends_with([':', '(', '[', '{']) { 4 } else { 0 };
    " ".repeat(kept + more)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_inside_and_before_brackets() {
        assert_eq!(names_at("train", 2), ["train"]);
        assert_eq!(names_at("x = train(größe, f(1), da", 25), ["da", "train"]);
        assert_eq!(names_at("frame.filter(", 13), ["filter"]);
        assert_eq!(names_at("a(b(", 4), ["b", "a"]);
        assert!(names_at("", 0).is_empty());
    }

    #[test]
    fn the_next_line_of_a_block_is_indented() {
        for (text, indent) in [
            ("for x in y:", 4),
            ("def f():\n    for x in y:\n", 8),
            ("def f():\n    x = 1\n", 4),
            ("f(", 4),
            ("", 0),
        ] {
            assert_eq!(indent_after(text).len(), indent, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_place_is_found_again(text in "\\PC{0,30}", at in 0_usize..40) {
            let byte = byte_of(&text, at);
            prop_assert_eq!(character_of(&text, byte), at.min(text.chars().count()));
            names_at(&text, at);
            indent_after(&text);
        }
    }
}
