//! ListShards: what it says of shards, and its pages.

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{INVALID, NOT_FOUND, VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{is_open, range};

list_checks!("shards",
    a_new_streams_shards_cover_the_ring_without_gap_or_overlap:
        "The hash key ranges of a new stream's shards cover 0 to 2^128 - 1 without gap or overlap.",
    a_new_streams_shards_are_of_about_one_size: "The hash key ranges of a new stream's shards are of about one size.",
    shard_ids_count_up_from_zero: "The shards of a new stream are shardId-000000000000 and up.",
    a_new_shard_has_a_starting_number_and_neither_end_nor_parent:
        "A new stream's shards have a starting sequence number, no ending one and no parents.",
    list_shards_pages_by_token: "ListShards with MaxResults returns pages whose NextToken leads to the rest.",
    list_shards_starts_after_a_shard: "ListShards with ExclusiveStartShardId begins after that shard.",
    list_shards_refuses_a_token_beside_a_name: "ListShards with NextToken and StreamName is an InvalidArgumentException that says so.",
    list_shards_refuses_a_token_that_is_none: "ListShards with a NextToken that no reply had is refused.",
    list_shards_refuses_neither_name_nor_token: "ListShards of no stream in particular is refused as a wrong value.",
    list_shards_by_zero_is_a_validation_error: "ListShards with MaxResults 0 is a ValidationException.",
    list_shards_by_10_001_is_a_validation_error: "ListShards with MaxResults 10001 is a ValidationException.",
    list_shards_of_an_unknown_stream_is_not_found: "ListShards of a stream that does not exist is a ResourceNotFoundException.",
    list_shards_accepts_the_arn: "ListShards accepts the ARN instead of the name.",
);

async fn a_new_streams_shards_cover_the_ring_without_gap_or_overlap(stage: &Stage) -> Verdict {
    let shards = stage.stream(3).await?.shards().await?;
    let mut ranges = shards.iter().map(range).collect::<Result<Vec<_>, _>>()?;
    ranges.sort_unstable();
    equal("number of shards", &ranges.len(), &3)?;
    let mut next = Some(0);
    for (start, end) in ranges {
        equal("start of a range", &Some(start), &next)?;
        next = end.checked_add(1);
    }
    equal("what follows the last range", &next, &None)
}

async fn a_new_streams_shards_are_of_about_one_size(stage: &Stage) -> Verdict {
    for shard in stage.stream(3).await?.shards().await? {
        let (start, end) = range(&shard)?;
        let share = (end - start) / (u128::MAX / 1_000);
        ensure!((320..=346).contains(&share), "{} has {share} thousandths of the ring", shard.shard_id);
    }
    Ok(())
}

async fn shard_ids_count_up_from_zero(stage: &Stage) -> Verdict {
    let ids: Vec<_> = stage.stream(3).await?.shards().await?.into_iter().map(|shard| shard.shard_id).collect();
    equal("shard ids", &ids, &(0..3).map(|n| format!("shardId-{n:012}")).collect())
}

async fn a_new_shard_has_a_starting_number_and_neither_end_nor_parent(stage: &Stage) -> Verdict {
    for shard in stage.stream(2).await?.shards().await? {
        ensure!(is_open(&shard), "{} has an ending sequence number", shard.shard_id);
        let start = present("SequenceNumberRange", shard.sequence_number_range)?.starting_sequence_number;
        ensure!(!start.is_empty() && start.bytes().all(|byte| byte.is_ascii_digit()), "{start:?} is not a number");
        equal("ParentShardId", &shard.parent_shard_id, &None)?;
        equal("AdjacentParentShardId", &shard.adjacent_parent_shard_id, &None)?;
    }
    Ok(())
}

async fn list_shards_pages_by_token(stage: &Stage) -> Verdict {
    let stream = stage.stream(5).await?;
    let mut ids = Vec::new();
    let mut request = stage.kinesis().list_shards().stream_name(&stream.name).max_results(2);
    let mut pages = 0;
    loop {
        let reply = request.send().await?;
        ensure!(reply.shards().len() <= 2, "a page of {} shards", reply.shards().len());
        ids.extend(reply.shards().iter().map(|shard| shard.shard_id.clone()));
        pages += 1;
        match reply.next_token {
            Some(token) => request = stage.kinesis().list_shards().next_token(token).max_results(2),
            None => break,
        }
    }
    equal("pages", &pages, &3)?;
    equal("shard ids", &ids, &(0..5).map(|n| format!("shardId-{n:012}")).collect())
}

async fn list_shards_starts_after_a_shard(stage: &Stage) -> Verdict {
    let stream = stage.stream(3).await?;
    let request = stage.kinesis().list_shards().stream_name(&stream.name);
    let reply = request.exclusive_start_shard_id("shardId-000000000000").send().await?;
    let ids: Vec<_> = reply.shards().iter().map(|shard| shard.shard_id.as_str()).collect();
    equal("shard ids", &ids, &vec!["shardId-000000000001", "shardId-000000000002"])
}

/// A token that leads to the second page.
async fn token(stage: &Stage, name: &str) -> Result<String, Mismatch> {
    let reply = stage.kinesis().list_shards().stream_name(name).max_results(1).send().await?;
    present("NextToken", reply.next_token)
}

async fn list_shards_refuses_a_token_beside_a_name(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let token = token(stage, &stream.name).await?;
    let call = stage.kinesis().list_shards().stream_name(&stream.name).next_token(token).send().await;
    refused(call, INVALID)?.begins("NextToken and StreamName cannot be provided together").map(|_| ())
}

async fn list_shards_refuses_a_token_that_is_none(stage: &Stage) -> Verdict {
    let codes = ["InvalidArgumentException", "ValidationException", "ExpiredNextTokenException"];
    refused(stage.kinesis().list_shards().next_token("bm90IGEgdG9rZW4=").send().await, &codes).map(|_| ())
}

async fn list_shards_refuses_neither_name_nor_token(stage: &Stage) -> Verdict {
    refused(stage.kinesis().list_shards().send().await, WRONG_VALUE).map(|_| ())
}

async fn list_shards_by_zero_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().list_shards().stream_name(&stream.name).max_results(0).send().await;
    refused(call, VALIDATION).map(|_| ())
}

async fn list_shards_by_10_001_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().list_shards().stream_name(&stream.name).max_results(10_001).send().await;
    refused(call, VALIDATION).map(|_| ())
}

async fn list_shards_of_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    refused(stage.kinesis().list_shards().stream_name(stage.stream_name()).send().await, NOT_FOUND).map(|_| ())
}

async fn list_shards_accepts_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let reply = stage.kinesis().list_shards().stream_arn(stream.arn().await?).send().await?;
    equal("number of shards", &reply.shards().len(), &2)
}
