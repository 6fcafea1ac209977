//! The fixed conditions of a simulated world, as plain values.

use std::time::Duration;

use kinesis_asl::{InitialPosition, KinesisConfig, LeaseKeys, Tuning};
use kinesis_endpoint::{Credentials, Region, ServiceAccess};

use crate::faults::Faults;
use crate::stream::{STREAM, StreamShape};
use crate::weakness::Weakness;

/// What a world is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Shards of the stream at the start. Default 4.
    pub shards: u32,
    /// User records of each Kinesis record: KPL aggregates if there are two or more. Default 1.
    pub aggregate: u64,
    /// Receivers of each process. Default 1.
    pub seats: usize,
    /// Records a second, over all shards. Default 40.
    pub records_per_second: u32,
    /// The longest time that a batch takes. Default 1 s.
    pub slowest_batch: Duration,
    /// Bytes of unprocessed records that a receiver holds. Default 1 MiB.
    pub memory_budget: usize,
    /// Records in a page, at most. Default 10 000, the service's own limit.
    pub page_limit: u16,
    /// How long a shard iterator lives. Default 5 minutes.
    pub iterator_life: Duration,
    /// Where to begin. Default the horizon.
    pub initial_position: InitialPosition,
    /// The failover time of all workers. Default 10 s.
    pub failover: Duration,
    /// Time between checkpoints. Default 2 s.
    pub checkpoint_interval: Duration,
    /// What goes wrong between the workers and the services. Default nothing.
    pub faults: Faults,
    /// Which rule is broken on purpose. Default none.
    pub weakness: Weakness,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            shards: 4,
            aggregate: 1,
            seats: 1,
            records_per_second: 40,
            slowest_batch: Duration::from_secs(1),
            memory_budget: 1 << 20,
            page_limit: 10_000,
            iterator_life: Duration::from_secs(300),
            initial_position: InitialPosition::TrimHorizon,
            failover: Duration::from_secs(10),
            checkpoint_interval: Duration::from_secs(2),
            faults: Faults::NONE,
            weakness: Weakness::None,
        }
    }
}

impl Setup {
    /// What the stream is like.
    pub(crate) fn shape(&self) -> StreamShape {
        let Self { shards, aggregate, iterator_life, .. } = *self;
        StreamShape { shards, aggregate, iterator_life }
    }

    /// The settings of each worker. Nothing connects to what they name.
    pub(crate) fn config(&self) -> KinesisConfig {
        let nowhere =
            ServiceAccess { region: Region::default_local(), endpoint: None, credentials: Credentials::Default };
        KinesisConfig {
            application: "simulation".into(),
            stream: STREAM.into(),
            kinesis: nowhere.clone(),
            dynamodb: nowhere,
            initial_position: self.initial_position,
            keys: LeaseKeys::OneStream,
            tuning: Tuning {
                failover: self.failover,
                checkpoint_after: self.weakness.checkpoint_after(),
                ..Tuning::new(self.checkpoint_interval)
            },
        }
    }
}
