//! A reader on a scripted stream and a store without a context, in virtual time.

use std::time::Duration;

use dstream_core::StreamId;
use dstream_core::testing::{StoreProbe, receiver_store};
use kpl_deagg::RangePolicy;

use super::*;
use crate::api::Page;
use crate::checkpoint::progress::CheckpointAfter;
use crate::config::Tuning;
use crate::consumer::board::ReadingBoard;
use crate::consumer::scripted::{Asked, Scripted, page, record};
use crate::origin::Origin;

type Probe = StoreProbe<KinesisRecord, SequenceRange>;

struct Rig {
    stream: Arc<Scripted>,
    board: Arc<ReadingBoard>,
    consumer: ShardConsumer<Scripted>,
    probe: Probe,
}

/// What a record of the scripted pages costs.
fn record_cost() -> usize {
    cost_of(&bytes::Bytes::from_static(b"x"), "k")
}

impl Rig {
    /// A reader with memory for so many records.
    fn new(stream: Scripted, records: usize) -> Self {
        let (stream, board, shard) = (Arc::new(stream), Arc::new(ReadingBoard::default()), ShardId::from("s"));
        let (sink, probe) = receiver_store(StreamId::new(0), record_cost() * records);
        board.begin(&shard, Instant::now().into_std());
        let origin = Arc::new(Origin { stream: "words".into(), shard: "s".into() });
        let consumer = ShardConsumer {
            api: Arc::clone(&stream),
            expander: Expander { shard, origin, hash_range: None, policy: RangePolicy::KeepAll, processed: None },
            holding: Holding(1),
            start: Start { place: Place::TrimHorizon, processed: None },
            sink,
            tracker: Arc::new(ProgressTracker::new(CheckpointAfter::Outputs)),
            started: mpsc::channel(1).0,
            settings: ReaderSettings::new(&Tuning::new(Duration::from_secs(1)), Arc::clone(&board)),
            seed: 1,
        };
        Self { stream, board, consumer, probe }
    }

    fn pages_asked_for(&self) -> usize {
        self.stream.asked().iter().filter(|asked| matches!(asked, Asked::Page(_))).count()
    }

    fn doing(&self) -> Doing {
        self.board.shards()[self.consumer.shard()].doing
    }

    /// The records that were stored since the last call; their memory is free again.
    fn taken(&self) -> usize {
        self.probe.cut().map_or(0, |block| block.records().len())
    }
}

/// Reads while `look` looks.
async fn reading<T>(consumer: &ShardConsumer<Scripted>, look: impl Future<Output = T>) -> T {
    tokio::select! {
        end = consumer.read() => panic!("{end:?}"),
        seen = look => seen,
    }
}

async fn a_while() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

fn pages(sizes: &[u64]) -> Scripted {
    let mut next = 0;
    let page = |size: &u64| {
        let numbers: Vec<u64> = (next..next + size).collect();
        next += size;
        Ok(page(&numbers, "next", 1_000))
    };
    Scripted::pages(sizes.iter().map(page).collect::<Vec<_>>())
}

#[tokio::test(start_paused = true)]
async fn pages_are_stored_in_order_and_one_is_fetched_ahead_at_most_pf_1() {
    let rig = Rig::new(pages(&[2, 2, 2, 2, 2]), 4);
    let look = async {
        a_while().await;
        assert_eq!(rig.pages_asked_for(), 3, "two have memory, and one more was fetched");
        assert_eq!(rig.taken(), 4);
        a_while().await;
        assert_eq!(rig.pages_asked_for(), 5);
        assert_eq!(rig.taken(), 4);
        a_while().await;
        let last = rig.probe.cut().unwrap();
        let positions: Vec<String> = last.records().iter().map(|record| record.position().to_string()).collect();
        assert_eq!(positions, ["8.0", "9.0"]);
    };
    reading(&rig.consumer, look).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_memory_says_so_and_fetches_nothing_more_meanwhile() {
    let rig = Rig::new(pages(&[3, 3, 3]), 3);
    let look = async {
        a_while().await;
        assert_eq!((rig.doing(), rig.pages_asked_for()), (Doing::WaitingForMemory, 2));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let now = Instant::now().into_std();
        let stuck = rig.board.watch(now, Duration::from_secs(60));
        assert_eq!(stuck, [ShardId::from("s")], "the log names it");
        assert!(rig.doing().to_string().contains("waiting for memory"));
        assert_eq!(rig.taken(), 3);
        a_while().await;
        assert_eq!((rig.taken(), rig.pages_asked_for()), (3, 3));
        a_while().await;
        assert_eq!((rig.doing(), rig.taken()), (Doing::Reading, 3));
    };
    reading(&rig.consumer, look).await;
}

#[tokio::test(start_paused = true)]
async fn pages_are_small_while_memory_is_scarce_and_full_again_when_it_is_free() {
    const LARGE: usize = 10_000;
    let large =
        |numbers: &[u64]| Page { records: numbers.iter().map(|n| record(*n, LARGE)).collect(), ..page(&[], "next", 9) };
    let stream = Scripted::pages([large(&[1]), large(&[2, 3, 4]), large(&[5]), large(&[6])].map(Ok));
    // Memory for a bit more than four of them.
    let rig = Rig::new(stream, 4 * LARGE / record_cost() + 10);
    let look = async {
        a_while().await;
        assert_eq!(rig.stream.limits()[..3], [10_000, 10_000, 197]);
        assert_eq!(rig.taken(), 4);
        a_while().await;
        // Memory was still scarce when the page came after which the first of these is.
        assert_eq!(rig.stream.limits()[3..], [197, 10_000]);
    };
    reading(&rig.consumer, look).await;
}

#[tokio::test(start_paused = true)]
async fn two_readers_share_the_memory_although_one_brings_ten_times_as_much() {
    // Twenty records of memory, forty-five times: the fast one has more than twice as many to bring.
    let (fast, slow) = (Rig::new(pages(&[10; 200]), 20), Rig::new(pages(&[1; 40]), 0));
    let (one, other) = (fast.consumer.sink.lane(), fast.consumer.sink.lane());
    let slow_consumer = ShardConsumer { sink: other, holding: Holding(2), ..slow.consumer };
    let fast_consumer = ShardConsumer { sink: one, ..fast.consumer };
    let look = async {
        let mut seen = 0;
        for _ in 0..45 {
            a_while().await;
            let block = fast.probe.cut();
            seen += block.iter().flat_map(|block| block.ranges()).filter(|range| range.holding == Holding(2)).count();
        }
        assert_eq!(seen, 40, "the slow one is served although the fast one is always in line");
    };
    reading(&fast_consumer, reading(&slow_consumer, look)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_stays_within_the_budget_whatever_the_pages_are_like() {
    let sizes = [1, 7, 2, 30, 4, 4, 4, 4, 0, 11, 3];
    let rig = Rig::new(pages(&sizes), 8);
    let look = async {
        let (mut seen, mut most) = (0, 0);
        for _ in 0..60 {
            a_while().await;
            let block = rig.probe.cut();
            most = most.max(block.as_ref().map_or(0, |block| block.size_bytes()));
            seen += block.map_or(0, |block| block.records().len());
        }
        assert_eq!((seen, rig.pages_asked_for()), (70, sizes.len() + 1));
        assert!(most <= record_cost() * 8, "{most}");
    };
    reading(&rig.consumer, look).await;
}
