//! A program as a user would write it: a stream of one shard from its oldest record on, counted batch by batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dstream_core::{StopMode, StreamingContext};
use kinesis_asl::{Credentials, InitialPosition, KinesisInputDStream, KinesisInputDStreamBuilder, ReadLimits};
use tokio::sync::Notify;

use crate::Failure;
use crate::clients::Clients;
use crate::cost::{Cost, Meter};
use crate::fill::Filled;

pub async fn drain(clients: &Clients, stream: &Filled, round: u32) -> Result<Cost, Failure> {
    let ctx = StreamingContext::builder("drain")
        .batch_interval(Duration::from_millis(100))
        .block_interval(Duration::from_millis(50))
        .allow_multiple()
        .build()?;
    let application = format!("drain-{}-{round}", stream.stream);
    let lengths = input(&ctx, clients, stream, application).build_with_message_handler(|record| record.data().len())?;
    let (seen, all) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, done, wanted) = (Arc::clone(&seen), Arc::clone(&all), stream.records);
    lengths.foreach_rdd(move |rdd, _| {
        let count = rdd.count()?;
        if counted.fetch_add(count, Ordering::Relaxed) + count >= wanted {
            done.notify_one();
        }
        Ok(())
    });
    ctx.start().await?;
    ctx.ready().await;
    let meter = Meter::start()?;
    tokio::select! {
        () = all.notified() => {}
        ended = ctx.await_termination() => ended?,
    }
    let cost = meter.stop()?;
    ctx.stop(StopMode::Graceful).await?;
    match seen.load(Ordering::Relaxed) {
        count if count == stream.records => Ok(cost),
        count => Err(format!("{count} of {} records were counted", stream.records).into()),
    }
}

/// The shard from its oldest record on, without limits.
pub fn input(
    ctx: &StreamingContext,
    clients: &Clients,
    stream: &Filled,
    application: String,
) -> KinesisInputDStreamBuilder {
    KinesisInputDStream::builder()
        .streaming_context(ctx)
        .stream_name(stream.stream)
        .checkpoint_app_name(application)
        .endpoint_url(&clients.kinesis_url)
        .dynamodb_endpoint_url(&clients.dynamodb_url)
        .kinesis_credentials(Credentials::basic("any", "any"))
        .initial_position(InitialPosition::TrimHorizon)
        .checkpoint_interval(Duration::from_secs(1))
        .read_limits(ReadLimits::Unlimited)
}
