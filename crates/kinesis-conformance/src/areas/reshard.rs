//! SplitShard and MergeShards: lineage, ranges and what is refused.

use aws_sdk_kinesis::types::Shard;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{INVALID, NOT_FOUND, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{TestStream, is_open, order, range};

list_checks!("reshard",
    a_split_closes_the_parent_and_opens_two_children: "SplitShard closes the shard and opens two with it as ParentShardId.",
    children_of_a_split_divide_the_parents_range_at_the_key:
        "The children's ranges are the parent's below the key and the parent's from the key on.",
    numbers_of_children_start_above_the_parents_end:
        "A child's StartingSequenceNumber is greater than its parent's EndingSequenceNumber.",
    the_ending_number_of_a_closed_shard_is_above_its_records:
        "A closed shard's EndingSequenceNumber is not below the sequence number of its last record.",
    a_merge_closes_both_and_opens_one: "MergeShards closes both shards and opens one with ParentShardId and AdjacentParentShardId.",
    the_child_of_a_merge_has_both_ranges: "The range of a merge's child is the union of its parents' ranges.",
    a_split_at_a_key_outside_the_shard_is_refused: "SplitShard at a key outside the shard is an InvalidArgumentException.",
    a_split_at_the_shards_first_key_is_refused: "SplitShard at the shard's own starting key is an InvalidArgumentException.",
    a_split_of_a_closed_shard_is_refused: "SplitShard of a closed shard is an InvalidArgumentException.",
    a_split_at_a_key_that_is_no_number_is_refused: "SplitShard at a key that is no number is refused as a wrong value.",
    a_split_of_an_unknown_shard_is_not_found: "SplitShard of a shard that does not exist is a ResourceNotFoundException.",
    a_split_in_an_unknown_stream_is_not_found: "SplitShard in a stream that does not exist is a ResourceNotFoundException.",
    a_merge_of_shards_that_are_no_neighbours_is_refused:
        "MergeShards of two shards whose ranges do not meet is an InvalidArgumentException.",
    a_merge_of_a_closed_shard_is_refused: "MergeShards with a closed shard is an InvalidArgumentException.",
    a_merge_with_an_unknown_shard_is_not_found: "MergeShards with a shard that does not exist is a ResourceNotFoundException.",
    split_and_merge_accept_the_arn: "SplitShard and MergeShards accept the ARN instead of the name.",
    a_split_changes_the_number_of_open_shards: "OpenShardCount is one more after a split.",
);

/// Shard 0 and its children 1 and 2.
async fn split(stage: &Stage) -> Result<(TestStream, [Shard; 3]), Mismatch> {
    let stream = stage.stream(1).await?;
    stream.put("key", "before").await?;
    stream.split_at("shardId-000000000000", MIDDLE).await?;
    let shards = three(stream.shards().await?)?;
    Ok((stream, shards))
}

/// Shards 0 and 1 and their child 2.
async fn merge(stage: &Stage) -> Result<(TestStream, [Shard; 3]), Mismatch> {
    let stream = stage.stream(2).await?;
    stream.merge("shardId-000000000000", "shardId-000000000001").await?;
    let shards = three(stream.shards().await?)?;
    Ok((stream, shards))
}

fn three(shards: Vec<Shard>) -> Result<[Shard; 3], Mismatch> {
    let count = shards.len();
    shards.try_into().map_err(|_| Mismatch::new(format!("expected 3 shards, saw {count}")))
}

async fn a_split_closes_the_parent_and_opens_two_children(stage: &Stage) -> Verdict {
    let (_, [parent, low, high]) = split(stage).await?;
    ensure!(!is_open(&parent), "the parent has no EndingSequenceNumber");
    for child in [low, high] {
        ensure!(is_open(&child), "{} is closed", child.shard_id);
        equal("ParentShardId", &child.parent_shard_id.as_deref(), &Some("shardId-000000000000"))?;
        equal("AdjacentParentShardId", &child.adjacent_parent_shard_id, &None)?;
    }
    Ok(())
}

async fn children_of_a_split_divide_the_parents_range_at_the_key(stage: &Stage) -> Verdict {
    let (_, [parent, low, high]) = split(stage).await?;
    let (start, end) = range(&parent)?;
    let mut ranges = [range(&low)?, range(&high)?];
    ranges.sort_unstable();
    equal("ranges of the children", &ranges, &[(start, MIDDLE - 1), (MIDDLE, end)])
}

/// The starting and the ending sequence number.
fn ends(shard: &Shard) -> Result<(String, Option<String>), Mismatch> {
    let range = present("SequenceNumberRange", shard.sequence_number_range.clone())?;
    Ok((range.starting_sequence_number, range.ending_sequence_number))
}

async fn numbers_of_children_start_above_the_parents_end(stage: &Stage) -> Verdict {
    let (_, [parent, low, high]) = split(stage).await?;
    let end = present("EndingSequenceNumber", ends(&parent)?.1)?;
    for child in [low, high] {
        let start = ends(&child)?.0;
        ensure!(order(&start) > order(&end), "{start} of a child is not above {end} of its parent");
    }
    Ok(())
}

async fn the_ending_number_of_a_closed_shard_is_above_its_records(stage: &Stage) -> Verdict {
    let (stream, [parent, ..]) = split(stage).await?;
    let end = present("EndingSequenceNumber", ends(&parent)?.1)?;
    let records = stream.read_shard(&parent.shard_id, 1).await?;
    let last = &present("a record", records.last())?.sequence_number;
    ensure!(order(&end) >= order(last), "{end} is below the record {last}");
    ensure!(end.len() <= last.len() + 1, "{end} is not of the form of {last}");
    Ok(())
}

async fn a_merge_closes_both_and_opens_one(stage: &Stage) -> Verdict {
    let (_, [low, high, child]) = merge(stage).await?;
    ensure!(!is_open(&low) && !is_open(&high), "a parent has no EndingSequenceNumber");
    ensure!(is_open(&child), "the child is closed");
    equal("ParentShardId", &child.parent_shard_id, &Some(low.shard_id))?;
    equal("AdjacentParentShardId", &child.adjacent_parent_shard_id, &Some(high.shard_id))
}

async fn the_child_of_a_merge_has_both_ranges(stage: &Stage) -> Verdict {
    let (_, [.., child]) = merge(stage).await?;
    equal("range of the child", &range(&child)?, &(0, u128::MAX))
}

async fn refuse_split(stage: &Stage, stream: &TestStream, shard: &str, key: &str, codes: &[&str]) -> Verdict {
    let split = stage.kinesis().split_shard().stream_name(&stream.name).shard_to_split(shard);
    refused(split.new_starting_hash_key(key).send().await, codes).map(|_| ())
}

async fn a_split_at_a_key_outside_the_shard_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    refuse_split(stage, &stream, "shardId-000000000000", &(u128::MAX - 9).to_string(), INVALID).await
}

