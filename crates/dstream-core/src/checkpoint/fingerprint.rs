//! What a checkpoint says about the streams of the program that wrote it, and how those of another program differ. Pure.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::stream_node::StreamNode;

/// The streams that the outputs need, parents before children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint(Vec<StreamMark>);

/// What must be the same of a stream from run to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StreamMark {
    /// Its place among all operators; for messages only, since outputs count as well.
    number: u32,
    kind: String,
    slide_millis: u64,
    /// Whether it carries something from batch to batch.
    memory: bool,
    row: String,
}

/// How the streams of a program differ from those of the checkpoint. Streams are named by kind and number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphChange {
    /// The checkpoint has no such stream.
    Added {
        /// The stream.
        stream: String,
    },
    /// The program has no such stream.
    Removed {
        /// The stream.
        stream: String,
    },
    /// Both have it, but not alike.
    Changed {
        /// The stream, as the program has it.
        stream: String,
        /// What differs: `kind`, `slide`, `row type` or `memory`.
        what: &'static str,
        /// What it was when the checkpoint was written.
        was: String,
        /// What it is in the program.
        is: String,
    },
}

impl fmt::Display for GraphChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { stream } => write!(f, "{stream} is new"),
            Self::Removed { stream } => write!(f, "{stream} is gone"),
            Self::Changed { stream, what, was, is } => write!(f, "the {what} of {stream} was {was} and is {is}"),
        }
    }
}

impl Fingerprint {
    pub(crate) fn of(nodes: &[Arc<dyn StreamNode>]) -> Self {
        Self(nodes.iter().map(|node| StreamMark::of(&**node)).collect())
    }

    /// How `new` differs from this; empty if what this one carries fits into it.
    pub(crate) fn changes(&self, new: &Self) -> Vec<GraphChange> {
        let (mut old, mut new) = (self.0.as_slice(), new.0.as_slice());
        // What is alike at both ends is left out, so that one added stream does not look like a change of all that follow.
        while let (Some((a, old_rest)), Some((b, new_rest))) = (old.split_first(), new.split_first())
            && a.is_like(b)
        {
            (old, new) = (old_rest, new_rest);
        }
        while let (Some((a, old_rest)), Some((b, new_rest))) = (old.split_last(), new.split_last())
            && a.is_like(b)
        {
            (old, new) = (old_rest, new_rest);
        }
        let both = old.iter().zip(new).flat_map(|(was, is)| was.changes(is));
        let removed = old.iter().skip(new.len()).map(|was| GraphChange::Removed { stream: was.name() });
        let added = new.iter().skip(old.len()).map(|is| GraphChange::Added { stream: is.name() });
        both.chain(removed).chain(added).collect()
    }
}

impl StreamMark {
    fn of(node: &dyn StreamNode) -> Self {
        Self {
            number: node.name().number(),
            kind: node.name().kind().to_owned(),
            slide_millis: u64::try_from(node.slide().as_millis()).unwrap_or(u64::MAX),
            memory: node.memory().is_some(),
            row: node.row().to_owned(),
        }
    }

    fn name(&self) -> String {
        format!("{} #{}", self.kind, self.number)
    }

    fn is_like(&self, other: &Self) -> bool {
        self.changes(other).is_empty()
    }

    fn changes(&self, is: &Self) -> Vec<GraphChange> {
        let slide = |mark: &Self| format!("{} ms", mark.slide_millis);
        let memory = |mark: &Self| if mark.memory { "kept" } else { "not kept" }.to_owned();
        let traits = [
            ("kind", self.kind.clone(), is.kind.clone()),
            ("slide", slide(self), slide(is)),
            ("row type", self.row.clone(), is.row.clone()),
            ("memory", memory(self), memory(is)),
        ];
        let changed = traits.into_iter().filter(|(_, was, is)| was != is);
        changed.map(|(what, was, new)| GraphChange::Changed { stream: is.name(), what, was, is: new }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(number: u32, kind: &str) -> StreamMark {
        StreamMark { number, kind: kind.to_owned(), slide_millis: 1_000, memory: false, row: "u8".to_owned() }
    }

    fn print(kinds: &[&str]) -> Fingerprint {
        Fingerprint((0..).zip(kinds).map(|(number, kind)| mark(number, kind)).collect())
    }

    fn told(old: &Fingerprint, new: &Fingerprint) -> Vec<String> {
        old.changes(new).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_streams_are_equal_whatever_their_numbers() {
        let mut other = print(&["map", "window"]);
        other.0[1].number = 5;
        assert_eq!(print(&["map", "window"]).changes(&other), []);
    }

    #[test]
    fn one_stream_more_or_less_is_told_as_such_wherever_it_is() {
        let (three, two) = (print(&["map", "filter", "window"]), print(&["map", "window"]));
        assert_eq!(told(&two, &three), ["filter #1 is new"]);
        assert_eq!(told(&three, &two), ["filter #1 is gone"]);
        assert_eq!(told(&two, &print(&["map", "window", "print"])), ["print #2 is new"]);
    }

    #[test]
    fn what_changed_of_a_stream_is_told_with_what_it_was_and_is() {
        let old = print(&["map", "window"]);
        let mut new = print(&["map", "window"]);
        new.0[1].slide_millis = 2_000;
        new.0[1].row = "u16".to_owned();
        new.0[1].memory = true;
        let expected = [
            "the slide of window #1 was 1000 ms and is 2000 ms",
            "the row type of window #1 was u8 and is u16",
            "the memory of window #1 was not kept and is kept",
        ];
        assert_eq!(told(&old, &new), expected);
        assert_eq!(told(&old, &print(&["flat_map", "window"])), ["the kind of flat_map #0 was map and is flat_map"]);
    }
}
