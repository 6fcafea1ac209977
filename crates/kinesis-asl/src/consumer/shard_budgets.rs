//! One allowance for each shard that this process reads, shared by whoever reads it: its reader, and what reads ranges again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::consumer::budget::SharedBudget;
use crate::consumer::retrieval::ReadLimits;
use crate::shard::ShardId;

/// The allowances of a worker's shards. An allowance that nobody uses any more is forgotten: by the time that the shard is read
/// again it is whole.
#[derive(Debug)]
pub(crate) struct ShardBudgets {
    limits: ReadLimits,
    /// Held for one look, never across an await.
    in_use: Mutex<BTreeMap<ShardId, Weak<SharedBudget>>>,
}

impl ShardBudgets {
    /// Nothing is read yet.
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self { limits, in_use: Mutex::default() }
    }

    /// The allowance of a shard.
    pub(crate) fn of(&self, shard: &ShardId) -> Arc<SharedBudget> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = in_use.get(shard).and_then(Weak::upgrade) {
            return budget;
        }
        in_use.retain(|_, budget| budget.strong_count() > 0);
        let budget = Arc::new(SharedBudget::new(self.limits));
        in_use.insert(shard.clone(), Arc::downgrade(&budget));
        budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_read_a_shard_at_a_time_share_one_allowance_and_shards_do_not() {
        let budgets = ShardBudgets::new(ReadLimits::Service);
        let (first, second, other) = (budgets.of(&"a".into()), budgets.of(&"a".into()), budgets.of(&"b".into()));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn what_nobody_uses_any_more_takes_no_room() {
        let budgets = ShardBudgets::new(ReadLimits::Service);
        for number in 0..100 {
            drop(budgets.of(&format!("s{number}").as_str().into()));
        }
        assert_eq!(budgets.in_use.lock().unwrap().len(), 1);
    }
}
