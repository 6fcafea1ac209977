//! The steps of a run, carried out and timed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chaos::blows;
use crate::chaos::journal::{all_read, child_after_parents, hand_overs};
use crate::chaos::outcome::Outcome;
use crate::chaos::producer::{Load, Produced};
use crate::chaos::record::{Shard, WorkerNumber};
use crate::chaos::stage::{Stage, Waited, names};
use crate::chaos::step::{Repeats, Step};
use crate::failure::Failure;

/// How long a step may take beyond the failover time before it has failed.
const PATIENCE: Duration = Duration::from_secs(45);

/// How a run is driven.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) failover: Duration,
    /// How long a worker stands still.
    pub(crate) freeze: Duration,
    /// How long nothing is done after a step: what it still causes belongs to it.
    pub(crate) calm: Duration,
    /// Up to so much longer, as the dice fall. A step ends with a batch; were the next one always as long after that, no
    /// worker would ever be killed in the middle of a batch.
    pub(crate) spread: Duration,
}

impl Timing {
    pub(crate) fn patience(self) -> Duration {
        self.failover.saturating_mul(2).saturating_add(PATIENCE)
    }
}

/// Starts the first worker.
pub(crate) fn begin(stage: &mut Stage<'_>, timing: Timing) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::new("start", Repeats::Forbidden, stage.now());
    outcome.detail = stage.fleet.start_one()?.to_string();
    settle(stage, timing, &mut outcome)?;
    Ok(outcome)
}

/// Does a step.
pub(crate) fn step(stage: &mut Stage<'_>, timing: Timing, step: Step) -> Result<Outcome, Failure> {
    let spread = u64::try_from(timing.spread.as_millis()).unwrap_or(0);
    let longer = Duration::from_millis(stage.dice.below(spread));
    stage.let_pass(longer)?;
    stage.exits.clear();
    let mut outcome = Outcome::new(step, step.repeats(), stage.now());
    match step {
        Step::Scale(to) => scale(stage, to, &mut outcome)?,
        Step::Kill | Step::Restart | Step::Freeze => blows::take_down(stage, timing, step, &mut outcome)?,
        Step::Steal(lets_go) => blows::steal(stage, timing, lets_go, &mut outcome)?,
        Step::Fault(fault) => blows::disturb(stage, timing, fault, &mut outcome)?,
        Step::Split | Step::Merge => return reshard(stage, timing, step, outcome),
    }
    settle(stage, timing, &mut outcome)?;
    Ok(outcome)
}

/// Waits until all that was put is processed, starts somebody in each slot whose worker was killed, so that its state can be
/// seen, and stops all.
pub(crate) fn end(stage: &mut Stage<'_>, timing: Timing) -> Result<(Outcome, Produced), Failure> {
    stage.exits.clear();
    let produced = stage.load.take().map(Load::finish).unwrap_or_default();
    let mut outcome = Outcome::new("end", Repeats::Forbidden, stage.now());
    let mut missing: Vec<u64> = produced.acknowledged.iter().map(|record| record.record.number).collect();
    outcome.detail = "all that was put is processed, then SIGTERM to all".to_owned();
    let done = stage.wait_until(timing.patience(), |stage| {
        missing.retain(|number| !stage.journal.has(*number));
        Ok(missing.is_empty())
    })?;
    outcome.read_again = done.came().map(|at| at.since(outcome.at));
    revive(stage, timing, &mut outcome)?;
    stage.fleet.terminate_all()?;
    let stopped = stage.wait_until(timing.patience(), |stage| Ok(stage.fleet.none_stopping()))?;
    // What they wrote last.
    stage.tick()?;
    expect(stopped, "the workers stopped", &mut outcome);
    outcome.exit = stage.exits.iter().max().copied();
    Ok((outcome, produced))
}

/// Starts a worker in each slot whose last one was killed, and waits for its first counts.
fn revive(stage: &mut Stage<'_>, timing: Timing, outcome: &mut Outcome) -> Result<(), Failure> {
    let crashed = stage.fleet.crashed_slots();
    let mut before = Vec::new();
    for slot in crashed {
        before.push((slot, stage.fleet.counts(slot)?.map(|counts| counts.batch)));
        let started = stage.fleet.start_in(slot)?;
        outcome.detail.push_str(&format!("; {started}"));
    }
    let counted = stage.wait_until(timing.patience(), |stage| {
        for (slot, batch) in &before {
            if stage.fleet.counts(*slot)?.map(|counts| counts.batch) <= *batch {
                return Ok(false);
            }
        }
        Ok(stage.fleet.all_ready())
    })?;
    expect(counted, "the slots of killed workers had their state again", outcome);
    Ok(())
}

