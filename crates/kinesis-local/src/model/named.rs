//! What a request names beyond what it needs, or names wrongly: the stream of an iterator, a shard that cannot be.
//!
//! Promises: the stream is looked for before the shard, as on AWS.

use super::error::{ErrorKind, KinesisError};
use super::machine::Model;
use super::millis::Millis;
use super::read::{GetRecords, GetRecordsReply};
use super::stream_ref::StreamRef;

impl Model {
    /// The records from an iterator on, if it is one of that stream.
    ///
    /// # Errors
    /// Those of [`get_records`](Self::get_records) and those of a stream that is not there; `InvalidArgumentException`
    /// for an iterator of another stream.
    pub fn get_records_of(
        &mut self,
        now: Millis,
        stream: &StreamRef,
        request: &GetRecords,
    ) -> Result<GetRecordsReply, KinesisError> {
        let now = self.advance(now);
        if *stream != StreamRef::default() {
            let name = self.find(stream)?.0;
            let place = self.open_iterator(now, &request.iterator)?;
            if place.name != name {
                return Err(KinesisError::invalid_argument(format!(
                    "The ShardIterator is of another stream than {name} under account {}.",
                    self.settings.account
                )));
            }
        }
        self.get_records(now, request)
    }

    /// The answer to a request that names a shard by a text that no shard can have. The stream is looked for first.
    pub(crate) fn unknown_shard(&mut self, now: Millis, stream: &StreamRef, shard: &str) -> KinesisError {
        self.advance(now);
        self.find(stream).map_or_else(
            |error| error,
            |(name, _)| {
                let account = &self.settings.account;
                let message = format!("Could not find shard {shard} in stream {name} under account {account}.");
                KinesisError::new(ErrorKind::ResourceNotFound, message)
            },
        )
    }
}
