//! The rules in force and what they have done so far.
//!
//! Promises: the rules are asked in the order in which they were added. Delays add up and let later rules have their
//! say; any other effect decides the call, and later rules do not see it. A rule counts the calls that match it, and its
//! [`When`](super::When) is about that count.

use std::time::Duration;

use super::fault::{Effect, Fault};
use super::verdict::{Outcome, PartialPut, Verdict, refusal};
use crate::start_error::Service;

/// The name of a rule that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(super) u64);

impl FaultId {
    /// The number by which the control endpoint knows the rule.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A rule and what it has done.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultStatus {
    /// Its name.
    pub id: FaultId,
    /// The rule.
    pub fault: Fault,
    /// How many calls matched it.
    pub seen: u64,
    /// How many of those it hit.
    pub hits: u64,
}

/// What must be known of a call before it can be decided; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wants {
    /// No rule is about such calls.
    Nothing,
    /// Its operation will do.
    Operation,
    /// The stream or table.
    Resource,
    /// The shards.
    Shards,
}

/// One call, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'a str,
    /// Stream or table.
    pub(crate) resource: Option<&'a str>,
    /// All shards that it touches.
    pub(crate) shards: &'a [Option<String>],
}

/// All rules.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    rules: Vec<FaultStatus>,
    last_id: u64,
}

impl Rules {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.last_id = self.last_id.saturating_add(1);
        let id = FaultId(self.last_id);
        self.rules.push(FaultStatus { id, fault, seen: 0, hits: 0 });
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> usize {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.id != id);
        before - self.rules.len()
    }

    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.rules).len()
    }

    pub(crate) fn list(&self) -> &[FaultStatus] {
        &self.rules
    }

    /// What must be known of a call of that operation.
    pub(crate) fn wants(&self, service: Service, operation: &str) -> Wants {
        let about = self.rules.iter().filter(|rule| rule.fault.is_about(service, operation));
        about.map(|rule| rule.fault.wants()).max().unwrap_or(Wants::Nothing)
    }

    /// Decides one call, and counts it.
    pub(crate) fn decide(&mut self, call: &Call<'_>) -> Verdict {
        let mut verdict = Verdict::PASS;
        for rule in &mut self.rules {
            if !rule.fault.matches(call) {
                continue;
            }
            let number = rule.seen;
            rule.seen = rule.seen.saturating_add(1);
            if !rule.fault.when.picks(number, rule.hits) {
                continue;
            }
            rule.hits = rule.hits.saturating_add(1);
            match rule.fault.apply(call, number, &mut verdict) {
                Step::Next => {}
                Step::Decided => break,
            }
        }
        verdict
    }
}

/// Whether later rules are asked.
enum Step {
    Next,
    Decided,
}

impl Fault {
    fn is_about(&self, service: Service, operation: &str) -> bool {
        self.service == service
            && self.operation.as_deref().or(self.effect.only()).is_none_or(|named| named == operation)
    }

    fn wants(&self) -> Wants {
        match (&self.shard, &self.resource) {
            // A record that fails says in which shard.
            _ if matches!(self.effect, Effect::PartialPutRecords { .. }) => Wants::Shards,
            (Some(_), _) => Wants::Shards,
            (None, Some(_)) => Wants::Resource,
            (None, None) => Wants::Operation,
        }
    }

    fn matches(&self, call: &Call<'_>) -> bool {
        self.is_about(call.service, call.operation)
            && self.resource.as_deref().is_none_or(|name| call.resource == Some(name))
            && self.shard.as_deref().is_none_or(|id| call.shards.iter().any(|shard| shard.as_deref() == Some(id)))
    }

    fn apply(&self, call: &Call<'_>, number: u64, verdict: &mut Verdict) -> Step {
        let add = |delay: &mut Duration, more: Duration| *delay = delay.saturating_add(more);
        match &self.effect {
            Effect::Delay(delay) => add(&mut verdict.delay, *delay),
            Effect::DelayReply(delay) => add(&mut verdict.delay_reply, *delay),
            effect => {
                verdict.outcome = self.outcome(effect, call, number);
                return Step::Decided;
            }
        }
        Step::Next
    }

    fn outcome(&self, effect: &Effect, call: &Call<'_>, number: u64) -> Outcome {
        match effect {
            Effect::CutBefore => Outcome::CutBefore,
            Effect::CutAfter => Outcome::CutAfter,
            Effect::CutStream { events } => Outcome::CutStream { events: *events },
            Effect::PartialPutRecords { share } => Outcome::PartialPut(PartialPut {
                share: *share,
                seed: self.when.seed,
                call: number,
                shard: self.shard.clone(),
            }),
            other => refusal(other, call.service, call.operation).map_or(Outcome::Pass, Outcome::Refuse),
        }
    }
}

#[cfg(test)]
mod tests;
