//! Replies of the operations that look after streams, as they go over the wire.
//!
//! Promises: those of `response`.

use super::json::Json;
use super::response::{Reply, object};
use crate::model::{AccountLimits, ListTagsReply, MonitoringReply, ShardMetrics, UpdateShardCountReply};

/// The reply to ListTagsForResource, which has no pages.
pub(super) struct ResourceTags(pub(super) ListTagsReply);

/// The reply to DescribeAccountSettings: nothing here is billed, so nothing is committed to.
pub(super) struct AccountSettings;

impl Reply for UpdateShardCountReply {
    fn body(&self) -> String {
        object(|json| {
            json.key("StreamName").plain(&self.name);
            json.key("CurrentShardCount").bare(self.current);
            json.key("TargetShardCount").bare(self.target);
            json.key("StreamARN").string(&self.arn);
        })
    }
}

impl Reply for ListTagsReply {
    fn body(&self) -> String {
        object(|json| {
            tags(json, self);
            json.key("HasMoreTags").bare(self.has_more);
        })
    }
}

impl Reply for ResourceTags {
    fn body(&self) -> String {
        object(|json| tags(json, &self.0))
    }
}

impl Reply for AccountLimits {
    fn body(&self) -> String {
        object(|json| {
            json.key("ShardLimit").bare(self.shard_limit);
            json.key("OpenShardCount").bare(self.open_shards);
            json.key("OnDemandStreamCount").bare(self.on_demand_streams);
            json.key("OnDemandStreamCountLimit").bare(self.on_demand_stream_limit);
        })
    }
}

impl Reply for AccountSettings {
    fn body(&self) -> String {
        object(|json| {
            json.key("MinimumThroughputBillingCommitment").object(|json| json.key("Status").plain("DISABLED"));
        })
    }
}

impl Reply for MonitoringReply {
    fn body(&self) -> String {
        object(|json| {
            json.key("StreamName").plain(&self.name);
            json.key("StreamARN").string(&self.arn);
            metrics(json.key("CurrentShardLevelMetrics"), self.current);
            metrics(json.key("DesiredShardLevelMetrics"), self.desired);
        })
    }
}

/// The names of metrics, as an array.
pub(super) fn metrics(json: &mut Json, metrics: ShardMetrics) {
    json.array(metrics.names(), |json, name| json.plain(name));
}

fn tags(json: &mut Json, reply: &ListTagsReply) {
    json.key("Tags").array(&reply.tags, |json, (key, value)| {
        json.object(|json| {
            json.key("Key").string(key);
            json.key("Value").string(value);
        });
    });
}
