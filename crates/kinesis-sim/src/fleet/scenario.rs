//! The life of a fleet, and what each event in it costs: cold start, steady state, a join, a stop, a crash, a deploy.

use std::time::Duration;

use crate::fleet::simulation::{Fleet, FleetSetup, Kind};
use crate::fleet::table::{Calls, MemberNo};

/// How long calls are counted in the steady state.
const STEADY_MINUTES: u32 = 3;
/// A fleet in which no owner has changed for so long has settled.
const QUIET: Duration = Duration::from_secs(60);
/// And one that is not balanced and does not change for so long never will be.
const STUCK: Duration = Duration::from_secs(120);
/// How long a fleet is watched after an event.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// A deploy replaces a tenth of the fleet at a time.
const DEPLOY_GROUPS: usize = 10;
/// New workers run for so long before old ones are stopped.
const OVERLAP: Duration = Duration::from_secs(5);
/// The time from group to group.
const GROUP_EVERY: Duration = Duration::from_secs(30);

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aftermath {
    /// After which time shares differed by at most one for good; `None` if they did not within five minutes.
    pub balanced: Option<Duration>,
    /// The difference of the shares in the end.
    pub spread: usize,
    /// The longest time that a lease was without a live owner.
    pub idle: Duration,
    /// How often a lease came to a live owner.
    pub moves: u64,
    /// The most looks at the table that led a worker of ours to take or ask.
    pub rounds: usize,
}

/// A fleet's life in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeFigures {
    /// Who they are.
    pub kind: Kind,
    /// How many, before anybody joins.
    pub workers: usize,
    /// How many leases.
    pub leases: usize,
    /// All start at once on a table that nobody owns.
    pub cold_start: Aftermath,
    /// Calls in a minute, while nothing happens and nothing is checkpointed.
    pub calls: CallsAMinute,
    /// One more.
    pub join: Aftermath,
    /// One is told to stop.
    pub stop: Aftermath,
    /// One dies.
    pub crash: Aftermath,
    /// All are replaced, a tenth at a time, new ones before old ones. Balance counts from 25 s after the last stop.
    pub deploy: Aftermath,
}

/// Calls in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsAMinute(pub Calls);

/// Plays the life of a fleet of one kind.
#[must_use]
pub fn life(kind: Kind, workers: usize, leases: usize, seed: u64) -> LifeFigures {
    let mut fleet = Fleet::new(setup(leases), seed);
    let members: Vec<MemberNo> = (0..workers).map(|_| fleet.start(kind)).collect();
    let cold_start = settle(&mut fleet);
    let calls = steady(&mut fleet);
    let joined = act(&mut fleet, |fleet| fleet.start(kind));
    let stop = act(&mut fleet, |fleet| fleet.stop(joined.0)).1;
    let second = act(&mut fleet, |fleet| fleet.start(kind));
    let crash = act(&mut fleet, |fleet| fleet.crash(second.0)).1;
    let deploy = deploy(&mut fleet, kind, &members);
    LifeFigures { kind, workers, leases, cold_start, calls, join: joined.1, stop, crash, deploy }
}

/// The usual conditions: a failover time of 10 s, half a second until what was read is processed.
#[must_use]
pub fn setup(leases: usize) -> FleetSetup {
    FleetSetup { leases, failover: Duration::from_secs(10), drain: Duration::from_millis(500) }
}

/// Lets something happen and the fleet settle.
pub fn act<T>(fleet: &mut Fleet, event: impl FnOnce(&mut Fleet) -> T) -> (T, Aftermath) {
    fleet.begin_measuring();
    let outcome = event(fleet);
    (outcome, watch(fleet))
}

/// Lets a fleet settle.
pub fn settle(fleet: &mut Fleet) -> Aftermath {
    act(fleet, |_| ()).1
}

/// Counts calls while nothing happens.
pub fn steady(fleet: &mut Fleet) -> CallsAMinute {
    let before = fleet.table().calls();
    fleet.run_for(Duration::from_secs(60) * STEADY_MINUTES);
    let calls = fleet.table().calls() - before;
    let minutes = u64::from(STEADY_MINUTES);
    CallsAMinute(Calls { pages: calls.pages / minutes, updates: calls.updates / minutes, gets: calls.gets / minutes })
}

fn watch(fleet: &mut Fleet) -> Aftermath {
    let began = fleet.now();
    loop {
        fleet.run_for(Duration::from_secs(10));
        let quiet = fleet.now().saturating_sub(fleet.table().last_change().max(began));
        let enough = if fleet.table().is_balanced() { QUIET } else { STUCK };
        if quiet >= enough || fleet.now() - began >= PATIENCE {
            return aftermath(fleet, began);
        }
    }
}

fn aftermath(fleet: &Fleet, began: Duration) -> Aftermath {
    let table = fleet.table();
    let (idle, moves) = table.measured();
    let balanced = table.last_unbalanced().map_or(Duration::ZERO, |last| last.saturating_sub(began));
    Aftermath {
        balanced: table.is_balanced().then_some(balanced),
        spread: table.spread(),
        idle,
        moves,
        rounds: fleet.rounds(),
    }
}

fn deploy(fleet: &mut Fleet, kind: Kind, old: &[MemberNo]) -> Aftermath {
    fleet.begin_measuring();
    let group = old.len().div_ceil(DEPLOY_GROUPS).max(1);
    for leaving in old.chunks(group) {
        for _ in leaving {
            fleet.start(kind);
        }
        fleet.run_for(OVERLAP);
        leaving.iter().for_each(|member| fleet.stop(*member));
        fleet.run_for(GROUP_EVERY - OVERLAP);
    }
    watch(fleet)
}
