//! Reading a shard by a subscription of enhanced fan-out. A shell around [`Cursor`], [`Flow`] and [`Troubles`].
//!
//! Promises: a subscription that ends, breaks, falls silent or grows old is replaced behind the last event that was delivered, so
//! nothing is lost or read twice; an event is taken only when the one before is stored or has its memory, so nothing heaps up here.

use std::sync::Arc;
use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::api::KinesisApi;
use crate::consumer::cursor::Cursor;
use crate::consumer::flow::{Flow, Next, Overdue, next_of};
use crate::consumer::registration::Registration;
use crate::consumer::retrieval::SubscriptionTiming;
use crate::consumer::source::{Delivery, Got};
use crate::consumer::start::Start;
use crate::consumer::trouble::{Trouble, Troubles};
use crate::sequence::SequenceNumber;
use crate::shard::ShardId;
use crate::subscription::{SubscribedPage, Subscription};

/// The time between two subscriptions of which the first ended at once: the service takes five a second.
const BETWEEN_SUBSCRIPTIONS: Duration = Duration::from_millis(200);

/// The subscriptions to one shard.
pub(crate) struct FanOut {
    shard: ShardId,
    cursor: Cursor,
    registration: Arc<Registration>,
    timing: SubscriptionTiming,
    open: Option<(Box<dyn Subscription>, Flow)>,
    troubles: Troubles,
    rng: StdRng,
    not_before: Instant,
}

impl FanOut {
    pub(crate) fn new(
        shard: ShardId,
        start: Start,
        registration: Arc<Registration>,
        timing: SubscriptionTiming,
        seed: u64,
    ) -> Self {
        Self {
            shard,
            cursor: Cursor::new(start),
            registration,
            timing,
            open: None,
            troubles: Troubles::default(),
            rng: StdRng::seed_from_u64(seed),
            not_before: Instant::now(),
        }
    }

    pub(crate) async fn next<A: KinesisApi + ?Sized>(&mut self, api: &A) -> Result<Got, ServiceError> {
        match self.open.take() {
            None => self.subscribe(api).await,
            Some((subscription, flow)) => self.receive(subscription, flow).await,
        }
    }

    async fn subscribe<A: KinesisApi + ?Sized>(&mut self, api: &A) -> Result<Got, ServiceError> {
        tokio::time::sleep_until(self.not_before).await;
        self.not_before = Instant::now() + BETWEEN_SUBSCRIPTIONS;
        let consumer = self.registration.arn(api).await?;
        let subscribed = api.subscribe(&consumer, &self.shard, self.cursor.place()).await;
        if subscribed.as_ref().is_err_and(|error| error.kind == ServiceErrorKind::NotFound) {
            // It may be the consumer that is gone: the next call looks for it.
            self.registration.forget(&consumer).await;
        }
        self.open = Some((subscribed?, Flow::opened(Instant::now().into_std(), self.timing)));
        Ok(Got::Opened)
    }

    async fn receive(&mut self, mut subscription: Box<dyn Subscription>, mut flow: Flow) -> Result<Got, ServiceError> {
        flow.waits(Instant::now().into_std());
        let Ok(event) = tokio::time::timeout_at(flow.deadline().into(), subscription.next_event()).await else {
            match flow.overdue(Instant::now().into_std()) {
                Overdue::Renewal => debug!(shard = %self.shard, "renewing a subscription before it ends"),
                Overdue::Silence => {
                    warn!(shard = %self.shard, after = ?self.timing.silence, "a subscription fell silent; subscribing again");
                }
            }
            return Ok(Got::Renewed);
        };
        match event? {
            None => Ok(Got::Renewed),
            Some(event) => {
                let delivery = self.on_event(event)?;
                if delivery.end.is_none() {
                    self.open = Some((subscription, flow));
                }
                Ok(Got::Page(delivery))
            }
        }
    }

    fn on_event(&mut self, event: SubscribedPage) -> Result<Delivery, ServiceError> {
        let next = next_of(&event).map_err(|why| {
            ServiceError::invalid_response("SubscribeToShard", format!("shard '{}'", self.shard), why)
        })?;
        self.troubles.on_success();
        let gap = self.cursor.on_records(&event.records, event.millis_behind_latest).err();
        let end = match next {
            Next::After(sequence) => {
                self.cursor.go_on_after(sequence);
                None
            }
            Next::ShardEnd(children) => Some(children),
        };
        Ok(Delivery { records: event.records, millis_behind_latest: event.millis_behind_latest, gap, end })
    }

    pub(crate) fn wait_after(&mut self, trouble: Trouble) {
        self.not_before = Instant::now() + self.troubles.pause(trouble, &mut self.rng);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(crate) fn registers(&self) -> bool {
        self.registration.registers()
    }

    pub(crate) fn skip_to_oldest(&mut self) -> Option<SequenceNumber> {
        self.open = None;
        self.cursor.skip_to_oldest()
    }
}

#[cfg(test)]
mod tests;
