//! Which records are a range's: pure. Kinesis records are collected page by page, taken apart as at the first read, and cut by
//! (sequence number, sub-sequence number) at both ends, so that a range may begin and end inside of an aggregate.

use crate::api::RawRecord;
use crate::consumer::expand::Expander;
use crate::range::SequenceRange;
use crate::record::KinesisRecord;

/// The Kinesis records of a range, so far.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    range: &'a SequenceRange,
    raw: Vec<RawRecord>,
}

/// How far a range has been collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// More is to come.
    Within,
    /// Its last record is there, or one behind it.
    End,
    /// The record that it begins with is not kept any more: what came first lies behind it.
    Gap,
}

/// The number of records is not what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherCount(pub(crate) usize);

impl<'a> Collected<'a> {
    /// Nothing yet.
    pub(crate) fn new(range: &'a SequenceRange) -> Self {
        Self { range, raw: Vec::new() }
    }

    /// Takes a page; pages come in order from the record on that the range begins with.
    pub(crate) fn add(&mut self, page: Vec<RawRecord>) -> Reached {
        let (first, last) = (self.range.from.sequence, self.range.to.sequence);
        if self.raw.is_empty() && page.first().is_some_and(|record| record.sequence > first) {
            return Reached::Gap;
        }
        let ends = page.last().is_some_and(|record| record.sequence >= last);
        self.raw.extend(page.into_iter().filter(|record| (first..=last).contains(&record.sequence)));
        if ends { Reached::End } else { Reached::Within }
    }

    /// The user records of the range, without those that were processed before it was claimed.
    ///
    /// # Errors
    /// When the range has more or fewer records than at its first read.
    pub(crate) fn user_records(self, expander: &Expander) -> Result<Vec<KinesisRecord>, OtherCount> {
        let range = self.range;
        let mut records = expander.expand(self.raw).records;
        records.retain(|record| (range.from..=range.to).contains(&record.position()));
        if records.len() != range.records {
            return Err(OtherCount(records.len()));
        }
        records.retain(|record| range.processed.is_none_or(|processed| record.position() > processed));
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use kpl_deagg::{Aggregator, RangePolicy};

    use super::*;
    use crate::origin::Origin;
    use crate::range::Holding;
    use crate::sequence::Position;

    fn raw(sequence: &str, users: usize) -> RawRecord {
        let mut aggregator = Aggregator::new(1 << 20);
        for number in 0..users {
            let _ = aggregator.try_add("k", None, number.to_string().as_bytes());
        }
        let data = if users == 1 { Bytes::from("plain") } else { aggregator.finish().unwrap().data };
        RawRecord { sequence: sequence.parse().unwrap(), partition_key: "k".into(), data, arrival: None }
    }

    fn position((sequence, sub): (&str, u64)) -> Position {
        Position::new(sequence.parse().unwrap(), sub)
    }

    fn range(from: (&str, u64), to: (&str, u64), records: usize) -> SequenceRange {
        SequenceRange::new("s".into(), Holding(1), position(from), position(to), records)
    }

    fn expander() -> Expander {
        Expander {
            shard: "s".into(),
            origin: Arc::new(Origin::new(&"words".into(), &"s".into())),
            hash_range: None,
            policy: RangePolicy::KeepAll,
            processed: None,
        }
    }

    fn read(range: &SequenceRange) -> Result<Vec<String>, OtherCount> {
        let mut collected = Collected::new(range);
        assert_eq!(collected.add(vec![raw("9", 3), raw("10", 1), raw("11", 4), raw("12", 1)]), Reached::End);
        let records = collected.user_records(&expander())?;
        Ok(records.iter().map(|record| record.position().to_string()).collect())
    }

    #[test]
    fn a_range_that_begins_and_ends_inside_of_aggregates_loses_and_doubles_nothing_regression_r1() {
        let whole = ["9.0", "9.1", "9.2", "10.0", "11.0", "11.1", "11.2", "11.3"];
        let cuts = [range(("9", 0), ("9", 1), 2), range(("9", 2), ("11", 0), 3), range(("11", 1), ("11", 3), 3)];
        let parts: Vec<String> = cuts.iter().flat_map(|range| read(range).unwrap()).collect();
        assert_eq!(parts, whole);
    }

    #[test]
    fn nine_comes_before_ten_although_its_text_does_not_regression_r6() {
        assert_eq!(read(&range(("9", 2), ("10", 0), 2)).unwrap(), ["9.2", "10.0"]);
    }

    #[test]
    fn what_was_processed_before_the_claim_is_counted_and_left_out() {
        let cut = SequenceRange { processed: Some(position(("10", 0))), ..range(("9", 1), ("11", 1), 5) };
        assert_eq!(read(&cut).unwrap(), ["11.0", "11.1"]);
    }

    #[test]
    fn another_number_of_records_than_at_the_first_read_is_an_error() {
        assert_eq!(read(&range(("9", 0), ("10", 0), 5)), Err(OtherCount(4)));
        assert_eq!(read(&range(("9", 0), ("10", 0), 3)), Err(OtherCount(4)));
    }

    #[test]
    fn a_first_record_behind_the_range_s_own_tells_that_records_have_expired() {
        let range = range(("8", 0), ("10", 0), 5);
        assert_eq!(Collected::new(&range).add(vec![raw("9", 3)]), Reached::Gap);
        let mut collected = Collected::new(&range);
        assert_eq!(collected.add(Vec::new()), Reached::Within, "an empty page says nothing");
        assert_eq!(collected.add(vec![raw("8", 1), raw("9", 1)]), Reached::Within);
        assert_eq!(collected.add(vec![raw("11", 1)]), Reached::End, "a later record ends it too");
    }
}
