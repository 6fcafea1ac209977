//! ListShards with its six filters, on a stream whose first shard was split.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{ShardFilter, ShardFilterType, ShardIteratorType};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, equal, present};
use crate::refusal::{WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::TestStream;

list_checks!("shard filters",
    without_a_filter_all_shards_are_listed: "Without a filter, ListShards returns closed and open shards.",
    from_trim_horizon_lists_all_shards: "FROM_TRIM_HORIZON lists every shard that retention has not outlived.",
    at_latest_lists_the_open_shards: "AT_LATEST lists the shards that are open.",
    at_trim_horizon_lists_the_shards_open_then:
        "AT_TRIM_HORIZON lists the shards that were open at the trim horizon, not their children.",
    after_shard_id_lists_the_shards_after_it: "AFTER_SHARD_ID lists the shards after that one, closed or open.",
    at_timestamp_before_a_split_lists_the_parents: "AT_TIMESTAMP of a time before a split lists the parent, not its children.",
    at_timestamp_after_a_split_lists_the_children: "AT_TIMESTAMP of a time after a split lists the children, not their parent.",
    from_timestamp_before_a_split_lists_all: "FROM_TIMESTAMP of a time before a split lists the parent and its children.",
    from_timestamp_after_a_split_lists_the_open: "FROM_TIMESTAMP of a time after a split lists what was open then or later.",
    a_filter_by_time_without_a_time_is_refused: "AT_TIMESTAMP without a timestamp is refused as a wrong value.",
    a_filter_by_shard_without_a_shard_is_refused: "AFTER_SHARD_ID without a shard id is refused as a wrong value.",
    a_filter_holds_on_all_pages: "A filter given with the first page holds on the pages that its token leads to.",
);

/// A point of the second of two shards.
const HIGH: u128 = 3 << 126;

/// Shards 0 and 1, and 2 and 3 after shard 0 was split.
struct Split {
    stream: TestStream,
    /// The arrival of a record put before the split, and of one put after it.
    before: DateTime,
    after: DateTime,
}

async fn split(stage: &Stage) -> Result<Split, Mismatch> {
    let stream = stage.stream(2).await?;
    let first = present("the first shard", stream.shards().await?.into_iter().next())?;
    let before = arrival(stage, &stream).await?;
    pass_time().await;
    stream.split(&first).await?;
    pass_time().await;
    let after = arrival(stage, &stream).await?;
    Ok(Split { stream, before, after })
}

/// Stamps are of a millisecond, and a split takes effect at some moment of its own.
async fn pass_time() {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
}

/// What time it is for the endpoint: the arrival of a record in the shard that is not split.
async fn arrival(stage: &Stage, stream: &TestStream) -> Result<DateTime, Mismatch> {
    let put = stream.put_at("key", Some(HIGH), "what time is it").await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id(&put.shard);
    let request = request.shard_iterator_type(ShardIteratorType::AtSequenceNumber);
    let reply = request.starting_sequence_number(&put.number).send().await?;
    let records = stream.read(present("ShardIterator", reply.shard_iterator)?, 1).await?;
    let record = present("the record", records.into_iter().next())?;
    present("ApproximateArrivalTimestamp", record.approximate_arrival_timestamp)
}

async fn ids(stage: &Stage, stream: &TestStream, filter: Option<ShardFilter>) -> Result<Vec<u32>, Mismatch> {
    let reply = stage.kinesis().list_shards().stream_name(&stream.name).set_shard_filter(filter).send().await?;
    reply.shards().iter().map(|shard| number(&shard.shard_id)).collect()
}

fn number(id: &str) -> Result<u32, Mismatch> {
    let digits = id.strip_prefix("shardId-").and_then(|digits| digits.parse().ok());
    present(format_args!("a number in {id}"), digits)
}

fn filter(kind: ShardFilterType) -> Result<Option<ShardFilter>, Mismatch> {
    Ok(Some(ShardFilter::builder().r#type(kind).build()?))
}

fn by_time(kind: ShardFilterType, time: DateTime) -> Result<Option<ShardFilter>, Mismatch> {
    Ok(Some(ShardFilter::builder().r#type(kind).timestamp(time).build()?))
}

async fn without_a_filter_all_shards_are_listed(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    equal("shards", &ids(stage, &split.stream, None).await?, &vec![0, 1, 2, 3])
}

async fn from_trim_horizon_lists_all_shards(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter = filter(ShardFilterType::FromTrimHorizon)?;
    equal("shards", &ids(stage, &split.stream, filter).await?, &vec![0, 1, 2, 3])
}

async fn at_latest_lists_the_open_shards(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    equal("shards", &ids(stage, &split.stream, filter(ShardFilterType::AtLatest)?).await?, &vec![1, 2, 3])
}

async fn at_trim_horizon_lists_the_shards_open_then(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    equal("shards", &ids(stage, &split.stream, filter(ShardFilterType::AtTrimHorizon)?).await?, &vec![0, 1])
}

async fn after_shard_id_lists_the_shards_after_it(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter =
        ShardFilter::builder().r#type(ShardFilterType::AfterShardId).shard_id("shardId-000000000001").build()?;
    equal("shards", &ids(stage, &split.stream, Some(filter)).await?, &vec![2, 3])
}

async fn at_timestamp_before_a_split_lists_the_parents(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter = by_time(ShardFilterType::AtTimestamp, split.before)?;
    equal("shards", &ids(stage, &split.stream, filter).await?, &vec![0, 1])
}

async fn at_timestamp_after_a_split_lists_the_children(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter = by_time(ShardFilterType::AtTimestamp, split.after)?;
    equal("shards", &ids(stage, &split.stream, filter).await?, &vec![1, 2, 3])
}

async fn from_timestamp_before_a_split_lists_all(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter = by_time(ShardFilterType::FromTimestamp, split.before)?;
    equal("shards", &ids(stage, &split.stream, filter).await?, &vec![0, 1, 2, 3])
}

async fn from_timestamp_after_a_split_lists_the_open(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let filter = by_time(ShardFilterType::FromTimestamp, split.after)?;
    equal("shards", &ids(stage, &split.stream, filter).await?, &vec![1, 2, 3])
}

async fn a_filter_by_time_without_a_time_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let filter = filter(ShardFilterType::AtTimestamp)?;
    let call = stage.kinesis().list_shards().stream_name(&stream.name).set_shard_filter(filter).send().await;
    refused(call, WRONG_VALUE).map(|_| ())
}

async fn a_filter_by_shard_without_a_shard_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let filter = filter(ShardFilterType::AfterShardId)?;
    let call = stage.kinesis().list_shards().stream_name(&stream.name).set_shard_filter(filter).send().await;
    refused(call, WRONG_VALUE).map(|_| ())
}

async fn a_filter_holds_on_all_pages(stage: &Stage) -> Verdict {
    let split = split(stage).await?;
    let mut seen = Vec::new();
    let request = stage.kinesis().list_shards().stream_name(&split.stream.name).max_results(1);
    let mut reply = request.set_shard_filter(filter(ShardFilterType::AtLatest)?).send().await?;
    loop {
        for shard in reply.shards() {
            seen.push(number(&shard.shard_id)?);
        }
        let Some(token) = reply.next_token.take() else { break };
        reply = stage.kinesis().list_shards().next_token(token).max_results(1).send().await?;
    }
    equal("shards of all pages", &seen, &vec![1, 2, 3])
}
