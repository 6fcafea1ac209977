//! What the seats ask for.

use super::{Request, WorkerTask, now};
use crate::worker::seats::SeatId;

impl WorkerTask {
    pub(super) fn on_request(&mut self, request: Request) {
        match request {
            Request::StopFetching(seat, answer) => {
                self.seats.stop(seat, answer);
                self.stop_reading_for(seat);
            }
            Request::Leave(seat, answer) => {
                self.seats.leave(seat, answer);
                self.stop_reading_for(seat);
                self.release_shards_of(seat);
                // Who waits hears that there is no answer.
                self.claims.retain(|claim| claim.seat != seat);
            }
            Request::Claim(seat, ranges, answer) => self.on_claim(seat, ranges, answer),
            Request::Prepare(snapshot, through, answer) => self.on_prepare(&snapshot, through, answer),
        }
    }

    fn stop_reading_for(&mut self, seat: SeatId) {
        self.readers.stop(|reading| reading.seat == seat);
        if self.seats.any_stream_is_unattended() {
            self.core.stop_taking(now());
        }
    }

    fn release_shards_of(&mut self, seat: SeatId) {
        self.stage_checkpoints();
        self.stage_ends();
        for held in self.shards.values().filter(|held| held.seat == seat) {
            self.core.release(&held.lease.shard, held.holding);
        }
    }

    pub(super) fn leave_all(&mut self) {
        for seat in self.seats.abandon() {
            self.stop_reading_for(seat);
            self.release_shards_of(seat);
        }
    }
}
