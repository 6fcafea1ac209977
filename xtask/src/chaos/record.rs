//! Records as the producer and the workers know them: which there are, and where each one is in the stream.

use std::cmp::Ordering;
use std::fmt;

/// Time since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    /// How long after an earlier moment; zero when that was later.
    pub(crate) const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} s", self.0 / 1000, self.0 % 1000 / 10)
    }
}

/// Number of a worker process, from 1 in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkerNumber(pub(crate) u32);

impl fmt::Display for WorkerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// Number of a slot, from 1: the place of one worker at a time, with a directory that its state lives in. Who is started in
/// it goes on with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot(pub(crate) u32);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {}", self.0)
    }
}

/// A shard's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shard(pub(crate) String);

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.strip_prefix("shardId-").unwrap_or(&self.0).trim_start_matches('0'))?;
        if self.0.ends_with("-000000000000") { f.write_str("0") } else { Ok(()) }
    }
}

/// A sequence number: decimal digits without leading zeros, ordered as a number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Sequence(String);

impl Sequence {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && (text == "0" || !text.starts_with('0'))).then(|| Self(text.to_owned()))
    }
}

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without leading zeros the longer one is the greater one.
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where a record is: shard, Kinesis record, and number within the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) shard: Shard,
    pub(crate) sequence: Sequence,
    pub(crate) sub: u64,
}

/// What a record says: its number, and its key, which is another thing than its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) key: u64,
}

impl Numbered {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, key) = text.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, key: Self::parse_key(key)? })
    }

    /// The key that a partition key stands for.
    pub(crate) fn parse_key(text: &str) -> Option<u64> {
        text.strip_prefix("key-")?.parse().ok()
    }

    pub(crate) fn partition_key(self) -> String {
        format!("key-{}", self.key)
    }
}

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key-{}", self.number, self.key)
    }
}

/// A record that Kinesis has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) at: Millis,
    pub(crate) record: Numbered,
    pub(crate) place: Place,
}

/// A record as a worker wrote it to its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Processed {
    /// When the line was seen in the file.
    pub(crate) at: Millis,
    pub(crate) worker: WorkerNumber,
    pub(crate) record: Numbered,
    pub(crate) place: Place,
}

impl Processed {
    /// Reads a line of a worker's file: batch time, shard, sequence number, sub-sequence number, data.
    pub(crate) fn parse(line: &str, at: Millis, worker: WorkerNumber) -> Option<Self> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        let (_batch, shard, sequence, sub, data) = (next()?, next()?, next()?, next()?, next()?);
        let place =
            Place { shard: Shard(shard.to_owned()), sequence: Sequence::parse(sequence)?, sub: sub.parse().ok()? };
        Some(Self { at, worker, record: Numbered::parse(data)?, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_of_different_length_compare_as_numbers() {
        let of = |text| Sequence::parse(text).expect("a number");
        assert!(of("9") < of("10"));
        assert!(of("10") < of("11"));
        assert_eq!(Sequence::parse("09"), None, "its order would be wrong");
        assert_eq!(Sequence::parse(""), None);
    }

    #[test]
    fn a_line_is_read_as_the_example_writes_it_and_a_broken_one_is_not() {
        let line = "1700000000500\tshardId-000000000003\t4968\t2\t17 key-5";
        let read = Processed::parse(line, Millis(40), WorkerNumber(1)).expect("a whole line");
        assert_eq!((read.record, read.place.sub), (Numbered { number: 17, key: 5 }, 2));
        assert_eq!(read.place.shard.to_string(), "3");
        assert_eq!(Processed::parse("1700000000500\tshardId-0000", Millis(40), WorkerNumber(1)), None);
    }

    #[test]
    fn the_first_shard_has_a_name_too() {
        assert_eq!(Shard("shardId-000000000000".to_owned()).to_string(), "0");
        assert_eq!(Shard("shardId-000000000010".to_owned()).to_string(), "10");
    }

    #[test]
    fn what_a_record_says_is_read_back() {
        let record = Numbered { number: 12, key: 3 };
        assert_eq!(Numbered::parse(&record.to_string()), Some(record));
    }
}
