//! PutRecord: where records go, and which are refused.

use aws_sdk_kinesis::primitives::Blob;
use md5::{Digest, Md5};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{ensure, equal, present};
use crate::refusal::{NOT_FOUND, VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::{order, range, texts};

list_checks!("put",
    put_record_says_shard_and_sequence_number: "PutRecord returns the shard and a decimal sequence number of the record.",
    sequence_numbers_of_a_shard_increase: "Sequence numbers of records put one after the other into a shard increase, as numbers.",
    a_partition_key_goes_where_its_md5_points: "A record goes to the shard whose range holds the MD5 of its partition key.",
    an_explicit_hash_key_overrides_the_partition_key: "A record with an ExplicitHashKey goes to the shard whose range holds it.",
    both_ends_of_the_ring_are_explicit_hash_keys: "The explicit hash keys 0 and 2^128 - 1 are accepted.",
    an_explicit_hash_key_of_2_to_the_128_is_refused: "An ExplicitHashKey of 2^128 is refused as a wrong value.",
    an_explicit_hash_key_that_is_no_number_is_refused: "An ExplicitHashKey that is no number is refused as a wrong value.",
    an_empty_partition_key_is_a_validation_error: "An empty partition key is a ValidationException.",
    a_partition_key_of_257_characters_is_a_validation_error: "A partition key of 257 characters is a ValidationException.",
    a_partition_key_of_256_characters_beyond_ascii_is_accepted:
        "A partition key may have 256 characters, whatever their length in bytes, and is read back as it is.",
    an_empty_record_is_stored: "A record without data is stored and read back.",
    any_bytes_are_read_back: "Data of all 256 byte values is read back unchanged.",
    a_record_of_a_mebibyte_is_stored: "A record whose data and key have 1 MiB together is stored.",
    a_record_of_more_than_a_mebibyte_is_refused: "A record of more than 1 MiB is refused as a wrong value, unless the stream allows more.",
    putting_into_an_unknown_stream_is_not_found: "PutRecord into a stream that does not exist is a ResourceNotFoundException.",
    put_record_accepts_the_arn: "PutRecord accepts the ARN instead of the name.",
    a_number_for_ordering_makes_the_next_one_greater:
        "PutRecord with SequenceNumberForOrdering gives a greater sequence number.",
);

async fn put_record_says_shard_and_sequence_number(stage: &Stage) -> Verdict {
    let put = stage.stream(1).await?.put("key", "text").await?;
    equal("ShardId", &put.shard.as_str(), &"shardId-000000000000")?;
    ensure!(put.number.bytes().all(|byte| byte.is_ascii_digit()), "{:?} is not a number", put.number);
    ensure!(!put.number.is_empty() && !put.number.starts_with('0'), "{:?} is not canonical", put.number);
    Ok(())
}

async fn sequence_numbers_of_a_shard_increase(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let mut last = stream.put("key", "text").await?;
    for _ in 0..20 {
        let next = stream.put("key", "text").await?;
        ensure!(order(&next.number) > order(&last.number), "{} after {}", next.number, last.number);
        last = next;
    }
    Ok(())
}

async fn a_partition_key_goes_where_its_md5_points(stage: &Stage) -> Verdict {
    let stream = stage.stream(4).await?;
    let shards = stream.shards().await?;
    for key in ["a", "key", "word", "Fjord", "ключ", "鍵", "0", "you"] {
        let point = u128::from_be_bytes(Md5::digest(key.as_bytes()).into());
        let mut wanted = None;
        for shard in &shards {
            let (start, end) = range(shard)?;
            if (start..=end).contains(&point) {
                wanted = Some(shard.shard_id.clone());
            }
        }
        let put = stream.put(key, "text").await?;
        equal(&format!("shard of {key:?}"), &put.shard, &present("a shard for the key", wanted)?)?;
    }
    Ok(())
}

async fn an_explicit_hash_key_overrides_the_partition_key(stage: &Stage) -> Verdict {
    let stream = stage.stream(3).await?;
    for shard in stream.shards().await? {
        let (start, end) = range(&shard)?;
        for point in [start + 1, end - 1] {
            let put = stream.put_at("the same key", Some(point), "text").await?;
            equal(&format!("shard of point {point}"), &put.shard, &shard.shard_id)?;
        }
    }
    Ok(())
}

async fn both_ends_of_the_ring_are_explicit_hash_keys(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    equal("shard", &stream.put_at("key", Some(0), "text").await?.shard.as_str(), &"shardId-000000000000")?;
    equal("shard", &stream.put_at("key", Some(u128::MAX), "text").await?.shard.as_str(), &"shardId-000000000001")
}

async fn explicit(stage: &Stage, key: &str) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_record().stream_name(&stream.name).partition_key("key").explicit_hash_key(key);
    refused(call.data(Blob::new("text")).send().await, WRONG_VALUE).map(|_| ())
}

