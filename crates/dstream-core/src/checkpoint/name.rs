//! The names of checkpoint files and of their parts.
//!
//! A name begins with a sequence number, which grows from file to file over all runs of the program: what was written later
//! is read first, even if it is about an older batch.

use std::fmt;
use std::sync::Arc;

use crate::time::Time;

/// Names a checkpoint file, as in `checkpoint-00000000000000000042-1431612280000`: its sequence number, and the time of the
/// batch that it is about, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CheckpointName {
    pub(super) sequence: u64,
    pub(super) time: Time,
}

impl CheckpointName {
    #[cfg(test)]
    /// The time of the batch.
    pub(crate) const fn time(self) -> Time {
        self.time
    }

    /// The name that `file` is, if it is one; names of other shapes belong to others.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let (sequence, time) = file.strip_prefix("checkpoint-")?.split_once('-')?;
        let name = Self { sequence: sequence.parse().ok()?, time: Time::from_millis(time.parse().ok()?) };
        (name.to_string() == file).then_some(name)
    }
}

impl fmt::Display for CheckpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint-{:020}-{}", self.sequence, self.time.as_millis())
    }
}

/// Names a part, as in `part-00000000000000000042-state-3-0`: the sequence number of the checkpoint file that it was written
/// for, and a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PartName {
    pub(super) sequence: u64,
    label: Arc<str>,
}

impl PartName {
    /// `None` when the label is not of 1 to 100 of `a-z A-Z 0-9 _ -`.
    pub(super) fn new(sequence: u64, label: &str) -> Option<Self> {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        (plain && (1..=100).contains(&label.len())).then(|| Self { sequence, label: label.into() })
    }

    #[cfg(test)]
    /// What the part was called when it was written.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The name that `file` is, if it is one.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let (sequence, label) = file.strip_prefix("part-")?.split_once('-')?;
        Self::new(sequence.parse().ok()?, label).filter(|name| name.to_string() == file)
    }
}

impl fmt::Display for PartName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "part-{:020}-{}", self.sequence, self.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_from_their_text() {
        for (sequence, time) in [(0, 0), (42, 1_431_612_280_000), (u64::MAX, i64::MIN)] {
            let name = CheckpointName { sequence, time: Time::from_millis(time) };
            assert_eq!(CheckpointName::parse(&name.to_string()), Some(name));
            let part = PartName::new(sequence, "state-3-0").unwrap();
            assert_eq!(PartName::parse(&part.to_string()), Some(part));
        }
    }

    #[test]
    fn names_of_other_shapes_are_not_taken_for_ours_t216() {
        for file in ["checkpoint-1000", "checkpoint-1000.bk", "checkpoint-1-2", "temp", "checkpoint-", "", "part-1-x"] {
            assert_eq!((CheckpointName::parse(file), PartName::parse(file)), (None, None), "{file}");
        }
        assert_eq!(CheckpointName::parse("checkpoint-00000000000000000001-+5"), None);
        assert_eq!(CheckpointName::parse("checkpoint-99999999999999999999-5"), None);
    }

    #[test]
    fn a_file_written_later_is_newer_whatever_its_batch_and_so_is_its_text_t215() {
        let late = CheckpointName { sequence: 10, time: Time::from_millis(1_000) };
        let early = CheckpointName { sequence: 9, time: Time::from_millis(2_000) };
        assert!(late > early && late.to_string() > early.to_string());
    }

    #[test]
    fn a_label_that_would_not_be_a_plain_file_name_is_refused() {
        for label in ["", "a/b", "..", "a b", "ä", &"x".repeat(101)] {
            assert_eq!(PartName::new(1, label), None, "{label}");
        }
    }
}
