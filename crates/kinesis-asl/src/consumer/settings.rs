//! What the readers of a worker have in common.

use std::sync::Arc;
use std::time::Duration;

use dstream_core::SystemClock;

use crate::config::Tuning;
use crate::consumer::arrival_lag::WallClock;
use crate::consumer::board::ReadingBoard;
use crate::consumer::fan_out::FanOut;
use crate::consumer::polling::Polling;
use crate::consumer::registration::Registration;
use crate::consumer::retrieval::{OnExpired, RereadRetry, Retrieval, SubscriptionTiming};
use crate::consumer::shard_budgets::ShardBudgets;
use crate::consumer::source::Source;
use crate::consumer::start::Start;
use crate::shard::ShardId;

/// How shards are read, and where that is noted.
#[derive(Debug, Clone)]
pub struct ReaderSettings {
    pub(crate) idle: Duration,
    pub(crate) budgets: Arc<ShardBudgets>,
    pub(crate) reread: RereadRetry,
    pub(crate) timing: SubscriptionTiming,
    pub(crate) on_expired: OnExpired,
    pub(crate) give_up_after: Duration,
    pub(crate) stuck_after: Duration,
    /// The registered consumer; `None` when shards are polled.
    pub(crate) registration: Option<Arc<Registration>>,
    pub(crate) board: Arc<ReadingBoard>,
    pub(crate) clock: WallClock,
}

impl ReaderSettings {
    /// The part of the settings of an application that concerns reading.
    #[must_use]
    pub fn new(tuning: &Tuning, board: Arc<ReadingBoard>) -> Self {
        let registration = match &tuning.retrieval {
            Retrieval::Polling => None,
            Retrieval::FanOut { consumer_name, lifecycle } => {
                Some(Arc::new(Registration::new(consumer_name.clone(), *lifecycle)))
            }
        };
        Self {
            idle: tuning.idle_between_reads,
            budgets: Arc::new(ShardBudgets::new(tuning.read_limits)),
            reread: tuning.reread,
            timing: tuning.subscription_timing,
            on_expired: tuning.on_expired,
            give_up_after: tuning.give_up_after,
            stuck_after: tuning.stuck_after,
            registration,
            board,
            clock: WallClock(Arc::new(SystemClock)),
        }
    }

    pub(crate) fn source(&self, shard: ShardId, start: Start, seed: u64) -> Source {
        match &self.registration {
            None => {
                let budget = self.budgets.of(&shard);
                Source::Polling(Polling::new(shard, start, self.idle, budget, seed))
            }
            Some(registration) => {
                Source::FanOut(FanOut::new(shard, start, Arc::clone(registration), self.timing, seed))
            }
        }
    }
}
