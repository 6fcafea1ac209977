//! Requests of the operations that look after streams, as they come over the wire.
//!
//! Promises: those of `request`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::member::{count, not_in_set, required};
use super::request::{ModeWire, Wire, wire};
use crate::model::{
    AddTags, ChangeMonitoring, KinesisError, ListTags, RemoveTags, ShardMetrics, StreamRef, UpdateMaxRecordSize,
    UpdateShardCount, UpdateStreamMode,
};

wire!(NothingWire {});
wire!(ShardCountWire { target_shard_count: i64, scaling_type: String });
wire!(StreamModeWire { stream_mode_details: ModeWire });
wire!(AddTagsWire { tags: BTreeMap<String, Option<String>> });
wire!(RemoveTagsWire { tag_keys: Vec<String> });
wire!(ListTagsWire { limit: i64, exclusive_start_tag_key: String });
wire!(MonitoringWire { shard_level_metrics: Vec<String> });

/// `MaxRecordSizeInKiB` is not in the case that the macro would give it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MaxRecordSizeWire {
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
    #[serde(rename = "MaxRecordSizeInKiB")]
    kib: Option<i64>,
}

/// Defines the struct of a request that is about a resource by its ARN.
macro_rules! resource_wire {
    ($name:ident { $($member:ident: $type:ty),* }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(super) struct $name {
            $($member: Option<$type>,)*
            #[serde(rename = "ResourceARN")]
            resource_arn: Option<String>,
        }

        impl $name {
            fn stream(&mut self) -> Result<StreamRef, KinesisError> {
                let arn = required(self.resource_arn.take(), "resourceARN")?;
                Ok(StreamRef { name: None, arn: Some(arn) })
            }
        }
    };
}

resource_wire!(TagResourceWire { tags: BTreeMap<String, Option<String>> });
resource_wire!(UntagResourceWire { tag_keys: Vec<String> });
resource_wire!(ResourceTagsWire {});

impl Wire for NothingWire {
    type Request = ();

    fn into_request(self) -> Result<(), KinesisError> {
        Ok(())
    }
}

impl Wire for ShardCountWire {
    type Request = UpdateShardCount;

    fn into_request(mut self) -> Result<UpdateShardCount, KinesisError> {
        let target = required(count(self.target_shard_count), "targetShardCount")?;
        match required(self.scaling_type.take(), "scalingType")?.as_str() {
            "UNIFORM_SCALING" => Ok(UpdateShardCount { stream: self.stream(), target }),
            other => Err(not_in_set(other, "scalingType", "UNIFORM_SCALING")),
        }
    }
}

impl Wire for StreamModeWire {
    type Request = UpdateStreamMode;

    fn into_request(mut self) -> Result<UpdateStreamMode, KinesisError> {
        let details = required(self.stream_mode_details.take(), "streamModeDetails")?;
        let mode = required(details.mode()?, "streamModeDetails.streamMode")?;
        let arn = Some(required(self.stream_arn, "streamARN")?);
        Ok(UpdateStreamMode { stream: StreamRef { name: None, arn }, mode })
    }
}

impl Wire for MaxRecordSizeWire {
    type Request = UpdateMaxRecordSize;

    fn into_request(self) -> Result<UpdateMaxRecordSize, KinesisError> {
        let arn = Some(required(self.stream_arn, "streamARN")?);
        let kib = required(count(self.kib), "maxRecordSizeInKiB")?;
        Ok(UpdateMaxRecordSize { stream: StreamRef { name: None, arn }, kib })
    }
}

impl Wire for AddTagsWire {
    type Request = AddTags;

    fn into_request(mut self) -> Result<AddTags, KinesisError> {
        let tags = required(self.tags.take(), "tags").map(tags)?;
        Ok(AddTags { stream: self.stream(), tags })
    }
}

impl Wire for TagResourceWire {
    type Request = AddTags;

    fn into_request(mut self) -> Result<AddTags, KinesisError> {
        let tags = required(self.tags.take(), "tags").map(tags)?;
        Ok(AddTags { stream: self.stream()?, tags })
    }
}

impl Wire for RemoveTagsWire {
    type Request = RemoveTags;

    fn into_request(mut self) -> Result<RemoveTags, KinesisError> {
        let keys = required(self.tag_keys.take(), "tagKeys")?;
        Ok(RemoveTags { stream: self.stream(), keys })
    }
}

impl Wire for UntagResourceWire {
    type Request = RemoveTags;

    fn into_request(mut self) -> Result<RemoveTags, KinesisError> {
        let keys = required(self.tag_keys.take(), "tagKeys")?;
        Ok(RemoveTags { stream: self.stream()?, keys })
    }
}

impl Wire for ListTagsWire {
    type Request = ListTags;

    fn into_request(mut self) -> Result<ListTags, KinesisError> {
        let exclusive_start = self.exclusive_start_tag_key.take();
        Ok(ListTags { limit: count(self.limit), exclusive_start, stream: self.stream() })
    }
}

impl Wire for ResourceTagsWire {
    type Request = ListTags;

    fn into_request(mut self) -> Result<ListTags, KinesisError> {
        Ok(ListTags { stream: self.stream()?, ..ListTags::default() })
    }
}

impl Wire for MonitoringWire {
    type Request = ChangeMonitoring;

    fn into_request(mut self) -> Result<ChangeMonitoring, KinesisError> {
        let names = required(self.shard_level_metrics.take(), "shardLevelMetrics")?;
        if names.is_empty() {
            return Err(KinesisError::validation("[]", "shardLevelMetrics", "have length greater than or equal to 1"));
        }
        let metrics = names.iter().try_fold(ShardMetrics::default(), |metrics, name| {
            let named = ShardMetrics::named(name).ok_or_else(|| {
                let all: Vec<_> = ShardMetrics::named("ALL").into_iter().flat_map(ShardMetrics::names).collect();
                not_in_set(name, "shardLevelMetrics", &format!("{}, ALL", all.join(", ")))
            })?;
            Ok(metrics.and(named))
        })?;
        Ok(ChangeMonitoring { stream: self.stream(), metrics })
    }
}

/// A tag without a value has an empty one.
pub(super) fn tags(wire: BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    wire.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}
