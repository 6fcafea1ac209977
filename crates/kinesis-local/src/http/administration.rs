//! The operations that look after streams rather than records: scale, mode, tags, limits, monitoring.
//!
//! Promises: the same as `dispatch`, whose table goes on here; what is in neither is unknown.

use super::administration_reply::{AccountSettings, ResourceTags};
use super::administration_request::{
    AddTagsWire, ListTagsWire, MaxRecordSizeWire, MonitoringWire, NothingWire, RemoveTagsWire, ResourceTagsWire,
    ShardCountWire, StreamModeWire, TagResourceWire, UntagResourceWire,
};
use super::dispatch::Call;
use crate::model::{ErrorKind, KinesisError, Model};

/// The body of the reply to one of these operations.
pub(super) fn answer(call: Call<'_>, operation: &str) -> Result<String, KinesisError> {
    match operation {
        "UpdateShardCount" => {
            call.run::<ShardCountWire, _>(|model, now, request| model.update_shard_count(now, &request))
        }
        "UpdateStreamMode" => {
            call.run::<StreamModeWire, _>(|model, now, request| model.update_stream_mode(now, &request))
        }
        "UpdateMaxRecordSize" => {
            call.run::<MaxRecordSizeWire, _>(|model, now, request| model.update_max_record_size(now, &request))
        }
        "AddTagsToStream" => call.run::<AddTagsWire, _>(|model, now, request| model.add_tags(now, &request)),
        "TagResource" => call.run::<TagResourceWire, _>(|model, now, request| model.add_tags(now, &request)),
        "RemoveTagsFromStream" => call.run::<RemoveTagsWire, _>(|model, now, request| model.remove_tags(now, &request)),
        "UntagResource" => call.run::<UntagResourceWire, _>(|model, now, request| model.remove_tags(now, &request)),
        "ListTagsForStream" => call.run::<ListTagsWire, _>(|model, now, request| model.list_tags(now, &request)),
        "ListTagsForResource" => {
            call.run::<ResourceTagsWire, _>(|model, now, request| model.list_tags(now, &request).map(ResourceTags))
        }
        "DescribeLimits" => call.run::<NothingWire, _>(|model, now, ()| model.describe_limits(now)),
        "DescribeAccountSettings" => call.run::<NothingWire, _>(|_, _, ()| Ok(AccountSettings)),
        "EnableEnhancedMonitoring" => {
            call.run::<MonitoringWire, _>(|model, now, request| Model::enable_monitoring(model, now, &request))
        }
        "DisableEnhancedMonitoring" => {
            call.run::<MonitoringWire, _>(|model, now, request| Model::disable_monitoring(model, now, &request))
        }
        other => Err(KinesisError::new(
            ErrorKind::UnknownOperation,
            format!("The operation {other} is not part of this endpoint."),
        )),
    }
}
