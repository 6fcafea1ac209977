//! How a story ends: the network is mended, what was produced is processed, everybody stops, and the report is drawn up.

use std::time::Duration;

use crate::check::Violation;
use crate::faults::{Faults, SLOWEST};
use crate::report::Report;
use crate::setup::Setup;
use crate::world::{World, WorldError};

/// A graceful stop with a good network must be over by then.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// At the end everything must be processed within this time: a failover, a tree of reshards, and a lot of patience.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
/// Somebody restarts a process that ended by itself.
const RESTARTED_WITHIN: Duration = Duration::from_secs(5);

impl World {
    /// Ends the story: the network is mended, production ends, everything must be processed, everybody is stopped.
    ///
    /// # Errors
    /// When nobody is left and no process can be started.
    ///
    /// # Cancellation
    /// The world is lost.
    pub async fn finish(mut self) -> Result<Report, WorldError> {
        self.setup.records_per_second = 0;
        self.set_faults(Faults::NONE);
        self.someone_runs()?;
        // Calls under way may still be slow, and leases that somebody lost sight of come back a failover time later.
        let mended = self.disturbed_until.max(self.now()) + self.setup.failover + SLOWEST * 2;
        self.run_for(mended.saturating_sub(self.now())).await;
        let all_processed = |world: &Self| world.chronicle.with_checker(|checker| checker.is_all_processed());
        let limit = self.now() + SETTLE_LIMIT;
        while self.now() < limit && self.run_until(RESTARTED_WITHIN, all_processed).await.is_none() {
            self.someone_runs()?;
        }
        let processed_at = self.now();
        self.chronicle.with_checker(|checker| checker.note_losses(processed_at));
        self.running().into_iter().for_each(|worker| self.stop_worker(worker));
        self.await_ends().await;
        let (records, repeats) = self.chronicle.with_checker(|checker| checker.counts());
        let (log, violations) = self.chronicle.close();
        let (seed, table_calls) = (self.seed, self.table_calls);
        let Setup { failover, faults, .. } = self.setup;
        Ok(Report { seed, failover, faults, violations, records, repeats, table_calls, log })
    }

    /// A process that had given up on a batch comes to its end even now.
    fn someone_runs(&mut self) -> Result<(), WorldError> {
        if self.running().is_empty() {
            self.start_worker()?;
        }
        Ok(())
    }

    /// Every process that was told to stop must end, and nothing may stay owned.
    async fn await_ends(&mut self) {
        for (worker, mut process) in std::mem::take(&mut self.processes) {
            if tokio::time::timeout(STOP_LIMIT, &mut process.task).await.is_err() {
                self.note(Violation::StopHangs(worker));
                process.task.abort();
                process.hub.kill().await;
            }
            self.table_calls += process.link.table_calls();
        }
        // An ended lease is nobody's burden, whoever its owner was.
        for lease in self.leases().into_iter().filter(|lease| !lease.is_ended()) {
            if let Some(owner) = lease.owner {
                self.note(Violation::NotReleased { shard: lease.shard, owner });
            }
        }
    }

    fn note(&self, violation: Violation) {
        let at = self.now();
        self.chronicle.with_checker(|checker| checker.note(at, violation));
    }
}
