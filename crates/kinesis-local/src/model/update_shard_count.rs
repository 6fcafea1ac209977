//! UpdateShardCount.
//!
//! Promises: checked when it is asked for, in effect when the stream is ACTIVE again; how the shards get there is told in
//! `rescale`.

use super::call_rates::Call;
use super::error::{ErrorKind, KinesisError};
use super::machine::Model;
use super::millis::Millis;
use super::stream::Change;
use super::stream_ref::StreamRef;

/// An UpdateShardCount request. The scaling type is uniform; there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateShardCount {
    /// Which stream.
    pub stream: StreamRef,
    /// How many open shards there shall be: from half to double of what there are.
    pub target: u32,
}

/// What an UpdateShardCount set off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateShardCountReply {
    /// The stream's name.
    pub name: String,
    /// The stream's ARN.
    pub arn: String,
    /// The open shards at the time of the call.
    pub current: u32,
    /// The open shards when the stream is ACTIVE again.
    pub target: u32,
}

impl Model {
    /// Brings a stream to another number of shards, of equal size, by splits and merges.
    ///
    /// # Errors
    /// `LimitExceededException` for more than double, less than half or beyond `Settings::shard_limit`,
    /// `ValidationException` for no shards at all or an on-demand stream, `ResourceInUseException` when the stream is not
    /// ACTIVE, `ResourceNotFoundException` when there is none.
    pub fn update_shard_count(
        &mut self,
        now: Millis,
        request: &UpdateShardCount,
    ) -> Result<UpdateShardCountReply, KinesisError> {
        let now = self.advance(now);
        let target = request.target;
        if target < 1 {
            return Err(KinesisError::validation(target, "targetShardCount", "have value greater than or equal to 1"));
        }
        let (name, stream) = self.find(&request.stream)?;
        self.check_provisioned(name, stream)?;
        let (name, arn, current) = (name.to_owned(), stream.arn.clone(), stream.open_count());
        check_target(current, target, self.settings.shard_limit)?;
        self.check_shard_limit(target.saturating_sub(current))?;
        self.check_stream_quota(now, &name, Call::UpdateShardCount)?;
        self.begin(&request.stream, Change::Rescale { shards: target })?;
        self.note_stream_call(now, &name, Call::UpdateShardCount);
        Ok(UpdateShardCountReply { name, arn, current, target })
    }
}

fn check_target(current: u32, target: u32, limit: u32) -> Result<(), KinesisError> {
    let problem = if target > limit {
        format!("Target shard count or number of open shards cannot be greater than {limit}.")
    } else if target > current.saturating_mul(2) {
        "UpdateShardCount cannot scale up over double your current open shard count.".to_owned()
    } else if target.saturating_mul(2) < current {
        "UpdateShardCount cannot scale down below half your current open shard count.".to_owned()
    } else {
        return Ok(());
    };
    Err(KinesisError::new(
        ErrorKind::LimitExceeded,
        format!("{problem} Current open shard count: {current}, Target shard count: {target}"),
    ))
}
