//! GetShardIterator by kind, shard and sequence number.

use aws_sdk_kinesis::types::ShardIteratorType;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, equal, present};
use crate::refusal::{INVALID, NOT_FOUND, VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{Put, TestStream, numbers};

list_checks!("iterators",
    trim_horizon_reads_from_the_oldest_record: "TRIM_HORIZON reads from the oldest record.",
    latest_reads_only_what_comes_after_it: "LATEST reads the records that are put after it, and none from before.",
    at_sequence_number_reads_that_record_first: "AT_SEQUENCE_NUMBER reads from the record with that number.",
    after_sequence_number_reads_the_next_record_first: "AFTER_SEQUENCE_NUMBER reads from the record after that number.",
    after_the_last_number_reads_what_comes_later: "AFTER_SEQUENCE_NUMBER of the newest record reads what is put later.",
    the_starting_number_of_a_shard_is_a_position:
        "AT_SEQUENCE_NUMBER accepts a shard's StartingSequenceNumber and reads from its oldest record.",
    a_number_of_another_shard_is_refused: "A sequence number of another shard is an InvalidArgumentException.",
    a_number_that_is_none_is_refused: "A starting sequence number that is no number is refused as a wrong value.",
    a_position_by_number_without_a_number_is_refused: "AT_SEQUENCE_NUMBER without a number is refused as a wrong value.",
    an_iterator_of_an_unknown_stream_is_not_found: "An iterator of a stream that does not exist is a ResourceNotFoundException.",
    an_iterator_of_an_unknown_shard_is_not_found: "An iterator of a shard that does not exist is a ResourceNotFoundException.",
    a_shard_id_with_bad_characters_is_a_validation_error: "A shard id with a space in it is a ValidationException.",
    a_kind_of_iterator_that_is_none_is_a_validation_error:
        "An iterator type outside the five is a ValidationException that names shardIteratorType.",
    get_shard_iterator_accepts_the_arn: "GetShardIterator accepts the ARN instead of the name.",
    an_iterator_may_be_used_again: "The same iterator reads the same records again.",
    an_iterator_that_is_none_is_refused: "GetRecords with an iterator that no reply had is refused as a wrong value.",
    an_iterator_of_a_deleted_stream_is_not_found:
        "GetRecords of a stream that was deleted since is a ResourceNotFoundException in the end.",
);

/// A stream of one shard with three records.
async fn three(stage: &Stage) -> Result<(TestStream, [Put; 3]), Mismatch> {
    let stream = stage.stream(1).await?;
    let put = [stream.put("key", "0").await?, stream.put("key", "1").await?, stream.put("key", "2").await?];
    Ok((stream, put))
}

async fn at(stage: &Stage, stream: &TestStream, kind: ShardIteratorType, put: &Put) -> Result<String, Mismatch> {
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id(&put.shard);
    let reply = request.shard_iterator_type(kind).starting_sequence_number(&put.number).send().await?;
    present("ShardIterator", reply.shard_iterator)
}

async fn trim_horizon_reads_from_the_oldest_record(stage: &Stage) -> Verdict {
    let (stream, put) = three(stage).await?;
    let [one, two, three] = put;
    let records = stream.read_shard(&one.shard, 3).await?;
    equal("records", &numbers(&records), &vec![one.number, two.number, three.number])
}

async fn latest_reads_only_what_comes_after_it(stage: &Stage) -> Verdict {
    let (stream, [one, ..]) = three(stage).await?;
    let mut iterator = stream.iterator(&one.shard, ShardIteratorType::Latest).await?;
    for n in 0..5 {
        // An idle read in between must neither lose nor repeat anything.
        let idle = stream.get(&iterator, None).await?;
        equal("records of an idle read", &numbers(&idle.records), &Vec::new())?;
        iterator = present("NextShardIterator", idle.next_shard_iterator)?;
        let put = stream.put("key", format!("later {n}")).await?;
        let records = stream.read(iterator, 1).await?;
        equal("records", &numbers(&records), &vec![put.number.clone()])?;
        iterator = at(stage, &stream, ShardIteratorType::AfterSequenceNumber, &put).await?;
    }
    Ok(())
}

async fn at_sequence_number_reads_that_record_first(stage: &Stage) -> Verdict {
    let (stream, [_, two, three]) = three(stage).await?;
    let iterator = at(stage, &stream, ShardIteratorType::AtSequenceNumber, &two).await?;
    equal("records", &numbers(&stream.read(iterator, 2).await?), &vec![two.number, three.number])
}

async fn after_sequence_number_reads_the_next_record_first(stage: &Stage) -> Verdict {
    let (stream, [_, two, three]) = three(stage).await?;
    let iterator = at(stage, &stream, ShardIteratorType::AfterSequenceNumber, &two).await?;
    equal("records", &numbers(&stream.read(iterator, 1).await?), &vec![three.number])
}

async fn after_the_last_number_reads_what_comes_later(stage: &Stage) -> Verdict {
    let (stream, [.., three]) = three(stage).await?;
    let iterator = at(stage, &stream, ShardIteratorType::AfterSequenceNumber, &three).await?;
    let later = stream.put("key", "later").await?;
    equal("records", &numbers(&stream.read(iterator, 1).await?), &vec![later.number])
}

async fn the_starting_number_of_a_shard_is_a_position(stage: &Stage) -> Verdict {
    let (stream, [one, ..]) = three(stage).await?;
    let shard = present("a shard", stream.shards().await?.into_iter().next())?;
    let number = present("SequenceNumberRange", shard.sequence_number_range)?.starting_sequence_number;
    let start = Put { shard: shard.shard_id, number };
    let iterator = at(stage, &stream, ShardIteratorType::AtSequenceNumber, &start).await?;
    let records = stream.read(iterator, 3).await?;
    equal("the first record", &present("it", records.first())?.sequence_number, &one.number)
}

async fn a_number_of_another_shard_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let (low, high) =
        (stream.put_at("key", Some(1), "low").await?, stream.put_at("key", Some(3 << 126), "high").await?);
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id(&low.shard);
    let request = request.shard_iterator_type(ShardIteratorType::AtSequenceNumber);
    let refusal = refused(request.starting_sequence_number(&high.number).send().await, INVALID)?;
    refusal.mentions("invalid").map(|_| ())
}

