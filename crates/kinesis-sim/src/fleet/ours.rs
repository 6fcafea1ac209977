//! A worker of ours in a fleet: the real `LeaseCore`; its calls with delays, and the time that a drain takes.

use std::collections::BTreeMap;
use std::time::Duration;

use kinesis_asl::Timestamp;
use kinesis_asl::lease::command::{Command, Ticket, Unresolved};
use kinesis_asl::lease::commit::Commit;
use kinesis_asl::lease::core::{LeaseCore, LeasePolicy};
use kinesis_asl::lease::lease::LeaseChange;
use kinesis_asl::lease::plan::TakeLimits;
use kinesis_asl::lease::store::Listing;
use kinesis_asl::{Holding, ShardId};

use crate::fleet::simulation::{Drained, Happening, Stage};
use crate::fleet::table::MemberNo;

/// A worker looks at what has happened at most this often: one look at thousands of leases serves many answers.
const GRID_MILLIS: u64 = 20;

/// A worker of ours.
#[derive(Debug)]
pub(crate) struct Ours {
    member: MemberNo,
    core: LeaseCore,
    held: BTreeMap<ShardId, Holding>,
    wakes_at: Option<Duration>,
    life: Life,
    rounds: usize,
    /// Whether the look that is being acted on has led to anything yet.
    look: Look,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Runs,
    Drains,
    Releases,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Fresh,
    Counted,
}

impl Ours {
    /// A worker that begins after a moment.
    pub(crate) fn start(member: MemberNo, begins: Duration, seed: u64, stage: &mut Stage) -> Self {
        let limits = TakeLimits { failover: stage.setup.failover, max_leases: usize::MAX };
        let unresolved = Unresolved { latest: Timestamp::from_millis(0) };
        let core = LeaseCore::new(
            member.id(),
            LeasePolicy { limits, hand_over_within: limits.failover * 3, unresolved },
            seed,
            stage.instant() + begins,
        );
        let mut ours = Self {
            member,
            core,
            held: BTreeMap::new(),
            wakes_at: None,
            life: Life::Runs,
            rounds: 0,
            look: Look::Counted,
        };
        ours.wake_at(stage.now + begins, stage);
        ours
    }

    /// Reading ends; after the drain everything is released.
    pub(crate) fn stop(&mut self, stage: &mut Stage) {
        self.life = Life::Drains;
        self.core.stop_taking(stage.instant());
        stage.schedule(self.member, stage.setup.drain, Happening::Drained(Drained::All));
        self.wake_at(stage.now, stage);
    }

    /// Whether it was told to stop and has nothing more to do.
    pub(crate) fn has_left(&self) -> bool {
        self.life == Life::Releases && self.core.is_idle()
    }

    pub(crate) fn begin_counting_rounds(&mut self) {
        self.rounds = 0;
    }

    /// Looks at the table that led to taking or asking.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds
    }

    /// The numbers of the leases that it believes to hold.
    pub(crate) fn held(&self) -> Vec<usize> {
        let number = |shard: &ShardId| shard.as_str().rsplit('-').next().and_then(|digits| digits.parse().ok());
        self.held.keys().filter_map(number).collect()
    }

    pub(crate) fn happen(&mut self, what: Happening, stage: &mut Stage) {
        let now = stage.instant();
        match what {
            Happening::Wake if self.wakes_at == Some(stage.now) => {
                self.wakes_at = None;
                self.act(stage);
                return;
            }
            Happening::Listed(listing) => {
                self.look = Look::Fresh;
                self.core.on_listing(listing, now);
            }
            Happening::Lands(ticket) => {
                let outcome = land(&ticket, stage);
                let back = stage.one_way();
                stage.schedule(self.member, back, Happening::Written(Box::new((*ticket, outcome))));
                return;
            }
            Happening::Written(written) => {
                let (ticket, outcome) = *written;
                self.core.on_commit(&ticket, &outcome, now);
            }
            Happening::Drained(Drained::One(shard, holding)) => self.core.hand_over(&shard, holding),
            Happening::Drained(Drained::All) => {
                self.life = Life::Releases;
                self.held.iter().for_each(|(shard, holding)| self.core.release(shard, *holding));
            }
            Happening::Wake | Happening::Kcl(_) => return,
        }
        let millis = u64::try_from(stage.now.as_millis()).unwrap_or(u64::MAX);
        self.wake_at(Duration::from_millis((millis / GRID_MILLIS + 1) * GRID_MILLIS), stage);
    }

    fn act(&mut self, stage: &mut Stage) {
        loop {
            let commands = self.core.poll(stage.instant());
            if commands.is_empty() {
                break;
            }
            commands.into_iter().for_each(|command| self.carry_out(command, stage));
        }
        if let Some(deadline) = self.core.deadline() {
            let at = stage.since_base(deadline).max(stage.now + Duration::from_millis(1));
            self.wake_at(at, stage);
        }
    }

    fn carry_out(&mut self, command: Command, stage: &mut Stage) {
        match command {
            Command::List => {
                let leases = stage.table.read_all().to_vec();
                let takes = stage.reading_time();
                let listing = Listing { leases, unreadable: Vec::new() };
                stage.schedule(self.member, takes, Happening::Listed(listing));
            }
            Command::Write(ticket) => {
                self.count_round(&ticket.change);
                let there = stage.one_way();
                stage.schedule(self.member, there, Happening::Lands(Box::new(ticket)));
            }
            Command::Gained(lease, holding) => {
                if self.life == Life::Releases {
                    self.core.release(&lease.shard, holding);
                }
                self.held.insert(lease.shard, holding);
            }
            Command::Lost(shard, ..) | Command::Released(shard, _) => {
                self.held.remove(&shard);
            }
            Command::Wanted(shard, holding) => {
                stage.schedule(self.member, stage.setup.drain, Happening::Drained(Drained::One(shard, holding)));
            }
            Command::Checkpointed(..) => {}
        }
    }

    /// What it finds in its own name was decided before.
    fn count_round(&mut self, change: &LeaseChange) {
        let decides = match change {
            LeaseChange::Ask { .. } => true,
            LeaseChange::Take { claim, from, .. } => from.as_ref() != Some(&claim.worker),
            _ => false,
        };
        if decides && self.look == Look::Fresh {
            (self.rounds, self.look) = (self.rounds + 1, Look::Counted);
        }
    }

    fn wake_at(&mut self, at: Duration, stage: &mut Stage) {
        if self.wakes_at.is_none_or(|before| at < before) {
            self.wakes_at = Some(at);
            stage.schedule(self.member, at.saturating_sub(stage.now), Happening::Wake);
        }
    }
}

/// A conditional write, and the reading that follows where its condition does not hold.
fn land(ticket: &Ticket, stage: &mut Stage) -> Commit {
    let now = stage.now;
    match stage.table.update(&ticket.change, now) {
        Some(lease) => Commit::Committed(Some(lease)),
        None => match stage.table.read(ticket.change.shard()) {
            Some(stored) if ticket.change.has_landed(&stored) => Commit::Committed(Some(stored)),
            stored => Commit::Superseded(stored),
        },
    }
}
