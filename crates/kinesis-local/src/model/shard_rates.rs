//! What one shard lets through per second: calls and bytes out, records and bytes in.
//!
//! Promises: with [`Limits::Off`] nothing is counted and a shard carries nothing; what is refused does not count.
//!
//! Reading is paid for afterwards, because nobody knows the size of a reply before: a shard that has given its 2 MiB of a
//! second is closed until the whole second's allowance is back. That makes both of AWS's rules at once: a reply of 10 MiB
//! closes the shard for 5 s, one that just exceeds the allowance for 1 s.

use std::time::Duration;

use super::error::{ErrorKind, KinesisError};
use super::limits::{
    ITERATORS_PER_SECOND, Limits, READ_BYTES_PER_SECOND, READS_PER_SECOND, WRITE_BYTES_PER_SECOND,
    WRITE_RECORDS_PER_SECOND,
};
use super::machine::Model;
use super::millis::Millis;
use super::rate::{Bucket, Window};
use super::shard::{Shard, ShardId};

/// The rates of one shard, made when it is first used with limits on.
#[derive(Debug, Clone)]
pub(crate) struct ShardRates {
    reads: Window,
    iterators: Window,
    read_bytes: Bucket,
    /// The read allowance was used up and is not whole again.
    overdrawn: bool,
    write_bytes: Bucket,
    write_records: Bucket,
}

impl ShardRates {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            reads: Window::new(READS_PER_SECOND, SECOND),
            iterators: Window::new(ITERATORS_PER_SECOND, SECOND),
            read_bytes: Bucket::new(READ_BYTES_PER_SECOND, now),
            overdrawn: false,
            write_bytes: Bucket::new(WRITE_BYTES_PER_SECOND, now),
            write_records: Bucket::new(WRITE_RECORDS_PER_SECOND, now),
        }
    }

    /// Counts a read whose size is told later, or refuses it.
    pub(crate) fn take_read(&mut self, now: Millis) -> bool {
        self.overdrawn = self.overdrawn && !self.read_bytes.is_full(now);
        !self.overdrawn && self.reads.take(now)
    }

    /// Tells the size of the reply to the last read.
    pub(crate) fn note_read(&mut self, now: Millis, bytes: usize) {
        self.read_bytes.take(now, bytes);
        self.overdrawn = self.read_bytes.is_empty();
    }

    /// Counts a record of that size, key included, or refuses it.
    pub(crate) fn take_write(&mut self, now: Millis, bytes: usize) -> bool {
        let admitted = self.write_records.admits(now, 1) && self.write_bytes.admits(now, bytes);
        if admitted {
            self.write_records.take(now, 1);
            self.write_bytes.take(now, bytes);
        }
        admitted
    }
}

impl Shard {
    fn rates(&mut self, now: Millis) -> &mut ShardRates {
        self.rates.get_or_insert_with(|| Box::new(ShardRates::new(now)))
    }
}

impl Model {
    /// Counts a GetRecords call, or refuses it.
    pub(crate) fn meter_read(&mut self, now: Millis, name: &str, shard: ShardId) -> Result<(), KinesisError> {
        self.meter_shard(name, shard, |shard| shard.rates(now).take_read(now))
    }

    /// Tells the size of a GetRecords reply.
    pub(crate) fn note_read(&mut self, now: Millis, name: &str, shard: ShardId, bytes: impl FnOnce() -> usize) {
        if self.settings.limits == Limits::Off {
            return;
        }
        if let Some(shard) = self.streams.get_mut(name).and_then(|stream| stream.shards.get_mut(&shard)) {
            shard.rates(now).note_read(now, bytes());
        }
    }

    /// Counts a GetShardIterator call, or refuses it.
    pub(crate) fn meter_iterator(&mut self, now: Millis, name: &str, shard: ShardId) -> Result<(), KinesisError> {
        self.meter_shard(name, shard, |shard| shard.rates(now).iterators.take(now))
    }

    fn meter_shard(
        &mut self,
        name: &str,
        id: ShardId,
        take: impl FnOnce(&mut Shard) -> bool,
    ) -> Result<(), KinesisError> {
        if self.settings.limits == Limits::Off {
            return Ok(());
        }
        let shard = self.streams.get_mut(name).and_then(|stream| stream.shards.get_mut(&id));
        // A shard that is gone is told by whoever looks for it.
        if shard.is_none_or(take) { Ok(()) } else { Err(rate_exceeded(name, id, &self.settings.account)) }
    }
}

/// Whether the limits let a record into the shard; if so, it counts.
pub(crate) fn admits_write(limits: Limits, shard: &mut Shard, now: Millis, bytes: usize) -> bool {
    limits == Limits::Off || shard.rates(now).take_write(now, bytes)
}

pub(crate) fn rate_exceeded(name: &str, shard: ShardId, account: &str) -> KinesisError {
    KinesisError::new(
        ErrorKind::ProvisionedThroughputExceeded,
        format!("Rate exceeded for shard {shard} in stream {name} under account {account}."),
    )
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const T: Millis = Millis::new(1_000_000);

    fn after(millis: u64) -> Millis {
        T.plus(Duration::from_millis(millis))
    }

    #[test]
    fn a_reply_of_ten_mebibytes_closes_the_shard_for_five_seconds() {
        let mut rates = ShardRates::new(T);
        assert!(rates.take_read(T));
        rates.note_read(T, 10 << 20);
        assert!(!rates.take_read(after(1)) && !rates.take_read(after(4_999)) && rates.take_read(after(5_000)));
    }

    #[test]
    fn two_mebibytes_in_parts_close_the_shard_for_a_second() {
        let mut rates = ShardRates::new(T);
        for _ in 0..2 {
            assert!(rates.take_read(T));
            rates.note_read(T, 1 << 20);
        }
        assert!(!rates.take_read(after(999)) && rates.take_read(after(1_000)));
    }

    #[test]
    fn small_replies_are_limited_by_the_number_of_calls_only() {
        let mut rates = ShardRates::new(T);
        for n in 0..50 {
            let now = after(n * 200);
            assert!(rates.take_read(now), "call {n}");
            rates.note_read(now, 300_000);
        }
    }

    #[test]
    fn a_second_takes_a_thousand_records_or_a_mebibyte() {
        let mut rates = ShardRates::new(T);
        assert_eq!((0..1_500).filter(|_| rates.take_write(T, 10)).count(), 1_000);
        let mut rates = ShardRates::new(T);
        assert_eq!((0..100).filter(|_| rates.take_write(T, 100 << 10)).count(), 10);
        assert_eq!((0..100).filter(|_| rates.take_write(after(1_000), 100 << 10)).count(), 10);
    }

    #[test]
    fn a_record_above_a_seconds_allowance_passes_an_idle_shard_and_is_paid_off() {
        let mut rates = ShardRates::new(T);
        assert!(rates.take_write(T, 10 << 20));
        assert!(!rates.take_write(after(9_000), 1) && rates.take_write(after(9_001), 1));
    }
}
