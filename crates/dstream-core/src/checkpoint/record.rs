//! What stands in a checkpoint file beside its parts: whose it is, as of which batch, and which parts belong to what.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::block::StreamId;
use crate::checkpoint::fingerprint::Fingerprint;
use crate::codec::{self, CodecError};
use crate::rate::RecordsPerSecond;
use crate::time::Time;

/// Fields are only ever added together with a new format version of the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) app: String,
    batch_interval_millis: u64,
    zero_millis: i64,
    through_millis: i64,
    pub(crate) streams: Fingerprint,
    /// For each stream with a memory: its place in `streams`, and how many parts it has. Parts come in this order.
    pub(crate) memories: Vec<(usize, usize)>,
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
    ) -> Self {
        let Identity { app, batch_interval, zero, streams } = identity;
        Self {
            app,
            batch_interval_millis: u64::try_from(batch_interval.as_millis()).unwrap_or(u64::MAX),
            zero_millis: zero.as_millis(),
            through_millis: through.as_millis(),
            streams,
            memories,
            rates: rates.map(|(stream, rate)| (stream.number(), rate.get())).collect(),
        }
    }

    pub(crate) const fn batch_interval(&self) -> Duration {
        Duration::from_millis(self.batch_interval_millis)
    }

    pub(crate) const fn zero(&self) -> Time {
        Time::from_millis(self.zero_millis)
    }

    /// The last batch that it knows of.
    pub(crate) const fn through(&self) -> Time {
        Time::from_millis(self.through_millis)
    }

    pub(crate) fn rates(&self) -> impl Iterator<Item = (StreamId, RecordsPerSecond)> {
        self.rates.iter().filter_map(|(stream, rate)| Some((StreamId::new(*stream), RecordsPerSecond::new(*rate)?)))
    }

    pub(crate) fn encode(&self) -> Result<Bytes, CodecError> {
        codec::encode(self)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes)
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
        let record = Record::new(identity, Time::from_millis(6_000), vec![(1, 4)], [rate].into_iter());
        let read = Record::decode(&record.encode().unwrap()).unwrap();
        assert_eq!(read, record);
        assert_eq!((read.zero().as_millis(), read.through().as_millis()), (-4_000, 6_000));
        assert_eq!((read.batch_interval(), read.rates().collect::<Vec<_>>()), (Duration::from_secs(2), vec![rate]));
    }
}
