//! What readers and writers see of a reshard.

use aws_sdk_kinesis::types::ShardIteratorType;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{ensure, equal, present};
use crate::stage::Stage;
use crate::stream::{order, texts};

list_checks!("reshard",
    records_put_after_a_split_go_to_the_children: "Records put after a split go to the children, by the same hash keys.",
    records_put_after_a_merge_go_to_the_child: "Records put after a merge go to the child.",
    a_closed_shard_is_read_to_its_end_and_then_has_no_next_iterator:
        "GetRecords of a closed shard returns its records and then no NextShardIterator.",
    the_end_of_a_split_shard_names_both_children: "The last reply of a split shard has both children in ChildShards, with ranges.",
    the_end_of_merged_shards_names_the_child_with_both_parents:
        "The last reply of each merged shard has the child in ChildShards, with both ParentShards.",
    before_its_end_a_shard_names_no_children: "GetRecords of an open shard has no ChildShards.",
    an_iterator_from_before_a_split_reads_on_to_the_end: "An iterator taken before a split reads the shard to its end after it.",
    latest_of_a_closed_shard_is_its_end: "LATEST of a closed shard reads nothing and ends.",
    numbers_of_a_key_increase_across_a_split: "Sequence numbers of records with one key increase across a split.",
    a_closed_shard_is_read_again_from_its_trim_horizon: "A closed shard can be read again from its trim horizon.",
);

const MIDDLE: u128 = 1 << 127;
const FIRST: &str = "shardId-000000000000";

async fn records_put_after_a_split_go_to_the_children(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.split_at(FIRST, MIDDLE).await?;
    let low = stream.put_at("key", Some(MIDDLE - 1), "low").await?;
    let high = stream.put_at("key", Some(MIDDLE), "high").await?;
    ensure!(low.shard != FIRST && high.shard != FIRST, "a record went to the closed parent");
    ensure!(low.shard != high.shard, "both records went to {}", low.shard);
    equal("data", &texts(&stream.read_shard(&low.shard, 1).await?), &vec!["low".to_owned()])?;
    equal("data", &texts(&stream.read_shard(&high.shard, 1).await?), &vec!["high".to_owned()])
}

async fn records_put_after_a_merge_go_to_the_child(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    stream.merge(FIRST, "shardId-000000000001").await?;
    for point in [1, 3 << 126] {
        equal("shard", &stream.put_at("key", Some(point), "text").await?.shard.as_str(), &"shardId-000000000002")?;
    }
    Ok(())
}

async fn a_closed_shard_is_read_to_its_end_and_then_has_no_next_iterator(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for text in ["0", "1", "2"] {
        stream.put("key", text).await?;
    }
    stream.split_at(FIRST, MIDDLE).await?;
    stream.put("key", "3").await?;
    let (records, _) = stream.read_to_end(FIRST).await?;
    equal("data", &texts(&records), &["0", "1", "2"].map(str::to_owned).to_vec())
}

async fn the_end_of_a_split_shard_names_both_children(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.split_at(FIRST, MIDDLE).await?;
    let (_, end) = stream.read_to_end(FIRST).await?;
    let mut children = Vec::new();
    for child in end.child_shards() {
        equal("ParentShards", &child.parent_shards, &vec![FIRST.to_owned()])?;
        let range = present("HashKeyRange", child.hash_key_range.as_ref())?;
        children.push((child.shard_id.clone(), range.starting_hash_key.clone(), range.ending_hash_key.clone()));
    }
    children.sort();
    let child = |n: u32, start: u128, end: u128| (format!("shardId-{n:012}"), start.to_string(), end.to_string());
    equal("ChildShards", &children, &vec![child(1, 0, MIDDLE - 1), child(2, MIDDLE, u128::MAX)])
}

async fn the_end_of_merged_shards_names_the_child_with_both_parents(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    stream.merge(FIRST, "shardId-000000000001").await?;
    for parent in [FIRST, "shardId-000000000001"] {
        let (_, end) = stream.read_to_end(parent).await?;
        let [child] = end.child_shards() else {
            return Err(crate::Mismatch::new(format!("expected 1 child of {parent}, saw {:?}", end.child_shards)));
        };
        equal("ShardId", &child.shard_id.as_str(), &"shardId-000000000002")?;
        let mut parents = child.parent_shards.clone();
        parents.sort();
        equal("ParentShards", &parents, &vec![FIRST.to_owned(), "shardId-000000000001".to_owned()])?;
    }
    Ok(())
}

async fn before_its_end_a_shard_names_no_children(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator(FIRST, ShardIteratorType::TrimHorizon).await?;
    equal("number of ChildShards", &stream.get(&iterator, None).await?.child_shards().len(), &0)
}

async fn an_iterator_from_before_a_split_reads_on_to_the_end(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let iterator = stream.iterator(FIRST, ShardIteratorType::Latest).await?;
    let put = stream.put("key", "text").await?;
    stream.split_at(FIRST, MIDDLE).await?;
    let mut next = Some(iterator);
    let mut seen = Vec::new();
    let mut pace = crate::pace::Pace::for_the("the end of a closed shard");
    while let Some(iterator) = next {
        let reply = stream.get(&iterator, None).await?;
        seen.extend(crate::stream::numbers(&reply.records));
        next = reply.next_shard_iterator;
        pace.pause().await?;
    }
    equal("records", &seen, &vec![put.number])
}

async fn latest_of_a_closed_shard_is_its_end(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put("key", "text").await?;
    stream.split_at(FIRST, MIDDLE).await?;
    let iterator = stream.iterator(FIRST, ShardIteratorType::Latest).await?;
    let reply = stream.get(&iterator, None).await?;
    equal("number of records", &reply.records.len(), &0)?;
    equal("NextShardIterator", &reply.next_shard_iterator, &None)
}

async fn numbers_of_a_key_increase_across_a_split(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let before = stream.put("key", "before").await?;
    stream.split_at(FIRST, MIDDLE).await?;
    let after = stream.put("key", "after").await?;
    ensure!(order(&after.number) > order(&before.number), "{} after {}", after.number, before.number);
    Ok(())
}

async fn a_closed_shard_is_read_again_from_its_trim_horizon(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put("key", "text").await?;
    stream.split_at(FIRST, MIDDLE).await?;
    for _ in 0..2 {
        let (records, _) = stream.read_to_end(FIRST).await?;
        equal("data", &texts(&records), &vec!["text".to_owned()])?;
    }
    Ok(())
}
