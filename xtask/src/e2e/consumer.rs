//! What the word count has printed so far.

use crate::printed_counts::{Counts, TotalsList, add, parse};

/// The output of the word count over all of its runs.
#[derive(Debug, Default)]
pub(crate) struct ConsumerOutput {
    /// Sum of the totals that finished runs printed.
    pub(crate) totals: Counts,
    /// Words in the batches printed so far.
    pub(crate) printed: u64,
    current: TotalsList,
}

impl ConsumerOutput {
    /// Takes a line of standard output.
    pub(crate) fn take(&mut self, line: &str) {
        if !self.current.take(line) {
            self.printed = self.printed.saturating_add(parse(line).map_or(0, |(_, count)| count));
        }
    }

    /// A run ended: its totals count. `false` when it printed none.
    pub(crate) fn end_run(&mut self) -> bool {
        let ended = std::mem::take(&mut self.current);
        for (word, count) in ended.counts().into_iter().flatten() {
            add(&mut self.totals, word.clone(), *count);
        }
        ended.counts().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_several_runs_add_up_and_batches_are_counted_apart() {
        let mut output = ConsumerOutput::default();
        for line in ["Time: 2000 ms", "(you,3)", "Totals for the words counted", "(you,3)"] {
            output.take(line);
        }
        assert!(output.end_run());
        for line in ["(you,4)", "Totals for the words counted", "(you,4)"] {
            output.take(line);
        }
        assert!(output.end_run());
        assert!(!output.end_run(), "no totals since");
        assert_eq!((output.printed, output.totals), (7, Counts::from([("you".into(), 7)])));
    }
}
