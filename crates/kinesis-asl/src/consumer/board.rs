//! What each shard's reader is doing and how far it is behind: a small value that readers write and anybody may look at.
//!
//! Promises: a change of state is logged once; a shard without progress names itself and the reason. Locked for a look or an
//! assignment, never across an await.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::consumer::trouble::Trouble;
use crate::shard::ShardId;

/// From here on a shard counts as behind, and below the other as caught up again: far apart, so that the log is quiet.
const BEHIND: i64 = 60_000;
const CAUGHT_UP: i64 = 5_000;

/// What a shard's reader is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is being found out whether the snapshot that its lease names was published, which says where it begins.
    LookingForSnapshot,
    /// A shard that it came from is not processed to its end.
    WaitingForParents,
    /// It has no iterator or subscription yet.
    Opening,
    /// It waits for the next page.
    Reading,
    /// It has a page that does not fit: the memory budget is used up by what is not processed yet, or a rate limit holds it back.
    WaitingForMemory,
    /// The last call failed and is made again.
    Troubled(Trouble),
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookingForSnapshot => f.write_str(
                "looking whether the snapshot that its lease names was published in the checkpoint directory",
            ),
            Self::WaitingForParents => f.write_str("waiting for its parents to be processed"),
            Self::Opening => f.write_str("opening its iterator or subscription"),
            Self::Reading => f.write_str("waiting for an answer"),
            Self::WaitingForMemory => {
                f.write_str("waiting for memory or a rate limit: processing is slower than the stream")
            }
            Self::Troubled(trouble) => trouble.fmt(f),
        }
    }
}

/// How one shard's reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardReading {
    /// What it is doing.
    pub doing: Doing,
    /// How far behind the newest record its last page was, in milliseconds, as the service said; `None` until it did.
    pub millis_behind_latest: Option<i64>,
    /// How old the newest record was when it was stored, by its arrival time and our clock; zero when the tip was reached after it. `None`
    /// until something was stored. It compares two clocks: a skew between the service's and ours goes into it.
    pub arrival_lag: Option<Duration>,
    /// When its last page, or slice of a page, was stored, or when its lease was gained.
    pub last_progress: Instant,
    /// How often records had expired before they were read. See [`OnExpired`](crate::OnExpired).
    pub losses: u64,
}

#[derive(Debug)]
struct Entry {
    reading: ShardReading,
    /// What has been logged of it.
    lag: Lag,
    watch: Watch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lag {
    CaughtUp,
    Behind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Moves,
    SaidToBeStuck,
}

impl Entry {
    fn moved(&mut self, shard: &ShardId, now: Instant) {
        self.reading.last_progress = now;
        if self.watch == Watch::SaidToBeStuck {
            self.watch = Watch::Moves;
            info!(%shard, "a shard makes progress again");
        }
    }
}

/// How the readers of an application in this process are. Get it by
/// [`KinesisInputDStream::readings`](crate::KinesisInputDStream::readings).
#[derive(Debug, Default)]
pub struct ReadingBoard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shards: BTreeMap<ShardId, Entry>,
    losses: u64,
}

impl ReadingBoard {
    /// The shards that this process holds and reads, or will.
    #[must_use]
    pub fn shards(&self) -> BTreeMap<ShardId, ShardReading> {
        self.lock().shards.iter().map(|(shard, entry)| (shard.clone(), entry.reading)).collect()
    }

    /// How far the shard that is furthest behind is, in milliseconds; `None` until the service has said something.
    #[must_use]
    pub fn millis_behind_latest(&self) -> Option<i64> {
        self.lock().shards.values().filter_map(|entry| entry.reading.millis_behind_latest).max()
    }

    /// The greatest [`arrival_lag`](ShardReading::arrival_lag) of all shards: how old the newest stored record of the slowest one was.
    /// `None` until something was stored.
    #[must_use]
    pub fn arrival_lag(&self) -> Option<Duration> {
        self.lock().shards.values().filter_map(|entry| entry.reading.arrival_lag).max()
    }

    /// How often records had expired before they were read, in all shards since the start, those included that are not held any
    /// more; and of how many shards an earlier run left records unfinished that are lost with their stream.
    #[must_use]
    pub fn losses(&self) -> u64 {
        self.lock().losses
    }

    /// A shard is held from now on.
    pub(crate) fn begin(&self, shard: &ShardId, now: Instant) {
        let doing = Doing::WaitingForParents;
        let reading =
            ShardReading { doing, millis_behind_latest: None, arrival_lag: None, last_progress: now, losses: 0 };
        let entry = Entry { reading, lag: Lag::CaughtUp, watch: Watch::Moves };
        self.lock().shards.insert(shard.clone(), entry);
    }

    /// Nobody reads a shard any more.
    pub(crate) fn end(&self, shard: &ShardId) {
        self.lock().shards.remove(shard);
    }

    /// What a reader is doing.
    pub(crate) fn set(&self, shard: &ShardId, doing: Doing) {
        if let Some(entry) = self.lock().shards.get_mut(shard) {
            entry.reading.doing = doing;
        }
    }

