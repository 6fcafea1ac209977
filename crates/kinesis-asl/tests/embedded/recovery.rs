//! A program with a checkpoint directory that is killed in the middle of a batch and started again: the batch has the records that it
//! had, and the state counts each record once, whatever became of the shards meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use dstream_core::{StopMode, StreamingContext, Time};
use kinesis_asl::lease::prepared::PreparedOn;
use kinesis_asl::{InitialPosition, LeaseKeys};
use kpl_deagg::Aggregator;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::support::consumer::Setup;
use crate::support::wait::{PATIENCE, eventually, measured};
use crate::support::world::{FAILOVER, STREAM, World, shard};

/// The numbers of a batch, in ascending order.
type Batch = (Time, Vec<u64>);

/// What the outputs of one run did.
#[derive(Default)]
struct Outputs {
    /// Batches whose output has begun.
    begun: Mutex<Vec<Batch>>,
    /// How often each number was counted, as of the last batch.
    counts: Mutex<BTreeMap<u64, u64>>,
    /// Whether outputs are held up.
    held_up: Mutex<bool>,
    goes_on: Condvar,
}

impl Outputs {
    fn hold_up(&self, held_up: bool) {
        *self.held_up.lock().unwrap() = held_up;
        self.goes_on.notify_all();
    }

    fn begin(&self, batch: Batch) {
        self.begun.lock().unwrap().push(batch);
        let held_up = self.held_up.lock().unwrap();
        drop(self.goes_on.wait_while(held_up, |held_up| *held_up).unwrap());
    }

    fn begun(&self) -> Vec<Batch> {
        self.begun.lock().unwrap().clone()
    }

    fn counts(&self) -> BTreeMap<u64, u64> {
        self.counts.lock().unwrap().clone()
    }

    async fn count(&self, numbers: u64) {
        eventually(&format!("{numbers} numbers counted"), async || {
            let counts = self.counts();
            if u64::try_from(counts.len()).unwrap() >= numbers { Ok(()) } else { Err(format!("{}", counts.len())) }
        })
        .await;
    }
}

/// One run of the program, in a runtime of its own.
struct Run {
    runtime: Option<Runtime>,
    ctx: StreamingContext,
    outputs: Arc<Outputs>,
}

/// The program and its checkpoint directory.
struct Program {
    setup: Setup,
    dir: PathBuf,
}

/// A second stream of an application of several.
const OTHER: &str = "sentences";

impl Program {
    fn new(world: &World, inputs: usize) -> Self {
        // Long enough that nothing of these tests waits for it: whoever did would not be in time.
        let setup =
            Setup { inputs, failover: FAILOVER * 3, position: InitialPosition::TrimHorizon, ..Setup::of(world) };
        let name = format!("dstream-recovery-{}-{:?}", std::process::id(), std::thread::current().id());
        let dir = std::env::temp_dir().join(name.replace(['(', ')'], ""));
        let _ = std::fs::remove_dir_all(&dir);
        Self { setup, dir }
    }

    /// Reads two streams, each with an input stream of its own.
    fn of_two_streams(world: &World) -> Self {
        let mut program = Self::new(world, 1);
        program.setup.keys = LeaseKeys::SeveralStreams;
        program.setup.others = vec![(OTHER, InitialPosition::TrimHorizon)];
        program
    }

