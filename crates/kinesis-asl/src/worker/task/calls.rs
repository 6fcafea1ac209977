//! What the worker does about calls that have ended: readings of the table, writes to leases, leases of following shards.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::ServiceError;
use tracing::{info, warn};

use super::{Readings, WorkerTask, now};
use crate::error::KinesisError;
use crate::lease::command::{Reading, Ticket};
use crate::lease::commit::Commit;
use crate::lease::hole::{Cover, Role, Verdict, cover};
use crate::lease::store::Listing;
use crate::patience::{Advice, Patience};
use crate::position::Timestamp;
use crate::worker::ops::Done;
use crate::worker::reading::Phase;
use crate::worker::streams::HoleFilling;

/// The pause before the leases of following shards are tried again. They are not urgent enough to hurry a service in trouble.
const CHILDREN_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The pause before the next look at a hole that may be one which a reshard shows for a moment.
const NEXT_LOOK_AT_A_HOLE: Duration = Duration::from_secs(1);

/// Patience with each kind of call of a worker: readings of the table, writes to leases, and the leases of following shards.
#[derive(Debug)]
pub(super) struct PatienceWith {
    readings: Patience,
    writes: Patience,
    children: Patience,
}

impl PatienceWith {
    pub(super) fn new(limit: Duration) -> Self {
        Self { readings: Patience::new(limit), writes: Patience::new(limit), children: Patience::new(limit) }
    }
}

impl WorkerTask {
    pub(super) fn on_done(&mut self, done: Done) {
        match done {
            Done::Listed(listing) => self.on_listed(listing),
            Done::Written(ticket, outcome) => self.on_written(&ticket, *outcome),
            Done::ChildrenMade { shard, holding, result: Ok(()), .. } => {
                self.patience.children.on_success();
                if let Some(held) = self.held(&shard, holding) {
                    held.phase = Phase::Draining;
                }
            }
            Done::ChildrenMade { shard, holding, children, result: Err(error) } => {
                let Some(error) = self.service_error_without_stream(shard.scope(), error) else { return };
                match self.patience.children.on_failure(&error, now()) {
                    Advice::GiveUp => self.seats.fail_any(KinesisError::Service(error)),
                    Advice::TryAgain if self.held(&shard, holding).is_some() => {
                        warn!(%shard, %error, "the leases of the following shards could not be made; trying again");
                        self.make_children(shard, holding, children, CHILDREN_RETRY_PAUSE);
                    }
                    Advice::TryAgain => {}
                }
            }
            Done::Synced(scope, result) => self.on_synced(&scope, result, "filled a hole in the leases"),
            Done::RangesNoted(scope, result) => self.on_synced(&scope, result, "noted hash ranges that leases lacked"),
            Done::CleanedUp(scope, result) => self.on_cleaned_up(&scope, result),
            Done::StreamOpened(opened) => self.on_stream_opened(*opened),
            Done::LookedUp { name, published } => self.on_looked_up(&name, published),
        }
    }

    fn on_synced(&mut self, scope: &str, result: Result<usize, ServiceError>, what: &'static str) {
        if let Some(read) = self.streams.get_mut(scope) {
            read.filling = HoleFilling::Idle;
        }
        match result {
            // A hole may rightly stay: a child waits for its other parent.
            Ok(0) => {}
            Ok(count) => info!(count, "{what}"),
            Err(error) if error.kind.is_transient() => {
                warn!(%error, "could not look for missing leases; trying again later");
            }
            Err(error) => {
                let left = self.without_stream(scope, KinesisError::Service(error));
                left.into_iter().for_each(|error| self.seats.fail_any(error));
            }
        }
    }

    fn on_written(&mut self, ticket: &Ticket, outcome: Commit) {
        self.core.on_commit(ticket, &outcome, now());
        match outcome {
            Commit::Committed(_) | Commit::Superseded(_) => self.patience.writes.on_success(),
            Commit::NotDone(error) | Commit::Unknown(error) => match self.patience.writes.on_failure(&error, now()) {
                Advice::TryAgain => {
                    warn!(shard = %ticket.change.shard(), %error, "a lease could not be written; trying again");
                }
                Advice::GiveUp => self.seats.fail_any(KinesisError::Service(error)),
            },
        }
    }

    fn on_listed(&mut self, listing: Result<Listing, ServiceError>) {
        match listing {
            Ok(listing) => {
                self.patience.readings.on_success();
                self.report_what_went_with_streams(&listing);
                let listing = self.streams.own(listing);
                self.report_unreadable(&listing);
                match self.core.on_listing(listing, now()) {
                    Reading::TooOld => warn!("reading the lease table took longer than the failover time"),
                    Reading::Used => {
                        self.readings = Readings::Some;
                        self.leftovers.on_listing(self.core.snapshot(), self.core.me());
                        self.look_for_holes();
                    }
                }
            }
            Err(error) => {
                self.core.on_list_failed(now());
                match self.patience.readings.on_failure(&error, now()) {
                    Advice::TryAgain => warn!(%error, "the lease table could not be read; trying again"),
                    Advice::GiveUp => self.seats.fail_any(KinesisError::Service(error)),
                }
            }
        }
    }

    /// Says of each row that has become unreadable, once, that it is left alone: its shard is read by nobody from here.
    fn report_unreadable(&self, listing: &Listing) {
        let known = self.core.snapshot().unreadable();
        for (key, why) in listing.unreadable.iter().filter(|(key, _)| !known.contains(&key.as_str().into())) {
            warn!(key, why, "a row of the lease table is no readable lease; it is left alone");
        }
    }

    fn look_for_holes(&mut self) {
        let scopes: Vec<Arc<str>> = self.streams.read().map(|stream| Arc::clone(&stream.scope)).collect();
        scopes.iter().for_each(|scope| self.look_for_holes_of(scope));
    }

    /// The shards of a stream cover its hash keys, whatever others there are.
    fn look_for_holes_of(&mut self, scope: &str) {
        let cover = cover(self.core.snapshot().leases().filter(|lease| lease.shard.scope() == scope));
        // Who leads costs a sort of all owners, and matters only when something is wrong.
        let role = if cover != Cover::Complete && self.core.leads() { Role::Leader } else { Role::Other };
        let Some(read) = self.streams.get_mut(scope) else { return };
        let verdict = read.holes.on_listing(&cover, role);
        match verdict {
            Verdict::Wait => {}
            Verdict::LookSoon => self.core.list_soon(now() + NEXT_LOOK_AT_A_HOLE),
            Verdict::Fill | Verdict::NoteRanges if read.filling == HoleFilling::UnderWay => {}
            Verdict::Fill => {
                read.filling = HoleFilling::UnderWay;
                self.ops.sync(&read.stream, Timestamp::from_millis(self.clock.now().as_millis()));
            }
            Verdict::NoteRanges => {
                read.filling = HoleFilling::UnderWay;
                self.ops.note_ranges(&read.stream);
            }
        }
    }
}