    /// What a page that was stored says about the lag; `None`: nothing.
    pub(crate) fn on_lag(&self, shard: &ShardId, lag: Option<Duration>) {
        if let (Some(lag), Some(entry)) = (lag, self.lock().shards.get_mut(shard)) {
            entry.reading.arrival_lag = Some(lag);
        }
    }

    /// A slice of a page was stored, and not yet the whole: at a slow rate limit, a page takes its time.
    pub(crate) fn on_slice(&self, shard: &ShardId, now: Instant) {
        if let Some(entry) = self.lock().shards.get_mut(shard) {
            entry.moved(shard, now);
        }
    }

    /// A page was stored.
    pub(crate) fn on_page(&self, shard: &ShardId, millis_behind_latest: Option<i64>, now: Instant) {
        let mut state = self.lock();
        let Some(entry) = state.shards.get_mut(shard) else { return };
        entry.reading.doing = Doing::Reading;
        entry.moved(shard, now);
        let Some(millis) = millis_behind_latest else { return };
        entry.reading.millis_behind_latest = Some(millis);
        match entry.lag {
            Lag::CaughtUp if millis >= BEHIND => {
                entry.lag = Lag::Behind;
                info!(%shard, seconds = millis / 1_000, "a shard is behind");
            }
            Lag::Behind if millis <= CAUGHT_UP => {
                entry.lag = Lag::CaughtUp;
                info!(%shard, "a shard has caught up");
            }
            Lag::CaughtUp | Lag::Behind => {}
        }
    }

    /// Records had expired before they were read.
    pub(crate) fn on_loss(&self, shard: &ShardId) {
        let mut state = self.lock();
        state.losses += 1;
        if let Some(entry) = state.shards.get_mut(shard) {
            entry.reading.losses += 1;
        }
    }

    /// Says which shards had no progress for `limit`, each once until it makes progress. The answer is those that were said now.
    pub(crate) fn watch(&self, now: Instant, limit: Duration) -> Vec<ShardId> {
        let mut said = Vec::new();
        for (shard, entry) in &mut self.lock().shards {
            let quiet = now.saturating_duration_since(entry.reading.last_progress);
            if quiet >= limit && entry.watch == Watch::Moves {
                entry.watch = Watch::SaidToBeStuck;
                let seconds = quiet.as_secs();
                warn!(%shard, seconds, reason = %entry.reading.doing, "a shard makes no progress");
                said.push(shard.clone());
            }
        }
        said
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn a_shard_without_progress_is_named_once_with_its_reason_until_it_makes_progress_again() {
        let (board, begun) = (ReadingBoard::default(), now());
        let (stuck, moving) = (ShardId::from("stuck"), ShardId::from("moving"));
        board.begin(&stuck, begun);
        board.begin(&moving, begun);
        board.set(&stuck, Doing::WaitingForMemory);
        let later = begun + LIMIT;
        board.on_page(&moving, Some(0), later);
        assert_eq!(board.watch(later, LIMIT), std::slice::from_ref(&stuck));
        assert_eq!(board.watch(later, LIMIT), [], "once");
        assert!(board.shards()[&stuck].doing.to_string().contains("waiting for memory"));
        board.on_page(&stuck, Some(0), later);
        let much_later = later + LIMIT;
        board.on_page(&moving, Some(0), much_later);
        assert_eq!(board.watch(much_later, LIMIT), [stuck]);
    }

    #[test]
    fn an_idle_shard_makes_progress_by_its_empty_pages() {
        let (board, begun, shard) = (ReadingBoard::default(), now(), ShardId::from("s"));
        board.begin(&shard, begun);
        board.on_page(&shard, Some(0), begun + LIMIT);
        assert_eq!(board.watch(begun + LIMIT + Duration::from_secs(1), LIMIT), []);
    }

    #[test]
    fn the_application_is_as_far_behind_as_its_last_shard_and_forgets_shards_that_it_does_not_hold() {
        let (board, now) = (ReadingBoard::default(), now());
        let (a, b) = (ShardId::from("a"), ShardId::from("b"));
        assert_eq!(board.millis_behind_latest(), None);
        board.begin(&a, now);
        board.begin(&b, now);
        board.on_page(&a, Some(70_000), now);
        board.on_page(&b, Some(10), now);
        assert_eq!(board.millis_behind_latest(), Some(70_000));
        board.on_lag(&a, Some(LIMIT));
        board.on_lag(&b, Some(Duration::ZERO));
        board.on_lag(&a, None);
        assert_eq!(board.arrival_lag(), Some(LIMIT));
        board.on_loss(&a);
        board.end(&a);
        assert_eq!((board.millis_behind_latest(), board.losses()), (Some(10), 1));
        assert_eq!(board.arrival_lag(), Some(Duration::ZERO));
    }

    #[test]
    fn each_reason_has_words_of_its_own() {
        let doings = [
            Doing::LookingForSnapshot,
            Doing::WaitingForParents,
            Doing::Opening,
            Doing::Reading,
            Doing::WaitingForMemory,
            Doing::Troubled(Trouble::Throughput),
            Doing::Troubled(Trouble::Limit),
            Doing::Troubled(Trouble::InUse),
            Doing::Troubled(Trouble::Failing),
        ];
        let texts: std::collections::BTreeSet<String> = doings.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), doings.len());
    }
}
