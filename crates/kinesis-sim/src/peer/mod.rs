//! Peers of another making on the same lease table: what older Java workers write, as far as it concerns ours.
//!
//! | module | what it is |
//! |---|---|
//! | [`older_shard_sync`] | pure: the leases that KCL 1.13 and older make |

pub mod older_shard_sync;

use kinesis_asl::InitialPosition;
use kinesis_asl::api::{KinesisApi, ShardFilter};
use kinesis_asl::lease::lease::Lease;
use kinesis_asl::lease::store::Created;
use kinesis_asl::position::Checkpoint;

use crate::event::WorkerNo;
use crate::peer::older_shard_sync::{Start, older_leases};
use crate::world::{World, WorldError};

/// The number under which a peer writes. No worker of ours has it.
const PEER: WorkerNo = WorkerNo(0);

impl World {
    /// Makes the leases that a worker of KCL 1.13 or older makes when it looks at the stream now: those of descendants of all
    /// levels, long before their parents have ended, without hash ranges and without a moment behind the sentinels. Returns
    /// how many were new.
    ///
    /// # Errors
    /// When stream or table cannot be read: a defect of the simulation.
    ///
    /// # Cancellation
    /// Safe: some of the leases are made.
    pub async fn older_peer_syncs(&mut self) -> Result<usize, WorldError> {
        let shards = self.stream.list_shards(ShardFilter::All).await?;
        let leases = self.table.list().await?.leases;
        let leased = leases.into_iter().map(|lease| lease.shard).collect();
        let wanted = older_leases(&shards, &leased, self.setup.initial_position);
        let mut made = 0;
        for shard in shards.iter().filter(|shard| wanted.contains_key(&shard.id)) {
            let checkpoint = match (wanted.get(&shard.id), self.setup.initial_position) {
                (Some(Start::Horizon), _) | (_, InitialPosition::TrimHorizon) => Checkpoint::TrimHorizon,
                (_, InitialPosition::Latest) => Checkpoint::Latest,
                (_, InitialPosition::AtTimestamp(_)) => Checkpoint::AtTimestamp,
            };
            let lease = Lease { parents: shard.parents.clone(), ..Lease::new(shard.id.clone(), checkpoint) };
            made += usize::from(self.table.create(PEER, &lease).await? == Created::New);
        }
        Ok(made)
    }
}