async fn an_explicit_hash_key_of_2_to_the_128_is_refused(stage: &Stage) -> Verdict {
    explicit(stage, "340282366920938463463374607431768211456").await
}

async fn an_explicit_hash_key_that_is_no_number_is_refused(stage: &Stage) -> Verdict {
    explicit(stage, "twelve").await
}

async fn keyed(stage: &Stage, key: &str) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_record().stream_name(&stream.name).partition_key(key);
    refused(call.data(Blob::new("text")).send().await, VALIDATION)?.begins("1 validation error detected").map(|_| ())
}

async fn an_empty_partition_key_is_a_validation_error(stage: &Stage) -> Verdict {
    keyed(stage, "").await
}

async fn a_partition_key_of_257_characters_is_a_validation_error(stage: &Stage) -> Verdict {
    keyed(stage, &"k".repeat(257)).await
}

async fn a_partition_key_of_256_characters_beyond_ascii_is_accepted(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let key = "ж".repeat(256);
    let put = stream.put(&key, "text").await?;
    let records = stream.read_shard(&put.shard, 1).await?;
    equal("PartitionKey", &present("a record", records.first())?.partition_key, &Some(key))
}

async fn an_empty_record_is_stored(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let put = stream.put("key", "").await?;
    equal("data", &texts(&stream.read_shard(&put.shard, 1).await?), &vec![String::new()])
}

async fn any_bytes_are_read_back(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let put = stream.put("key", &bytes).await?;
    let records = stream.read_shard(&put.shard, 1).await?;
    ensure!(present("a record", records.first())?.data.as_ref() == bytes, "the bytes are not the same");
    Ok(())
}

async fn a_record_of_a_mebibyte_is_stored(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let bytes = vec![7; (1 << 20) - "key".len()];
    let put = stream.put("key", &bytes).await?;
    let records = stream.read_shard(&put.shard, 1).await?;
    equal("size of the data", &present("a record", records.first())?.data.as_ref().len(), &bytes.len())
}

async fn a_record_of_more_than_a_mebibyte_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_record().stream_name(&stream.name).partition_key("key");
    refused(call.data(Blob::new(vec![7; (1 << 20) + 1])).send().await, WRONG_VALUE).map(|_| ())
}

async fn putting_into_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    let call = stage.kinesis().put_record().stream_name(&name).partition_key("key").data(Blob::new("text"));
    refused(call.send().await, NOT_FOUND)?.begins(&format!("Stream {name} under account ")).map(|_| ())
}

async fn put_record_accepts_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().put_record().stream_arn(stream.arn().await?).partition_key("key");
    let reply = call.data(Blob::new("text")).send().await?;
    let records = stream.read_shard(&reply.shard_id, 1).await?;
    equal("SequenceNumber", &present("a record", records.first())?.sequence_number, &reply.sequence_number)
}

async fn a_number_for_ordering_makes_the_next_one_greater(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let first = stream.put("key", "one").await?;
    let call = stage.kinesis().put_record().stream_name(&stream.name).partition_key("key").data(Blob::new("two"));
    let second = call.sequence_number_for_ordering(&first.number).send().await?.sequence_number;
    ensure!(order(&second) > order(&first.number), "{second} after {}", first.number);
    Ok(())
}
