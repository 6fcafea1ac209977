//! Pure: lines of random words, and how often each word is in them. Equal seeds give equal lines.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What lines are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    /// Spark's five words.
    Words,
    /// The numbers 0 to 9.
    Numbers,
}

/// An endless source of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    rng: StdRng,
    vocabulary: Vocabulary,
    words_per_line: u32,
}

/// How often each entry of a vocabulary occurs, by its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally([u64; MOST_ENTRIES]);

impl Vocabulary {
    fn entries(self) -> &'static [&'static str] {
        match self {
            Self::Words => &["spark", "you", "are", "my", "father"],
            Self::Numbers => &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        }
    }
}

impl Lines {
    pub(crate) fn new(vocabulary: Vocabulary, words_per_line: u32, seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), vocabulary, words_per_line }
    }

    /// The next line, its words joined by one space, and how often each occurs in it.
    pub(crate) fn next_line(&mut self) -> (String, Tally) {
        let entries = self.vocabulary.entries();
        let mut line = String::new();
        let mut tally = Tally::default();
        for number in 0..self.words_per_line {
            let choice = self.rng.random_range(0..entries.len());
            if number > 0 {
                line.push(' ');
            }
            if let (Some(word), Some(count)) = (entries.get(choice), tally.0.get_mut(choice)) {
                line.push_str(word);
                *count += 1;
            }
        }
        (line, tally)
    }
}

impl Tally {
    /// The counts by word, every word of the vocabulary included.
    pub(crate) fn by_word(&self, vocabulary: Vocabulary) -> BTreeMap<&'static str, u64> {
        vocabulary.entries().iter().copied().zip(self.0).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

const MOST_ENTRIES: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_has_as_many_words_as_asked_and_its_tally_counts_them(
            seed: u64, words in 1..40_u32, numbers: bool,
        ) {
            let vocabulary = if numbers { Vocabulary::Numbers } else { Vocabulary::Words };
            let (line, tally) = Lines::new(vocabulary, words, seed).next_line();
            let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
            for word in line.split(' ') {
                *counted.entry(word).or_default() += 1;
            }
            let tallied: BTreeMap<_, _> =
                tally.by_word(vocabulary).into_iter().filter(|(_, count)| *count > 0).collect();
            prop_assert_eq!(counted.values().sum::<u64>(), u64::from(words));
            prop_assert_eq!(counted, tallied);
        }

        #[test]
        fn equal_seeds_give_equal_lines(seed: u64) {
            let lines = || {
                let mut lines = Lines::new(Vocabulary::Words, 10, seed);
                [lines.next_line(), lines.next_line()]
            };
            prop_assert_eq!(lines(), lines());
        }
    }

    #[test]
    fn every_word_turns_up() {
        let (_, tally) = Lines::new(Vocabulary::Words, 1000, 1).next_line();
        assert!(tally.by_word(Vocabulary::Words).values().all(|&count| count > 100));
    }
}
