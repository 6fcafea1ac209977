//! A receiver that reads numbered records from tapes in memory, and can read them again; its positions outlive a crash.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dstream_core::{
    BoxError, Claim, DStream, Leftover, Positions, RangeReplay, Receiver, ReceiverError, ReceiverStore, StorageLevel,
    StreamingContext, Time, snapshot_exists,
};
use tokio::sync::watch;

use super::{Number, in_time};

/// The records of a tape from one place to another, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub tape: u8,
    pub from: u64,
    pub to: u64,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.tape, self.from, self.to)
    }
}

impl Part {
    pub fn records(self) -> Vec<u64> {
        (self.from..self.to).map(|place| u64::from(self.tape) * 1_000_000 + place).collect()
    }
}

/// The positions that a receiver has made safe, as in a lease table.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    pub committed: BTreeMap<u8, u64>,
    /// Those that count if there is a snapshot of this name.
    pub pending: BTreeMap<u8, (String, u64)>,
    /// Tapes that another process reads.
    pub elsewhere: Vec<u8>,
}

/// Where in the life of a receiver the test looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Prepare,
    Processed,
}

/// What happened to a part that was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Begun(Part),
    Over(Part),
}

type Hook = Box<dyn Fn(Call) + Send + Sync>;

/// The test's end of a receiver.
#[derive(Default)]
pub struct Tapes {
    shelf: Mutex<Shelf>,
    /// Where each tape is read next.
    next: Mutex<BTreeMap<u8, u64>>,
    /// Where each tape was begun, of what is neither committed nor in a snapshot.
    begun: Mutex<BTreeMap<u8, u64>>,
    left: Mutex<Option<Leftover<Part>>>,
    store: Mutex<Option<ReceiverStore<Number, Part>>>,
    stored: watch::Sender<Vec<Part>>,
    processed: Mutex<Vec<(Time, Vec<Part>)>>,
    hook: Mutex<Option<Hook>>,
    /// Reads of this tape fail.
    unreadable: Mutex<Option<u8>>,
    /// When parts were read again.
    readings: Mutex<Vec<Reading>>,
}

impl Tapes {
    pub fn new(shelf: Shelf) -> Arc<Self> {
        Arc::new(Self { shelf: Mutex::new(shelf), ..Self::default() })
    }

    pub fn shelf(&self) -> Shelf {
        self.shelf.lock().unwrap().clone()
    }

    pub fn on_call(&self, hook: impl Fn(Call) + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    pub fn break_tape(&self, tape: u8) {
        *self.unreadable.lock().unwrap() = Some(tape);
    }

    pub fn leftover(&self) -> Option<Leftover<Part>> {
        self.left.lock().unwrap().clone()
    }

    pub fn processed(&self) -> Vec<(Time, Vec<Part>)> {
        self.processed.lock().unwrap().clone()
    }

    pub fn readings(&self) -> Vec<Reading> {
        self.readings.lock().unwrap().clone()
    }

    pub fn next(&self, tape: u8) -> u64 {
        self.next.lock().unwrap().get(&tape).copied().unwrap_or(0)
    }

    pub fn store(&self) -> ReceiverStore<Number, Part> {
        self.store.lock().unwrap().clone().expect("the receiver was started")
    }

    /// Reads so many records of a tape and stores them as one page.
    pub async fn put(&self, tape: u8, records: u64) -> Part {
        let part = Part { tape, from: self.next(tape), to: self.next(tape) + records };
        self.next.lock().unwrap().insert(tape, part.to);
        let page = part.records().into_iter().map(Number).collect();
        in_time(self.store().store(page, part)).await.unwrap();
        part
    }

    /// Waits until the part is in a block.
    pub async fn is_cut(&self, part: Part) {
        in_time(self.stored.subscribe().wait_for(|stored| stored.contains(&part))).await.unwrap();
    }

    pub fn stream(self: &Arc<Self>, ctx: &StreamingContext) -> DStream<u64> {
        ctx.receiver_stream("tapes", StorageLevel::MemoryOnly, TapeReceiver(Arc::clone(self)), |n: &Number| Ok(n.0))
    }

    fn call(&self, call: Call) {
        if let Some(hook) = &*self.hook.lock().unwrap() {
            hook(call);
        }
    }

    /// Where reading began in this run.
    fn begun(&self, tape: u8) -> u64 {
        self.begun.lock().unwrap().get(&tape).copied().unwrap_or(0)
    }

    fn judge(&self, part: Part) -> Claim<Part> {
        if self.shelf().elsewhere.contains(&part.tape) {
            return Claim::Elsewhere;
        }
        let begun = self.begun(part.tape);
        if part.to <= begun { Claim::Processed } else { Claim::Ours(Part { from: part.from.max(begun), ..part }) }
    }
}

struct TapeReceiver(Arc<Tapes>);

struct TapePositions(Arc<Tapes>);

impl Positions<Part> for TapePositions {
    fn on_stored(&self, ranges: &[Part]) {
        self.0.stored.send_modify(|stored| stored.extend(ranges));
    }

