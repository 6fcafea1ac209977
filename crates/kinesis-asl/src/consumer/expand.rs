//! A page of Kinesis records → user records: aggregates taken apart, what was processed before left out. Pure; nothing
//! is dropped without being counted.

use std::sync::Arc;

use kpl_deagg::{Batch, Deaggregated, HashKeyRange, RangePolicy, deaggregate_all};

use crate::api::RawRecord;
use crate::origin::Origin;
use crate::record::KinesisRecord;
use crate::record_group::RecordGroup;
use crate::sequence::Position;
use crate::shard::ShardId;

/// From so many bytes on a page takes longer to take apart than to hand over to another thread.
const LARGE: usize = 256 << 10;

/// As many bytes as a buffer of packed payloads has; a record that is kept keeps no more than that.
const GROUP_BYTES: usize = 64 << 10;
/// Enough that what a group costs does not matter.
const GROUP_RECORDS: usize = 64;

/// How aggregates of a shard are taken apart.
#[derive(Debug, Clone)]
pub struct Expander {
    /// The shard, as the application names it.
    pub shard: ShardId,
    /// The same as its records name it.
    pub origin: Arc<Origin>,
    /// Its part of the hash key space, where known.
    pub hash_range: Option<HashKeyRange>,
    /// What becomes of user records outside of it.
    pub policy: RangePolicy,
    /// User records up to and including this position were processed before.
    pub processed: Option<Position>,
}

/// User records of a page and where it ends.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The user records, in order.
    pub records: Vec<KinesisRecord>,
    /// The first and the last position of the page, records that were left out included; but what was processed before the
    /// first is not, unless there is nothing else.
    pub span: Option<(Position, Position)>,
    /// What was left out or found damaged.
    pub counts: ExpandCounts,
}

/// What did not become a user record, or did so in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExpandCounts {
    /// Records that were processed before the checkpoint.
    pub before_checkpoint: u64,
    /// User records left out because their hash key is not in the shard's range.
    pub out_of_range: u64,
    /// User records lost in aggregates with an index that points nowhere, or a hash key that is none.
    pub damaged: u64,
}

impl Expander {
    /// Takes a page apart.
    #[must_use]
    pub fn expand(&self, page: Vec<RawRecord>) -> Expanded {
        // The whole page at once: digests of several aggregates are computed side by side.
        let outcomes = deaggregate_all(page.iter().map(|raw| &raw.data), self.hash_range.as_ref(), self.policy);
        let most = outcomes.iter().map(users).fold(0, usize::saturating_add);
        let mut expanded = Expanded { records: Vec::with_capacity(most), ..Expanded::default() };
        let mut plain = PlainRun::default();
        for (raw, outcome) in page.into_iter().zip(outcomes) {
            match outcome {
                Deaggregated::Plain(_) => {
                    if self.is_new(&raw, &mut expanded) {
                        plain.push(raw, &self.origin, &mut expanded.records);
                    }
                }
                Deaggregated::Expanded(batch) => {
                    plain.end(&self.origin, &mut expanded.records);
                    self.add_batch(&raw, batch, &mut expanded);
                }
            }
        }
        plain.end(&self.origin, &mut expanded.records);
        expanded
    }

