//! The replies of the consumer operations and the events of a subscription as they go over the wire.
//!
//! Promises: those of `response`.

use super::json::Json;
use super::response::{Reply, child, object, record, size_of_records, token};
use crate::model::{ConsumerDescription, ListStreamConsumersReply, SubscriptionEvent};

/// The reply to DescribeStreamConsumer, which alone says whose consumer it is.
pub(super) struct Described(pub(super) ConsumerDescription);

/// The reply to RegisterStreamConsumer.
impl Reply for ConsumerDescription {
    fn body(&self) -> String {
        object(|json| json.key("Consumer").object(|json| consumer(json, self)))
    }
}

impl Reply for Described {
    fn body(&self) -> String {
        object(|json| {
            json.key("ConsumerDescription").object(|json| {
                consumer(json, &self.0);
                json.key("StreamARN").string(&self.0.stream_arn);
            });
        })
    }
}

impl Reply for ListStreamConsumersReply {
    fn body(&self) -> String {
        object(|json| {
            json.key("Consumers").array(&self.consumers, |json, it| json.object(|json| consumer(json, it)));
            token(json, self.next_token.as_deref());
        })
    }
}

/// The payload of an event.
impl Reply for SubscriptionEvent {
    fn body(&self) -> String {
        let mut json = Json::with_capacity(400 + size_of_records(&self.records));
        json.object(|json| {
            json.key("MillisBehindLatest").bare(self.millis_behind_latest);
            if let Some(continuation) = self.continuation {
                json.key("ContinuationSequenceNumber").quoted(continuation);
            }
            if !self.child_shards.is_empty() {
                json.key("ChildShards").array(&self.child_shards, child);
            }
            json.key("Records").array(&self.records, record);
        });
        json.into_text()
    }
}

fn consumer(json: &mut Json, consumer: &ConsumerDescription) {
    json.key("ConsumerName").plain(&consumer.name);
    json.key("ConsumerARN").string(&consumer.arn);
    json.key("ConsumerStatus").plain(consumer.status.name());
    // Whole seconds, so that it is the number in the ARN.
    json.key("ConsumerCreationTimestamp").bare(consumer.created.seconds());
}
