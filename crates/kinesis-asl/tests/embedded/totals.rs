//! The main job: word count over four shards, exactly, whatever number of input streams shares them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dstream_core::StopMode;
use tokio::time::Instant;

use crate::support::consumer::Setup;
use crate::support::wait::{eventually, measured};
use crate::support::world::World;

const LINES: u64 = 2_000;

fn line(number: u64) -> String {
    let words = ["spark", "you", "are", "my", "father"];
    let word = |step: u64| words[usize::try_from((number * step) % 5).unwrap()];
    format!("{} {} {}", word(1), word(2), word(3))
}

/// Puts lines after "ready" and counts their words with so many input streams.
async fn count_words(inputs: usize) {
    let world = World::start(4).await;
    let setup = Setup::of(&world);
    let ctx = Setup::context();
    let streams: Vec<_> = (0..inputs).map(|_| setup.input(&ctx).build().unwrap()).collect();
    let totals: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let counted = Arc::clone(&totals);
    ctx.union(streams)
        .flat_map(|line: Bytes| String::from_utf8_lossy(&line).split(' ').map(str::to_owned).collect::<Vec<_>>())
        .map(|word| (word, 1_u64))
        .reduce_by_key(|a, b| a + b)
        .foreach_rdd(move |rdd, _| {
            let batch = rdd.collect()?;
            let mut totals = counted.lock().unwrap();
            batch.into_iter().for_each(|(word, count)| *totals.entry(word).or_default() += count);
            Ok(())
        });
    let begun = Instant::now();
    ctx.start().await.unwrap();
    ctx.ready().await;
    measured(&format!("start() to ready, 4 shards, {inputs} input streams"), begun);

    let texts: Vec<_> = (0..LINES).map(|number| (format!("key-{number}"), line(number))).collect();
    world.putter().texts(&texts).await;
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for word in texts.iter().flat_map(|(_, line)| line.split(' ')) {
        *expected.entry(word.to_owned()).or_default() += 1;
    }
    eventually("all words counted", async || {
        let sum: u64 = totals.lock().unwrap().values().sum();
        if sum >= 3 * LINES { Ok(()) } else { Err(sum.to_string()) }
    })
    .await;
    ctx.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(*totals.lock().unwrap(), expected);
    world.stop().await;
}

#[tokio::test]
async fn four_input_streams_over_four_shards_count_every_line_put_after_ready_exactly_once_t361() {
    count_words(4).await;
}

#[tokio::test]
async fn one_input_stream_over_four_shards_counts_every_line_put_after_ready_exactly_once_t361() {
    count_words(1).await;
}

#[tokio::test]
async fn each_of_four_input_streams_reads_one_of_four_shards_alone() {
    let world = World::start(4).await;
    let app = Setup { inputs: 4, ..Setup::of(&world) }.start().await;
    world.putter().numbers(0..400).await;
    app.notes.reach(400).await;
    let notes = app.stop().await.all();
    let pairs: BTreeSet<(usize, &str)> = notes.iter().map(|noted| (noted.input, noted.shard.as_str())).collect();
    let inputs: BTreeSet<usize> = pairs.iter().map(|(input, _)| *input).collect();
    assert_eq!((pairs.len(), inputs.len()), (4, 4), "{pairs:?}");
    world.stop().await;
}

#[tokio::test]
async fn outputs_see_what_the_message_handler_makes_of_each_record_t362() {
    let world = World::start(2).await;
    let (ctx, seen) = (Setup::context(), Arc::<Mutex<Vec<u64>>>::default());
    let numbers = Setup::of(&world).input(&ctx).build_with_message_handler(|record| {
        let number: u64 = std::str::from_utf8(record.data()).unwrap().parse().unwrap();
        number + 5
    });
    let sink = Arc::clone(&seen);
    numbers.unwrap().foreach_rdd(move |rdd, _| {
        sink.lock().unwrap().extend(rdd.collect()?);
        Ok(())
    });
    ctx.start().await.unwrap();
    ctx.ready().await;
    world.putter().numbers(1..11).await;
    let enough = async || if seen.lock().unwrap().len() >= 10 { Ok(()) } else { Err("fewer".to_owned()) };
    eventually("ten numbers", enough).await;
    ctx.stop(StopMode::Graceful).await.unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    seen.sort_unstable();
    assert_eq!(seen, (6..16).collect::<Vec<_>>());
    world.stop().await;
}
