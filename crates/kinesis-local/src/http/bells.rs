//! One bell for each open subscription: it is rung when there is news.
//!
//! Promises: a bell that is rung while nobody waits for it is heard by the next who does, so news between a look and a
//! wait is not missed; ringing wakes nobody else; a bell goes with its subscriber.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::model::SubscriptionId;

/// All bells.
#[derive(Debug, Default)]
pub(super) struct Bells {
    /// A std mutex: held for a look-up, never over an await.
    by_subscription: Mutex<HashMap<SubscriptionId, Arc<Notify>>>,
}

impl Bells {
    /// A bell for a new subscription.
    pub(super) fn hang(&self, id: SubscriptionId) -> Arc<Notify> {
        let bell = Arc::new(Notify::new());
        self.with(|bells| bells.insert(id, Arc::clone(&bell)));
        bell
    }

    /// Takes a bell away whose subscriber has gone.
    pub(super) fn take_down(&self, id: SubscriptionId) {
        self.with(|bells| bells.remove(&id));
    }

    /// Rings for those who have one.
    pub(super) fn ring(&self, woken: impl Iterator<Item = SubscriptionId>) {
        let mut woken = woken.peekable();
        if woken.peek().is_none() {
            return;
        }
        self.with(|bells| {
            for bell in woken.filter_map(|id| bells.get(&id)) {
                bell.notify_one();
            }
        });
    }

    fn with<R>(&self, look: impl FnOnce(&mut HashMap<SubscriptionId, Arc<Notify>>) -> R) -> R {
        look(&mut self.by_subscription.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
