//! UpdateShardCount.

use std::collections::BTreeMap;

use aws_sdk_kinesis::types::{ScalingType, Shard};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{NOT_FOUND, refused};
use crate::stage::Stage;
use crate::stream::{TestStream, is_open, order, range};

list_checks!("scaling",
    scaling_up_gives_as_many_open_shards_as_asked_for: "UpdateShardCount to twice the shards leaves that many open shards.",
    scaling_down_gives_as_many_open_shards_as_asked_for: "UpdateShardCount to half the shards leaves that many open shards.",
    scaling_says_the_current_and_the_target_count:
        "UpdateShardCount returns the stream's name, the current and the target shard count.",
    scaled_shards_cover_the_ring: "The open shards after UpdateShardCount cover the ring without gap or overlap.",
    scaled_shards_are_of_about_one_size: "The open shards after UpdateShardCount are of about one size.",
    every_shard_made_by_scaling_up_has_a_parent: "Every shard that scaling up made has a ParentShardId that is closed.",
    every_shard_made_by_scaling_down_has_two_parents:
        "Every shard that halving made has a ParentShardId and an AdjacentParentShardId.",
    numbers_of_scaled_shards_start_above_their_parents:
        "Shards that UpdateShardCount made start above the ending sequence number of their parents.",
    records_put_before_scaling_are_read_to_the_end: "Shards closed by UpdateShardCount are read to their end, with ChildShards.",
    more_than_double_is_refused: "UpdateShardCount to more than twice the open shards is refused.",
    less_than_half_is_refused: "UpdateShardCount to less than half of the open shards is refused.",
    scaling_an_unknown_stream_is_not_found: "UpdateShardCount of a stream that does not exist is a ResourceNotFoundException.",
    an_uneven_target_gives_that_many_open_shards: "UpdateShardCount from 2 to 3 leaves 3 open shards that cover the ring.",
);

/// A stream scaled from one count to another, and its shards by id.
async fn scaled(stage: &Stage, from: i32, to: i32) -> Result<(TestStream, BTreeMap<String, Shard>), Mismatch> {
    let stream = stage.stream(from).await?;
    for point in [1, 3 << 126] {
        stream.put_at("key", Some(point), "before").await?;
    }
    scale(stage, &stream, to).await?;
    let shards = stream.shards().await?.into_iter().map(|shard| (shard.shard_id.clone(), shard)).collect();
    Ok((stream, shards))
}

async fn scale(stage: &Stage, stream: &TestStream, to: i32) -> Verdict {
    let update = stage.kinesis().update_shard_count().stream_name(&stream.name).target_shard_count(to);
    update.scaling_type(ScalingType::UniformScaling).send().await?;
    stream.until_active().await.map(|_| ())
}

fn open(shards: &BTreeMap<String, Shard>) -> Result<Vec<(u128, u128)>, Mismatch> {
    let mut ranges = shards.values().filter(|shard| is_open(shard)).map(range).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_unstable();
    Ok(ranges)
}

fn covers(ranges: &[(u128, u128)]) -> Verdict {
    let mut next = Some(0);
    for (start, end) in ranges {
        equal("start of a range", &Some(*start), &next)?;
        next = end.checked_add(1);
    }
    equal("what follows the last range", &next, &None)
}

async fn scaling_up_gives_as_many_open_shards_as_asked_for(stage: &Stage) -> Verdict {
    let (stream, shards) = scaled(stage, 2, 4).await?;
    equal("open shards", &open(&shards)?.len(), &4)?;
    equal("OpenShardCount", &stream.summary().await?.open_shard_count, &4)
}

async fn scaling_down_gives_as_many_open_shards_as_asked_for(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 4, 2).await?;
    equal("open shards", &open(&shards)?.len(), &2)
}

async fn scaling_says_the_current_and_the_target_count(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let update = stage.kinesis().update_shard_count().stream_name(&stream.name).target_shard_count(4);
    let reply = update.scaling_type(ScalingType::UniformScaling).send().await?;
    equal("StreamName", &reply.stream_name, &Some(stream.name))?;
    equal("CurrentShardCount", &reply.current_shard_count, &Some(2))?;
    equal("TargetShardCount", &reply.target_shard_count, &Some(4))
}

