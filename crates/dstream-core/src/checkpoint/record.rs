//! What stands in a checkpoint file beside its parts: whose it is, as of which batch, and which parts belong to what.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::block::StreamId;
use crate::checkpoint::covered::Covered;
use crate::checkpoint::envelope::Format;
use crate::checkpoint::fingerprint::Fingerprint;
use crate::codec::{self, CodecError};
use crate::rate::RecordsPerSecond;
use crate::time::Time;

/// Fields are only ever added at the end, together with a new format version of the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    // The encoding of a struct is that of its fields in a row, so the first format reads as it was.
    first: FirstRecord,
    /// Since format two: what of the receivers' sources is in it.
    pub(crate) covered: Covered,
}

/// The record of format one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FirstRecord {
    app: String,
    batch_interval_millis: u64,
    zero_millis: i64,
    through_millis: i64,
    streams: Fingerprint,
    memories: Vec<(usize, usize)>,
    /// The stream of each receiver that back pressure has limited, and the limit in records per second.
    rates: Vec<(u32, f64)>,
}

/// What of a record is the same for all checkpoints of a run.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) app: String,
    pub(crate) batch_interval: Duration,
    /// The time from which the slides of streams are counted.
    pub(crate) zero: Time,
    pub(crate) streams: Fingerprint,
}

impl Record {
    pub(crate) fn new(
        identity: Identity,
        through: Time,
        memories: Vec<(usize, usize)>,
        rates: impl Iterator<Item = (StreamId, RecordsPerSecond)>,
        covered: Covered,
    ) -> Self {
        let Identity { app, batch_interval, zero, streams } = identity;
        let first = FirstRecord {
            app,
            batch_interval_millis: u64::try_from(batch_interval.as_millis()).unwrap_or(u64::MAX),
            zero_millis: zero.as_millis(),
            through_millis: through.as_millis(),
            streams,
            memories,
            rates: rates.map(|(stream, rate)| (stream.number(), rate.get())).collect(),
        };
        Self { first, covered }
    }

    pub(crate) fn app(&self) -> &str {
        &self.first.app
    }

    pub(crate) const fn streams(&self) -> &Fingerprint {
        &self.first.streams
    }

    /// For each stream with a memory: its place among the streams, and how many parts it has. Parts come in this order.
    pub(crate) fn memories(&self) -> &[(usize, usize)] {
        &self.first.memories
    }

    pub(crate) const fn batch_interval(&self) -> Duration {
        Duration::from_millis(self.first.batch_interval_millis)
    }

    pub(crate) const fn zero(&self) -> Time {
        Time::from_millis(self.first.zero_millis)
    }

    /// The last batch that it knows of.
    pub(crate) const fn through(&self) -> Time {
        Time::from_millis(self.first.through_millis)
    }

    pub(crate) fn rates(&self) -> impl Iterator<Item = (StreamId, RecordsPerSecond)> {
        let rates = self.first.rates.iter();
        rates.filter_map(|(stream, rate)| Some((StreamId::new(*stream), RecordsPerSecond::new(*rate)?)))
    }

    pub(crate) fn encode(&self) -> Result<Bytes, CodecError> {
        codec::encode(self)
    }

    pub(crate) fn decode(format: Format, bytes: &[u8]) -> Result<Self, CodecError> {
        match format {
            Format::One => Ok(Self { first: codec::decode(bytes)?, covered: Covered::default() }),
            Format::Two => codec::decode(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_bytes() {
        let identity = Identity {
            app: "test".to_owned(),
            batch_interval: Duration::from_secs(2),
            zero: Time::from_millis(-4_000),
            streams: Fingerprint::of(&[]),
        };
        let rate = (StreamId::new(3), RecordsPerSecond::new(200.0).unwrap());
        let mut covered = Covered::default();
        covered.note(StreamId::new(3), "shard", Bytes::from_static(b"to 7"));
        let record = Record::new(identity, Time::from_millis(6_000), vec![(1, 4)], [rate].into_iter(), covered);
        let read = Record::decode(Format::Two, &record.encode().unwrap()).unwrap();
        let first = Record::decode(Format::One, &codec::encode(&record.first).unwrap()).unwrap();
        assert_eq!(first, Record { covered: Covered::default(), ..record.clone() });
        assert_eq!(read, record);
        assert_eq!((read.zero().as_millis(), read.through().as_millis()), (-4_000, 6_000));
        assert_eq!((read.batch_interval(), read.rates().collect::<Vec<_>>()), (Duration::from_secs(2), vec![rate]));
    }
}
