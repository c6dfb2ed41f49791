//! From a text to the parts of its words.
//!
//! A text is brought to Unicode's compatibility form (NFKC) and to small letters first: letters and
//! digits of full width, ligatures and accents typed in two ways then are what they look like, as
//! two people who write the same expect. What follows is part of what a version means: changing it
//! would change the answers of those that exist.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Characters of a part of a word, of which the ends count as one each.
const PARTS: std::ops::RangeInclusive<usize> = 3..=5;
/// Characters, at most, that follow each other in a language without spaces and are one part.
const CHARACTERS: usize = 3;
/// What is longer is no word, and its parts would be many.
const MAX_LETTERS: usize = 32;

/// What a part is of: equal letters of two kinds are two parts.
#[derive(Clone, Copy)]
enum Kind {
    Word = 1,
    Part = 2,
    Characters = 3,
    /// A link, a ticker, a number.
    Placeholder = 4,
}

/// How many words there may be, and how many rows the table of their parts has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) words: usize,
    pub(super) buckets: u32,
}

/// The rows of a table that each word of a text is made of, one at least: that of the word itself
/// and those of its parts of three to five letters, the ends counted (fastText, Bojanowski et al.
/// 2017). Links, tickers and numbers are one word each. In a language without spaces every character
/// is a word, made of itself, and of itself with the next one and the next two.
pub(super) fn words(text: &str, limits: Limits) -> Vec<Vec<u32>> {
    let Limits { words, buckets } = limits;
    let text = simplified(text);
    let mut found: Vec<Vec<u32>> = Vec::new();
    for token in tokens(&text) {
        let left = words - found.len();
        if left == 0 {
            break;
        }
        match token {
            Token::Placeholder(name) => {
                found.push(vec![row(Kind::Placeholder, name.chars(), buckets)]);
            }
            Token::Symbol(symbol) => found.push(vec![row(Kind::Word, [symbol], buckets)]),
            Token::Word(letters) => found.push(parts(letters, buckets)),
            Token::Unspaced(letters) => {
                let characters = characters(letters);
                let starts = 0..characters.len().min(left);
                found.extend(starts.map(|at| {
                    let most = (characters.len() - at).min(CHARACTERS);
                    let of = |count: usize| {
                        let letters = characters[at..at + count].iter().copied().flatten();
                        row(Kind::Characters, letters.copied(), buckets)
                    };
                    (1..=most).map(of).collect()
                }));
            }
        }
    }
    found
}

/// How the first of these words are written: in small letters, links, tickers and numbers as what they
/// are.
pub(super) fn names(text: &str, most: usize) -> Vec<String> {
    let text = simplified(text);
    let named = tokens(&text).flat_map(|token| match token {
        Token::Placeholder(name) => vec![name.to_string()],
        Token::Symbol(symbol) => vec![symbol.to_string()],
        Token::Word(letters) => vec![letters.iter().collect()],
        Token::Unspaced(letters) => {
            characters(letters).into_iter().map(|letters| letters.iter().collect()).collect()
        }
    });
    named.take(most).collect()
}

/// Length of a text in parts of a word, of which one of spaces has so many, and one character of a
/// language without spaces is one.
pub(super) fn halves(text: &str, parts: usize) -> usize {
    let text = simplified(text);
    let lengths = tokens(&text).map(|token| match token {
        Token::Word(_) => parts,
        Token::Unspaced(letters) => characters(letters).len(),
        Token::Placeholder(_) | Token::Symbol(_) => 0,
    });
    lengths.sum()
}

/// In compatibility form, in small letters, without what can't be seen.
fn simplified(text: &str) -> Vec<char> {
    let is_seen =
        |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{fe0e}'..='\u{fe0f}');
    text.nfkc().flat_map(char::to_lowercase).filter(is_seen).collect()
}

enum Token<'a> {
    Word(&'a [char]),
    /// Of a language that is written without spaces.
    Unspaced(&'a [char]),
    Symbol(char),
    Placeholder(&'static str),
}

fn tokens(text: &[char]) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let [first, after @ ..] = rest
            && (first.is_whitespace() || first.is_control())
        {
            rest = after;
        }
        let first = *rest.first()?;
        let (token, length) = if let Some(length) = link(rest) {
            (Token::Placeholder("<url>"), length)
        } else if first == '$' && rest.get(1).is_some_and(|c| c.is_alphabetic()) {
            (Token::Placeholder("<tick>"), 1 + run(&rest[1..], |c| c.is_alphanumeric(), &['.']))
        } else if is_unspaced(first) {
            let length = rest.iter().take_while(|c| is_unspaced(**c)).count();
            (Token::Unspaced(&rest[..length]), length)
        } else if first.is_numeric() {
            (Token::Placeholder("<num>"), run(rest, char::is_numeric, &['.', ',']))
        } else if is_letter(first) {
            let length = run(rest, |c| is_letter(c) && !is_unspaced(c), &['\'', '’']);
            (Token::Word(&rest[..length]), length)
        } else {
            (Token::Symbol(first), 1)
        };
        rest = &rest[length..];
        Some(token)
    })
}

/// Length of a link that a text begins with.
fn link(text: &[char]) -> Option<usize> {
    let begins = |with: &str| with.chars().eq(text.iter().copied().take(with.len()));
    let is_link = ["http://", "https://", "www."].into_iter().any(begins);
    is_link.then(|| text.iter().take_while(|c| !c.is_whitespace()).count())
}

