//! Rules that a worker may be told to break, to show that the checker finds it out.

use clap::ValueEnum;

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Weakness {
    /// None.
    #[default]
    None,
    /// Positions move once records are stored, and not once they are processed.
    CheckpointAtReceive,
}

impl Weakness {
    /// What the worker is told.
    pub(crate) const fn argument(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::CheckpointAtReceive => Some("--checkpoint-at-receive"),
        }
    }
}
