//! That another exchange changes nothing: neither one that encodes all blocks and mixes up their order, nor one between two
//! seats that run the same program.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::ManualClock;
use crate::context::StreamingContext;
use crate::control::StopMode;
use crate::dstream::DStream;
use crate::exchange::{Epoch, Exchange, ExchangeError, OpenEpoch, Seat, ShuffleBlock, Solo};
use crate::lock::lock;
use crate::rows::Rows;
use crate::time::Time;

/// What arrives at the other end of a wire.
fn over_the_wire(block: &ShuffleBlock) -> Result<ShuffleBlock, ExchangeError> {
    let rows = Rows::encoded(block.rows.encode().map_err(ExchangeError::new)?);
    Ok(ShuffleBlock { rows, bucket: block.bucket, source: block.source })
}

/// One seat; every block is encoded, and the last one arrives first.
struct Wire;

impl Exchange for Wire {
    fn seats(&self) -> usize {
        1
    }

    fn seat(&self) -> Seat {
        Seat(0)
    }

    fn open(&self, epoch: Epoch) -> Result<Box<dyn OpenEpoch>, ExchangeError> {
        Ok(Box::new(WireEpoch(Solo.open(epoch)?)))
    }
}

struct WireEpoch(Box<dyn OpenEpoch>);

impl OpenEpoch for WireEpoch {
    fn push(&self, seat: Seat, block: ShuffleBlock) -> Result<(), ExchangeError> {
        self.0.push(seat, over_the_wire(&block)?)
    }

    fn finish(self: Box<Self>) -> Result<Vec<ShuffleBlock>, ExchangeError> {
        Ok(self.0.finish()?.into_iter().rev().collect())
    }
}

/// Where two seats meet.
#[derive(Default)]
struct Table {
    epochs: Mutex<BTreeMap<Epoch, Meeting>>,
    changed: Condvar,
}

#[derive(Default)]
struct Meeting {
    blocks: [Vec<ShuffleBlock>; 2],
    finished: usize,
}

/// One of two seats; what is for the other one is encoded.
struct Sitting {
    table: Arc<Table>,
    seat: usize,
}

impl Exchange for Sitting {
    fn seats(&self) -> usize {
        2
    }

    fn seat(&self) -> Seat {
        Seat(self.seat)
    }

    fn open(&self, epoch: Epoch) -> Result<Box<dyn OpenEpoch>, ExchangeError> {
        Ok(Box::new(SittingEpoch { table: Arc::clone(&self.table), seat: self.seat, epoch }))
    }
}

struct SittingEpoch {
    table: Arc<Table>,
    seat: usize,
    epoch: Epoch,
}

impl OpenEpoch for SittingEpoch {
    fn push(&self, Seat(to): Seat, block: ShuffleBlock) -> Result<(), ExchangeError> {
        let block = if to == self.seat { block } else { over_the_wire(&block)? };
        lock(&self.table.epochs).entry(self.epoch).or_default().blocks[to].push(block);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<ShuffleBlock>, ExchangeError> {
        let mut epochs = lock(&self.table.epochs);
        epochs.entry(self.epoch).or_default().finished += 1;
        self.table.changed.notify_all();
        let waiting = |epochs: &mut BTreeMap<Epoch, Meeting>| epochs[&self.epoch].finished < 2;
        let waited = self.table.changed.wait_timeout_while(epochs, Duration::from_secs(20), waiting);
        let (mut epochs, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(ExchangeError::new("the other seat did not finish"));
        }
        Ok(std::mem::take(&mut epochs.entry(self.epoch).or_default().blocks[self.seat]))
    }
}

type Pairs = DStream<(String, u64)>;

fn told<T: std::fmt::Debug + Send + 'static>(name: &'static str, stream: &DStream<T>) -> DStream<String> {
    stream.map(move |row| format!("{name} {row:?}"))
}