    fn on_processed(&self, batch: Time, ranges: &[Part]) {
        self.0.call(Call::Processed);
        self.0.processed.lock().unwrap().push((batch, ranges.to_vec()));
        let mut shelf = self.0.shelf.lock().unwrap();
        for part in ranges {
            let at = shelf.committed.entry(part.tape).or_default();
            assert!(part.from >= *at, "{part} was processed before");
            *at = part.to;
            shelf.pending.remove(&part.tape);
        }
    }
}

#[async_trait]
impl Receiver for TapeReceiver {
    type Record = Number;
    type Range = Part;

    async fn start(&mut self, store: ReceiverStore<Number, Part>) -> Result<(), ReceiverError> {
        let Shelf { committed, pending, .. } = self.0.shelf();
        let mut begun = committed;
        for (tape, (snapshot, place)) in pending {
            if snapshot_exists(&snapshot).await.map_err(|error| ReceiverError::new(error.to_string()))? {
                begun.insert(tape, place);
            }
        }
        let left = self.0.leftover();
        for part in left.iter().flat_map(|left| &left.accounted) {
            let at = begun.entry(part.tape).or_default();
            *at = (*at).max(part.to);
        }
        *self.0.begun.lock().unwrap() = begun.clone();
        for part in left.iter().flat_map(|left| &left.unfinished) {
            let at = begun.entry(part.tape).or_default();
            *at = (*at).max(part.to);
        }
        *self.0.next.lock().unwrap() = begun;
        *self.0.store.lock().unwrap() = Some(store);
        Ok(())
    }

    fn positions(&self) -> Arc<dyn Positions<Part>> {
        Arc::new(TapePositions(Arc::clone(&self.0)))
    }

    fn replay(&self) -> Option<Arc<dyn RangeReplay<Number, Part>>> {
        Some(Arc::new(TapeReplay(Arc::clone(&self.0))))
    }

    async fn stop_fetching(&mut self) {}

    async fn close(&mut self) -> Result<(), ReceiverError> {
        Ok(())
    }
}

struct TapeReplay(Arc<Tapes>);

#[async_trait]
impl RangeReplay<Number, Part> for TapeReplay {
    fn source(&self, part: &Part) -> String {
        format!("tape-{}", part.tape)
    }

    fn encode(&self, part: &Part) -> Bytes {
        part.to_string().into()
    }

    fn decode(&self, bytes: Bytes) -> Result<Part, BoxError> {
        let text = std::str::from_utf8(&bytes)?;
        let mut numbers = text.split(':').map(str::parse::<u64>);
        let mut next = || Ok::<u64, BoxError>(numbers.next().ok_or("it is cut short")??);
        Ok(Part { tape: next()?.try_into()?, from: next()?, to: next()? })
    }

    fn resume(&self, left: Leftover<Part>) {
        let before = self.0.left.lock().unwrap().replace(left);
        assert!(before.is_none(), "resumed twice");
    }

    async fn claim(&self, unfinished: Vec<Part>) -> Result<Vec<Claim<Part>>, ReceiverError> {
        assert!(self.0.store.lock().unwrap().is_some(), "claimed before the start");
        Ok(unfinished.into_iter().map(|part| self.0.judge(part)).collect())
    }

    async fn read(&self, part: &Part) -> Result<Vec<Number>, ReceiverError> {
        if *self.0.unreadable.lock().unwrap() == Some(part.tape) {
            return Err(ReceiverError::new(format!("{part} has expired")));
        }
        self.0.readings.lock().unwrap().push(Reading::Begun(*part));
        tokio::task::yield_now().await;
        self.0.readings.lock().unwrap().push(Reading::Over(*part));
        Ok(part.records().into_iter().map(Number).collect())
    }

    async fn prepare(&self, snapshot: &str, through: &[Part]) {
        self.0.call(Call::Prepare);
        let mut shelf = self.0.shelf.lock().unwrap();
        for part in through {
            shelf.pending.insert(part.tape, (snapshot.to_owned(), part.to));
        }
    }
}