async fn a_number_that_is_none_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
    let request = request.shard_iterator_type(ShardIteratorType::AtSequenceNumber);
    refused(request.starting_sequence_number("twelve").send().await, WRONG_VALUE).map(|_| ())
}

async fn a_position_by_number_without_a_number_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for kind in [ShardIteratorType::AtSequenceNumber, ShardIteratorType::AfterSequenceNumber] {
        let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
        refused(request.shard_iterator_type(kind).send().await, WRONG_VALUE)?;
    }
    Ok(())
}

async fn an_iterator_of_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let request = stage.kinesis().get_shard_iterator().stream_name(stage.stream_name());
    let request = request.shard_id("shardId-000000000000").shard_iterator_type(ShardIteratorType::Latest);
    refused(request.send().await, NOT_FOUND)?.begins("Stream ").map(|_| ())
}

async fn an_iterator_of_an_unknown_shard_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000009");
    let refusal = refused(request.shard_iterator_type(ShardIteratorType::Latest).send().await, NOT_FOUND)?;
    refusal.begins("Shard shardId-000000000009 in stream ").map(|_| ())
}

async fn a_shard_id_with_bad_characters_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("not a shard");
    refused(request.shard_iterator_type(ShardIteratorType::Latest).send().await, VALIDATION).map(|_| ())
}

async fn a_kind_of_iterator_that_is_none_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let request = stage.kinesis().get_shard_iterator().stream_name(&stream.name).shard_id("shardId-000000000000");
    let call = request.shard_iterator_type(ShardIteratorType::from("SOMEWHERE")).send().await;
    refused(call, VALIDATION)?.mentions("shardIteratorType").map(|_| ())
}

async fn get_shard_iterator_accepts_the_arn(stage: &Stage) -> Verdict {
    let (stream, [one, ..]) = three(stage).await?;
    let request = stage.kinesis().get_shard_iterator().stream_arn(stream.arn().await?).shard_id(&one.shard);
    let reply = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
    stream.read(present("ShardIterator", reply.shard_iterator)?, 3).await.map(|_| ())
}

async fn an_iterator_may_be_used_again(stage: &Stage) -> Verdict {
    let (stream, [one, ..]) = three(stage).await?;
    let iterator = stream.iterator(&one.shard, ShardIteratorType::TrimHorizon).await?;
    let first = stream.read(iterator.clone(), 3).await?;
    equal("the second reading", &numbers(&stream.read(iterator, 3).await?), &numbers(&first))
}

async fn an_iterator_that_is_none_is_refused(stage: &Stage) -> Verdict {
    let call = stage.kinesis().get_records().shard_iterator("bm90IGFuIGl0ZXJhdG9y").send().await;
    refused(call, WRONG_VALUE).map(|_| ())
}

async fn an_iterator_of_a_deleted_stream_is_not_found(stage: &Stage) -> Verdict {
    let (stream, [one, ..]) = three(stage).await?;
    let iterator = stream.iterator(&one.shard, ShardIteratorType::TrimHorizon).await?;
    stage.kinesis().delete_stream().stream_name(&stream.name).send().await?;
    let mut pace = crate::pace::Pace::for_the("reads of a deleted stream to be refused");
    loop {
        let call = stage.kinesis().get_records().shard_iterator(&iterator).send().await;
        if call.is_err() {
            return refused(call, NOT_FOUND).map(|_| ());
        }
        pace.pause().await?;
    }
}