/// Every wide operator. Values of a key are sorted, and joined by what is commutative: two seats have no common order.
fn program(ctx: &StreamingContext, pairs: &Pairs, other: &Pairs) -> DStream<String> {
    let second = Duration::from_secs(1);
    let sorted = |mut values: Vec<u64>| {
        values.sort_unstable();
        values
    };
    ctx.union([
        told("reduce_by_key", &pairs.reduce_by_key_into(5, |m, n| m + n)),
        told(
            "combine_by_key",
            &pairs.combine_by_key(|n| (n, n), |c, n| (c.0.min(n), c.1.max(n)), |a, b| (a.0.min(b.0), a.1.max(b.1))),
        ),
        told("group_by_key", &pairs.group_by_key_into(3).map_values(sorted)),
        told("cogroup", &pairs.cogroup_into(4, other).map_values(move |(a, b)| (sorted(a), sorted(b)))),
        told("join", &pairs.join_into(3, other)),
        told("left", &pairs.left_outer_join(other)),
        told("right", &pairs.right_outer_join(other)),
        told("full", &pairs.full_outer_join_into(1, other)),
        told("count_by_value", &pairs.count_by_value_into(2)),
        told("repartition", &pairs.repartition(3)),
        told("reduce", &pairs.map(|(_, n)| n).reduce(u64::max)),
        told("count", &pairs.count()),
        told("window", &pairs.window(second * 2, second).count_by_value_into(3)),
        told(
            "transform",
            &pairs.transform(|rdd, _| Ok(rdd.count_by_value().map_values(|n| n * 2).reduce_by_key(u64::max))),
        ),
    ])
}

/// The rows of two batches of the program.
async fn outputs(exchange: Arc<dyn Exchange>, pairs: [Vec<(String, u64)>; 2]) -> Vec<Vec<String>> {
    let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    let builder = StreamingContext::builder("exchange")
        .master("local[2]")
        .batch_interval(Duration::from_secs(1))
        .allow_multiple();
    let ctx = builder.batch_attempts(1).clock(Arc::<ManualClock>::clone(&clock)).exchange(exchange).build().unwrap();
    let stream = ctx.queue_stream(pairs);
    let other = stream.filter(|(_, n)| n % 3 != 0).map(|(key, n)| (key, n + 1_000));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    program(&ctx, &stream, &other).foreach_rdd(move |rdd, _| {
        let rows = rdd.collect()?;
        lock(&sink).push(rows);
        Ok(())
    });
    ctx.start().await.unwrap();
    clock.advance(Duration::from_secs(2));
    ctx.stop(StopMode::Graceful).await.unwrap();
    let seen = std::mem::take(&mut *lock(&seen));
    assert_eq!(seen.len(), 2);
    seen
}

fn pairs() -> [Vec<(String, u64)>; 2] {
    [0..60, 20..30].map(|numbers| numbers.map(|n| (format!("key {}", n * n % 17), n)).collect())
}

#[tokio::test]
async fn blocks_that_are_encoded_and_arrive_in_another_order_give_the_same_rows_in_the_same_order() {
    let alone = outputs(Arc::new(Solo), pairs()).await;
    assert!(alone.iter().all(|rows| rows.len() > 100), "{alone:?}");
    assert_eq!(outputs(Arc::new(Wire), pairs()).await, alone);
}

#[tokio::test]
async fn two_seats_that_share_the_input_give_together_the_rows_of_one() {
    let sorted = |mut rows: Vec<String>| {
        rows.sort_unstable();
        rows
    };
    let half = |seat: u64| {
        pairs()
            .map(|rows| rows.into_iter().filter(|(_, n)| n % 5 < 2 && seat == 0 || n % 5 >= 2 && seat == 1).collect())
    };
    let table = Arc::new(Table::default());
    let seat = |seat| Arc::new(Sitting { table: Arc::clone(&table), seat });
    let (first, second) = tokio::join!(outputs(seat(0), half(0)), outputs(seat(1), half(1)));
    let alone = outputs(Arc::new(Solo), pairs()).await;
    for ((first, second), alone) in first.into_iter().zip(second).zip(alone) {
        assert!(!first.is_empty() && !second.is_empty());
        assert_eq!(sorted([first, second].concat()), sorted(alone));
    }
}
