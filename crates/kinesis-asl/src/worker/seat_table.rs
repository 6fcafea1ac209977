//! The receivers at a worker's seats: what each has asked for, and when it has its answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use dstream_core::ReceiverError;
use tokio::sync::oneshot;

use crate::consumer::task::RecordSink;
use crate::error::KinesisError;
use crate::shard::ShardId;
use crate::worker::seats::SeatId;

/// The seats of a worker.
#[derive(Debug)]
pub(crate) struct SeatTable {
    seats: BTreeMap<SeatId, Seat>,
}

/// A receiver that has taken its seat.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) seat: SeatId,
    /// The name of the stream that it reads.
    pub(crate) stream: Arc<str>,
    pub(crate) sink: RecordSink,
}

#[derive(Debug)]
struct Seat {
    stream: Arc<str>,
    sink: RecordSink,
    state: SeatState,
}

/// What a seat has asked for.
///
/// | state | its shards | next |
/// |---|---|---|
/// | open | are read; it may get more | stopping, leaving |
/// | stopping | are held and not read any more | leaving |
/// | leaving | are checkpointed and released | left |
#[derive(Debug)]
enum SeatState {
    Open,
    /// The answer is due when no reader runs; none is due when it was given.
    Stopping(Option<oneshot::Sender<()>>),
    /// The answer is due when no reader runs and no shard is held: the shards whose last position could not be written.
    Leaving(oneshot::Sender<Vec<ShardId>>, Vec<ShardId>),
    Left,
}

impl SeatTable {
    pub(crate) fn new(seats: Vec<Joined>) -> Self {
        let seat = |Joined { seat, stream, sink }| (seat, Seat { stream, sink, state: SeatState::Open });
        Self { seats: seats.into_iter().map(seat).collect() }
    }

    /// Seats that take shards, with the names of their streams.
    pub(crate) fn open(&self) -> impl Iterator<Item = (SeatId, &str)> {
        let open = self.seats.iter().filter(|(_, seat)| matches!(seat.state, SeatState::Open));
        open.map(|(id, seat)| (*id, &*seat.stream))
    }

    /// Whether nobody takes shards of some stream any more. All seats of a process are about to stop then: a worker that went on
    /// to take leases would take those that it has just released.
    pub(crate) fn any_stream_is_unattended(&self) -> bool {
        self.seats.values().any(|seat| !self.open().any(|(_, stream)| *stream == *seat.stream))
    }

    /// Where the records of one shard of an open seat go.
    pub(crate) fn open_sink(&self, seat: SeatId) -> Option<RecordSink> {
        let seat = self.seats.get(&seat).filter(|seat| matches!(seat.state, SeatState::Open))?;
        Some(seat.sink.lane())
    }

    /// A seat wants no more records.
    pub(crate) fn stop(&mut self, seat: SeatId, answer: oneshot::Sender<()>) {
        self.set(seat, SeatState::Stopping(Some(answer)));
    }

    /// A seat wants its shards released.
    pub(crate) fn leave(&mut self, seat: SeatId, answer: oneshot::Sender<Vec<ShardId>>) {
        self.set(seat, SeatState::Leaving(answer, Vec::new()));
    }

    /// A lease could not be written for so long that it is lost. A seat that is leaving has to know.
    pub(crate) fn on_expired(&mut self, seat: SeatId, shard: ShardId) {
        if let Some(Seat { state: SeatState::Leaving(_, unwritten), .. }) = self.seats.get_mut(&seat) {
            unwritten.push(shard);
        }
    }

    /// Nobody is at the seats any more. Returns all of them.
    pub(crate) fn abandon(&mut self) -> Vec<SeatId> {
        self.seats.values_mut().for_each(|seat| seat.state = SeatState::Left);
        self.seats.keys().copied().collect()
    }

    /// Whether every seat has left.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.values().all(|seat| matches!(seat.state, SeatState::Left))
    }

    /// Tells every seat that nothing can be missed from now on.
    pub(crate) fn say_ready(&self) {
        self.seats.values().for_each(|seat| seat.sink.ready());
    }

    /// Stops the application with an error that a seat met.
    pub(crate) fn fail(&self, seat: SeatId, error: KinesisError) {
        if let Some(seat) = self.seats.get(&seat) {
            seat.sink.fail(ReceiverError::new(error));
        }
    }

    /// Stops the application with an error of the worker itself.
    pub(crate) fn fail_any(&self, error: KinesisError) {
        if let Some(seat) = self.seats.keys().next() {
            self.fail(*seat, error);
        }
    }

    /// Gives the answers that are due. An answer that nobody waits for any more is dropped.
    pub(crate) fn answer(&mut self, have_readers_ended: impl Fn(SeatId) -> bool, holds: impl Fn(SeatId) -> bool) {
        for (id, seat) in &mut self.seats {
            if !have_readers_ended(*id) {
                continue;
            }
            seat.state = match std::mem::replace(&mut seat.state, SeatState::Left) {
                SeatState::Stopping(Some(answer)) => {
                    let _ = answer.send(());
                    SeatState::Stopping(None)
                }
                SeatState::Leaving(answer, unwritten) if !holds(*id) => {
                    let _ = answer.send(unwritten);
                    SeatState::Left
                }
                state => state,
            };
        }
    }

    fn set(&mut self, seat: SeatId, state: SeatState) {
        if let Some(seat) = self.seats.get_mut(&seat) {
            seat.state = state;
        }
    }
}
