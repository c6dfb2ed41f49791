//! Texts of a plot.

/// One line of at most `width` characters. What a terminal or XML takes ill becomes a space.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c })
        .collect();
    let line = line.trim();
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    if width == 0 { String::new() } else { format!("{}…", kept.trim_end()) }
}

/// `text` in an ANSI style, or as it is.
pub(super) fn painted(text: &str, style: &str, colours: bool) -> String {
    if colours && !text.is_empty() {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// What is said of a plot without points.
pub(super) const NOTHING: &str = "nothing to draw";

pub(super) const BOLD: &str = "1";
pub(super) const DIM: &str = "2";

/// Those that a terminal's theme defines.
pub(super) const COLOURS: [&str; 6] = ["36", "33", "35", "32", "34", "31"];

/// The colour of a layer; where there are more layers, symbols tell them apart.
pub(super) fn colour(layer: usize) -> &'static str {
    COLOURS.get(layer % COLOURS.len()).copied().unwrap_or("36")
}

/// `● train  ● validation` in at most `width` characters, by the symbol and name of each layer.
pub(super) fn legend(layers: &[(char, &str)], width: usize, colours: bool) -> String {
    const GAP: usize = 2;
    let share = (width / layers.len().max(1)).saturating_sub(GAP + 2).max(8);
    let mut line = String::new();
    let mut used = 0;
    for (at, (symbol, name)) in layers.iter().enumerate() {
        let all: usize = layers.iter().map(|(_, n)| n.chars().count() + 2 + GAP).sum();
        let longest = if all <= width + GAP { width } else { share };
        let gap = if at == 0 { 0 } else { GAP };
        let room = width.saturating_sub(used + gap + 2);
        let name = shortened(name, longest.min(room));
        let left = layers.len() - at;
        let rest = format!("  +{left}");
        let needed = gap + 2 + name.chars().count() + if left > 1 { rest.len() } else { 0 };
        if room < 3 || (at > 0 && used + needed > width) {
            if used > 0 && used + rest.len() <= width {
                line.push_str(&rest);
            }
            break;
        }
        line.push_str(&" ".repeat(gap));
        line.push_str(&painted(&symbol.to_string(), colour(at), colours));
        if !name.is_empty() {
            line.push(' ');
            line.push_str(&name);
        }
        used += gap + 2 + name.chars().count();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("größer\nals", 6), "größe…");
        assert_eq!(shortened("a b", 2), "a…");
        assert_eq!(shortened("a", 0), "");
    }

    #[test]
    fn a_legend_names_what_fits_and_counts_the_rest() {
        let layers = [('●', "train"), ('×', "validation"), ('+', "test")];
        assert_eq!(legend(&layers, 80, false), "● train  × validation  + test");
        assert_eq!(legend(&layers, 29, false), "● train  × validation  + test");
        assert_eq!(legend(&layers, 25, false), "● train  × validat…  +1");
        assert_eq!(legend(&layers, 12, false), "● train  +2");
        assert_eq!(
            legend(&layers[..2], 80, true),
            "\x1b[36m●\x1b[0m train  \x1b[33m×\x1b[0m validation"
        );
    }
}