async fn a_split_at_the_shards_first_key_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    refuse_split(stage, &stream, "shardId-000000000000", "0", INVALID).await
}

async fn a_split_of_a_closed_shard_is_refused(stage: &Stage) -> Verdict {
    let (stream, [parent, ..]) = split(stage).await?;
    refuse_split(stage, &stream, &parent.shard_id, "12345", INVALID).await
}

async fn a_split_at_a_key_that_is_no_number_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    refuse_split(stage, &stream, "shardId-000000000000", "twelve", WRONG_VALUE).await
}

async fn a_split_of_an_unknown_shard_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    refuse_split(stage, &stream, "shardId-000000000009", "12345", NOT_FOUND).await
}

async fn a_split_in_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let split = stage.kinesis().split_shard().stream_name(stage.stream_name()).shard_to_split("shardId-000000000000");
    refused(split.new_starting_hash_key("12345").send().await, NOT_FOUND).map(|_| ())
}

async fn refuse_merge(stage: &Stage, stream: &TestStream, shards: (&str, &str), codes: &[&str]) -> Verdict {
    let merge = stage.kinesis().merge_shards().stream_name(&stream.name).shard_to_merge(shards.0);
    refused(merge.adjacent_shard_to_merge(shards.1).send().await, codes).map(|_| ())
}

async fn a_merge_of_shards_that_are_no_neighbours_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(3).await?;
    refuse_merge(stage, &stream, ("shardId-000000000000", "shardId-000000000002"), INVALID).await
}

async fn a_merge_of_a_closed_shard_is_refused(stage: &Stage) -> Verdict {
    let (stream, _) = merge(stage).await?;
    refuse_merge(stage, &stream, ("shardId-000000000000", "shardId-000000000001"), INVALID).await
}

async fn a_merge_with_an_unknown_shard_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    refuse_merge(stage, &stream, ("shardId-000000000000", "shardId-000000000009"), NOT_FOUND).await
}

async fn split_and_merge_accept_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    let split = stage.kinesis().split_shard().stream_arn(&arn).shard_to_split("shardId-000000000000");
    split.new_starting_hash_key(MIDDLE.to_string()).send().await?;
    stream.until_active().await?;
    let merge = stage.kinesis().merge_shards().stream_arn(&arn).shard_to_merge("shardId-000000000001");
    merge.adjacent_shard_to_merge("shardId-000000000002").send().await?;
    stream.until_active().await?;
    equal("number of shards", &stream.shards().await?.len(), &4)
}

async fn a_split_changes_the_number_of_open_shards(stage: &Stage) -> Verdict {
    let (stream, _) = split(stage).await?;
    equal("OpenShardCount", &stream.summary().await?.open_shard_count, &2)
}

const MIDDLE: u128 = 1 << 127;
