//! Counts as the programs print them: `(word,count)` lines.

use std::collections::BTreeMap;

/// Counts by word.
pub(crate) type Counts = BTreeMap<String, u64>;

/// A `(word,count)` line.
pub(crate) fn parse(line: &str) -> Option<(String, u64)> {
    let (word, count) = line.strip_prefix('(')?.strip_suffix(')')?.rsplit_once(',')?;
    Some((word.to_owned(), count.parse().ok()?))
}

/// Adds to a word's count.
pub(crate) fn add(counts: &mut Counts, word: String, count: u64) {
    let of_word = counts.entry(word).or_default();
    *of_word = of_word.saturating_add(count);
}

/// Sum of all words.
pub(crate) fn total(counts: &Counts) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}

/// A list of totals that a program prints at its end: a heading, then one line for each word.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum TotalsList {
    /// The heading has not come yet.
    #[default]
    Ahead,
    /// The heading has come.
    Within(Counts),
}

impl TotalsList {
    /// Takes a line, and says whether it belongs to the list.
    pub(crate) fn take(&mut self, line: &str) -> bool {
        match self {
            Self::Ahead if line.starts_with("Totals for the words") => {
                *self = Self::Within(Counts::new());
                true
            }
            Self::Ahead => false,
            Self::Within(counts) => {
                if let Some((word, count)) = parse(line) {
                    add(counts, word, count);
                }
                true
            }
        }
    }

    /// The counts, once the heading has come.
    pub(crate) fn counts(&self) -> Option<&Counts> {
        match self {
            Self::Ahead => None,
            Self::Within(counts) => Some(counts),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_even_when_the_word_holds_a_comma() {
        assert_eq!(parse("(father,12)"), Some(("father".into(), 12)));
        assert_eq!(parse("(a,b,3)"), Some(("a,b".into(), 3)));
        assert_eq!(parse("Time: 4000 ms"), None);
        assert_eq!(parse("(father,many)"), None);
    }

    #[test]
    fn counts_before_the_heading_are_not_totals() {
        let mut list = TotalsList::default();
        for line in ["(are,1)", "Totals for the words counted", "(are,7)", "(you,2)"] {
            list.take(line);
        }
        assert_eq!(list.counts(), Some(&Counts::from([("are".into(), 7), ("you".into(), 2)])));
    }
}