    /// The streams that it reads.
    fn streams(&self) -> Vec<&'static str> {
        [STREAM].into_iter().chain(self.setup.others.iter().map(|(stream, _)| *stream)).collect()
    }

    fn build(&self, outputs: &Arc<Outputs>) -> StreamingContext {
        let ctx = StreamingContext::builder("recovery")
            .master("local[2]")
            .batch_interval(Duration::from_millis(200))
            .block_interval(Duration::from_millis(50))
            .checkpoint_dir(self.dir.to_str().unwrap())
            .checkpoint_interval(Duration::from_millis(600))
            .allow_multiple()
            .build()
            .unwrap();
        let own = (0..self.setup.inputs).map(|_| self.setup.clone());
        let others = self.setup.others.iter().map(|(stream, position)| Setup {
            stream: (*stream).to_owned(),
            position: *position,
            ..self.setup.clone()
        });
        let setups = own.chain(others).enumerate();
        let streams = setups.map(|(input, setup)| setup.lines(&ctx, input).map(|noted| noted.number()));
        let numbers = ctx.union(streams);
        let seen = Arc::clone(outputs);
        numbers.foreach_rdd(move |rdd, time| {
            let mut batch = rdd.collect()?;
            batch.sort_unstable();
            if !batch.is_empty() {
                seen.begin((time, batch));
            }
            Ok(())
        });
        let add = |new: Vec<u64>, count: Option<u64>| Some(count.unwrap_or(0) + new.iter().sum::<u64>());
        let seen = Arc::clone(outputs);
        numbers.map(|number| (number, 1_u64)).update_state_by_key(add).foreach_rdd(move |rdd, _| {
            *seen.counts.lock().unwrap() = rdd.collect()?.into_iter().collect();
            Ok(())
        });
        ctx
    }

    async fn start(&self) -> Run {
        let outputs = Arc::new(Outputs::default());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ctx = self.build(&outputs);
        let starting = ctx.clone();
        let started =
            runtime.spawn(async move { starting.start().await.map_err(|error| dstream_core::error_chain(&error)) });
        tokio::time::timeout(PATIENCE, started).await.unwrap().unwrap().unwrap();
        Run { runtime: Some(runtime), ctx, outputs }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Run {
    /// Ends without a farewell, while the output of a batch is under way.
    async fn crashes_in_a_batch_with(&self, number: u64) -> Batch {
        eventually(&format!("a batch with {number} under way"), async || {
            let begun = self.outputs.begun();
            begun.into_iter().find(|(_, batch)| batch.contains(&number)).ok_or_else(|| "not yet".to_owned())
        })
        .await
    }

    fn crash(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        // The thread that a real crash would end with all others.
        self.outputs.hold_up(false);
    }

    async fn stop(mut self) -> BTreeMap<u64, u64> {
        tokio::time::timeout(PATIENCE, self.ctx.stop(StopMode::Graceful)).await.unwrap().unwrap();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        self.outputs.counts()
    }
}

/// Puts these numbers as aggregates of ten, and every fifth aggregate as plain records; into each stream in turn.
async fn put(world: &World, streams: &[&'static str], numbers: std::ops::Range<u64>) {
    let mut from = numbers.start;
    let mut streams = streams.iter().cycle();
    while from < numbers.end {
        let ten = from..(from + 10).min(numbers.end);
        from = ten.end;
        let putter = world.putter().into(streams.next().unwrap());
        if ten.start % 50 == 0 {
            putter.numbers(ten).await;
            continue;
        }
        let mut aggregator = Aggregator::new(1 << 20);
        for number in ten {
            let _ = aggregator.try_add(&format!("user-{number}"), None, number.to_string().as_bytes());
        }
        let aggregate = aggregator.finish().unwrap();
        putter.one(&aggregate.partition_key, &aggregate.data).await;
    }
}

/// Is killed in the middle of a batch and started again; `meanwhile` happens in between.
async fn is_exact(world: &World, inputs: usize, meanwhile: impl AsyncFnOnce()) {
    program_is_exact(world, Program::new(world, inputs), meanwhile).await;
}

async fn program_is_exact(world: &World, program: Program, meanwhile: impl AsyncFnOnce()) {
    let streams = program.streams();
    let first = program.start().await;
    put(world, &streams, 0..200).await;
    first.outputs.count(200).await;
    first.outputs.hold_up(true);
    put(world, &streams, 200..400).await;
    let unfinished = first.crashes_in_a_batch_with(200).await;
    first.crash();

    meanwhile().await;
    put(world, &streams, 400..500).await;
    let begun = Instant::now();
    let second = program.start().await;
    second.outputs.count(500).await;
    let took = measured("a restart in the middle of a batch, until all is counted", begun);
    assert!(took < program.setup.failover, "leases of the run before are not waited for");
    let again = second.outputs.begun();
    let same = again.iter().find(|(time, _)| *time == unfinished.0);
    assert_eq!(same, Some(&unfinished), "the batch that was under way");
    assert!(again.is_sorted_by_key(|(time, _)| *time), "and it comes in its place");
    let counts = second.stop().await;
    assert_eq!(counts, (0..500).map(|number| (number, 1)).collect(), "each number once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_a_crash_left_under_way_runs_again_with_its_records_and_the_state_counts_each_once_t365() {
    let world = World::start(2).await;
    is_exact(&world, 1, async || {}).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_input_streams_that_crash_in_a_batch_are_exact_t360_t365() {
    let world = World::start(4).await;
    is_exact(&world, 3, async || {}).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_split_between_crash_and_restart_is_exact_t365() {
    let world = World::start(1).await;
    is_exact(&world, 1, async || {
        let middle = "170141183460469231731687303715884105728";
        let split =
            world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0)).new_starting_hash_key(middle);
        split.send().await.unwrap();
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_shards_that_are_merged_between_crash_and_restart_are_exact_t365() {
    let world = World::start(2).await;
    is_exact(&world, 1, async || {
        let merge = world.kinesis.merge_shards().stream_name(STREAM).shard_to_merge(shard(0));
        merge.adjacent_shard_to_merge(shard(1)).send().await.unwrap();
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_streams_of_one_application_that_crashes_in_a_batch_are_exact_ms_2_t365() {
    let world = World::start(2).await;
    world.kinesis.create_stream().stream_name(OTHER).shard_count(2).send().await.unwrap();
    program_is_exact(&world, Program::of_two_streams(&world), async || {}).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_positions_of_a_snapshot_are_prepared_on_the_leases_before_it_is_published() {
    let world = World::start(1).await;
    let program = Program::new(&world, 1);
    let run = program.start().await;
    let mut numbers = 0;
    let name = eventually("a prepared position", async || {
        put(&world, &[STREAM], numbers..numbers + 10).await;
        numbers += 10;
        let prepared = world.leases().await.remove(&shard(0)).and_then(|lease| lease.prepared);
        match prepared.map(|prepared| prepared.on) {
            Some(PreparedOn::Snapshot(name)) => Ok(name),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(name.starts_with(&*program.dir.to_string_lossy()), "{name}");
    eventually("the snapshot is published", async || match dstream_core::snapshot_exists(&name).await {
        Ok(true) => Ok(()),
        other => Err(format!("{name}: {other:?}")),
    })
    .await;
    run.outputs.count(numbers).await;
    assert_eq!(run.stop().await, (0..numbers).map(|number| (number, 1)).collect());
    assert_eq!(world.leases().await.remove(&shard(0)).and_then(|lease| lease.prepared), None, "a checkpoint clears it");
    world.stop().await;
}
