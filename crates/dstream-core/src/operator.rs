//! The name of an operator: its kind and its place among the operators of the context.

use std::fmt;

/// Names an operator or output in events and errors, as in `flat_map #2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorName {
    number: u32,
    kind: &'static str,
    /// Tells the parts of a composite operator apart, which share kind and number.
    part: u16,
}

impl OperatorName {
    pub(crate) const fn new(kind: &'static str, number: u32) -> Self {
        Self { number, kind, part: 0 }
    }

    /// The next part of the same composite operator.
    pub(crate) const fn next_part(self) -> Self {
        Self { part: self.part.saturating_add(1), ..self }
    }

    /// What it does, spelled like the method that made it.
    pub const fn kind(self) -> &'static str {
        self.kind
    }

    /// Its place in the order in which the program made the operators of the context, from 0. An operator that is made of others counts
    /// as one.
    pub const fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for OperatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.kind, self.number)
    }
}
