//! The registered consumer of enhanced fan-out, shared by the readers of a worker.
//!
//! Promises: it is looked for before it is registered, and used only when it is active; one reader does that for all; it is
//! deregistered only by the process that registered it, and only when nobody else is left.

use std::time::Duration;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::api::KinesisApi;
use crate::consumer::retrieval::Lifecycle;
use crate::subscription::{ConsumerArn, ConsumerStatus, RegisteredConsumer};

/// How often a consumer is looked at before the attempt counts as failed; readers then wait and begin again.
const LOOKS: u32 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The registered consumer of a worker.
#[derive(Debug)]
pub struct Registration {
    name: String,
    lifecycle: Lifecycle,
    /// Held across calls, so that one reader makes them and the others wait for what it finds.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<ConsumerArn>,
    registered_here: Option<ConsumerArn>,
}

impl Registration {
    /// A consumer that nobody has looked for.
    #[must_use]
    pub fn new(name: String, lifecycle: Lifecycle) -> Self {
        Self { name, lifecycle, state: Mutex::default() }
    }

    /// Whether it is registered if it is missing.
    #[must_use]
    pub fn registers(&self) -> bool {
        self.lifecycle == Lifecycle::ManagedByJob
    }

    /// The active consumer. The first caller finds or registers it.
    ///
    /// # Errors
    /// Those of the calls; `NotFound` for one that is missing and not ours to register, `InUse` for one that does not become active.
    ///
    /// # Cancellation
    /// Safe: the next caller finds what was registered. It then counts as registered by somebody else.
    pub async fn arn<A: KinesisApi + ?Sized>(&self, api: &A) -> Result<ConsumerArn, ServiceError> {
        let mut state = self.state.lock().await;
        if let Some(arn) = &state.known {
            return Ok(arn.clone());
        }
        let mut pause = FIRST_PAUSE;
        for _ in 0..LOOKS {
            match api.find_consumer(&self.name).await? {
                Some(RegisteredConsumer { arn, status: ConsumerStatus::Active }) => {
                    info!(consumer = %arn, "the consumer of enhanced fan-out is active");
                    state.known = Some(arn.clone());
                    return Ok(arn);
                }
                Some(_) => {}
                None if self.registers() => {
                    let made = self.register(api).await?;
                    state.registered_here = made.or(state.registered_here.take());
                }
                None => return Err(self.missing()),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(self.error(ServiceErrorKind::InUse, "it did not become active"))
    }

    /// `None` when somebody else was first.
    async fn register<A: KinesisApi + ?Sized>(&self, api: &A) -> Result<Option<ConsumerArn>, ServiceError> {
        match api.register_consumer(&self.name).await {
            Ok(made) => {
                info!(consumer = %made.arn, "registered the consumer of enhanced fan-out");
                Ok(Some(made.arn))
            }
            Err(error) if error.kind == ServiceErrorKind::InUse => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// This consumer does not exist any more: look for it anew.
    ///
    /// # Cancellation
    /// Safe.
    pub async fn forget(&self, arn: &ConsumerArn) {
        let mut state = self.state.lock().await;
        if state.known.as_ref() == Some(arn) {
            state.known = None;
        }
    }

    /// The consumer that a graceful stop has to deregister: this process registered it.
    ///
    /// # Cancellation
    /// Safe.
    pub async fn ours(&self) -> Option<ConsumerArn> {
        self.state.lock().await.registered_here.clone()
    }

    /// Deregisters what [`ours`](Self::ours) gave. A failure is logged: the consumer stays, costs money, and is found by the next start.
    ///
    /// # Cancellation
    /// The consumer may stay registered.
    pub async fn deregister<A: KinesisApi + ?Sized>(&self, api: &A, consumer: &ConsumerArn) {
        match api.deregister_consumer(consumer).await {
            Ok(()) => info!(%consumer, "deregistered the consumer of enhanced fan-out"),
            Err(error) if error.kind == ServiceErrorKind::NotFound => {}
            Err(error) => {
                warn!(%consumer, %error, "the consumer of enhanced fan-out stays registered; deregister it by hand");
            }
        }
        let mut state = self.state.lock().await;
        *state = State::default();
    }

    fn missing(&self) -> ServiceError {
        let reason = "it is not registered, and by Lifecycle::SelfManaged it is not for the job to do so";
        self.error(ServiceErrorKind::NotFound, reason)
    }

    fn error(&self, kind: ServiceErrorKind, reason: &str) -> ServiceError {
        let subject = format!("consumer '{}'", self.name);
        ServiceError { kind, ..ServiceError::invalid_response("DescribeStreamConsumer", subject, reason) }
    }
}

#[cfg(test)]
mod tests;
