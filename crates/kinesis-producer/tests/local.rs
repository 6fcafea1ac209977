//! The producer and the word producer over the real AWS SDK, against the embedded endpoint.
//!
//! The clock is the real one: a paused one would run away while a request is on the network.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::future::pending;
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::sync::Arc;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use futures::future::join_all;
use kinesis_endpoint::{Credentials, EndpointUrl, Region, ServiceAccess};
use kinesis_local::Local;
use kinesis_producer::{
    DeliveryError, KinesisPutRecords, Producer, ProducerConfig, Record, StreamName, WordProducer, WordProducerError,
    WordSettings,
};
use kpl_deagg::HashKey;

fn access(url: &str) -> ServiceAccess {
    ServiceAccess {
        region: Region::default_local(),
        endpoint: Some(EndpointUrl::parse(url).unwrap()),
        credentials: Credentials::basic("any", "any"),
    }
}

fn settings(stream: &str, url: &str) -> WordSettings {
    let endpoint = EndpointUrl::parse(url).unwrap();
    WordSettings {
        credentials: Credentials::basic("any", "any"),
        seconds: NonZeroU32::MIN,
        ..WordSettings::new(StreamName::parse(stream).unwrap(), endpoint)
    }
}

/// Everything in the stream: shard, sequence number, partition key, text.
async fn read_all(url: &str, stream: &str) -> Vec<(String, String, String, String)> {
    let client = Client::new(&access(url).sdk_config().await);
    let mut all = Vec::new();
    for shard in client.list_shards().stream_name(stream).send().await.unwrap().shards.unwrap() {
        let iterator = client
            .get_shard_iterator()
            .stream_name(stream)
            .shard_id(shard.shard_id())
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let mut iterator = iterator.send().await.unwrap().shard_iterator;
        loop {
            let page = client.get_records().shard_iterator(iterator.unwrap()).send().await.unwrap();
            all.extend(page.records.iter().map(|record| {
                (
                    shard.shard_id().to_owned(),
                    record.sequence_number().to_owned(),
                    record.partition_key().unwrap_or_default().to_owned(),
                    String::from_utf8(record.data().as_ref().to_vec()).unwrap(),
                )
            }));
            if page.records.is_empty() && page.millis_behind_latest == Some(0) {
                break;
            }
            iterator = page.next_shard_iterator;
        }
    }
    all
}

#[tokio::test]
async fn every_delivery_names_the_place_where_the_record_is_found() {
    let local = Local::builder().stream("orders", 4).start().await.unwrap();
    let api = KinesisPutRecords::connect(&access(local.kinesis_url()), StreamName::parse("orders").unwrap()).await;
    let producer = Producer::start(&ProducerConfig::default(), Arc::new(api));
    let mut deliveries = Vec::new();
    for number in 0..1100 {
        let record = Record::new(format!("key-{number}"), format!("order {number}")).unwrap();
        // One key in ten is overruled: all of these belong to the last shard.
        let record = if number % 10 == 0 { record.with_explicit_hash_key(HashKey::MAX) } else { record };
        deliveries.push(producer.send(record).await.unwrap());
    }
    let mut told = BTreeSet::new();
    for (number, receipt) in join_all(deliveries).await.into_iter().enumerate() {
        let receipt = receipt.unwrap();
        if number % 10 == 0 {
            assert_eq!(receipt.shard_id.as_str(), "shardId-000000000003");
        }
        told.insert((
            receipt.shard_id.to_string(),
            receipt.sequence_number.to_string(),
            format!("key-{number}"),
            format!("order {number}"),
        ));
    }
    producer.close().await;
    let found = read_all(local.kinesis_url(), "orders").await;
    assert_eq!(found.len(), 1100);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), told);
    local.stop().await;
}

#[tokio::test]
async fn the_word_producers_totals_are_what_is_in_the_stream() {
    let local = Local::builder().stream("words", 4).start().await.unwrap();
    let words = WordProducer::connect(settings("words", local.kinesis_url())).await.unwrap();
    let totals = words.run(|_| {}, pending()).await.unwrap();
    assert_eq!((totals.sent, totals.acknowledged, totals.failed), (1000, 1000, 0));
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for (_, _, _, line) in read_all(local.kinesis_url(), "words").await {
        for word in line.split(' ') {
            *found.entry(word.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(found.values().sum::<u64>(), 10_000);
    assert_eq!(found, totals.words.into_iter().map(|(word, count)| (word.to_owned(), count)).collect());
    local.stop().await;
}

/// What a user reads: the error and its causes.
fn text(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_stream_that_does_not_exist_stops_the_word_producer_with_the_call_and_the_stream() {
    let local = Local::start().await.unwrap();
    let words = WordProducer::connect(settings("nowhere", local.kinesis_url())).await.unwrap();
    let error = words.run(|_| {}, pending()).await.unwrap_err();
    assert!(matches!(&error, WordProducerError::Stopped { source: DeliveryError::Failed(_), .. }), "{error:?}");
    for part in ["PutRecords", "stream 'nowhere'", "ResourceNotFoundException", "create it first"] {
        assert!(text(&error).contains(part), "{}", text(&error));
    }
    local.stop().await;
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens_stops_the_word_producer_and_says_what_to_check() {
    // A port that was free a moment ago.
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let words = WordProducer::connect(settings("words", &format!("http://{address}"))).await.unwrap();
    let error = words.run(|_| {}, pending()).await.unwrap_err();
    assert!(text(&error).contains("check the endpoint URL"), "{}", text(&error));
}
