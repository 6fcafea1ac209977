//! What ends after five minutes. On AWS and on most stand-ins these checks wait that long; our own endpoint is set to a
//! fraction of it for them.

use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, present};
use crate::pace::Pace;
use crate::refusal::refused;
use crate::stage::Stage;
use crate::subscription::{TestConsumer, from};

list_checks!("expiry", within 420 seconds,
    an_iterator_expires_after_five_minutes: "An iterator that was not used for five minutes is an ExpiredIteratorException.",
    a_page_token_expires_after_five_minutes: "A NextToken of ListShards older than five minutes is an ExpiredNextTokenException.",
    a_subscription_ends_after_five_minutes: "A subscription ends by itself, without an error, after five minutes.",
);

const LONGEST: Duration = Duration::from_secs(360);

async fn an_iterator_expires_after_five_minutes(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator("shardId-000000000000", ShardIteratorType::TrimHorizon).await?;
    let mut pace = Pace::within(LONGEST, "an iterator to expire");
    loop {
        let call = stage.kinesis().get_records().shard_iterator(&iterator).send().await;
        if let Err(error) = &call
            && !crate::stream::throttled(error.as_service_error())
        {
            return refused(call, &["ExpiredIteratorException"])?.begins("Iterator expired").map(|_| ());
        }
        pace.pause().await?;
    }
}

async fn a_page_token_expires_after_five_minutes(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let reply = stage.kinesis().list_shards().stream_name(&stream.name).max_results(1).send().await?;
    let token = present("NextToken", reply.next_token)?;
    let mut pace = Pace::within(LONGEST, "a NextToken to expire");
    loop {
        let call = stage.kinesis().list_shards().next_token(&token).max_results(1).send().await;
        if let Err(error) = &call
            && !crate::stream::throttled(error.as_service_error())
        {
            return refused(call, &["ExpiredNextTokenException"]).map(|_| ());
        }
        pace.pause().await?;
    }
}

async fn a_subscription_ends_after_five_minutes(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let mut subscription = consumer.subscribe("shardId-000000000000", from(ShardIteratorType::Latest)?).await?;
    let ended = tokio::time::timeout(LONGEST, async {
        let mut events = 0_u32;
        while subscription.event().await?.is_some() {
            events += 1;
        }
        Ok::<_, Mismatch>(events)
    });
    let events = ended.await.map_err(|_| Mismatch::new("the subscription goes on after 360 s"))??;
    ensure!(events > 0, "the subscription ended without an event");
    Ok(())
}
