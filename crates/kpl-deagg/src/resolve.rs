//! From a walked message to a batch: looks indexes up, places hash keys, applies the range policy.
//!
//! Records are judged in their order, because the order decides: an unusable value ends the expansion, a record out of
//! range may discard the aggregate, and whichever comes first counts.

use bytes::Bytes;

use crate::batch::{Batch, StopReason};
use crate::decimal::{self, Decimal};
use crate::hash_key::HashKey;
use crate::hash_key_range::HashKeyRange;
use crate::message::{Message, RawRecord};
use crate::table::{Place, Table};

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

/// Expands `message`, which was walked in `input`.
pub(crate) fn resolve(input: &Bytes, message: Message, range: Option<&HashKeyRange>, policy: RangePolicy) -> Batch {
    let Message { keys, hash_keys, mut records } = message;
    let total = records.len();
    let mut resolver = Resolver {
        input,
        // Under `KeepAll` no record can be outside, and no key needs to be hashed.
        range: range.filter(|range| policy != RangePolicy::KeepAll && !range.is_full()),
        policy,
        keys: Table::new(keys),
        hash_keys: Table::new(hash_keys),
        texts: String::new(),
        numbers: Vec::new(),
        kept: 0,
        discarded: 0,
        lost: 0,
        state: State::Expanding,
    };
    records.retain(|record| resolver.keeps(record));
    if resolver.state == State::Discarded {
        records.clear();
        resolver.discarded = count(total);
    }
    let stopped = match resolver.state {
        State::Stopped(reason) => Some(reason),
        State::Expanding | State::Discarded => None,
    };
    Batch {
        input: input.clone(),
        records,
        keys: resolver.keys,
        hash_keys: resolver.hash_keys,
        texts: resolver.texts,
        numbers: resolver.numbers,
        stopped,
        discarded: resolver.discarded,
        lost: resolver.lost,
    }
}

struct Resolver<'a> {
    input: &'a [u8],
    range: Option<&'a HashKeyRange>,
    policy: RangePolicy,
    keys: Table,
    hash_keys: Table,
    texts: String,
    /// The kept records' numbers; empty as long as each one's number is its position.
    numbers: Vec<u64>,
    kept: u64,
    discarded: u64,
    lost: u64,
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
                self.lost += 1;
                return false;
            }
            State::Discarded => return false,
        }
        let inside = match self.is_inside(record) {
            Ok(inside) => inside,
            Err(reason) => {
                self.state = State::Stopped(reason);
                self.lost += 1;
                return false;
            }
        };
        if inside || self.policy == RangePolicy::KeepAll {
            self.keep();
            return true;
        }
        self.discard();
        false
    }

    fn keep(&mut self) {
        if self.discarded > 0 {
            self.numbers.push(self.kept + self.discarded);
        }
        self.kept += 1;
    }

    fn discard(&mut self) {
        if self.policy == RangePolicy::DiscardAggregate {
            self.state = State::Discarded;
            return;
        }
        if self.discarded == 0 {
            // From here on a record's number is no longer its position.
            self.numbers = (0..self.kept).collect();
        }
        self.discarded += 1;
    }

    fn is_inside(&mut self, record: &RawRecord) -> Result<bool, StopReason> {
        if !self.keys.read(record.key, self.input, &mut self.texts) {
            return Err(StopReason::PartitionKeyIndex);
        }
        let range = self.range;
        let place = match (record.hash_key(), range) {
            (Some(index), _) => {
                if !self.hash_keys.read(index, self.input, &mut self.texts) {
                    return Err(StopReason::ExplicitHashKeyIndex);
                }
                self.hash_keys.place(index, &self.texts, |text| place_of_explicit(text, range))
            }
            (None, Some(range)) => {
                self.keys.place(record.key, &self.texts, |text| place_in(range, HashKey::of_partition_key(text)))
            }
            (None, None) => Place::Inside,
        };
        match place {
            Place::Inside => Ok(true),
            Place::Outside => Ok(false),
            Place::NotANumber | Place::Unknown => Err(StopReason::ExplicitHashKeyNotANumber),
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
