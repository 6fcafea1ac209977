//! Two bars, lines sent and words counted, on a terminal; elsewhere nothing.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The bars of a run.
#[derive(Debug)]
pub(crate) struct Bars {
    sent: ProgressBar,
    counted: ProgressBar,
}

impl Bars {
    /// Bars for this many lines and words.
    pub(crate) fn new(lines: u64, words: u64) -> Self {
        let bars = MultiProgress::new();
        let bar = |length, what: &'static str| {
            let style = ProgressStyle::with_template("{msg:14} [{bar:40}] {pos}/{len}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            bars.add(ProgressBar::new(length).with_style(style).with_message(what))
        };
        Self { sent: bar(lines, "lines sent"), counted: bar(words, "words counted") }
    }

    /// Shows how far the run has come.
    pub(crate) fn show(&self, lines: u64, words: u64) {
        self.sent.set_position(lines);
        self.counted.set_position(words);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.sent.finish();
        self.counted.finish();
    }
}
