//! Free text, as words that are made of their parts.

mod words;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use self::words::{Limits, words};
use super::{Block, EMPTY};
use crate::domain::training::TextSpec;

/// Words that a text of a column of free text has, half of the time or more.
const MIN_WORDS: usize = 3;
/// Characters of a language written without spaces that say as much as a word.
const CHARACTERS: usize = 2;
/// Share of the texts of a column of free text that are no repetition of another, at least.
const DISTINCT: f64 = 0.5;
/// One text of so many may be longer than usual.
const ODD: usize = 1000;
/// Every text takes the room of the longest: that is at most so many times what is usual, or so many
/// inputs, which are about twenty words.
const ROOM: usize = 2;
const LEAST_WIDTH: usize = 256;

/// Inputs: for each word the rows of a table that it is made of, counted from 1, the first of them
/// below 0; behind the last word 0. What is longer than the texts of the training rows is cut off behind
/// the last word that fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// Most words of a text.
    words: usize,
    /// Most inputs of a text.
    width: usize,
    /// Rows of the table.
    buckets: u32,
}

impl Text {
    /// Wide enough for the longest text, unless that one is far longer than all but one of a
    /// thousand: what is said of it then comes beside. The inner error says why the column tells
    /// nothing.
    pub(super) fn fit(
        values: &[Option<&str>],
        spec: TextSpec,
    ) -> Result<(Self, Option<String>), String> {
        let limits = Limits { words: spec.max_words as usize, buckets: spec.buckets };
        let measured = |text: &&str| {
            let words = words(text, limits);
            (words.len(), words.iter().map(Vec::len).sum::<usize>())
        };
        let lengths: Vec<(usize, usize)> = values.iter().flatten().map(measured).collect();
        // A text without words takes no room, and tells nothing of what the others take.
        let mut parts: Vec<usize> =
            lengths.iter().map(|length| length.1).filter(|parts| *parts > 0).collect();
        parts.sort_unstable();
        let Some(longest) = parts.last().copied() else { return Err(EMPTY.into()) };
        let usual = parts[parts.len() - 1 - parts.len() / ODD];
        let width = longest.min((usual * ROOM).max(LEAST_WIDTH));
        let texts = values.iter().flatten().zip(&lengths);
        let most = texts.map(|(text, (count, parts))| match *parts <= width {
            true => *count,
            false => fitting(&words(text, limits), width),
        });
        let fitted = Self { words: most.max().unwrap_or(0), width, buckets: spec.buckets };
        let cut = parts.iter().filter(|parts| **parts > width).count();
        let warning = (cut > 0).then(|| {
            format!(
                "{cut} of {} training texts are far longer than the others, with up to {longest} \
                 words and parts of words: what is behind the first {width} is not read",
                parts.len()
            )
        });
        Ok((fitted, warning))
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn words(&self) -> usize {
        self.words
    }

    pub(super) fn buckets(&self) -> usize {
        self.buckets as usize
    }

    /// A text that is missing is one of no words.
    pub(super) fn encode(&self, values: &[Option<&str>], mut block: Block<'_>) {
        let limits = Limits { words: self.words, buckets: self.buckets };
        for (row, text) in values.iter().enumerate() {
            let inputs = block.row(row, self.width);
            let mut used = 0;
            for word in words(text.unwrap_or_default(), limits) {
                let Some(inputs) = inputs.get_mut(used..used + word.len()) else { break };
                for (at, (input, part)) in inputs.iter_mut().zip(&word).enumerate() {
                    let part = (part + 1) as f32;
                    *input = if at == 0 { -part } else { part };
                }
                used += word.len();
            }
        }
    }
}

/// The first words of a text, as they are written in small letters.
pub(crate) fn names_of_words(text: &str, most: usize) -> Vec<String> {
    words::names(text, most)
}

/// Words that go into so many inputs.
fn fitting(words: &[Vec<u32>], width: usize) -> usize {
    let ends = words.iter().scan(0, |used, word| {
        *used += word.len();
        Some(*used)
    });
    ends.take_while(|end| *end <= width).count()
}

/// Whether the texts of a column are free text, and no names of categories: most of them differ,
/// and half of them or more have three words, or six characters of a language that is written
/// without spaces.
pub(crate) fn is_free_text(values: &[Option<&str>]) -> bool {
    let known: Vec<&str> = values.iter().flatten().copied().collect();
    let distinct: BTreeSet<&str> = known.iter().copied().collect();
    if known.is_empty() || (distinct.len() as f64) < DISTINCT * known.len() as f64 {
        return false;
    }
    let mut lengths: Vec<usize> =
        known.iter().map(|text| words::halves(text, CHARACTERS)).collect();
    lengths.sort_unstable();
    lengths[lengths.len() / 2] >= MIN_WORDS * CHARACTERS
}

/// Words of a text; of a language that is written without spaces, half as many as characters.
pub(crate) fn words_in(text: &str) -> f64 {
    words::halves(text, CHARACTERS) as f64 / CHARACTERS as f64
}

#[cfg(test)]
mod tests;
