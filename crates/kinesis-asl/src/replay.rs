//! The receiver's part in running unfinished batches again: a thin call of its worker.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dstream_core::{BoxError, Claim, Leftover, RangeReplay, ReceiverError};

use crate::range::SequenceRange;
use crate::range_bytes;
use crate::record::KinesisRecord;
use crate::worker::hub::WorkerHub;
use crate::worker::seats::SeatId;

/// Reads a receiver's ranges again.
#[derive(Debug)]
pub(crate) struct KinesisReplay {
    pub(crate) hub: Arc<WorkerHub>,
    pub(crate) seat: SeatId,
}

#[async_trait]
impl RangeReplay<KinesisRecord, SequenceRange> for KinesisReplay {
    fn source(&self, range: &SequenceRange) -> String {
        range.shard.to_string()
    }

    fn encode(&self, range: &SequenceRange) -> Bytes {
        range_bytes::encode(range, self.hub.worker_id())
    }

    fn decode(&self, bytes: Bytes) -> Result<SequenceRange, BoxError> {
        Ok(range_bytes::decode(bytes)?)
    }

    fn resume(&self, left: Leftover<SequenceRange>) {
        self.hub.resume(self.seat, left);
    }

    async fn claim(&self, unfinished: Vec<SequenceRange>) -> Result<Vec<Claim<SequenceRange>>, ReceiverError> {
        self.hub.claim(self.seat, unfinished).await.map_err(ReceiverError::new)
    }

    async fn prepare(&self, snapshot: &str, through: &[SequenceRange]) {
        self.hub.prepare(snapshot, through).await;
    }

    async fn read(&self, range: &SequenceRange) -> Result<Vec<KinesisRecord>, ReceiverError> {
        self.hub.reread(range).await.map_err(ReceiverError::new)
    }
}
