//! A program under a manual clock, fed by a receiver from memory, timed batch by batch.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use dstream_core::{
    BlockRecord, BoxError, DStream, Event, ManualClock, Positions, Receiver, ReceiverError, ReceiverStore,
    StorageLevel, StreamingContext, Time,
};
use tokio::sync::watch;

pub const INTERVAL: Duration = Duration::from_secs(1);

/// A raw record: a line of words.
pub struct Line(pub Bytes);

impl BlockRecord for Line {
    fn size_bytes(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        into.extend_from_slice(&self.0);
        Ok(())
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        Ok(Self(bytes))
    }
}

#[derive(Clone, Debug)]
pub struct Nowhere;

impl fmt::Display for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

type Store = ReceiverStore<Line, Nowhere>;

struct FromMemory(Arc<Mutex<Option<Store>>>);

struct Unheard;

impl Positions<Nowhere> for Unheard {
    fn on_stored(&self, _ranges: &[Nowhere]) {}

    fn on_processed(&self, _batch: Time, _ranges: &[Nowhere]) {}
}

#[async_trait]
impl Receiver for FromMemory {
    type Record = Line;
    type Range = Nowhere;

    async fn start(&mut self, store: Store) -> Result<(), ReceiverError> {
        *self.0.lock().unwrap() = Some(store);
        Ok(())
    }

    fn positions(&self) -> Arc<dyn Positions<Nowhere>> {
        Arc::new(Unheard)
    }

    async fn stop_fetching(&mut self) {}

    async fn close(&mut self) -> Result<(), ReceiverError> {
        Ok(())
    }
}

/// A started program.
pub struct Program {
    pub ctx: StreamingContext,
    clock: Arc<ManualClock>,
    stores: Vec<Arc<Mutex<Option<Store>>>>,
    completed: watch::Receiver<u64>,
    batches: u64,
}

impl Program {
    /// A program on so many threads, with as many inputs, whose graph `build` makes of their union.
    pub async fn start(threads: usize, build: impl FnOnce(DStream<Bytes>)) -> Self {
        let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
        let ctx = StreamingContext::builder("benchmark")
            .master(format!("local[{threads}]"))
            .batch_interval(INTERVAL)
            .block_interval(INTERVAL)
            .memory_budget(4 << 30)
            .allow_multiple()
            .volatile_state()
            .clock(Arc::<ManualClock>::clone(&clock))
            .build()
            .unwrap();
        let stores: Vec<Arc<Mutex<Option<Store>>>> = (0..threads).map(|_| Arc::default()).collect();
        let inputs: Vec<_> = stores
            .iter()
            .map(|store| {
                let receiver = FromMemory(Arc::clone(store));
                ctx.receiver_stream("memory", StorageLevel::MemoryOnly, receiver, |line: &Line| Ok(line.0.clone()))
            })
            .collect();
        build(ctx.union(inputs));
        let (done, completed) = watch::channel(0);
        ctx.add_listener(Arc::new(move |event: &Event| {
            if matches!(event, Event::BatchCompleted(_)) {
                done.send_modify(|batches| *batches += 1);
            }
        }));
        ctx.start().await.unwrap();
        Self { ctx, clock, stores, completed, batches: 0 }
    }

    /// Stores a part for each input, and returns how long the batch of them took.
    pub async fn batch(&mut self, parts: &[&[Bytes]]) -> Duration {
        for (store, part) in self.stores.iter().zip(parts) {
            let store = store.lock().unwrap().clone().unwrap();
            let page = part.iter().map(|line| Line(line.clone())).collect();
            store.store(page, Nowhere).await.unwrap();
        }
        self.batches += 1;
        let begun = Instant::now();
        self.clock.advance(INTERVAL);
        self.completed.wait_for(|done| *done == self.batches).await.unwrap();
        begun.elapsed()
    }
}
