//! The one task that owns the producer's state: feeds the pure core, carries out its requests.

use std::sync::Arc;

use kinesis_endpoint::{ServiceError, ServiceErrorKind};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::api::{EntryResult, PutRecordsApi};
use crate::collector::Outgoing;
use crate::connection::Change;
use crate::core::{Core, Settled};
use crate::counts::Counts;
use crate::delivery::Answer;
use crate::lifetime::STOP_GRACE;
use crate::record::Record;

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Put(Record, Ticket),
    /// Answered when everything before it is.
    Flush(oneshot::Sender<()>),
    /// Deliver everything before it as far as that is soon possible, then end.
    Close,
}

/// Answers a record; its share of the bounds goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) answer: Answer,
    pub(crate) _record: OwnedSemaphorePermit,
    pub(crate) _bytes: OwnedSemaphorePermit,
}

/// Commands the channel holds: a few requests' worth, so that a burst of `send`s does not wait for the task to be
/// scheduled. Records in it count towards the producer's bounds like all others.
pub(crate) const COMMANDS: usize = 2048;

/// The task's state.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) core: Core<Ticket, oneshot::Sender<()>>,
    pub(crate) api: Arc<dyn PutRecordsApi>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) counts: watch::Sender<Counts>,
    in_flight: JoinSet<Answered>,
    /// Whether the producer is to stop. Calls in flight listen.
    closing: watch::Sender<bool>,
}

type Answered = (Vec<Outgoing<Ticket>>, Result<Vec<EntryResult>, ServiceError>);

impl Task {
    pub(crate) fn new(
        core: Core<Ticket, oneshot::Sender<()>>,
        api: Arc<dyn PutRecordsApi>,
        commands: mpsc::Receiver<Command>,
        counts: watch::Sender<Counts>,
    ) -> Self {
        Self { core, api, commands, counts, in_flight: JoinSet::new(), closing: watch::Sender::new(false) }
    }

    /// Runs until closed and everything is answered.
    pub(crate) async fn run(mut self) {
        let mut received = Vec::with_capacity(COMMANDS);
        loop {
            let expired = self.core.expire(Instant::now());
            self.answer(expired);
            self.send_requests();
            let closing = *self.closing.borrow();
            if closing && self.core.is_idle() {
                return;
            }
            let wake_at = self.core.wake_at(Instant::now());
            tokio::select! {
                count = self.commands.recv_many(&mut received, COMMANDS), if !closing => {
                    // The handle is gone.
                    if count == 0 {
                        self.close();
                    }
                    received.drain(..).for_each(|command| self.obey(command));
                }
                Some(answered) = self.in_flight.join_next(), if !self.in_flight.is_empty() => self.settle(answered),
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
    }

    fn send_requests(&mut self) {
        while let Some(request) = self.core.next_request(Instant::now()) {
            let records: Vec<Record> = request.iter().map(|outgoing| outgoing.record.clone()).collect();
            let api = Arc::clone(&self.api);
            let closing = self.closing.subscribe();
            self.in_flight.spawn(async move {
                let answer = tokio::select! {
                    biased;
                    answer = api.put_records(&records) => answer,
                    () = patience(closing) => Err(unanswered()),
                };
                (request, answer)
            });
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Put(record, ticket) => self.core.accept(Instant::now(), record, ticket),
            Command::Flush(done) => {
                if let Some(done) = self.core.flush(done) {
                    tell(done);
                }
            }
            Command::Close => self.close(),
        }
    }

    fn close(&mut self) {
        self.closing.send_replace(true);
        self.core.stop(Instant::now());
    }

    fn settle(&mut self, answered: Result<Answered, JoinError>) {
        let (request, answer) = match answered {
            Ok(answered) => answered,
            // Nobody cancels these tasks, so the API panicked: a bug, and not one to hide.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        let settled = self.core.settle(Instant::now(), request, answer);
        self.answer(settled);
    }

    fn answer(&self, settled: Settled<Ticket, oneshot::Sender<()>>) {
        match settled.change {
            Some(Change::Fails(error)) => tracing::warn!(%error, "requests fail; each is followed by a longer pause"),
            Some(Change::GoesOn { after, calls }) => {
                tracing::warn!(?after, failed_requests = calls, "requests succeed again");
            }
            None => {}
        }
        // Counted before anybody is told, so that whoever was told sees it counted.
        self.counts.send_replace(self.core.counts());
        for answered in settled.records {
            answered.ticket.answer.tell(answered.fate);
        }
        settled.flushes.into_iter().for_each(tell);
    }
}

/// How long a call may go on: for ever, and once the producer is to stop for no longer than records may.
async fn patience(mut closing: watch::Receiver<bool>) {
    // An error means that the task is gone, and with it everybody who waits for this call.
    drop(closing.wait_for(|&closing| closing).await);
    tokio::time::sleep(STOP_GRACE).await;
}

fn unanswered() -> ServiceError {
    ServiceError {
        call: "PutRecords",
        subject: "the stream".to_owned(),
        kind: ServiceErrorKind::Timeout,
        reason: format!("no answer within {STOP_GRACE:?} after the producer was asked to stop"),
        source: None,
    }
}

fn tell(done: oneshot::Sender<()>) {
    // An error means that nobody waits for the flush any more.
    done.send(()).unwrap_or_default();
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
