//! A context under a manual clock, with receivers whose pages the test stores itself.
#![allow(unreachable_pub, reason = "what tests share is public to them, in a crate that nobody uses")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "part of tests, outside of their functions")]

pub mod fresh_dir;
pub mod runs;
pub mod tape;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dstream_core::{
    BlockRecord, BoxError, Clock, DStream, Event, ManualClock, Positions, Receiver, ReceiverError, ReceiverStore,
    StorageLevel, StreamingContext, StreamingContextBuilder, Time, decode_data, encode_data,
};
use tokio::sync::watch;

pub const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u64);

impl BlockRecord for Number {
    fn size_bytes(&self) -> usize {
        8
    }

    fn encode(&self, into: &mut Vec<u8>) -> Result<(), BoxError> {
        if self.0 == UNWRITABLE.0 {
            return Err("this number cannot be written".into());
        }
        encode_data(&self.0, into)
    }

    fn decode(bytes: Bytes) -> Result<Self, BoxError> {
        decode_data(&bytes).map(Self)
    }

    fn describe(&self) -> Option<String> {
        assert_ne!(*self, UNSPEAKABLE, "this number has no name");
        None
    }
}

/// A record that cannot leave the memory.
pub const UNWRITABLE: Number = Number(u64::MAX);

/// A record that cannot be described.
pub const UNSPEAKABLE: Number = Number(u64::MAX - 1);

/// The numbers from `0` to `1`, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64, pub u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbers {} to {}", self.0, self.1)
    }
}

/// What a receiver went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Started,
    GaveUpStart,
    Stored(Vec<Span>),
    Processed(Time, Vec<Span>),
    StoppedFetching,
    Closed,
}

/// How a receiver misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    FailsToStart,
    PanicsAtStart,
    NeverStarts,
    FailsToClose,
    PanicsAtProcessed,
    PanicsAtPositions,
    PanicsInDrop,
    /// Its start waits, and panics when it is given up.
    PanicsWhenGivenUp,
}

type Store = ReceiverStore<Number, Span>;

/// The test's end of a receiver.
#[derive(Default)]
pub struct Source {
    fault: Fault,
    store: Mutex<Option<Store>>,
    seen: watch::Sender<Vec<Seen>>,
}

impl Source {
    pub fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault, ..Self::default() })
    }

    pub fn store(&self) -> Store {
        self.store.lock().unwrap().clone().expect("the receiver was started")
    }

    pub async fn put(&self, span: Span) {
        self.store().store(numbers(span), span).await.unwrap();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    pub fn processed(&self) -> Vec<Span> {
        let spans = |seen| if let Seen::Processed(_, spans) = seen { spans } else { vec![] };
        self.seen().into_iter().flat_map(spans).collect()
    }

    pub async fn saw(&self, wanted: Seen) {
        in_time(self.seen.subscribe().wait_for(|seen| seen.contains(&wanted))).await.unwrap();
    }

    fn see(&self, seen: Seen) {
        self.seen.send_modify(|all| all.push(seen));
    }

    pub fn stream(self: &Arc<Self>, ctx: &StreamingContext, name: &str) -> DStream<u64> {
        self.stream_at(ctx, name, StorageLevel::MemoryOnly)
    }

    pub fn stream_at(self: &Arc<Self>, ctx: &StreamingContext, name: &str, level: StorageLevel) -> DStream<u64> {
        ctx.receiver_stream(name, level, TestReceiver(Arc::clone(self)), |n: &Number| Ok(n.0))
    }
}

pub fn numbers(span: Span) -> Vec<Number> {
    (span.0..span.1).map(Number).collect()
}

impl Positions<Span> for Source {
    fn on_stored(&self, ranges: &[Span]) {
        self.see(Seen::Stored(ranges.to_vec()));
    }

    fn on_processed(&self, batch: Time, ranges: &[Span]) {
        self.see(Seen::Processed(batch, ranges.to_vec()));
    }
}

pub struct TestReceiver(pub Arc<Source>);

impl Drop for TestReceiver {
    fn drop(&mut self) {
        if self.0.fault == Fault::PanicsInDrop && !std::thread::panicking() {
            panic!("the drop went wrong");
        }
    }
}

/// What a start holds while it waits.
struct GivenUp(Arc<Source>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.see(Seen::GaveUpStart);
        assert!(self.0.fault != Fault::PanicsWhenGivenUp, "giving up went wrong");
    }
}

struct SourcePositions(Arc<Source>);

impl Positions<Span> for SourcePositions {
    fn on_stored(&self, ranges: &[Span]) {
        self.0.on_stored(ranges);
    }

    fn on_processed(&self, batch: Time, ranges: &[Span]) {
        assert_ne!(self.0.fault, Fault::PanicsAtProcessed, "positions went wrong");
        self.0.on_processed(batch, ranges);
    }
}

