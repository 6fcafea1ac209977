//! What was produced beside what was counted.

use std::collections::BTreeSet;
use std::fmt;

use crate::printed_counts::Counts;

/// Two sets of counts, word by word.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) produced: &'a Counts,
    pub(crate) counted: &'a Counts,
}

impl Comparison<'_> {
    /// Whether every word's counts are equal, and there is at least one.
    pub(crate) fn is_equal(&self) -> bool {
        !self.produced.is_empty() && self.produced == self.counted
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12} {:>12} {:>12}", "word", "produced", "counted")?;
        let words: BTreeSet<&String> = self.produced.keys().chain(self.counted.keys()).collect();
        let row = |f: &mut fmt::Formatter<'_>, word: &str, produced: u64, counted: u64| {
            let verdict = match i128::from(counted) - i128::from(produced) {
                0 => String::new(),
                difference => format!("  {difference:+}"),
            };
            writeln!(f, "{word:<12} {produced:>12} {counted:>12}{verdict}")
        };
        for word in words {
            let of = |counts: &Counts| counts.get(word).copied().unwrap_or(0);
            row(f, word, of(self.produced), of(self.counted))?;
        }
        row(f, "total", self.produced.values().sum(), self.counted.values().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_produced_is_not_equal_to_nothing_counted() {
        let none = Counts::new();
        assert!(!Comparison { produced: &none, counted: &none }.is_equal());
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
