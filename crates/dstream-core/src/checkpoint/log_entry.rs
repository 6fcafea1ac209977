//! An entry of the batch log: the ranges of a batch, block by block, written down before the batch runs.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::block::StreamId;
use crate::codec::{self, CodecError};
use crate::time::Time;

/// What a batch has of the receivers that can read their ranges again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) batch: Time,
    /// The batch of the entry that was written before this one, in whatever run; so a hole is found out.
    pub(crate) previous: Option<Time>,
    pub(crate) streams: Vec<(StreamId, LoggedBlocks)>,
}

/// The blocks of a stream in a batch, in the order of storing; of each the ranges, as their receiver writes them.
pub(crate) type LoggedBlocks = Vec<Vec<Bytes>>;

/// The form in a file; fields are only ever added together with a new format.
#[derive(Serialize, Deserialize)]
struct Written<Range> {
    batch_millis: i64,
    previous_millis: Option<i64>,
    streams: Vec<(u32, Vec<Vec<Range>>)>,
}

impl LogEntry {
    /// The blocks of one stream.
    pub(crate) fn blocks_of(&self, stream: StreamId) -> &[Vec<Bytes>] {
        self.streams.iter().find(|(other, _)| *other == stream).map_or(&[], |(_, blocks)| blocks)
    }

    pub(crate) fn encode(&self) -> Result<Bytes, CodecError> {
        codec::encode(&Written {
            batch_millis: self.batch.as_millis(),
            previous_millis: self.previous.map(Time::as_millis),
            streams: self.streams.iter().map(|(stream, blocks)| (stream.number(), borrowed(blocks))).collect(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let Written::<Vec<u8>> { batch_millis, previous_millis, streams } = codec::decode(bytes)?;
        let blocks = |blocks: Vec<Vec<Vec<u8>>>| {
            blocks.into_iter().map(|ranges| ranges.into_iter().map(Bytes::from).collect()).collect()
        };
        Ok(Self {
            batch: Time::from_millis(batch_millis),
            previous: previous_millis.map(Time::from_millis),
            streams: streams.into_iter().map(|(stream, all)| (StreamId::new(stream), blocks(all))).collect(),
        })
    }
}

fn borrowed(blocks: &LoggedBlocks) -> Vec<Vec<&[u8]>> {
    blocks.iter().map(|ranges| ranges.iter().map(AsRef::as_ref).collect()).collect()
}

/// Names the file of an entry, as in `batch-1431612280000`: the batch time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchName(pub(crate) Time);

impl BatchName {
    /// The name that `file` is, if it is one.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let name = Self(Time::from_millis(file.strip_prefix("batch-")?.parse().ok()?));
        (name.to_string() == file).then_some(name)
    }
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch-{}", self.0.as_millis())
    }
}

/// The entries that can be relied upon, the earliest first: those up to the first that is damaged, or before which one is
/// missing. Entries before and at `safe` may be missing, since they were removed, or damaged.
pub(crate) fn unbroken(found: Vec<(Time, Option<LogEntry>)>, safe: Time) -> Vec<LogEntry> {
    let mut entries: Vec<LogEntry> = Vec::new();
    for (batch, entry) in found {
        let Some(entry) = entry else {
            if batch <= safe {
                continue;
            }
            break;
        };
        let follows = entry
            .previous
            .is_none_or(|previous| previous <= safe || entries.last().is_some_and(|last| last.batch == previous));
        if !follows {
            break;
        }
        entries.push(entry);
    }
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(millis: i64) -> Time {
        Time::from_millis(millis)
    }

    fn entry(batch: i64, previous: Option<i64>) -> LogEntry {
        LogEntry { batch: at(batch), previous: previous.map(at), streams: vec![] }
    }

    fn kept(found: &[LogEntry], safe: i64) -> Vec<i64> {
        let found = found.iter().map(|entry| (entry.batch, Some(entry.clone()))).collect();
        unbroken(found, at(safe)).iter().map(|entry| entry.batch.as_millis()).collect()
    }

    #[test]
    fn names_are_read_back_and_those_of_other_shapes_are_not_ours() {
        for time in [0, 1_431_612_280_000, -5, i64::MIN] {
            assert_eq!(BatchName::parse(&BatchName(at(time)).to_string()), Some(BatchName(at(time))));
        }
        for file in ["batch-", "batch-+5", "batch-05", "batch-5.bk", "batch-5#1", "checkpoint-5", "batch"] {
            assert_eq!(BatchName::parse(file), None, "{file}");
        }
    }

    #[test]
    fn entries_count_up_to_the_first_that_is_missing_or_damaged() {
        let chain = [entry(3, Some(2)), entry(4, Some(3)), entry(7, Some(4)), entry(9, Some(7))];
        assert_eq!(kept(&chain, 2), [3, 4, 7, 9]);
        assert_eq!(kept(&chain, 5), [3, 4, 7, 9]);
        assert_eq!(kept(&chain, 1), Vec::<i64>::new(), "the batch of 2 is missing");
        assert_eq!(kept(&[chain[0].clone(), chain[2].clone(), chain[3].clone()], 2), [3]);
        let damaged = vec![(at(3), Some(chain[0].clone())), (at(4), None), (at(7), Some(chain[2].clone()))];
        assert_eq!(unbroken(damaged, at(2)), [chain[0].clone()]);
        let damaged = vec![(at(3), None), (at(4), Some(chain[1].clone())), (at(7), Some(chain[2].clone()))];
        assert_eq!(unbroken(damaged, at(3)), chain[1..3], "what the snapshot has is not missed");
        assert_eq!(kept(&[entry(1, None)], 0), [1], "nothing was before the first one");
    }

    proptest! {
        #[test]
        fn an_entry_comes_back_from_its_bytes(
            batch: i64,
            previous: Option<i64>,
            streams in prop::collection::vec(
                (0_u32..5, prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..4), 0..4)),
                0..3,
            ),
        ) {
            let blocks = |all: Vec<Vec<Vec<u8>>>| all.into_iter().map(|b| b.into_iter().map(Bytes::from).collect()).collect();
            let streams = streams.into_iter().map(|(stream, all)| (StreamId::new(stream), blocks(all))).collect();
            let entry = LogEntry { batch: at(batch), previous: previous.map(at), streams };
            prop_assert_eq!(LogEntry::decode(&entry.encode().unwrap()).unwrap(), entry);
        }

        #[test]
        fn garbage_is_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = LogEntry::decode(&bytes);
        }
    }
}