#[async_trait]
impl Receiver for TestReceiver {
    type Record = Number;
    type Range = Span;

    async fn start(&mut self, store: Store) -> Result<(), ReceiverError> {
        match self.0.fault {
            Fault::FailsToStart => return Err(ReceiverError::new("no such stream")),
            Fault::PanicsAtStart => panic!("start went wrong"),
            Fault::NeverStarts | Fault::PanicsWhenGivenUp => {
                let _seen_when_dropped = GivenUp(Arc::clone(&self.0));
                std::future::pending::<()>().await;
            }
            Fault::None
            | Fault::FailsToClose
            | Fault::PanicsAtProcessed
            | Fault::PanicsAtPositions
            | Fault::PanicsInDrop => {}
        }
        *self.0.store.lock().unwrap() = Some(store);
        self.0.see(Seen::Started);
        Ok(())
    }

    fn positions(&self) -> Arc<dyn Positions<Span>> {
        assert!(self.0.fault != Fault::PanicsAtPositions, "no positions");
        Arc::new(SourcePositions(Arc::clone(&self.0)))
    }

    async fn stop_fetching(&mut self) {
        self.0.see(Seen::StoppedFetching);
    }

    async fn close(&mut self) -> Result<(), ReceiverError> {
        self.0.see(Seen::Closed);
        match self.0.fault {
            Fault::FailsToClose => Err(ReceiverError::new("the table is gone")),
            _ => Ok(()),
        }
    }
}

/// A context at time 0 with a batch interval of 1 s, and all that happened in it.
pub struct Rig {
    pub ctx: StreamingContext,
    pub clock: Arc<ManualClock>,
    events: Arc<watch::Sender<Vec<Event>>>,
}

impl Rig {
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder) -> Self {
        Self::at(0, adjust)
    }

    /// Its clock begins at `seconds`.
    pub fn at(seconds: i64, adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder) -> Self {
        let clock = Arc::new(ManualClock::new(Time::from_millis(seconds * 1_000)));
        let builder = StreamingContext::builder("test")
            .master("local[2]")
            .batch_interval(SECOND)
            .batch_retry_backoff(Duration::ZERO)
            .volatile_state()
            .allow_multiple()
            .clock(Arc::<ManualClock>::clone(&clock));
        let ctx = adjust(builder).build().unwrap();
        let events = Arc::new(watch::Sender::new(Vec::new()));
        let sink = Arc::clone(&events);
        ctx.add_listener(Arc::new(move |event: &Event| sink.send_modify(|all| all.push(event.clone()))));
        Self { ctx, clock, events }
    }

    pub fn now_seconds(&self) -> i64 {
        self.clock.now().as_millis() / 1_000
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    pub fn completed(&self) -> Vec<i64> {
        let time = |event| if let Event::BatchCompleted(info) = event { Some(info.batch.as_millis()) } else { None };
        self.events().into_iter().filter_map(time).collect()
    }

    pub async fn until(&self, happened: impl Fn(&Event) -> bool + Send + Sync) {
        in_time(self.events.subscribe().wait_for(|events| events.iter().any(&happened))).await.unwrap();
    }

    /// Waits until so many events of a kind have happened.
    pub async fn until_count(&self, count: usize, happened: impl Fn(&Event) -> bool + Send + Sync) {
        let enough = |events: &Vec<Event>| events.iter().filter(|event| happened(event)).count() >= count;
        in_time(self.events.subscribe().wait_for(enough)).await.unwrap();
    }

    /// Moves on by one batch and waits until it is completed.
    pub async fn batch(&self) {
        let done = self.completed().len();
        self.clock.advance(SECOND);
        self.until_count(done + 1, |event| matches!(event, Event::BatchCompleted(_))).await;
    }
}

/// A gate in user code: it tells when it runs, and goes on when it is told to.
pub fn gate() -> (impl Fn() + Send + Sync + 'static, mpsc::Receiver<()>, mpsc::SyncSender<()>) {
    let (enter, entered) = mpsc::sync_channel(64);
    let (release, released) = mpsc::sync_channel(64);
    let released = Mutex::new(released);
    let pass = move || {
        enter.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
    };
    (pass, entered, release)
}

/// Waits until somebody stands in the gate.
pub async fn stands_in(entered: mpsc::Receiver<()>) -> mpsc::Receiver<()> {
    let wait = move || {
        entered.recv().unwrap();
        entered
    };
    in_time(tokio::task::spawn_blocking(wait)).await.unwrap()
}

/// A list that closures of the graph write into.
#[derive(Debug)]
pub struct Seeing<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Seeing<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Seeing<T> {
    pub fn new() -> Self {
        Self(Arc::default())
    }

    pub fn push(&self, item: T) {
        self.0.lock().unwrap().push(item);
    }

    pub fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// A hang is a failure. No test waits for this long; it is never slept.
#[allow(clippy::future_not_send, reason = "as sendable as what it waits for")]
pub async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}
