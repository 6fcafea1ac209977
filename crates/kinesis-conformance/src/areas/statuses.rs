//! What a stream allows while it changes.

use aws_sdk_kinesis::types::StreamStatus;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{equal, present};
use crate::refusal::{IN_USE, refused};
use crate::stage::Stage;
use crate::stream::range;

list_checks!("statuses",
    a_new_stream_is_creating_at_first: "A stream has the status CREATING right after CreateStream.",
    a_stream_is_updating_during_a_split: "A stream has the status UPDATING right after SplitShard.",
    a_stream_is_updating_during_a_retention_change_or_done_at_once:
        "A stream is UPDATING or ACTIVE with the new retention right after its increase.",
    a_stream_is_deleting_at_first: "A stream has the status DELETING right after DeleteStream.",
    a_second_split_during_a_split_is_refused_as_in_use:
        "SplitShard of a stream that is not ACTIVE is a ResourceInUseException.",
    a_merge_during_a_split_is_refused_as_in_use: "MergeShards of a stream that is not ACTIVE is a ResourceInUseException.",
    records_are_taken_while_a_stream_is_updating: "A stream that is UPDATING takes records.",
    listing_the_shards_of_a_creating_stream_is_refused_as_in_use:
        "ListShards of a stream that is CREATING is a ResourceInUseException.",
);

async fn status(stage: &Stage, name: &str) -> Result<StreamStatus, crate::Mismatch> {
    let reply = stage.kinesis().describe_stream_summary().stream_name(name).send().await?;
    Ok(present("StreamDescriptionSummary", reply.stream_description_summary)?.stream_status)
}

/// A stream of two shards of which the first is being split, and the id of the second.
async fn splitting(stage: &Stage) -> Result<(crate::TestStream, String, String), crate::Mismatch> {
    let stream = stage.stream(2).await?;
    let shards = stream.shards().await?;
    let [first, second] = shards.as_slice() else {
        return Err(crate::Mismatch::new(format!("{} shards instead of 2", shards.len())));
    };
    let (start, end) = range(first)?;
    let split = stage.kinesis().split_shard().stream_name(&stream.name).shard_to_split(&first.shard_id);
    split.new_starting_hash_key((start + (end - start) / 2).to_string()).send().await?;
    Ok((stream, first.shard_id.clone(), second.shard_id.clone()))
}

async fn a_new_stream_is_creating_at_first(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    stage.kinesis().create_stream().stream_name(&name).shard_count(1).send().await?;
    equal("status", &status(stage, &name).await?, &StreamStatus::Creating)
}

async fn a_stream_is_updating_during_a_split(stage: &Stage) -> Verdict {
    let (stream, ..) = splitting(stage).await?;
    equal("status", &status(stage, &stream.name).await?, &StreamStatus::Updating)
}

async fn a_stream_is_updating_during_a_retention_change_or_done_at_once(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let increase = stage.kinesis().increase_stream_retention_period().stream_name(&stream.name);
    increase.retention_period_hours(25).send().await?;
    let summary = stream.summary().await?;
    match summary.stream_status {
        StreamStatus::Updating => Ok(()),
        status => {
            equal("status", &status, &StreamStatus::Active)?;
            equal("RetentionPeriodHours of an ACTIVE stream", &summary.retention_period_hours, &25)
        }
    }
}

async fn a_stream_is_deleting_at_first(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stage.kinesis().delete_stream().stream_name(&stream.name).send().await?;
    equal("status", &status(stage, &stream.name).await?, &StreamStatus::Deleting)
}

async fn a_second_split_during_a_split_is_refused_as_in_use(stage: &Stage) -> Verdict {
    let (stream, _, second) = splitting(stage).await?;
    let again = stage.kinesis().split_shard().stream_name(&stream.name).shard_to_split(second);
    refused(again.new_starting_hash_key((3_u128 << 126).to_string()).send().await, IN_USE).map(|_| ())
}

async fn a_merge_during_a_split_is_refused_as_in_use(stage: &Stage) -> Verdict {
    let (stream, first, second) = splitting(stage).await?;
    let merge = stage.kinesis().merge_shards().stream_name(&stream.name).shard_to_merge(first);
    refused(merge.adjacent_shard_to_merge(second).send().await, IN_USE).map(|_| ())
}

async fn records_are_taken_while_a_stream_is_updating(stage: &Stage) -> Verdict {
    let (stream, ..) = splitting(stage).await?;
    let put = stream.put("key", "text").await?;
    let records = stream.read_shard(&put.shard, 1).await?;
    equal("records", &crate::stream::numbers(&records), &vec![put.number])
}

async fn listing_the_shards_of_a_creating_stream_is_refused_as_in_use(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    stage.kinesis().create_stream().stream_name(&name).shard_count(1).send().await?;
    refused(stage.kinesis().list_shards().stream_name(&name).send().await, IN_USE).map(|_| ())
}
