//! The aggregates that are taken apart: all different, all alike in shape.

use std::fmt;

use bytes::Bytes;
use kpl_deagg::{Aggregator, TryAdd};

/// How many aggregates a page has.
pub(crate) const AGGREGATES: usize = 64;

/// How many keys the records of an aggregate share if they have none of their own.
const FEW_KEYS: usize = 10;

/// The shape of the aggregates.
pub(crate) struct Case {
    /// User records in an aggregate.
    pub(crate) records: usize,
    /// Bytes of a user record's data.
    pub(crate) bytes: usize,
    /// Whether each record has a key of its own, of 36 bytes; else ten keys of 12 bytes are shared.
    pub(crate) own_keys: bool,
}

impl Case {
    pub(crate) fn page(&self) -> Vec<Bytes> {
        (0..AGGREGATES).map(|number| self.aggregate(number)).collect()
    }

    fn aggregate(&self, number: usize) -> Bytes {
        let mut aggregator = Aggregator::new(usize::MAX);
        for record in 0..self.records {
            let key = if self.own_keys {
                format!("0f8fad5b-d9cb-469f-{number:04}-{record:012}")
            } else {
                format!("user-{:07}", record % FEW_KEYS)
            };
            let data: Vec<u8> = (0..self.bytes).map(|at| (at * 7 + record * 31 + number) as u8).collect();
            assert_eq!(aggregator.try_add(&key, None, &data), TryAdd::Added);
        }
        aggregator.finish().expect("records were added").data
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = if self.own_keys { "a 36 B key each" } else { "10 keys" };
        write!(f, "{} x {} B, {keys}", self.records, self.bytes)
    }
}
