//! The bare loop: GetRecords, one call after the other; of aggregates it counts the user records.

use aws_sdk_kinesis::types::ShardIteratorType;
use bytes::Bytes;
use kpl_deagg::{Deaggregated, RangePolicy, deaggregate_all};

use crate::Failure;
use crate::clients::Clients;
use crate::cost::{Cost, Meter};
use crate::fill::Filled;

pub async fn drain(clients: &Clients, stream: &Filled) -> Result<Cost, Failure> {
    let request = clients.kinesis.get_shard_iterator().stream_name(stream.stream).shard_id("shardId-000000000000");
    let reply = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    let (mut iterator, mut seen) = (reply.shard_iterator, 0);
    let meter = Meter::start()?;
    while seen < stream.records {
        let request = clients.kinesis.get_records().limit(10_000).shard_iterator(iterator.ok_or("the shard ended")?);
        let reply = request.send().await?;
        if reply.records.is_empty() {
            return Err("the shard is empty too early".into());
        }
        let page: Vec<Bytes> = reply.records.into_iter().map(|record| record.data.into_inner().into()).collect();
        for outcome in deaggregate_all(page.iter(), None, RangePolicy::KeepAll) {
            seen += match outcome {
                Deaggregated::Plain(_) => 1,
                Deaggregated::Expanded(batch) => batch.into_iter().map(|user| u64::from(!user.data.is_empty())).sum(),
            };
        }
        iterator = reply.next_shard_iterator;
    }
    meter.stop()
}
