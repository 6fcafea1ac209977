//! What was produced beside what was counted.

use std::collections::BTreeSet;
use std::fmt;

use crate::printed_counts::{Counts, total};

/// Two sets of counts, word by word.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) produced: &'a Counts,
    pub(crate) counted: &'a Counts,
}

impl Comparison<'_> {
    /// Whether every word's counts are equal, a word that is absent being counted 0 times, and something was produced.
    pub(crate) fn is_equal(&self) -> bool {
        total(self.produced) > 0
            && self.words().into_iter().all(|word| of(self.produced, word) == of(self.counted, word))
    }

    fn words(&self) -> BTreeSet<&String> {
        self.produced.keys().chain(self.counted.keys()).collect()
    }
}

fn of(counts: &Counts, word: &str) -> u64 {
    counts.get(word).copied().unwrap_or(0)
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>12} {:>12}", "word", "produced", "counted")?;
        let row = |f: &mut fmt::Formatter<'_>, word: &str, produced: u64, counted: u64| {
            let verdict = match i128::from(counted) - i128::from(produced) {
                0 => String::new(),
                difference => format!("  {difference:+}"),
            };
            writeln!(f, "{word:<12} {produced:>12} {counted:>12}{verdict}")
        };
        for word in self.words() {
            row(f, word, of(self.produced, word), of(self.counted, word))?;
        }
        row(f, "total", total(self.produced), total(self.counted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_produced_is_not_equal_to_nothing_counted() {
        let none = Counts::new();
        assert!(!Comparison { produced: &none, counted: &none }.is_equal());
        let zero = Counts::from([("you".into(), 0)]);
        assert!(!Comparison { produced: &zero, counted: &zero }.is_equal());
    }

    #[test]
    fn a_word_counted_zero_times_is_equal_to_an_absent_one() {
        let produced = Counts::from([("you".into(), 5), ("me".into(), 0)]);
        let counted = Counts::from([("you".into(), 5), ("are".into(), 0)]);
        assert!(Comparison { produced: &produced, counted: &counted }.is_equal());
    }

    #[test]
    fn a_word_that_was_only_counted_is_a_difference() {
        let (produced, counted) =
            (Counts::from([("you".into(), 5)]), Counts::from([("you".into(), 5), ("me".into(), 1)]));
        assert!(!Comparison { produced: &produced, counted: &counted }.is_equal());
    }

    #[test]
    fn a_difference_is_shown_in_its_row() {
        let (produced, counted) =
            (Counts::from([("you".into(), 5)]), Counts::from([("you".into(), 4), ("me".into(), 1)]));
        let comparison = Comparison { produced: &produced, counted: &counted };
        assert!(!comparison.is_equal());
        let text = comparison.to_string();
        assert!(text.contains("you                     5            4  -1"), "{text}");
        assert!(text.contains("me                      0            1  +1"), "{text}");
    }
}
