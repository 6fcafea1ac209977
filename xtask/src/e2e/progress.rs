//! Two bars, lines sent and words counted, on a terminal; elsewhere nothing.

use std::fmt::Display;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::console;

/// The bars of a run.
#[derive(Debug)]
pub(crate) struct Bars {
    both: MultiProgress,
    sent: ProgressBar,
    counted: ProgressBar,
}

impl Bars {
    /// Bars for this many lines and words.
    pub(crate) fn new(lines: u64, words: u64) -> Self {
        let both = MultiProgress::new();
        let bar = |length, what: &'static str| {
            let style = ProgressStyle::with_template("{msg:14} [{bar:40}] {pos}/{len}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            both.add(ProgressBar::new(length).with_style(style).with_message(what))
        };
        Self { sent: bar(lines, "lines sent"), counted: bar(words, "words counted"), both }
    }

    /// Shows how far the run has come.
    pub(crate) fn show(&self, lines: u64, words: u64) {
        self.sent.set_position(lines);
        self.counted.set_position(words);
    }

    /// Tells the user something, above the bars.
    pub(crate) fn say(&self, text: impl Display) {
        self.both.suspend(|| console::say(text));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // They stay where they are: a run that was ended early has not come to their end.
        self.sent.abandon();
        self.counted.abandon();
    }
}
