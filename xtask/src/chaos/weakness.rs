//! Rules that are broken on purpose, by a worker that is told to or behind its back, to show that the checker finds it out.

use clap::ValueEnum;

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Weakness {
    /// None.
    #[default]
    None,
    /// Positions move once records are stored, and not once they are processed.
    CheckpointAtReceive,
    /// Batches are not written down before they run: what a slot's batch log holds goes before the slot's next worker starts.
    SkipBatchLog,
}

impl Weakness {
    /// What the worker is told.
    pub(crate) const fn argument(self) -> Option<&'static str> {
        match self {
            Self::None | Self::SkipBatchLog => None,
            Self::CheckpointAtReceive => Some("--checkpoint-at-receive"),
        }
    }
}
