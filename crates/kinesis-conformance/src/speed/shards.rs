//! Streams of many shards: whether listing and reading cost more for each shard when there are more.

use std::time::Duration;

use aws_sdk_kinesis::types::ShardIteratorType;
use kinesis_conformance::{Mismatch, Stage, TestStream};
use tokio::time::{Instant, timeout};

use crate::{Column, or_why};

pub(crate) async fn measure(stage: &Stage, column: &mut Column) {
    column.push(("1 000 shards: create, list by 1 000, read 500 shards", figures(stage, 1_000).await));
    column.push(("10 000 shards: create, list by 1 000, read 500 shards", figures(stage, 10_000).await));
}

async fn figures(stage: &Stage, shards: i32) -> String {
    match timeout(LIMIT, steps(stage, shards)).await {
        Ok(outcome) => or_why(outcome),
        Err(_) => format!("not done in {} s", LIMIT.as_secs()),
    }
}

async fn steps(stage: &Stage, shards: i32) -> Result<String, Mismatch> {
    let begun = Instant::now();
    let stream = stage.stream(shards).await?;
    let created = begun.elapsed();
    let begun = Instant::now();
    let listed = list(stage, &stream).await?;
    let listing = begun.elapsed();
    if listed.len() != usize::try_from(shards).unwrap_or_default() {
        return Err(Mismatch::new(format!("{} of {shards} shards were listed", listed.len())));
    }
    let begun = Instant::now();
    // Every so-manieth, so that the last ones are among them.
    for shard in listed.iter().step_by(listed.len() / READ) {
        let request = stage.kinesis().get_shard_iterator().stream_name(stream.name()).shard_id(shard);
        let reply = request.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
        stage.kinesis().get_records().set_shard_iterator(reply.shard_iterator).send().await?;
    }
    Ok(format!("{}, {}, {}", millis(created), millis(listing), millis(begun.elapsed())))
}

async fn list(stage: &Stage, stream: &TestStream) -> Result<Vec<String>, Mismatch> {
    let mut ids = Vec::new();
    let mut request = stage.kinesis().list_shards().stream_name(stream.name()).max_results(1_000);
    loop {
        let reply = request.send().await?;
        ids.extend(reply.shards().iter().map(|shard| shard.shard_id.clone()));
        match reply.next_token {
            Some(token) => request = stage.kinesis().list_shards().next_token(token).max_results(1_000),
            None => return Ok(ids),
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// Shards that are read, an iterator and a GetRecords each.
const READ: usize = 500;
const LIMIT: Duration = Duration::from_secs(120);
