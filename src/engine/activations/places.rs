//! What the places are called at which a network with attention looks.

use crate::engine::features::{FittedFeatures, Group, Layout, names_of_words};
use crate::engine::networks::observer::SeenAttention;

/// Who looks and who is looked at, of one row.
pub(super) fn names(
    seen: &SeenAttention,
    features: &FittedFeatures,
    layout: &Layout,
    text: Option<&str>,
) -> (Vec<String>, Vec<String>) {
    let keys = match layout {
        Layout::Table(groups) => tokens(groups, features),
        Layout::Text { words, .. } => names_of_words(text.unwrap_or_default(), *words),
        Layout::Sequence { steps, ahead: None, .. } => {
            (0..*steps).map(|at| back(at, *steps)).collect()
        }
        Layout::Sequence { .. } | Layout::Image(_) => Vec::new(),
    };
    // What has no name of its own has its number.
    let named = |at: usize| keys.get(at).cloned().unwrap_or_else(|| at.to_string());
    let keys: Vec<String> = (0..seen.keys).map(named).collect();
    match seen.queries == seen.keys {
        true => (keys.clone(), keys),
        false => ((0..seen.queries).map(|_| "answer".to_owned()).collect(), keys),
    }
}

/// Steps before the newest.
fn back(at: usize, steps: usize) -> String {
    format!("{}", at as i64 + 1 - steps as i64)
}

/// The tokens of a table: that of the answer, then of numbers and flags, then of categories.
fn tokens(groups: &[Group], features: &FittedFeatures) -> Vec<String> {
    let column = |input: usize| {
        let span = features.spans().find(|(_, span)| span.contains(&input));
        span.map_or_else(|| input.to_string(), |(name, _)| name.to_owned())
    };
    let numbers = |name: &str| {
        let of = |group: &&Group| matches!(group, Group::Number { input, .. } | Group::Ordered { input, .. } if column(*input) == name);
        groups.iter().filter(of).count()
    };
    let (mut first, mut categories) = (vec!["answer".to_owned()], Vec::new());
    for group in groups {
        match group {
            Group::Number { input, .. } | Group::Ordered { input, .. } => {
                first.push(column(*input));
            }
            // A number's own flag says that it is missing; a column of flags is only that.
            Group::Flag(input) if numbers(&column(*input)) > 0 => {
                first.push(format!("{} missing", column(*input)));
            }
            Group::Flag(input) => first.push(column(*input)),
            Group::Category(range) => categories.push(column(range.start)),
            Group::Code(_) => {}
        }
    }
    first.extend(categories);
    numbered(first)
}

/// Names that stand more than once are told apart by a number behind them.
fn numbered(names: Vec<String>) -> Vec<String> {
    let count = |name: &String| names.iter().filter(|n| *n == name).count();
    let before = |at: usize| names[..at].iter().filter(|n| **n == names[at]).count();
    let each = names.iter().enumerate();
    each.map(|(at, name)| match count(name) {
        1 => name.clone(),
        _ => format!("{name} {}", before(at) + 1),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_repeat_are_numbered() {
        let names = ["answer", "time", "time", "age"].map(str::to_owned).to_vec();
        assert_eq!(numbered(names), ["answer", "time 1", "time 2", "age"]);
        assert_eq!((back(0, 12), back(11, 12)), ("-11".to_owned(), "0".to_owned()));
    }
}
