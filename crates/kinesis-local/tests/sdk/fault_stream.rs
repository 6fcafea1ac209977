//! Faults in the middle of a subscription.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_local::faults::{Effect, Fault};

use crate::subscriber::{after, at, register, subscribe, texts};
use crate::support::{STREAM, kinesis, start_with};

#[tokio::test]
async fn a_subscription_is_cut_after_so_many_events_and_the_next_goes_on_there() {
    let settings =
        kinesis_local::model::Settings { subscription_grace: std::time::Duration::ZERO, ..Default::default() };
    let local = start_with(settings, 1).await;
    let client = kinesis(&local);
    let consumer = register(&client, "counter").await;
    local.faults().add(Fault::kinesis(Effect::CutStream { events: 1 }).stream(STREAM).times(1)).unwrap();
    let put = async |text: &str| {
        client.put_record().stream_name(STREAM).partition_key("k").data(Blob::new(text)).send().await.unwrap();
    };
    put("one").await;
    let mut events = subscribe(&client, &consumer, 0, at(ShardIteratorType::TrimHorizon)).await;
    let event = events.event().await;
    assert_eq!(texts(&event), ["one"]);
    put("two").await;
    assert!(events.end().await.is_err());
    let next = after(&event.continuation_sequence_number);
    let mut events = subscribe(&client, &consumer, 0, next).await;
    assert_eq!(texts(&events.news().await), ["two"]);
    assert_eq!(local.faults().list()[0].hits, 1);
    local.stop().await;
}