fn scale(stage: &mut Stage<'_>, to: u32, outcome: &mut Outcome) -> Result<(), Failure> {
    let mut concerned = Vec::new();
    while count(&stage.fleet.running()) < to {
        concerned.push(stage.fleet.start_one()?.to_string());
    }
    while count(&stage.fleet.running()) > to {
        let Some(number) = stage.fleet.any(&mut stage.dice) else { break };
        let at = stage.now();
        stage.fleet.worker(number)?.terminate(at)?;
        concerned.push(number.to_string());
    }
    outcome.detail = concerned.join(", ");
    Ok(())
}

fn count(workers: &[WorkerNumber]) -> u32 {
    u32::try_from(workers.len()).unwrap_or(u32::MAX)
}

/// Splits or merges shards, and waits until the children are read.
fn reshard(stage: &mut Stage<'_>, timing: Timing, step: Step, mut outcome: Outcome) -> Result<Outcome, Failure> {
    let before = stage.open_shards()?;
    let parents: Vec<Shard> = if step == Step::Split {
        let Some(shard) = stage.dice.pick(&before) else { return Ok(outcome) };
        stage.stream.split(shard).map_err(Failure::Failed)?;
        vec![shard.shard.clone()]
    } else {
        let pairs: Vec<_> = before.iter().zip(before.iter().skip(1)).collect();
        let Some((one, other)) = stage.dice.pick(&pairs) else { return Ok(outcome) };
        stage.stream.merge(&one.shard, &other.shard).map_err(Failure::Failed)?;
        vec![one.shard.clone(), other.shard.clone()]
    };
    let (before, parents) = (names(&before), parents.into_iter().collect::<BTreeSet<_>>());
    let mut children = BTreeSet::new();
    stage.wait_until(timing.patience(), |stage| {
        children = names(&stage.open_shards()?).difference(&before).cloned().collect();
        Ok(!children.is_empty())
    })?;
    let list = |shards: &BTreeSet<Shard>| shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    outcome.detail = format!("{} into {}", list(&parents), list(&children));
    let at = outcome.at;
    let read = |stage: &Stage<'_>| all_read(stage.journal.since(at), &children, None);
    let came = stage.wait_until(timing.patience(), |stage| Ok(read(stage).is_some()))?;
    expect(came, "the children were read", &mut outcome);
    settle(stage, timing, &mut outcome)?;
    outcome.read_again = read(stage).map(|read| read.since(at));
    outcome.child = child_after_parents(stage.journal.all(), &parents, &children);
    Ok(outcome)
}

/// Waits until nobody is starting or stopping, the shards are shared evenly, and each of them is read; then for a while.
fn settle(stage: &mut Stage<'_>, timing: Timing, outcome: &mut Outcome) -> Result<(), Failure> {
    let open = names(&stage.open_shards()?);
    let calm = stage.wait_until(timing.patience(), |stage| {
        Ok(stage.fleet.none_stopping() && stage.fleet.all_ready() && stage.is_balanced(&open)?)
    })?;
    expect(calm, "the shards were shared evenly", outcome);
    outcome.balanced = calm.came().map(|at| at.since(outcome.at));
    let from = stage.now();
    let read =
        stage.wait_until(timing.patience(), |stage| Ok(all_read(stage.journal.since(from), &open, None).is_some()))?;
    expect(read, "every shard was read", outcome);
    if outcome.read_again.is_none() {
        outcome.read_again = read.came().map(|at| at.since(outcome.until.unwrap_or(outcome.at)));
    }
    stage.let_pass(timing.calm)?;
    finish_figures(stage, &open, outcome)
}

fn finish_figures(stage: &mut Stage<'_>, open: &BTreeSet<Shard>, outcome: &mut Outcome) -> Result<(), Failure> {
    let moved = hand_overs(stage.journal.all(), outcome.at);
    outcome.handed_over = moved.len();
    outcome.gap = moved.iter().map(|moved| moved.gap).max();
    outcome.exit = stage.exits.iter().max().copied();
    outcome.shares = stage.shares(open)?;
    Ok(())
}

pub(crate) fn expect(waited: Waited, what: &str, outcome: &mut Outcome) {
    if waited == Waited::InVain {
        outcome.missed.push(format!("{}: it did not come about in time that {what}", outcome.name));
    }
}
