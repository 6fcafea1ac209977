//! The receiver: one input stream's seat at the worker.

use std::sync::Arc;

use async_trait::async_trait;
use dstream_core::{Positions, RangeReplay, Receiver, ReceiverError, ReceiverStore};

use crate::range::SequenceRange;
use crate::record::KinesisRecord;
use crate::replay::KinesisReplay;
use crate::worker::hub::WorkerHub;
use crate::worker::seats::SeatId;

/// Reads its share of a stream's shards. Made by [`KinesisInputDStream`](crate::KinesisInputDStream).
///
/// Stop order: readers end → the core processes what is stored → last checkpoints → leases released → renewals end.
#[derive(Debug)]
pub struct KinesisReceiver {
    hub: Arc<WorkerHub>,
    seat: SeatId,
}

impl KinesisReceiver {
    /// A receiver that has registered as a seat.
    #[must_use]
    pub fn new(hub: Arc<WorkerHub>, seat: SeatId) -> Self {
        Self { hub, seat }
    }
}

#[async_trait]
impl Receiver for KinesisReceiver {
    type Record = KinesisRecord;
    type Range = SequenceRange;

    async fn start(&mut self, store: ReceiverStore<KinesisRecord, SequenceRange>) -> Result<(), ReceiverError> {
        self.hub.join(self.seat, store).await.map_err(ReceiverError::new)
    }

    fn positions(&self) -> Arc<dyn Positions<SequenceRange>> {
        self.hub.tracker()
    }

    fn replay(&self) -> Option<Arc<dyn RangeReplay<KinesisRecord, SequenceRange>>> {
        Some(Arc::new(KinesisReplay { hub: Arc::clone(&self.hub), seat: self.seat }))
    }

    async fn stop_fetching(&mut self) {
        self.hub.stop_fetching(self.seat).await;
    }

    async fn close(&mut self) -> Result<(), ReceiverError> {
        self.hub.leave(self.seat).await.map_err(ReceiverError::new)
    }
}
