//! PutRecords: batches, their order and their sizes.

use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{NOT_FOUND, VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{entry, numbers, order, texts};

list_checks!("put",
    put_records_answers_in_the_order_of_the_request:
        "PutRecords has one result for each record, in order, and FailedRecordCount 0 when all were stored.",
    a_batch_keeps_its_order_within_a_shard: "The records of a batch that go to one shard are stored in the order of the batch.",
    a_batch_of_500_is_accepted: "PutRecords accepts 500 records.",
    a_batch_of_501_is_a_validation_error: "PutRecords of 501 records is a ValidationException.",
    a_batch_of_none_is_refused: "PutRecords of no records is refused as a wrong value.",
    a_batch_of_more_than_ten_mebibytes_is_refused: "PutRecords of more than 10 MiB is refused as a wrong value.",
    a_batch_with_one_record_that_is_too_large_is_refused_as_a_whole:
        "PutRecords with one record of more than 1 MiB is refused, and none of its records is stored.",
    a_batch_with_one_bad_key_is_refused_as_a_whole:
        "PutRecords with one empty partition key is a ValidationException, and none of its records is stored.",
    a_batch_into_an_unknown_stream_is_not_found: "PutRecords into a stream that does not exist is a ResourceNotFoundException.",
    put_records_accepts_the_arn: "PutRecords accepts the ARN instead of the name.",
    a_batch_spreads_over_shards_by_explicit_hash_keys: "The records of a batch go to the shards of their explicit hash keys.",
);

fn batch(count: usize, size: usize) -> Result<Vec<PutRecordsRequestEntry>, Mismatch> {
    (0..count).map(|n| entry(&format!("key-{n}"), vec![7; size])).collect()
}

async fn put_records_answers_in_the_order_of_the_request(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let low = entry("low", "low")?;
    let mut entries = Vec::new();
    for point in [3 << 126, 1, 3_u128 << 126] {
        let mut entry = low.clone();
        entry.explicit_hash_key = Some(point.to_string());
        entries.push(entry);
    }
    let reply = stage.kinesis().put_records().stream_name(&stream.name).set_records(Some(entries)).send().await?;
    equal("FailedRecordCount", &reply.failed_record_count, &Some(0))?;
    let shards: Vec<_> = reply.records.iter().map(|record| record.shard_id.as_deref().unwrap_or_default()).collect();
    let (first, second) = ("shardId-000000000000", "shardId-000000000001");
    equal("shards", &shards, &vec![second, first, second])?;
    ensure!(reply.records.iter().all(|record| record.error_code.is_none()), "a stored record has an ErrorCode");
    Ok(())
}

async fn a_batch_keeps_its_order_within_a_shard(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let wanted: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    let entries = wanted.iter().map(|text| entry(&format!("key-{text}"), text)).collect::<Result<_, _>>()?;
    let put = stream.put_all(entries).await?;
    ensure!(put.is_sorted_by(|a, b| order(&a.number) < order(&b.number)), "the sequence numbers are out of order");
    let records = stream.read_shard(&stream.first_shard().await?, 100).await?;
    equal("texts", &texts(&records), &wanted)?;
    equal("numbers", &numbers(&records), &put.into_iter().map(|put| put.number).collect())
}

async fn a_batch_of_500_is_accepted(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let put = stream.put_all(batch(500, 10)?).await?;
    equal("results", &put.len(), &500)
}

/// That this batch is refused with one of these, and leaves nothing behind.
async fn refused_whole(stage: &Stage, entries: Vec<PutRecordsRequestEntry>, codes: &[&str]) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_records().stream_name(&stream.name).set_records(Some(entries));
    refused(call.send().await, codes)?;
    let marker = stream.put("key", "marker").await?;
    let records = stream.read_shard(&marker.shard, 1).await?;
    equal("the first record after a refused batch", &present("it", records.first())?.sequence_number, &marker.number)
}

async fn a_batch_of_501_is_a_validation_error(stage: &Stage) -> Verdict {
    refused_whole(stage, batch(501, 10)?, VALIDATION).await
}

async fn a_batch_of_none_is_refused(stage: &Stage) -> Verdict {
    refused_whole(stage, Vec::new(), WRONG_VALUE).await
}

async fn a_batch_of_more_than_ten_mebibytes_is_refused(stage: &Stage) -> Verdict {
    refused_whole(stage, batch(11, 1_000_000)?, WRONG_VALUE).await
}

async fn a_batch_with_one_record_that_is_too_large_is_refused_as_a_whole(stage: &Stage) -> Verdict {
    let mut entries = batch(2, 10)?;
    entries.push(entry("key", vec![7; (1 << 20) + 1])?);
    refused_whole(stage, entries, WRONG_VALUE).await
}

async fn a_batch_with_one_bad_key_is_refused_as_a_whole(stage: &Stage) -> Verdict {
    let mut entries = batch(2, 10)?;
    entries.push(entry("", "text")?);
    refused_whole(stage, entries, VALIDATION).await
}

async fn a_batch_into_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let call = stage.kinesis().put_records().stream_name(stage.stream_name()).set_records(Some(batch(1, 10)?));
    refused(call.send().await, NOT_FOUND).map(|_| ())
}

async fn put_records_accepts_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_records().stream_arn(stream.arn().await?).set_records(Some(batch(2, 10)?));
    equal("FailedRecordCount", &call.send().await?.failed_record_count, &Some(0))?;
    stream.read_shard(&stream.first_shard().await?, 2).await.map(|_| ())
}

async fn a_batch_spreads_over_shards_by_explicit_hash_keys(stage: &Stage) -> Verdict {
    let stream = stage.stream(4).await?;
    let mut entries = Vec::new();
    let mut wanted = Vec::new();
    for shard in stream.shards().await? {
        let mut entry = entry("key", "text")?;
        entry.explicit_hash_key = Some(crate::stream::range(&shard)?.0.to_string());
        entries.push(entry);
        wanted.push(shard.shard_id);
    }
    let put = stream.put_all(entries).await?;
    equal("shards", &put.into_iter().map(|put| put.shard).collect::<Vec<_>>(), &wanted)
}
