//! Ten thousand shards in one stream: everything is done to each of them. What costs the square of that does not end in
//! the patience of a test run.

use super::*;

const SHARDS: u32 = 10_000;

fn pages(model: &mut Model, now: Millis, filter: ShardFilter, size: u32) -> Vec<usize> {
    let max_results = Some(size);
    let mut request = ListShards::First { stream: "words".into(), filter, exclusive_start: None, max_results };
    let mut pages = Vec::new();
    loop {
        let page = model.list_shards(now, &request).unwrap();
        pages.push(page.shards.len());
        let Some(token) = page.next_token else { return pages };
        request = ListShards::Next { token, max_results };
    }
}

#[test]
fn ten_thousand_shards_are_created_written_listed_read_and_split() {
    let mut model = with_stream(SHARDS);
    assert_eq!(pages(&mut model, T0, ShardFilter::AtLatest, 10_000), [10_000]);
    assert_eq!(pages(&mut model, T0, ShardFilter::AtLatest, 1_000), [1_000; 10]);
    let described = shards(&mut model, T0, ShardFilter::AtLatest);
    assert_eq!(described.len(), 1_000, "the default page");
    let step = u128::MAX / u128::from(SHARDS);
    for n in 0..SHARDS {
        let (start, now) = (u128::from(n) * step + 7, at(u64::from(n)));
        assert_eq!(put(&mut model, now, start, "x").shard_id, ShardId(n));
        assert_eq!(read(&mut model, now, n, StartingPosition::TrimHorizon).records.len(), 1);
        split(&mut model, now, n, u128::from(n) * step + step / 2).unwrap();
    }
    let now = at(100_000);
    assert_eq!(pages(&mut model, now, ShardFilter::AtLatest, 10_000), [10_000, 10_000]);
    assert_eq!(pages(&mut model, now, ShardFilter::FromTrimHorizon, 1_000).len(), 30);
}

#[test]
fn ten_thousand_shards_are_doubled_and_halved_by_one_step_for_each() {
    let mut model = with_stream(SHARDS);
    rescale(&mut model, at(1), 2 * SHARDS).unwrap();
    assert_eq!(pages(&mut model, at(1), ShardFilter::AtLatest, 10_000), [10_000, 10_000]);
    rescale(&mut model, at(2), SHARDS).unwrap();
    assert_eq!(pages(&mut model, at(2), ShardFilter::AtLatest, 10_000), [10_000]);
    // 10 000 at first, twice as many children, and one for each two of those.
    assert_eq!(pages(&mut model, at(2), ShardFilter::FromTrimHorizon, 10_000).iter().sum::<usize>(), 40_000);
}
