//! Where a reader stands in its shard, and whether what it gets goes on from there. Pure.
//!
//! Promises: a new iterator or subscription is at the place behind the last record that was received, so nothing is lost or
//! read twice by it, and at the very same place as the first as long as none was. A checkpoint is read at its own record: a first
//! record behind it tells that the retention time has taken records away.

use crate::api::{Place, RawRecord};
use crate::consumer::start::Start;
use crate::sequence::SequenceNumber;

/// A reader's place.
#[derive(Debug, Clone)]
pub struct Cursor {
    place: Place,
    /// The record of the checkpoint, until something was read.
    expected: Option<SequenceNumber>,
}

/// Records between the checkpoint and the first record that is kept may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The record of the checkpoint, which has expired.
    pub checkpoint: SequenceNumber,
}

impl Cursor {
    /// At the start.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let expected = match start.place {
            Place::At(sequence) => Some(sequence),
            _ => None,
        };
        Self { place: start.place, expected }
    }

    /// Where the next iterator or subscription begins.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Records were received, in order; `millis_behind` is what the service said beside them.
    ///
    /// # Errors
    /// [`Gap`], once, when records before these may have expired. The cursor goes on behind the records all the same.
    pub fn on_records(&mut self, records: &[RawRecord], millis_behind: Option<i64>) -> Result<(), Gap> {
        if let Some(last) = records.last() {
            self.place = Place::After(last.sequence);
        }
        match (self.expected, records.first()) {
            (Some(checkpoint), Some(first)) => {
                self.expected = None;
                if first.sequence > checkpoint { Err(Gap { checkpoint }) } else { Ok(()) }
            }
            (Some(_), None) if millis_behind.unwrap_or(0) <= 0 => {
                // The tip, and no record: the shard was quiet for longer than records are kept, and what comes now is new.
                self.expected = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The service has said where to go on.
    pub fn go_on_after(&mut self, sequence: SequenceNumber) {
        self.place = Place::After(sequence);
    }

    /// The place does not exist any more: go on at the oldest record that is kept. The answer is the record that it was at or behind;
    /// `None` when the place is not one of a record, and nothing changes.
    pub fn skip_to_oldest(&mut self) -> Option<SequenceNumber> {
        let (Place::At(sequence) | Place::After(sequence)) = self.place else { return None };
        *self = Self { place: Place::TrimHorizon, expected: None };
        Some(sequence)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::position::Timestamp;
    use crate::sequence::Position;

    fn number(text: &str) -> SequenceNumber {
        text.parse().expect("digits")
    }

    fn records(numbers: &[&str]) -> Vec<RawRecord> {
        let record = |text: &&str| RawRecord {
            sequence: number(text),
            partition_key: "a".into(),
            data: Bytes::new(),
            arrival: None,
        };
        numbers.iter().map(record).collect()
    }

    fn at(place: Place) -> Cursor {
        let processed = match place {
            Place::At(sequence) => Some(Position::new(sequence, 0)),
            _ => None,
        };
        Cursor::new(Start { place, processed })
    }

    #[test]
    fn a_new_iterator_is_behind_the_last_record_and_where_the_first_was_as_long_as_there_was_none_pf_4() {
        let moment = Place::AtTimestamp(Timestamp::from_millis(7));
        let mut cursor = at(moment);
        assert_eq!(cursor.on_records(&[], Some(5_000)), Ok(()));
        assert_eq!(cursor.place(), moment);
        assert_eq!(cursor.on_records(&records(&["5", "6"]), Some(0)), Ok(()));
        assert_eq!(cursor.on_records(&[], Some(0)), Ok(()));
        assert_eq!(cursor.place(), Place::After(number("6")));
    }

    #[test]
    fn the_record_of_the_checkpoint_comes_first_or_records_were_lost() {
        let mut whole = at(Place::At(number("5")));
        assert_eq!(whole.on_records(&records(&["5", "6"]), None), Ok(()));
        assert_eq!(whole.on_records(&records(&["9"]), None), Ok(()), "a gap in numbers is none in records");

        let mut gap = at(Place::At(number("5")));
        assert_eq!(gap.on_records(&[], Some(1)), Ok(()), "an empty page before the tip says nothing");
        assert_eq!(gap.on_records(&records(&["8"]), Some(0)), Err(Gap { checkpoint: number("5") }));
        assert_eq!(gap.on_records(&records(&["9"]), Some(0)), Ok(()), "it is said once");
    }

    #[test]
    fn a_shard_that_was_quiet_for_longer_than_records_are_kept_has_lost_nothing() {
        let mut cursor = at(Place::At(number("5")));
        assert_eq!(cursor.on_records(&[], Some(0)), Ok(()));
        assert_eq!(cursor.on_records(&records(&["8"]), Some(0)), Ok(()));
    }

    #[test]
    fn a_number_that_the_stream_does_not_know_is_left_for_the_oldest_record_and_a_moment_is_not() {
        let mut cursor = at(Place::At(number("5")));
        assert_eq!(cursor.skip_to_oldest(), Some(number("5")));
        assert_eq!(cursor.place(), Place::TrimHorizon);
        assert_eq!(cursor.on_records(&records(&["8"]), None), Ok(()), "the loss was told already");
        assert_eq!(at(Place::Latest).skip_to_oldest(), None);
    }
}