    /// The same, for a large page on another thread of the runtime if there is one: the next page is decoded meanwhile.
    ///
    /// # Cancellation
    /// Safe: what was begun is finished and dropped, and nobody sees it.
    pub(crate) async fn expand_aside(self, page: Vec<RawRecord>) -> Expanded {
        if page.iter().map(|raw| raw.data.len()).fold(0, usize::saturating_add) < LARGE {
            return self.expand(page);
        }
        match tokio::spawn(async move { self.expand(page) }).await {
            Ok(expanded) => expanded,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is being shut down, and so is the caller.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Whether a Kinesis record that is a user record was not processed before.
    fn is_new(&self, raw: &RawRecord, expanded: &mut Expanded) -> bool {
        let position = Position::new(raw.sequence, 0);
        expanded.reach(position, position, self.processed);
        let is_new = self.processed.is_none_or(|processed| position > processed);
        expanded.counts.before_checkpoint += u64::from(!is_new);
        is_new
    }

    fn add_batch(&self, raw: &RawRecord, batch: Batch, expanded: &mut Expanded) {
        expanded.counts.out_of_range += batch.discarded();
        expanded.counts.damaged += batch.lost();
        let number = |place: usize| batch.get(place).map(|user| user.sub_sequence_number);
        let last = batch.len().checked_sub(1).and_then(number).unwrap_or_default();
        // What was processed before are the first ones, since numbers ascend.
        let old = match self.processed {
            None => 0,
            Some(processed) => batch
                .iter()
                .take_while(|user| Position::new(raw.sequence, user.sub_sequence_number) <= processed)
                .count(),
        };
        expanded.counts.before_checkpoint += u64::try_from(old).unwrap_or(u64::MAX);
        RecordGroup::aggregate(&self.origin, raw, batch, old, &mut expanded.records);
        // The position of the whole aggregate: what was left out of it must not come again.
        let from = match self.processed {
            Some(processed) if processed.sequence == raw.sequence && processed.sub_sequence < last => {
                processed.sub_sequence + 1
            }
            _ => 0,
        };
        expanded.reach(Position::new(raw.sequence, from), Position::new(raw.sequence, last), self.processed);
    }
}

/// Plain records that came one after the other, until they are enough for a group.
#[derive(Debug, Default)]
struct PlainRun {
    records: Vec<RawRecord>,
    bytes: usize,
}

impl PlainRun {
    fn push(&mut self, raw: RawRecord, origin: &Arc<Origin>, into: &mut Vec<KinesisRecord>) {
        if self.bytes.saturating_add(raw.data.len()) > GROUP_BYTES {
            self.end(origin, into);
        }
        if self.records.is_empty() {
            // As a rule the others are like the first.
            self.records.reserve_exact((GROUP_BYTES / raw.data.len().max(1)).clamp(1, GROUP_RECORDS));
        }
        self.bytes = self.bytes.saturating_add(raw.data.len());
        self.records.push(raw);
        if self.bytes >= GROUP_BYTES || self.records.len() >= GROUP_RECORDS {
            self.end(origin, into);
        }
    }

    fn end(&mut self, origin: &Arc<Origin>, into: &mut Vec<KinesisRecord>) {
        let mut records = std::mem::take(&mut self.records);
        self.bytes = 0;
        if records.len() < records.capacity() / 2 {
            records.shrink_to_fit();
        }
        if !records.is_empty() {
            RecordGroup::plain(origin, records, into);
        }
    }
}

/// How many user records there are.
fn users(outcome: &Deaggregated) -> usize {
    match outcome {
        Deaggregated::Plain(_) => 1,
        Deaggregated::Expanded(batch) => batch.len(),
    }
}

impl Expanded {
    /// The page has come from here to there.
    fn reach(&mut self, from: Position, to: Position, processed: Option<Position>) {
        self.span = Some(match self.span {
            Some((first, last)) if processed.is_none_or(|processed| first > processed || to <= processed) => {
                (first, last.max(to))
            }
            // Nothing so far, or nothing new until now.
            _ => (from, to),
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kpl_deagg::Aggregator;

    use super::*;
    use crate::record::Aggregation;

    fn raw(sequence: &str, data: Bytes) -> RawRecord {
        RawRecord { sequence: sequence.parse().expect("digits"), partition_key: "a".into(), data, arrival: None }
    }

    fn aggregate(words: &[&str]) -> Bytes {
        let mut aggregator = Aggregator::new(1 << 20);
        for word in words {
            let _ = aggregator.try_add(&format!("key-{word}"), None, word.as_bytes());
        }
        aggregator.finish().expect("not empty").data
    }

    fn expander(processed: Option<(&str, u64)>) -> Expander {
        let processed = processed.map(|(sequence, sub)| Position::new(sequence.parse().expect("digits"), sub));
        let origin = Arc::new(Origin { stream: "words".into(), shard: "s".into() });
        Expander { shard: "s".into(), origin, hash_range: None, policy: RangePolicy::KeepAll, processed }
    }

    fn texts(expanded: &Expanded) -> Vec<String> {
        expanded.records.iter().map(|r| format!("{} {}", r.position(), String::from_utf8_lossy(r.data()))).collect()
    }

    #[test]
    fn a_plain_record_stays_and_an_aggregate_becomes_its_user_records_ag_1() {
        let page = [raw("5", "plain".into()), raw("6", aggregate(&["x", "y", "z"]))];
        let expanded = expander(None).expand(page.to_vec());
        assert_eq!(texts(&expanded), ["5.0 plain", "6.0 x", "6.1 y", "6.2 z"]);
        assert_eq!(expanded.records[2].partition_key(), "key-y");
        assert_eq!(expanded.records[0].aggregation(), Aggregation::Plain);
    }

    #[test]
    fn user_records_have_the_arrival_time_of_their_aggregate_or_none_where_the_service_gave_none_ag_1_ag_5() {
        for arrival in [Some(crate::Timestamp::from_millis(7)), None] {
            let page = [RawRecord { arrival, ..raw("6", aggregate(&["x", "y", "z"])) }];
            let expanded = expander(None).expand(page.to_vec());
            let arrivals: Vec<_> = expanded.records.iter().map(KinesisRecord::arrival).collect();
            assert_eq!(arrivals, [arrival; 3]);
        }
    }

    #[test]
    fn a_page_moves_the_position_to_its_last_record_and_an_empty_page_moves_nothing_pt_1() {
        let page = [raw("5", "plain".into()), raw("6", aggregate(&["x", "y", "z"]))];
        let position = |sequence: &str, sub| Position::new(sequence.parse().expect("digits"), sub);
        assert_eq!(expander(None).expand(page.to_vec()).span, Some((position("5", 0), position("6", 2))));
        assert_eq!(expander(None).expand(Vec::new()).span, None);
    }

    #[test]
    fn what_was_processed_within_an_aggregate_does_not_come_again_ag_2() {
        let page = [raw("6", aggregate(&["x", "y", "z"])), raw("7", "next".into())];
        let expanded = expander(Some(("6", 1))).expand(page.to_vec());
        assert_eq!(texts(&expanded), ["6.2 z", "7.0 next"]);
        assert_eq!(expanded.counts.before_checkpoint, 2);
    }

    #[test]
    fn the_position_moves_over_a_page_of_which_nothing_is_left() {
        let expanded = expander(Some(("6", 9))).expand(vec![raw("6", aggregate(&["x", "y"]))]);
        assert!(expanded.records.is_empty());
        let position = |sub| Position::new("6".parse().expect("digits"), sub);
        assert_eq!(expanded.span, Some((position(0), position(1))));
    }

    #[test]
    fn a_page_begins_at_its_first_record_that_was_not_processed_before() {
        let position = |sequence: &str, sub| Position::new(sequence.parse().expect("digits"), sub);
        let page = [raw("9", "old".into()), raw("10", aggregate(&["x", "y", "z"])), raw("11", "new".into())];
        let spans = [Some(("9", 0)), Some(("10", 0)), Some(("10", 2)), None];
        let begins = spans.map(|processed| expander(processed).expand(page.to_vec()).span.map(|(from, _)| from));
        assert_eq!(begins, [position("10", 0), position("10", 1), position("11", 0), position("9", 0)].map(Some));
    }

    #[test]
    fn user_records_outside_of_the_shard_are_kept_by_default_and_counted_when_not() {
        let page = [raw("6", aggregate(&["x", "y"]))];
        let narrow = HashKeyRange::parse("0", "1").expect("a range");
        let keep = Expander { hash_range: Some(narrow), ..expander(None) };
        assert_eq!(keep.expand(page.to_vec()).records.len(), 2);
        let drop = Expander { policy: RangePolicy::DiscardRecord, ..keep };
        let expanded = drop.expand(page.to_vec());
        assert_eq!((expanded.records.len(), expanded.counts.out_of_range), (0, 2));
    }
}
