//! Steps that come unasked: workers that die or stand still, leases that are taken, calls that go wrong.

use std::time::Duration;

use crate::chaos::disturbance::{Fault, LetsGo};
use crate::chaos::drive::{Timing, expect};
use crate::chaos::fault_rules::rules;
use crate::chaos::journal::all_read;
use crate::chaos::lease_table::Written;
use crate::chaos::outcome::Outcome;
use crate::chaos::record::{Millis, Shard};
use crate::chaos::stage::{Stage, Waited, names};
use crate::chaos::step::Step;
use crate::failure::Failure;

/// How often a thief tries anew when the lease that it saw has become another one.
const ATTEMPTS: u32 = 50;
/// How often the table is asked whether the thief is rid of its lease.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Kills a worker, with or without another one in its slot at once, or freezes it for a while; and waits until others read its
/// shards.
pub(crate) fn take_down(
    stage: &mut Stage<'_>,
    timing: Timing,
    step: Step,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let open = names(&stage.open_shards()?);
    let Some(victim) = stage.fleet.any(&mut stage.dice) else { return Ok(()) };
    let shards = stage.journal.read_by(victim, &open);
    let list: Vec<String> = shards.iter().map(ToString::to_string).collect();
    outcome.detail = format!("{victim} with shards {}", list.join(" "));
    outcome.at = stage.now();
    let at = outcome.at;
    let worker = stage.fleet.worker(victim)?;
    let slot = worker.slot;
    match step {
        Step::Freeze => worker.freeze()?,
        _ => worker.kill()?,
    }
    if step == Step::Restart {
        let started = stage.fleet.start_in(slot)?;
        outcome.detail.push_str(&format!("; {started}"));
    }
    let read = |stage: &Stage<'_>| all_read(stage.journal.since(at), &shards, Some(victim));
    let taken = stage.wait_until(timing.patience(), |stage| Ok(shards.is_empty() || read(stage).is_some()))?;
    expect(taken, "its shards were read by others", outcome);
    outcome.read_again = read(stage).map(|read| read.since(at));
    if step == Step::Freeze {
        let rest = timing.freeze.saturating_sub(length(stage.now().since(at)));
        stage.let_pass(rest)?;
        stage.fleet.worker(victim)?.thaw()?;
        outcome.until = Some(stage.now());
        outcome.detail.push_str(&format!(", woken after {}", stage.now().since(at)));
    }
    Ok(())
}

/// Takes a lease as an outsider, keeps it for less than the failover time or for good, and waits until its shard is read again.
pub(crate) fn steal(
    stage: &mut Stage<'_>,
    timing: Timing,
    lets_go: LetsGo,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let open: Vec<Shard> = names(&stage.open_shards()?).into_iter().collect();
    let Some(shard) = stage.dice.pick(&open).cloned() else { return Ok(()) };
    let mut robbed = None;
    for _ in 0..ATTEMPTS {
        robbed = stage.table.steal(&shard).map_err(Failure::Failed)?;
        if robbed.is_some() {
            break;
        }
        stage.tick()?;
    }
    outcome.at = stage.now();
    outcome.detail = format!("shard {shard}");
    expect(if robbed.is_some() { Waited::Until(outcome.at) } else { Waited::InVain }, "a lease was taken", outcome);
    if lets_go == LetsGo::Release {
        let kept = draw(stage, timing.failover / 4, timing.failover * 3 / 4);
        stage.let_pass(kept)?;
        let given = stage.table.release(&shard).map_err(Failure::Failed)?;
        outcome.detail.push_str(if given == Written::Done { ", given back" } else { ", taken back before" });
    }
    let begun = stage.now();
    while stage.table.is_stolen(&shard).map_err(Failure::Failed)? {
        stage.let_pass(LOOK_EVERY)?;
        if length(stage.now().since(begun)) > timing.patience() {
            expect(Waited::InVain, "somebody took the lease of the outsider", outcome);
            break;
        }
    }
    let (at, until) = (outcome.at, stage.now());
    outcome.until = Some(until);
    outcome.detail.push_str(&format!(", the outsider's for {}", until.since(at)));
    let shards = [shard].into();
    let read = stage
        .wait_until(timing.patience(), |stage| Ok(all_read(stage.journal.since(until), &shards, None).is_some()))?;
    expect(read, "the shard was read again", outcome);
    outcome.read_again = read.came().map(|read| read.since(until));
    Ok(())
}

/// Lets calls go wrong for a while. Nothing of this program calls the endpoints then but the producers.
pub(crate) fn disturb(
    stage: &mut Stage<'_>,
    timing: Timing,
    fault: Fault,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let (rules, share) = rules(fault, &mut stage.dice);
    let time = draw(stage, timing.failover / 2, timing.failover * 2);
    outcome.at = stage.now();
    stage.faults.set(&rules).map_err(Failure::Failed)?;
    stage.let_pass(time)?;
    stage.faults.clear().map_err(Failure::Failed)?;
    let until = stage.now();
    outcome.until = Some(until);
    outcome.detail = format!("{share} % of calls for {}", until.since(outcome.at));
    Ok(())
}

/// A time between two, as the dice fall.
fn draw(stage: &mut Stage<'_>, least: Duration, most: Duration) -> Duration {
    let spread = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(0);
    least.saturating_add(Duration::from_millis(stage.dice.below(spread)))
}

const fn length(Millis(millis): Millis) -> Duration {
    Duration::from_millis(millis)
}
