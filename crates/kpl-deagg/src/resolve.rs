//! From a walked message to a batch: looks indexes up, places hash keys, applies the range policy.
//!
//! Records are judged in their order, because the order decides: an unusable value ends the expansion, a record out of
//! range may discard the aggregate, and whichever comes first counts.

use crate::batch::{Parts, StopReason};
use crate::decimal::{self, Decimal};
use crate::hash_key::HashKey;
use crate::hash_key_range::HashKeyRange;
use crate::lanes::Lanes;
use crate::message::RawRecord;
use crate::table::Place;

/// What becomes of user records whose hash key lies outside the shard's range. They come from producers that did not yet
/// know of a split or merge. A numeric explicit hash key outside 0 to 2^128 - 1 lies outside every range, a known one or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RangePolicy {
    /// Every user record is kept. The default: with at-least-once delivery a duplicate is better than a loss.
    #[default]
    KeepAll,
    /// The records outside are left out and counted, the others kept. Loses nothing if the producer sends the records
    /// outside again, as KPL 0.15.11 and later do.
    DiscardRecord,
    /// One record outside discards the whole aggregate, as the Java Kinesis Client Library does.
    DiscardAggregate,
}

/// What decides about a user record's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// `None` if no partition key needs to be hashed: no range is known, it is everything, or all is kept anyway.
    range: Option<HashKeyRange>,
    policy: RangePolicy,
}

impl Rule {
    pub(crate) fn new(range: Option<&HashKeyRange>, policy: RangePolicy) -> Self {
        let range = range.filter(|range| policy != RangePolicy::KeepAll && !range.is_full());
        Self { range: range.copied(), policy }
    }
}

/// Finds out where the partition keys lie that the records of `batches` need hashed, side by side for all batches.
pub(crate) fn place_keys<'b>(batches: impl Iterator<Item = &'b mut Parts>, rule: Rule, lanes: Lanes) {
    let Some(range) = rule.range else { return };
    let mut batches: Vec<&mut Parts> = batches.collect();
    for batch in &mut batches {
        for record in batch.records.iter().filter(|record| record.hash_key().is_none()) {
            batch.keys.want(record.key);
        }
    }
    let mut wanted = batches.iter().flat_map(|batch| batch.keys.wanted(&batch.texts));
    let mut places = Vec::new();
    loop {
        let some: Vec<&str> = wanted.by_ref().take(KEYS_AT_A_TIME).collect();
        if some.is_empty() {
            break;
        }
        places.extend(lanes.hash_keys(&some).into_iter().map(|hash_key| place_in(&range, hash_key)));
    }
    drop(wanted);
    let mut places = places.into_iter();
    for batch in batches {
        batch.keys.settle(&mut places);
    }
}

/// Leaves out of `batch` what cannot be expanded and what `rule` says, and notes it. The keys have been placed.
pub(crate) fn resolve(batch: &mut Parts, rule: Rule) {
    if is_whole(batch, rule) {
        return;
    }
    let mut records = std::mem::take(&mut batch.records);
    let total = records.len();
    let mut resolver = Resolver { rule, batch, kept: 0, state: State::Expanding };
    records.retain(|record| resolver.keeps(record));
    match resolver.state {
        State::Expanding => {}
        State::Stopped(reason) => batch.stopped = Some(reason),
        State::Discarded => {
            records.clear();
            batch.discarded = count(total);
        }
    }
    batch.records = records;
}

/// Whether plainly every record stays: no explicit hash key to read, every partition key known, and inside where it matters.
/// So are nearly all aggregates, and this look at them is several times cheaper than the full one.
fn is_whole(batch: &Parts, rule: Rule) -> bool {
    let (keys, hashed) = (&batch.keys, rule.range.is_some());
    let stays = |key| if hashed { keys.is_inside(key) } else { keys.has(key) };
    batch.records.iter().all(|record| record.hash_key().is_none() && stays(record.key))
}

struct Resolver<'a> {
    rule: Rule,
    batch: &'a mut Parts,
    kept: u64,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Expanding,
    Stopped(StopReason),
    Discarded,
}

impl Resolver<'_> {
    fn keeps(&mut self, record: &RawRecord) -> bool {
        match self.state {
            State::Expanding => {}
            State::Stopped(_) => {
                self.batch.lost += 1;
                return false;
            }
            State::Discarded => return false,
        }
        let inside = match self.is_inside(record) {
            Ok(inside) => inside,
            Err(reason) => {
                self.state = State::Stopped(reason);
                self.batch.lost += 1;
                return false;
            }
        };
        if inside || self.rule.policy == RangePolicy::KeepAll {
            self.keep();
            return true;
        }
        self.discard();
        false
    }

    fn keep(&mut self) {
        if self.batch.discarded > 0 {
            self.batch.numbers.push(self.kept + self.batch.discarded);
        }
        self.kept += 1;
    }

    fn discard(&mut self) {
        if self.rule.policy == RangePolicy::DiscardAggregate {
            self.state = State::Discarded;
            return;
        }
        if self.batch.discarded == 0 {
            // From here on a record's number is no longer its position.
            self.batch.numbers = (0..self.kept).collect();
        }
        self.batch.discarded += 1;
    }

    fn is_inside(&mut self, record: &RawRecord) -> Result<bool, StopReason> {
        let Parts { keys, hash_keys, texts, .. } = &mut *self.batch;
        if !keys.has(record.key) {
            return Err(StopReason::PartitionKeyIndex);
        }
        let range = self.rule.range.as_ref();
        let place = match (record.hash_key(), range) {
            (Some(index), _) if !hash_keys.has(index) => return Err(StopReason::ExplicitHashKeyIndex),
            (Some(index), _) => hash_keys.place(index, texts, |text| place_of_explicit(text, range)),
            (None, Some(range)) => {
                keys.place(record.key, texts, |text| place_in(range, HashKey::of_partition_key(text)))
            }
            (None, None) => Place::Inside,
        };
        match place {
            Place::Inside => Ok(true),
            Place::Outside => Ok(false),
            Place::NotANumber | Place::Unknown | Place::Wanted => Err(StopReason::ExplicitHashKeyNotANumber),
        }
    }
}

/// A number outside the hash key space is outside every range, so even without a known one.
fn place_of_explicit(text: &str, range: Option<&HashKeyRange>) -> Place {
    match decimal::parse(text) {
        Decimal::Number(number) => range.map_or(Place::Inside, |range| place_in(range, HashKey::new(number))),
        Decimal::OutOfRange => Place::Outside,
        Decimal::NotANumber => Place::NotANumber,
    }
}

fn place_in(range: &HashKeyRange, hash_key: HashKey) -> Place {
    if range.contains(hash_key) { Place::Inside } else { Place::Outside }
}

/// A count of things in memory; a `usize` of more than 64 bits does not exist.
fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Enough to keep the lanes full, few enough for the list of them to stay small whatever the input.
const KEYS_AT_A_TIME: usize = 1024;
