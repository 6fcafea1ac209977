//! How a worker reads: plain values, already checked.

use std::time::Duration;

use kpl_deagg::RangePolicy;

use crate::checkpoint::published::SnapshotLookup;
use crate::consumer::settings::ReaderSettings;
use crate::lease::cleanup::LeaseCleanup;

/// How a worker reads.
#[derive(Debug, Clone)]
pub(crate) struct WorkerSettings {
    pub(crate) range_policy: RangePolicy,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) give_up_after: Duration,
    pub(crate) reading: ReaderSettings,
    pub(crate) seed: u64,
    pub(crate) cleanup: LeaseCleanup,
    pub(crate) snapshots: SnapshotLookup,
}
