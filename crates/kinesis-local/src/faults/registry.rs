//! The rules of one pair of endpoints, shared by all their requests.
//!
//! Promises: a change is in force for every call that starts after it; with no rules a call costs one atomic load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fault::{Fault, InvalidFault};
use super::rules::{Call, FaultId, FaultStatus, Rules, Wants};
use super::verdict::Verdict;
use crate::start_error::Service;

/// The rules of one pair of endpoints. Clones are the same rules.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// A std mutex: a decision is a loop over a few rules and waits for nothing.
    rules: Mutex<Rules>,
    /// Whether there are any rules.
    armed: AtomicBool,
}

impl Faults {
    /// Adds a rule behind those that are there.
    ///
    /// # Errors
    /// [`InvalidFault`] when the rule cannot be; nothing has changed then.
    pub fn add(&self, fault: Fault) -> Result<FaultId, InvalidFault> {
        fault.check()?;
        Ok(self.change(|rules| rules.add(fault)))
    }

    /// Removes a rule; whether it was there.
    pub fn remove(&self, id: FaultId) -> bool {
        self.change(|rules| rules.remove(id)) > 0
    }

    /// Removes the rule with that number; how many that were.
    pub(crate) fn remove_number(&self, number: u64) -> usize {
        self.change(|rules| rules.remove(FaultId(number)))
    }

    /// Removes all rules; how many there were.
    pub fn clear(&self) -> usize {
        self.change(Rules::clear)
    }

    /// All rules in their order, with how often each was seen and hit.
    #[must_use]
    pub fn list(&self) -> Vec<FaultStatus> {
        self.rules().list().to_vec()
    }

    /// What must be known of a call before [`decide`](Self::decide); [`Wants::Nothing`] means that it passes.
    pub(crate) fn wants(&self, service: Service, operation: &str) -> Wants {
        if self.shared.armed.load(Ordering::Acquire) { self.rules().wants(service, operation) } else { Wants::Nothing }
    }

    /// Decides one call and counts it. To be asked once for each call, before anything else is done for it; `resource` is
    /// the stream or table, `shards` are those that the call touches, one for each record in PutRecords.
    pub(crate) fn decide(
        &self,
        service: Service,
        operation: &str,
        resource: Option<&str>,
        shards: &[Option<String>],
    ) -> Verdict {
        if !self.shared.armed.load(Ordering::Acquire) {
            return Verdict::PASS;
        }
        let verdict = self.rules().decide(&Call { service, operation, resource, shards });
        if verdict != Verdict::PASS {
            tracing::debug!(%service, operation, ?verdict, "an injected fault");
        }
        verdict
    }

    fn change<R>(&self, change: impl FnOnce(&mut Rules) -> R) -> R {
        let mut rules = self.rules();
        let result = change(&mut rules);
        self.shared.armed.store(!rules.list().is_empty(), Ordering::Release);
        result
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        // A panic cannot leave the rules half changed: each change is one push, one retain or one take.
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
