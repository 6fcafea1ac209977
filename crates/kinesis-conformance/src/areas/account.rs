//! What an account may have.

use crate::check::{Verdict, list_checks};
use crate::mismatch::ensure;
use crate::stage::Stage;

list_checks!("account",
    the_shard_limit_is_positive_and_not_exceeded: "DescribeLimits has a ShardLimit that OpenShardCount is not above.",
    open_shards_are_counted: "OpenShardCount of DescribeLimits counts the shards of a new stream.",
    on_demand_streams_are_counted: "DescribeLimits has OnDemandStreamCount and OnDemandStreamCountLimit.",
);

async fn the_shard_limit_is_positive_and_not_exceeded(stage: &Stage) -> Verdict {
    let limits = stage.kinesis().describe_limits().send().await?;
    ensure!(limits.shard_limit > 0, "ShardLimit is {}", limits.shard_limit);
    ensure!((0..=limits.shard_limit).contains(&limits.open_shard_count), "OpenShardCount {}", limits.open_shard_count);
    Ok(())
}

async fn open_shards_are_counted(stage: &Stage) -> Verdict {
    stage.stream(3).await?;
    // Other streams come and go at the same time, so only a lower bound is certain.
    let count = stage.kinesis().describe_limits().send().await?.open_shard_count;
    ensure!(count >= 3, "OpenShardCount is {count} beside a stream of 3 shards");
    Ok(())
}

async fn on_demand_streams_are_counted(stage: &Stage) -> Verdict {
    let limits = stage.kinesis().describe_limits().send().await?;
    let (count, limit) = (limits.on_demand_stream_count, limits.on_demand_stream_count_limit);
    ensure!(count >= 0 && limit > 0, "{count} on-demand streams of {limit}");
    Ok(())
}