async fn scaled_shards_cover_the_ring(stage: &Stage) -> Verdict {
    let (_, up) = scaled(stage, 2, 4).await?;
    covers(&open(&up)?)?;
    let (_, down) = scaled(stage, 4, 2).await?;
    covers(&open(&down)?)
}

async fn scaled_shards_are_of_about_one_size(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 3, 4).await?;
    for (start, end) in open(&shards)? {
        let share = (end - start) / (u128::MAX / 1_000);
        ensure!((235..=265).contains(&share), "a shard has {share} thousandths of the ring");
    }
    Ok(())
}

async fn every_shard_made_by_scaling_up_has_a_parent(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 2, 4).await?;
    for id in shards.keys().skip(2) {
        let parent = shards.get(id).and_then(|shard| shard.parent_shard_id.as_ref());
        let parent = present(format_args!("ParentShardId of {id}"), parent)?;
        let parent = present(format_args!("the parent {parent}"), shards.get(parent))?;
        ensure!(!is_open(parent), "{} is open and has a child", parent.shard_id);
    }
    Ok(())
}

async fn every_shard_made_by_scaling_down_has_two_parents(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 4, 2).await?;
    for shard in shards.values().filter(|shard| is_open(shard)) {
        present(format_args!("ParentShardId of {}", shard.shard_id), shard.parent_shard_id.as_ref())?;
        present(format_args!("AdjacentParentShardId of {}", shard.shard_id), shard.adjacent_parent_shard_id.as_ref())?;
    }
    Ok(())
}

async fn numbers_of_scaled_shards_start_above_their_parents(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 2, 4).await?;
    for shard in shards.values().filter(|shard| is_open(shard)) {
        let parent = shard.parent_shard_id.as_ref().and_then(|id| shards.get(id));
        let parent = present(format_args!("the parent of {}", shard.shard_id), parent)?;
        let end = parent.sequence_number_range.as_ref().and_then(|range| range.ending_sequence_number.as_ref());
        let end = present("EndingSequenceNumber of a parent", end)?;
        let start = &present("SequenceNumberRange", shard.sequence_number_range.as_ref())?.starting_sequence_number;
        ensure!(order(start) > order(end), "{start} of {} is not above {end}", shard.shard_id);
    }
    Ok(())
}

async fn records_put_before_scaling_are_read_to_the_end(stage: &Stage) -> Verdict {
    let (stream, shards) = scaled(stage, 2, 4).await?;
    for id in shards.keys().take(2) {
        let (records, end) = stream.read_to_end(id).await?;
        equal("number of records", &records.len(), &1)?;
        ensure!(!end.child_shards().is_empty(), "the end of {id} names no ChildShards");
    }
    Ok(())
}

/// Which of these two types it is, the documentation leaves open.
const BEYOND: &[&str] = &["LimitExceededException", "InvalidArgumentException"];

async fn beyond(stage: &Stage, from: i32, to: i32) -> Verdict {
    let stream = stage.stream(from).await?;
    let update = stage.kinesis().update_shard_count().stream_name(&stream.name).target_shard_count(to);
    refused(update.scaling_type(ScalingType::UniformScaling).send().await, BEYOND).map(|_| ())
}

async fn more_than_double_is_refused(stage: &Stage) -> Verdict {
    beyond(stage, 2, 5).await
}

async fn less_than_half_is_refused(stage: &Stage) -> Verdict {
    beyond(stage, 4, 1).await
}

async fn scaling_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let update = stage.kinesis().update_shard_count().stream_name(stage.stream_name()).target_shard_count(2);
    refused(update.scaling_type(ScalingType::UniformScaling).send().await, NOT_FOUND).map(|_| ())
}

async fn an_uneven_target_gives_that_many_open_shards(stage: &Stage) -> Verdict {
    let (_, shards) = scaled(stage, 2, 3).await?;
    let open = open(&shards)?;
    equal("open shards", &open.len(), &3)?;
    covers(&open)
}