/// Length of a run of characters, of which those that join stand between two of them only.
fn run(text: &[char], belongs: impl Fn(char) -> bool, joins: &[char]) -> usize {
    let inside = |at: usize| text.get(at).is_some_and(|c| belongs(*c));
    (1..text.len())
        .find(|at| !(inside(*at) || (joins.contains(&text[*at]) && inside(at + 1))))
        .unwrap_or(text.len())
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c) || c == '_'
}

/// Whether a character is of a language that is written without spaces: Chinese, Japanese, Thai,
/// Lao, Tibetan, Burmese, Khmer.
fn is_unspaced(c: char) -> bool {
    let is_among = matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' | '\u{0e01}'..='\u{0e4f}' | '\u{0e80}'..='\u{0ecf}'
        | '\u{0f40}'..='\u{0fbc}' | '\u{1000}'..='\u{103f}' | '\u{1050}'..='\u{109f}'
        | '\u{1780}'..='\u{17d3}');
    is_among && (is_letter(c) || c == 'ー')
}

/// Characters with the marks that belong to them.
fn characters(letters: &[char]) -> Vec<&[char]> {
    letters.chunk_by(|_, next| is_combining_mark(*next)).collect()
}

/// A word and its parts.
fn parts(letters: &[char], buckets: u32) -> Vec<u32> {
    let whole = row(Kind::Word, letters.iter().copied(), buckets);
    let inner = letters.iter().copied().take(MAX_LETTERS);
    let ended: Vec<char> = std::iter::once('<').chain(inner).chain(['>']).collect();
    let parts = PARTS.flat_map(|length| ended.windows(length));
    let parts = parts.map(|part| row(Kind::Part, part.iter().copied(), buckets));
    std::iter::once(whole).chain(parts).collect()
}

/// The row of a part: a hash of its UTF-8 (FNV-1a, finished as MurmurHash3 is).
fn row(kind: Kind, letters: impl IntoIterator<Item = char>, buckets: u32) -> u32 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = (0xcbf2_9ce4_8422_2325 ^ kind as u64).wrapping_mul(PRIME);
    for letter in letters {
        for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    // The upper half of a product is as uniform as the hash.
    ((u128::from(hash) * u128::from(buckets)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Limits = Limits { words: 100, buckets: 1 << 17 };

    fn shown(text: &str) -> Vec<String> {
        let text = simplified(text);
        tokens(&text)
            .map(|token| match token {
                Token::Word(letters) => letters.iter().collect(),
                Token::Unspaced(letters) => format!("[{}]", letters.iter().collect::<String>()),
                Token::Symbol(symbol) => symbol.to_string(),
                Token::Placeholder(name) => name.to_owned(),
            })
            .collect()
    }

    #[test]
    fn links_tickers_and_numbers_are_one_word_each() {
        let found = shown("$BRK.B: up 3.5%, don't miss Q3 -- https://t.co/x?y=1\n www.a.b $5 @us");
        let wanted = [
            "<tick>", ":", "up", "<num>", "%", ",", "don't", "miss", "q3", "-", "-", "<url>",
            "<url>", "$", "<num>", "@", "us",
        ];
        assert_eq!(found, wanted);
        assert_eq!(shown("end. 1,000 a'"), ["end", ".", "<num>", "a", "'"]);
        assert!(shown(" \t\n\u{200b}").is_empty());
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        // An accent in one character or two, full width, a ligature.
        assert_eq!(words("Café", ALL), words("cafe\u{301}", ALL));
        assert_eq!(words("ＡＢＣ １２", ALL), words("abc 34", ALL));
        assert_eq!(words("ﬁne", ALL), words("fine", ALL));
        assert_ne!(words("fine", ALL), words("dine", ALL));
        // Marks of a script that has no composed form stay with their letters.
        assert_eq!(shown("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
    }

    #[test]
    fn a_word_is_itself_and_its_parts() {
        let word = |text: &str| words(text, ALL).remove(0);
        // <up>: <up, up>, <up>.
        assert_eq!(word("up").len(), 1 + 3);
        assert_eq!(word("bank").len(), 1 + 4 + 3 + 2);
        assert_eq!(word(&"x".repeat(1000)).len(), word(&"x".repeat(32)).len());
        let shared = word("banks").iter().filter(|part| word("bank").contains(part)).count();
        assert_eq!(shared, 3 + 2 + 1, "<ba ban ank, <ban bank, <bank");
        assert!(word("bank").iter().all(|row| *row < ALL.buckets));
        let two = words("a b c", Limits { words: 2, ..ALL });
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn without_spaces_every_character_is_a_word() {
        assert_eq!(
            shown("央行：降息0.5%了 ok"),
            ["[央行]", ":", "[降息]", "<num>", "%", "[了]", "ok"]
        );
        let found = words("降息了", ALL);
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2, 1]);
        let other = words("再降息", ALL);
        assert_eq!(other[1][..2], found[0][..2], "the same two characters elsewhere");
        assert_eq!(words("降息了", Limits { words: 2, ..ALL }).len(), 2);
        // Marks are part of their character: Thai for "very good".
        assert_eq!(words("ดีมาก", ALL).len(), 4);
        assert_eq!(shown("ラーメンを食べる"), ["[ラーメンを食べる]"]);
        assert_eq!(shown("안녕하세요 세계"), ["안녕하세요", "세계"]);
    }

    #[test]
    fn rows_stay_what_they_are() {
        assert_eq!(row(Kind::Word, "bank".chars(), 1 << 17), FIXED[0]);
        assert_eq!(row(Kind::Characters, "降息".chars(), 1 << 17), FIXED[1]);
    }

    /// What versions in use were trained on.
    const FIXED: [u32; 2] = [41699, 106968];
}
