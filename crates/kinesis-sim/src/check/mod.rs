//! The checker: reads the log as it grows and notes each broken promise of `design.md`'s invariants.
//!
//! | module | what it watches |
//! |---|---|
//! | `records` | what was produced, stored, processed: order, repeats, losses |
//! | `leases` | the lease table: who wrote what, who may read |
//! | `violation` | the promises by name |

mod leases;
mod records;
mod violation;

use std::time::Duration;

use kinesis_asl::lease::lease::{Lease, LeaseChange};
use kinesis_asl::position::Checkpoint;

use crate::check::leases::LeaseBook;
use crate::check::records::RecordBook;
use crate::event::{AfterFailure, Entry, Event, Write};

pub use crate::check::violation::{Found, Violation};

/// Watches a run.
#[derive(Debug)]
pub struct Checker {
    leases: LeaseBook,
    records: RecordBook,
    found: Vec<Found>,
}

impl Checker {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(failover: Duration) -> Self {
        Self { leases: LeaseBook::new(failover), records: RecordBook::default(), found: Vec::new() }
    }

    /// Looks at one event.
    pub fn observe(&mut self, entry: &Entry) {
        let broken = match &entry.event {
            Event::Produced { shard, sequence, records, arrival } => {
                self.records.on_produced(shard, *sequence, *records, *arrival);
                None
            }
            Event::Stored(page) => {
                let leases = &self.leases;
                let now = (page.worker, page.holding);
                self.records.on_stored(page, |worker, holding| leases.handed_over(&page.shard, (worker, holding), now))
            }
            Event::Processed(page) => {
                self.records.on_processed(page);
                None
            }
            Event::Frozen(worker, until) => {
                self.leases.on_frozen(*worker, *until);
                None
            }
            Event::Believes(worker, shard, holding, belief) => {
                self.leases.on_belief(*worker, shard, *holding, *belief, entry.at)
            }
            Event::Crashed(worker) | Event::Stopped(worker) => {
                self.leases.on_gone(*worker);
                None
            }
            Event::BatchFailed(worker, AfterFailure::Ends) => {
                self.records.on_gave_up(*worker);
                None
            }
            Event::Read { worker, shard, parents, .. } => self.leases.on_read(*worker, shard, parents, entry.at),
            Event::Created(_, lease) => self.leases.on_created(lease),
            Event::Deleted(_, shard) => self.leases.on_deleted(shard),
            Event::Wrote(write) => self.on_wrote(write, entry.at),
            Event::PutFailed(why) => Some(Violation::World(why.clone())),
            Event::Failed(worker, error) => Some(Violation::Failed { worker: *worker, error: error.clone() }),
            Event::CalledAfterEnd(worker, call) => Some(Violation::CalledAfterEnd { worker: *worker, call }),
            _ => None,
        };
        self.found.extend(broken.map(|violation| Found { at: entry.at, violation }));
    }

    /// Notes a broken promise that somebody else noticed.
    pub fn note(&mut self, at: Duration, violation: Violation) {
        self.found.push(Found { at, violation });
    }

    /// Notes each record that was never processed although it had to be. Call it at the end.
    pub fn note_losses(&mut self, at: Duration) {
        let lost = self.records.unprocessed(|shard| self.leases.owed_from(shard));
        let lost = lost.map(|(shard, position)| Violation::Lost { shard: shard.clone(), position });
        self.found.extend(lost.map(|violation| Found { at, violation }));
    }

    /// Whether every record that has to be processed is processed.
    #[must_use]
    pub fn is_all_processed(&self) -> bool {
        self.records.unprocessed(|shard| self.leases.owed_from(shard)).next().is_none()
    }

    /// The lease table as it stands.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.leases()
    }

    /// How many records were produced, and how many storings were repeats.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.records.counts()
    }

    /// What was found wrong so far.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Takes what was found wrong.
    pub fn take_found(&mut self) -> Vec<Found> {
        std::mem::take(&mut self.found)
    }

    fn on_wrote(&mut self, write: &Write, at: Duration) -> Option<Violation> {
        let broken = self.leases.on_wrote(write, at);
        let LeaseChange::Checkpoint { to, .. } = write.change else { return broken };
        let shard = &write.after.shard;
        let covered = match to {
            Checkpoint::At(position) => Some(Some(position)),
            Checkpoint::ShardEnd => Some(None),
            Checkpoint::AtTimestamp | Checkpoint::TrimHorizon | Checkpoint::Latest => None,
        };
        let unprocessed = self.records.first_unprocessed(shard, covered?, write.after.start_at);
        let early = |unprocessed| Violation::CheckpointedTooEarly { shard: shard.clone(), to, unprocessed };
        broken.or(unprocessed.map(early))
    }
}
