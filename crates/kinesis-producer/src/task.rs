//! The one task that owns the producer's state: feeds the pure core, carries out its requests.

use std::sync::Arc;

use kinesis_endpoint::ServiceError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::api::{EntryResult, PutRecordsApi};
use crate::collector::Outgoing;
use crate::core::Core;
use crate::counts::Counts;
use crate::delivery::Answer;
use crate::record::Record;

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Put(Record, Ticket),
    /// Answered when everything before it is.
    Flush(oneshot::Sender<()>),
    /// Deliver everything before it, then end.
    Close,
}

/// Answers a record; its share of the bounds goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) answer: Answer,
    pub(crate) _record: OwnedSemaphorePermit,
    pub(crate) _bytes: OwnedSemaphorePermit,
}

/// Requests in flight at a time. With 500 records each and round trips of 50 ms that is 40 000 records/s, the rate of
/// forty shards; more requests would only make throttling worse.
const MAX_IN_FLIGHT: usize = 4;

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
    closing: bool,
}

type Answered = (Vec<Outgoing<Ticket>>, Result<Vec<EntryResult>, ServiceError>);

impl Task {
    pub(crate) fn new(
        core: Core<Ticket, oneshot::Sender<()>>,
        api: Arc<dyn PutRecordsApi>,
        commands: mpsc::Receiver<Command>,
        counts: watch::Sender<Counts>,
    ) -> Self {
        Self { core, api, commands, counts, in_flight: JoinSet::new(), closing: false }
    }

    /// Runs until closed and everything is answered.
    pub(crate) async fn run(mut self) {
        let mut received = Vec::with_capacity(COMMANDS);
        loop {
            self.send_requests();
            if self.closing && self.core.is_idle() {
                return;
            }
            // While all slots are taken nothing can be sent: only an answer helps then, not the clock.
            let wake_at = self.core.wake_at().filter(|_| self.in_flight.len() < MAX_IN_FLIGHT);
            tokio::select! {
                count = self.commands.recv_many(&mut received, COMMANDS), if !self.closing => {
                    // Zero: the handle is gone.
                    self.closing |= count == 0;
                    received.drain(..).for_each(|command| self.obey(command));
                }
                Some(answered) = self.in_flight.join_next(), if !self.in_flight.is_empty() => self.settle(answered),
                () = sleep_until(wake_at), if wake_at.is_some() => {}
            }
        }
    }

    fn send_requests(&mut self) {
        while self.in_flight.len() < MAX_IN_FLIGHT
            && let Some(request) = self.core.next_request(Instant::now())
        {
            let records: Vec<Record> = request.iter().map(|outgoing| outgoing.record.clone()).collect();
            let api = Arc::clone(&self.api);
            self.in_flight.spawn(async move {
                let answer = api.put_records(&records).await;
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
            Command::Close => {
                self.closing = true;
                self.core.hurry();
            }
        }
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
        if let Err(error) = &answer {
            tracing::warn!(%error, records = request.len(), "a request failed");
        }
        let settled = self.core.settle(Instant::now(), request, answer);
        // Counted before anybody is told, so that whoever was told sees it counted.
        self.counts.send_replace(self.core.counts());
        for answered in settled.records {
            answered.ticket.answer.tell(answered.fate);
        }
        settled.flushes.into_iter().for_each(tell);
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
