//! The steps of a run, carried out and timed.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::chaos::journal::{all_read, child_after_parents, hand_overs};
use crate::chaos::outcome::Outcome;
use crate::chaos::producer::{Produced, Producer};
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
    fn patience(self) -> Duration {
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
        Step::Kill | Step::Freeze => take_down(stage, timing, step, &mut outcome)?,
        Step::Split | Step::Merge => return reshard(stage, timing, step, outcome),
    }
    settle(stage, timing, &mut outcome)?;
    Ok(outcome)
}

/// Waits until all that was put is processed, and stops the workers.
pub(crate) fn end(stage: &mut Stage<'_>, timing: Timing) -> Result<(Outcome, Produced), Failure> {
    stage.exits.clear();
    let produced = stage.producer.take().map(Producer::finish).unwrap_or_default();
    let mut outcome = Outcome::new("end", Repeats::Forbidden, stage.now());
    let expected = u64::try_from(produced.acknowledged.len()).unwrap_or(u64::MAX);
    outcome.detail = "all that was put is processed, then SIGTERM to all".to_owned();
    let done = stage.wait_until(timing.patience(), |stage| Ok(stage.journal.different() >= expected))?;
    outcome.read_again = done.came().map(|at| at.since(outcome.at));
    stage.fleet.terminate_all()?;
    let stopped = stage.wait_until(timing.patience(), |stage| Ok(stage.fleet.none_stopping()))?;
    // What they wrote last.
    stage.tick()?;
    expect(stopped, "the workers stopped", &mut outcome);
    outcome.exit = stage.exits.iter().max().copied();
    Ok((outcome, produced))
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

/// Kills a worker, or freezes it for a while, and waits until others read its shards.
fn take_down(stage: &mut Stage<'_>, timing: Timing, step: Step, outcome: &mut Outcome) -> Result<(), Failure> {
    let open = names(&stage.open_shards()?);
    let Some(victim) = stage.fleet.any(&mut stage.dice) else { return Ok(()) };
    let shards = stage.journal.read_by(victim, &open);
    let list: Vec<String> = shards.iter().map(ToString::to_string).collect();
    outcome.detail = format!("{victim} with shards {}", list.join(" "));
    outcome.at = stage.now();
    let at = outcome.at;
    let worker = stage.fleet.worker(victim)?;
    match step {
        Step::Freeze => worker.freeze()?,
        _ => worker.kill()?,
    }
    let read = |stage: &Stage<'_>| all_read(stage.journal.since(at), &shards, Some(victim));
    let taken = stage.wait_until(timing.patience(), |stage| Ok(shards.is_empty() || read(stage).is_some()))?;
    expect(taken, "its shards were read by others", outcome);
    outcome.read_again = read(stage).map(|read| read.since(at));
    if step == Step::Freeze {
        let rest = timing.freeze.saturating_sub(Duration::from_millis(stage.now().since(at).0));
        stage.let_pass(rest)?;
        stage.fleet.worker(victim)?.thaw()?;
        outcome.detail.push_str(&format!(", woken after {}", stage.now().since(at)));
    }
    Ok(())
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
    if outcome.read_again.is_none() && outcome.repeats == Repeats::Forbidden {
        outcome.read_again = read.came().map(|at| at.since(outcome.at));
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

fn expect(waited: Waited, what: &str, outcome: &mut Outcome) {
    if waited == Waited::InVain {
        outcome.missed.push(format!("{}: it did not come about in time that {what}", outcome.name));
    }
}
