//! Kinesis in CBOR, as the Java SDKs speak it.

use ciborium::Value;
use kinesis_local::Local;

use crate::raw::{RawReply, call, exchange, request};
use crate::support::{STREAM, shard, start};

const CBOR: &str = "application/x-amz-cbor-1.1";

fn map(members: &[(&str, Value)]) -> Value {
    Value::Map(members.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

fn member(value: &Value, name: &str) -> Value {
    let (_, value) = value.as_map().unwrap().iter().find(|(key, _)| key.as_text() == Some(name)).unwrap();
    value.clone()
}

fn send(local: &Local, operation: &str, body: &Value) -> RawReply {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).unwrap();
    let reply = request(local, &call(operation, CBOR), &bytes);
    assert!(reply.head.contains(&format!("content-type: {CBOR}")), "{}", reply.head);
    assert!(reply.head.contains("x-amzn-requestid: "), "{}", reply.head);
    reply
}

fn value(reply: &RawReply) -> Value {
    ciborium::from_reader(&reply.body[..]).unwrap()
}

fn ask(local: &Local, operation: &str, members: &[(&str, Value)]) -> Value {
    let reply = send(local, operation, &map(members));
    assert_eq!(reply.status, 200, "{operation}: {:?}", value(&reply));
    value(&reply)
}

fn put(local: &Local, data: &[u8]) -> Value {
    let data = ("Data", Value::Bytes(data.to_vec()));
    ask(local, "PutRecord", &[("StreamName", STREAM.into()), ("PartitionKey", "k".into()), data])
}

#[tokio::test]
async fn data_goes_in_and_out_as_byte_strings_and_times_as_tagged_milliseconds() {
    let local = start(1).await;
    let data: Vec<u8> = (0..=255).collect();
    put(&local, &data);
    let summary = ask(&local, "DescribeStreamSummary", &[("StreamName", STREAM.into())]);
    let created = member(&member(&summary, "StreamDescriptionSummary"), "StreamCreationTimestamp");
    assert!(matches!(created, Value::Tag(1, millis) if millis.as_integer().unwrap() > 1_000_000_000_000_i64.into()));
    let start =
        [("StreamName", STREAM.into()), ("ShardId", shard(0).into()), ("ShardIteratorType", "TRIM_HORIZON".into())];
    let iterator = member(&ask(&local, "GetShardIterator", &start), "ShardIterator");
    let got = ask(&local, "GetRecords", &[("ShardIterator", iterator)]);
    let record = member(&got, "Records").as_array().unwrap()[0].clone();
    assert_eq!(member(&record, "Data"), Value::Bytes(data));
    assert_eq!(member(&record, "PartitionKey"), "k".into());
    // The time that came out goes in again: the record is the first at or after it, and none is after a millisecond more.
    let arrival = member(&record, "ApproximateArrivalTimestamp");
    let at = [("ShardIteratorType", "AT_TIMESTAMP".into()), ("Timestamp", arrival)];
    let iterator = member(&ask(&local, "GetShardIterator", &[&start[..2], &at].concat()), "ShardIterator");
    let again = ask(&local, "GetRecords", &[("ShardIterator", iterator)]);
    assert_eq!(member(&again, "Records").as_array().unwrap().len(), 1);
    local.stop().await;
}

#[tokio::test]
async fn batches_and_operations_without_a_result_work_in_cbor() {
    let local = start(1).await;
    let record = map(&[("Data", Value::Bytes(b"x".to_vec())), ("PartitionKey", "k".into())]);
    let batch = Value::Array(vec![record; 3]);
    let reply = ask(&local, "PutRecords", &[("StreamName", STREAM.into()), ("Records", batch)]);
    assert_eq!(member(&reply, "FailedRecordCount"), 0.into());
    assert_eq!(member(&reply, "Records").as_array().unwrap().len(), 3);
    let create = map(&[("StreamName", "more".into()), ("ShardCount", 1.into())]);
    let created = send(&local, "CreateStream", &create);
    assert_eq!((created.status, created.body.len()), (200, 0));
    let listed = ask(&local, "ListStreams", &[]);
    assert_eq!(member(&listed, "StreamNames"), Value::Array(vec!["more".into(), STREAM.into()]));
    local.stop().await;
}

#[tokio::test]
async fn errors_are_in_cbor_with_type_and_message() {
    let local = start(1).await;
    let refused = send(&local, "DescribeStream", &map(&[("StreamName", "nope".into())]));
    assert_eq!(refused.status, 400);
    assert_eq!(member(&value(&refused), "__type"), "ResourceNotFoundException".into());
    let message = "Stream nope under account 000000000000 not found.";
    assert_eq!(member(&value(&refused), "message"), message.into());
    for body in [&b"\xa1\x61a"[..], b"{\"StreamName\":\"words\"}", &[0x81; 10_000]] {
        let refused = request(&local, &call("DescribeStream", CBOR), body);
        assert_eq!(refused.status, 400);
        assert_eq!(member(&value(&refused), "__type"), "SerializationException".into());
    }
    local.stop().await;
}

#[tokio::test]
async fn a_json_client_is_not_touched_by_what_a_cbor_client_does() {
    let local = start(1).await;
    put(&local, b"x");
    let json = request(&local, &call("ListStreams", "application/x-amz-json-1.1"), b"{}");
    assert!(json.head.contains("content-type: application/x-amz-json-1.1"), "{}", json.head);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json.body).unwrap()["StreamNames"][0], STREAM);
    local.stop().await;
}

#[tokio::test]
async fn faults_reach_cbor_clients_in_cbor() {
    use kinesis_local::faults::{Effect, Fault};
    let local = start(1).await;
    local.faults().add(Fault::kinesis(Effect::Throttle).shard(&shard(0)).times(1)).unwrap();
    local.faults().add(Fault::kinesis(Effect::PartialPutRecords { share: 1.0 }).times(1)).unwrap();
    local.faults().add(Fault::kinesis(Effect::CutAfter)).unwrap();
    let record = map(&[("Data", Value::Bytes(b"x".to_vec())), ("PartitionKey", "k".into())]);
    let batch = map(&[("StreamName", STREAM.into()), ("Records", Value::Array(vec![record]))]);
    let throttled = send(&local, "PutRecords", &batch);
    assert_eq!(member(&value(&throttled), "__type"), "ProvisionedThroughputExceededException".into());
    assert_eq!(member(&value(&send(&local, "PutRecords", &batch)), "FailedRecordCount"), 1.into());
    assert_eq!(exchange(&local, &call("ListStreams", CBOR), b"\xa0"), b"");
    local.stop().await;
}
