//! SubscribeToShard: one HTTP reply that goes on as long as its subscription.
//!
//! Promises: what is refused is an ordinary error reply; what is accepted is a stream of messages, each sent when the
//! model has it: a write rings the subscriber's bell, other changes of time wake it when they are due, nobody polls. A
//! client that reads slowly is waited for, so no more than one event per subscription is in memory. The stream ends when
//! the endpoints stop. The model's lock is never held while anything is awaited.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_eventstream::error::Error;
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{Notify, watch};

use super::consumer_request::SubscribeToShardWire;
use super::dispatch::parse;
use super::event_message;
use super::face::Face;
use crate::model::{KinesisError, Model, Polled, Subscription};

/// The operation's name.
pub(super) const OPERATION: &str = "SubscribeToShard";

/// Subscribes, and returns the messages as a body.
pub(super) fn subscribe(face: &Arc<Face>, body: &[u8]) -> Result<Body, KinesisError> {
    let request = parse::<SubscribeToShardWire>(body)?;
    let subscription = face.with_model(|model, now| request.answer(model, now, Model::subscribe_to_shard))?;
    let subscriber = Subscriber {
        bell: face.bells().hang(subscription.id()),
        stopping: face.stopping(),
        face: Arc::clone(face),
        subscription,
        stage: Stage::New,
    };
    Ok(Body::from_stream(stream::unfold(subscriber, async |mut subscriber| {
        let message = subscriber.next_message().await?;
        if let Err(error) = &message {
            tracing::error!(%error, "an event of a subscription cannot be framed");
        }
        Some((message, subscriber))
    })))
}

/// What has been sent of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing.
    New,
    /// The initial response.
    Open,
    /// All.
    Over,
}

/// One open stream. Dropped when its client goes away.
#[derive(Debug)]
struct Subscriber {
    face: Arc<Face>,
    subscription: Subscription,
    bell: Arc<Notify>,
    stopping: watch::Receiver<bool>,
    stage: Stage,
}

/// What a look at the model gave.
enum Look {
    Send(Result<Bytes, Error>),
    Wait(Duration),
    End,
}

impl Subscriber {
    /// The next message, as soon as there is one; none at the end.
    async fn next_message(&mut self) -> Option<Result<Bytes, Error>> {
        if self.stage == Stage::New {
            self.stage = Stage::Open;
            return Some(event_message::initial_response());
        }
        loop {
            match self.look() {
                Look::Send(message) => return Some(message),
                Look::End => return None,
                Look::Wait(longest) => tokio::select! {
                    () = self.bell.notified() => {}
                    () = tokio::time::sleep(longest) => {}
                    _ = self.stopping.wait_for(|stop| *stop) => return None,
                },
            }
        }
    }

    fn look(&mut self) -> Look {
        if self.stage == Stage::Over || *self.stopping.borrow() {
            return Look::End;
        }
        let (now, polled) = self.face.with_model(|model, now| (now, model.poll_subscription(now, &self.subscription)));
        // The events are written here, with the lock free again.
        match polled {
            Polled::Event(event) => Look::Send(event_message::event(&event)),
            Polled::Nothing { wake } => Look::Wait(Duration::from_millis(wake.since(now))),
            Polled::Ended => Look::End,
            Polled::Failed(error) => {
                self.stage = Stage::Over;
                Look::Send(event_message::exception(&error))
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.face.bells().take_down(self.subscription.id());
    }
}
