//! When the worker cleans up the lease table.

use std::time::Duration;

use kinesis_endpoint::ServiceError;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::WorkerTask;
use crate::lease::lease::Lease;
use crate::shard::ShardId;
use crate::worker::cleanup::Rows;

/// The pause between two looks; the KCL's.
pub(super) const CLEANUP_EVERY: Duration = Duration::from_secs(300);
/// A worker that does not lead cleans up at every third look only: in case that the leader does not, or that there is
/// none because the name that the rule picks is that of a worker which has died.
const LOOKS_OF_OTHERS: u32 = 3;

/// When to look next.
#[derive(Debug)]
pub(super) struct CleanupClock {
    next: Instant,
    looks: u32,
    /// Streams that are being cleaned up.
    under_way: usize,
}

impl CleanupClock {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + CLEANUP_EVERY, looks: 0, under_way: 0 }
    }

    pub(super) fn next(&self) -> Instant {
        self.next
    }
}

impl WorkerTask {
    /// Looks for leases that are needed no more, when it is time.
    pub(super) fn clean_up_when_due(&mut self, now: Instant) {
        if now < self.cleanup.next {
            return;
        }
        self.cleanup.next = now + CLEANUP_EVERY;
        self.cleanup.looks = self.cleanup.looks.wrapping_add(1);
        let snapshot = self.core.snapshot();
        let is_on_duty = self.core.leads()
            || (self.cleanup.looks.is_multiple_of(LOOKS_OF_OTHERS) && snapshot.leases().any(Lease::is_ended));
        if !is_on_duty || self.cleanup.under_way > 0 {
            return;
        }
        for stream in self.streams.read() {
            let is_its = |shard: &ShardId| shard.scope() == &*stream.scope;
            let leases = snapshot.leases().filter(|lease| is_its(&lease.shard)).cloned().collect();
            let unreadable = snapshot.unreadable().iter().filter(|shard| is_its(shard)).cloned().collect();
            self.ops.clean_up(stream, Rows { leases, unreadable }, self.settings.cleanup);
            self.cleanup.under_way += 1;
        }
    }

    pub(super) fn on_cleaned_up(&mut self, scope: &str, result: Result<usize, ServiceError>) {
        self.cleanup.under_way = self.cleanup.under_way.saturating_sub(1);
        let error = match result {
            Ok(deleted) => return debug!(deleted, "cleaned up the lease table"),
            Err(error) => self.service_error_without_stream(scope, error),
        };
        if let Some(error) = error {
            // A lease too many harms nobody: not even a denied call is a reason to stop.
            warn!(
                %error,
                "could not clean up the lease table; trying again later (to leave it as it is, set lease_cleanup to \
                 LeaseCleanup::Keep)"
            );
        }
    }
}
