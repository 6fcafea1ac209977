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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        CreateStream, Millis, Model, RegisterStreamConsumer, Settings, StartingPosition, SubscribeToShard,
    };

    /// Only a model gives numbers to subscriptions.
    fn two_ids() -> [SubscriptionId; 2] {
        let settings = Settings { status_delay: std::time::Duration::ZERO, ..Settings::default() };
        let (mut model, now) = (Model::new(settings, 1), Millis::new(1_000));
        model.create_stream(now, &CreateStream::provisioned("words", 2)).unwrap();
        let request = RegisterStreamConsumer { stream: "words".into(), name: "counter".into() };
        let consumer_arn = model.register_stream_consumer(now, &request).unwrap().arn;
        ["shardId-000000000000", "shardId-000000000001"].map(|shard| {
            let (shard_id, position) = (shard.parse().unwrap(), StartingPosition::Latest);
            let request = SubscribeToShard { consumer_arn: consumer_arn.clone(), shard_id, position, dry_run: false };
            model.subscribe_to_shard(now, &request).unwrap().id()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_bell_that_was_rung_before_anybody_waited_is_heard_and_the_other_is_silent() {
        let (bells, [rung, other]) = (Bells::default(), two_ids());
        let (one, two) = (bells.hang(rung), bells.hang(other));
        bells.ring([rung].into_iter());
        one.notified().await;
        let silent = tokio::time::timeout(std::time::Duration::from_secs(1), two.notified()).await;
        assert!(silent.is_err());
    }

    #[test]
    fn a_bell_goes_with_its_subscriber() {
        let (bells, [first, second]) = (Bells::default(), two_ids());
        bells.hang(first);
        bells.hang(second);
        bells.take_down(first);
        bells.ring([first, second].into_iter());
        assert_eq!(bells.with(|bells| bells.keys().copied().collect::<Vec<_>>()), [second]);
    }
}
