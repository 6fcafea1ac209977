//! When the worker cleans up the lease table.

use std::time::Duration;

use kinesis_endpoint::ServiceError;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::WorkerTask;
use crate::lease::lease::Lease;
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
    work: Work,
}

/// Whether a look is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Idle,
    UnderWay,
}

impl CleanupClock {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now + CLEANUP_EVERY, looks: 0, work: Work::Idle }
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
        if is_on_duty && self.cleanup.work == Work::Idle {
            self.cleanup.work = Work::UnderWay;
            let rows = Rows { leases: snapshot.leases().cloned().collect(), unreadable: snapshot.unreadable().clone() };
            self.ops.clean_up(rows, self.settings.cleanup);
        }
    }

    pub(super) fn on_cleaned_up(&mut self, result: Result<usize, ServiceError>) {
        self.cleanup.work = Work::Idle;
        match result {
            Ok(deleted) => debug!(deleted, "cleaned up the lease table"),
            // A lease too many harms nobody: not even a denied call is a reason to stop.
            Err(error) => warn!(
                %error,
                "could not clean up the lease table; trying again later (to leave it as it is, set lease_cleanup to \
                 LeaseCleanup::Keep)"
            ),
        }
    }
}
