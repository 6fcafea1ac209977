//! A run under way: endpoints, stream, producer and workers, and everything that was seen of them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::chaos::embedded_stream::{OpenShard, Stream};
use crate::chaos::fault_rules::Faults;
use crate::chaos::fleet::Fleet;
use crate::chaos::journal::Journal;
use crate::chaos::lease_table::{LeaseTable, Owners, is_balanced, shares};
use crate::chaos::producer::Load;
use crate::chaos::random_steps::Dice;
use crate::chaos::record::{Millis, Shard};
use crate::child::pause;
use crate::console;
use crate::endpoints::Endpoints;
use crate::failure::Failure;
use crate::interrupt;

/// How often the lease table is read while a step waits for it.
const LOOK_AT_TABLE_EVERY: u64 = 200;

/// Everything that a step can act on and look at.
pub(crate) struct Stage<'a> {
    pub(crate) fleet: Fleet<'a>,
    pub(crate) endpoints: &'a mut Endpoints,
    pub(crate) stream: Stream,
    pub(crate) table: LeaseTable,
    pub(crate) faults: Faults,
    pub(crate) load: Option<Load>,
    pub(crate) journal: Journal,
    pub(crate) dice: Dice,
    /// How long each worker took that stopped in the present step.
    pub(crate) exits: Vec<Millis>,
    pub(crate) last_moment: Duration,
    pub(crate) bar: Bar,
    pub(crate) table_seen: Option<(Millis, Owners)>,
}

/// Whether what a step waits for has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// At this moment.
    Until(Millis),
    /// It has not come in time.
    InVain,
}

impl Waited {
    pub(crate) const fn came(self) -> Option<Millis> {
        match self {
            Self::Until(at) => Some(at),
            Self::InVain => None,
        }
    }
}

impl Stage<'_> {
    pub(crate) fn now(&self) -> Millis {
        self.fleet.now()
    }

    /// Lets a moment pass, and takes in what happened.
    pub(crate) fn tick(&mut self) -> Result<(), Failure> {
        pause();
        interrupt::check()?;
        if let Some(status) = self.endpoints.ended()? {
            self.fleet.kill_all()?;
            return Err(Failure::Failed(format!("the embedded endpoints ended early with {status}")));
        }
        if u128::from(self.now().0) > self.last_moment.as_millis() {
            let limit = self.last_moment.as_secs();
            return Err(Failure::Failed(format!(
                "the run was not done within {limit} s: give --max-seconds more, or fewer steps"
            )));
        }
        let look = self.fleet.look()?;
        self.journal.append(look.records);
        self.exits.extend(look.exits);
        let confirmed = self.load.as_ref().map(Load::confirmed);
        self.bar.show(confirmed, self.journal.different());
        Ok(())
    }

    /// Waits until something holds, or for so long.
    pub(crate) fn wait_until(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<Waited, Failure> {
        let begun = self.now();
        loop {
            self.tick()?;
            if holds(self)? {
                return Ok(Waited::Until(self.now()));
            }
            if u128::from(self.now().since(begun).0) > limit.as_millis() {
                return Ok(Waited::InVain);
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn let_pass(&mut self, time: Duration) -> Result<(), Failure> {
        self.wait_until(time, |_| Ok(false)).map(|_| ())
    }

    pub(crate) fn open_shards(&self) -> Result<Vec<OpenShard>, Failure> {
        self.stream.open_shards().map_err(Failure::Failed)
    }

    /// Whether the workers share these shards evenly, as the lease table said a moment ago.
    pub(crate) fn is_balanced(&mut self, open: &BTreeSet<Shard>) -> Result<bool, Failure> {
        let workers = self.fleet.running().len();
        Ok(is_balanced(self.owners()?, open, workers))
    }

    /// How many of these shards each owner holds, in ascending order.
    pub(crate) fn shares(&mut self, open: &BTreeSet<Shard>) -> Result<Vec<usize>, Failure> {
        self.table_seen = None;
        let mut shares: Vec<usize> = shares(self.owners()?, open).into_values().collect();
        shares.sort_unstable();
        Ok(shares)
    }

    fn owners(&mut self) -> Result<&Owners, Failure> {
        let now = self.now();
        let fresh = |seen: &(Millis, Owners)| now.since(seen.0).0 < LOOK_AT_TABLE_EVERY;
        let seen = match self.table_seen.take().filter(fresh) {
            Some(seen) => seen,
            None => (now, self.table.owners().map_err(Failure::Failed)?),
        };
        Ok(&self.table_seen.insert(seen).1)
    }
}

/// The names of shards.
pub(crate) fn names(shards: &[OpenShard]) -> BTreeSet<Shard> {
    shards.iter().map(|open| open.shard.clone()).collect()
}

/// How far the run is: a line that changes, on a terminal only.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    /// What stands before the step.
    title: String,
    step: String,
    talk: Talk,
}

/// How much a run says while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// A line for each step.
    Steps,
    /// Nothing: it is one of many.
    Nothing,
}

impl Bar {
    pub(crate) fn new(steps: u64, title: &str, talk: Talk) -> Self {
        let style = ProgressStyle::with_template("{elapsed_precise} [{bar:20}] {msg}");
        let bar = ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, title: title.to_owned(), step: String::new(), talk }
    }

    /// A step begins.
    pub(crate) fn begin(&mut self, done: u64, step: &impl Display) {
        self.bar.set_position(done);
        self.step = format!("{}{step}", self.title);
    }

    fn show(&self, confirmed: Option<u64>, processed: u64) {
        let put = confirmed.map_or(String::new(), |confirmed| format!("{confirmed} put, "));
        self.bar.set_message(format!("{}: {put}{processed} processed", self.step));
    }

    /// Tells the user something, above the bar.
    pub(crate) fn say(&self, text: impl Display) {
        if self.talk == Talk::Steps {
            self.bar.suspend(|| console::say(text));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
