//! Records on which the program fails: found, handed over or skipped, and nothing else is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, and user code that is to panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dstream_core::{
    BatchFailure, BoxError, DStream, DeadLetter, DeadLetters, Event, LeftOutRecords, OnFailedRecord, Rdd,
    ReceiverOptions, RecordFate, State, StateSpec, StopMode, StorageLevel, StreamingContext, StreamingContextBuilder,
    StreamingError, error_chain,
};

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::every_two_seconds;
use crate::support::{Fault, Number, Rig, SECOND, Seeing, Seen, Source, Span, TestReceiver, UNSPEAKABLE, in_time};

/// Dead letters in memory: number and error of each. Refuses the first few.
#[derive(Debug)]
struct Letters {
    taken: Seeing<(u64, u32, String)>,
    refusals: AtomicU32,
}

impl Letters {
    fn new(refusals: u32) -> Arc<Self> {
        Arc::new(Self { taken: Seeing::new(), refusals: AtomicU32::new(refusals) })
    }

    fn numbers(&self) -> Vec<u64> {
        self.taken.all().into_iter().map(|(number, ..)| number).collect()
    }
}

#[async_trait]
impl DeadLetters<Number> for Letters {
    async fn put(&self, letter: DeadLetter<'_, Number>) -> Result<(), BoxError> {
        let refused = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            return Err("the queue is down".into());
        }
        self.taken.push((letter.record.0, letter.attempts, letter.error.to_owned()));
        Ok(())
    }
}

/// What outputs saw of each batch in their last run, which is the one that counts.
#[derive(Clone, Default)]
struct LastSeen(Arc<Mutex<BTreeMap<i64, Vec<u64>>>>);

impl LastSeen {
    fn see(&self, time: dstream_core::Time, rows: Vec<u64>) {
        self.0.lock().unwrap().insert(time.as_millis() / 1_000, rows);
    }

    fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().values().flatten().copied().collect()
    }
}

const BAD: [u64; 3] = [17, 4_711, 9_999];

fn is_bad(n: u64) -> bool {
    BAD.contains(&n)
}

fn good(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.filter(|n| !is_bad(*n)).collect()
}

type Options = ReceiverOptions<Number>;

fn dead_letter(letters: &Arc<Letters>) -> Options {
    let letters: Arc<Letters> = Arc::clone(letters);
    ReceiverOptions::new(StorageLevel::MemoryOnly).on_failed_record(OnFailedRecord::DeadLetter(letters))
}

fn skip() -> Options {
    ReceiverOptions::new(StorageLevel::MemoryOnly).on_failed_record(OnFailedRecord::Skip)
}

fn stream(rig: &Rig, source: &Arc<Source>, options: Options) -> DStream<u64> {
    rig.ctx.receiver_stream("orders", options, TestReceiver(Arc::clone(source)), |n: &Number| Ok(n.0))
}

fn left_out(rig: &Rig) -> Vec<LeftOutRecords> {
    let completed = |event| if let Event::BatchCompleted(info) = event { Some(info.left_out) } else { None };
    rig.events().into_iter().filter_map(completed).collect()
}

/// Where a program fails on the bad records.
#[derive(Clone, Copy, Debug)]
enum Place {
    Handler,
    HandlerPanic,
    Map,
    AfterShuffle,
    Output,
    OutputPanic,
    Partition,
    AsyncOutput,
}

const PLACES: [Place; 8] = [
    Place::Handler,
    Place::HandlerPanic,
    Place::Map,
    Place::AfterShuffle,
    Place::Output,
    Place::OutputPanic,
    Place::Partition,
    Place::AsyncOutput,
];

/// A program that fails on the bad records at `place`, and notes the others.
fn program(ctx: &StreamingContext, source: &Arc<Source>, options: Options, place: Place) -> LastSeen {
    let handler = move |n: &Number| match place {
        Place::Handler if is_bad(n.0) => Err(format!("no order {}", n.0).into()),
        Place::HandlerPanic if is_bad(n.0) => panic!("no order {}", n.0),
        _ => Ok(n.0),
    };
    let seen = LastSeen::default();
    let orders = ctx.receiver_stream("orders", options, TestReceiver(Arc::clone(source)), handler);
    let refuse = |n: u64| if is_bad(n) { panic!("no order {n}") } else { n };
    let orders = match place {
        Place::Map => orders.map(|n| n).map(refuse),
        Place::AfterShuffle => orders.map(|n| (n, ())).group_by_key().map(move |(n, _)| refuse(n)),
        _ => orders,
    };
    let sink = seen.clone();
    if matches!(place, Place::AsyncOutput) {
        orders.foreach_rdd_async(move |rdd, time| {
            let (rows, sink) = (rdd.collect(), sink.clone());
            async move {
                let rows = rows?;
                tokio::task::yield_now().await;
                rows.iter().find(|n| is_bad(**n)).map_or(Ok(()), |n| Err(BoxError::from(format!("no order {n}"))))?;
                sink.see(time, rows);
                Ok(())
            }
        });
        return seen;
    }
    orders.foreach_rdd(move |rdd: Rdd<u64>, time| {
        if matches!(place, Place::Partition) {
            rdd.for_each_partition(|rows| rows.for_each(|n| assert_eq!(refuse(n), n)))?;
        }
        let mut rows = rdd.collect()?;
        match (place, rows.iter().find(|n| is_bad(**n))) {
            (Place::Output, Some(n)) => return Err(format!("no order {n}").into()),
            (Place::OutputPanic, Some(n)) => panic!("no order {n}"),
            _ => {}
        }
        if matches!(place, Place::AfterShuffle) {
            rows.sort_unstable();
        }
        sink.see(time, rows);
        Ok(())
    });
    seen
}

/// Ten thousand records in ten blocks, in two batches.
async fn ten_thousand(rig: &Rig, source: &Arc<Source>) {
    for half in 0..2_u64 {
        for block in half * 5..half * 5 + 5 {
            source.put(Span(block * 1_000, block * 1_000 + 1_000)).await;
            if block % 5 < 4 {
                rig.clock.advance(SECOND / 5);
                source.saw(Seen::Stored(vec![Span(block * 1_000, block * 1_000 + 1_000)])).await;
            }
        }
        rig.clock.advance(SECOND / 5);
        let batch = i64::try_from(half + 1).unwrap() * 1_000;
        rig.until(|event| matches!(event, Event::BatchCompleted(info) if info.batch.as_millis() == batch)).await;
    }
}

#[tokio::test]
async fn exactly_the_three_bad_ones_of_ten_thousand_records_are_dead_lettered_wherever_the_program_fails() {
    for place in PLACES {
        let rig = Rig::new();
        let (source, letters) = (Source::new(Fault::None), Letters::new(0));
        let seen = program(&rig.ctx, &source, dead_letter(&letters), place);
        rig.ctx.start().await.unwrap();
        ten_thousand(&rig, &source).await;
        assert_eq!(letters.numbers(), BAD, "{place:?}");
        for (number, attempts, error) in letters.taken.all() {
            assert_eq!(attempts, 4, "{place:?}");
            assert!(error.contains(&format!("no order {number}")), "{place:?}: {error}");
        }
        assert_eq!(seen.all(), good(0..10_000), "{place:?}");
        let spans: Vec<_> = (0..10).map(|n| Span(n * 1_000, n * 1_000 + 1_000)).collect();
        assert_eq!(source.processed(), spans, "{place:?}");
        let counts: Vec<_> = left_out(&rig).iter().map(|counts| counts.dead_lettered).collect();
        assert_eq!(counts, [2, 1], "{place:?}");
        let page = rig.ctx.statistics().to_string();
        assert!(page.contains("Records left out: 3 dead-lettered, 0 skipped"), "{page}");
        in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    }
}

#[tokio::test]
async fn skipped_records_are_counted_and_named_one_by_one() {
    for place in [Place::Handler, Place::Map, Place::Output] {
        let rig = Rig::new();
        let source = Source::new(Fault::None);
        let seen = program(&rig.ctx, &source, skip(), place);
        rig.ctx.start().await.unwrap();
        ten_thousand(&rig, &source).await;
        assert_eq!(seen.all(), good(0..10_000), "{place:?}");
        let named = |event| match event {
            Event::RecordLeftOut { record, fate, error, .. } => Some((record.to_string(), fate, error.to_string())),
            _ => None,
        };
        let named: Vec<_> = rig.events().into_iter().filter_map(named).collect();
        let places: Vec<_> = named.iter().map(|(record, ..)| record.as_str()).collect();
        assert_eq!(
            places,
            ["record 17 of block input-0-0", "record 711 of block input-0-4", "record 999 of block input-0-9"]
        );
        assert!(
            named.iter().zip(BAD).all(|((_, fate, error), n)| {
                *fate == RecordFate::Skipped && error.contains(&format!("no order {n}"))
            })
        );
        let skipped = |skipped| LeftOutRecords { dead_lettered: 0, skipped };
        assert_eq!(left_out(&rig), [skipped(2), skipped(1)]);
        assert_eq!(rig.ctx.metrics().skipped_records, 3);
        in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    }
}

#[tokio::test]
async fn regression_r3_by_default_a_record_that_fails_stops_the_context_is_named_and_nothing_moves_over_it() {
    for place in [Place::Handler, Place::HandlerPanic, Place::Map] {
        let rig = Rig::new();
        let source = Source::new(Fault::None);
        let seen = program(&rig.ctx, &source, StorageLevel::MemoryOnly.into(), place);
        rig.ctx.start().await.unwrap();
        source.put(Span(0, 10)).await;
        rig.batch().await;
        source.put(Span(10, 20)).await;
        source.put(Span(20, 30)).await;
        rig.clock.advance(SECOND);
        let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
        assert!(text.contains("record 7 of block input-0-1") && text.contains("no order 17"), "{text}");
        assert_eq!((source.processed(), seen.all()), (vec![Span(0, 10)], (0..10).collect()), "{place:?}");
    }
}

#[tokio::test]
async fn an_output_that_fails_without_any_record_stops_the_context_and_none_is_blamed() {
    for single in [false, true] {
        let rig = Rig::new();
        let (source, letters) = (Source::new(Fault::None), Letters::new(0));
        stream(&rig, &source, dead_letter(&letters)).foreach_rdd(move |rdd, _| {
            // One sink is always down, the other fails on anything that is written to it.
            if single && rdd.count()? == 0 { Ok(()) } else { Err("the database is down".into()) }
        });
        rig.ctx.start().await.unwrap();
        source.put(Span(0, if single { 5 } else { 500 })).await;
        rig.clock.advance(SECOND);
        let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
        assert!(text.contains("after 4 attempts") && text.ends_with("the database is down"), "{text}");
        assert_eq!((source.processed(), letters.numbers()), (vec![], vec![]));
    }
}

#[tokio::test]
async fn the_only_record_of_a_batch_is_set_aside_but_not_skipped_when_no_task_knows_that_it_is_bad() {
    let (rig, source, letters) = (Rig::new(), Source::new(Fault::None), Letters::new(0));
    program(&rig.ctx, &source, dead_letter(&letters), Place::Output);
    rig.ctx.start().await.unwrap();
    source.put(Span(17, 18)).await;
    rig.batch().await;
    assert_eq!((letters.numbers(), source.processed()), (vec![17], vec![Span(17, 18)]));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();

    let (rig, source) = (Rig::new(), Source::new(Fault::None));
    program(&rig.ctx, &source, skip(), Place::Output);
    rig.ctx.start().await.unwrap();
    source.put(Span(17, 18)).await;
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.ends_with("no order 17"), "{text}");
    assert_eq!(source.processed(), []);
}

#[tokio::test]
async fn more_failing_records_than_a_batch_may_leave_out_stop_the_context() {
    let rig = Rig::new();
    let (source, letters) = (Source::new(Fault::None), Letters::new(0));
    let options = dead_letter(&letters).most_failed_records(3);
    stream(&rig, &source, options)
        .map(|n| if n % 2 == 0 { panic!("{n} is even") } else { n })
        .foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 6)).await;
    rig.clock.advance(SECOND);
    // Three are few enough.
    rig.until(|event| matches!(event, Event::BatchCompleted(_))).await;
    assert_eq!(letters.numbers(), [0, 2, 4]);
    source.put(Span(6, 20)).await;
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("is even"), "{text}");
    assert_eq!((source.processed(), letters.numbers().len()), (vec![Span(0, 6)], 3));
}

#[tokio::test]
async fn dead_letters_that_are_refused_stop_the_context_and_nothing_moves_over_the_record() {
    let rig = Rig::new();
    let (source, letters) = (Source::new(Fault::None), Letters::new(u32::MAX));
    let seen = program(&rig.ctx, &source, dead_letter(&letters), Place::Map);
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 10)).await;
    rig.batch().await;
    source.put(Span(10, 20)).await;
    rig.clock.advance(SECOND);
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(matches!(error, StreamingError::DeadLetter { .. }));
    let text = error_chain(&error);
    assert!(text.starts_with("record 7 of block input-0-1") && text.ends_with("the queue is down"), "{text}");
    assert_eq!(source.processed(), [Span(0, 10)]);
    assert_eq!(letters.refusals.load(Ordering::SeqCst), u32::MAX - 4, "it was tried as often as a batch");
    assert_eq!(seen.all(), good(0..20));
}

#[tokio::test]
async fn dead_letters_that_are_refused_for_a_while_are_tried_again() {
    let rig = Rig::new();
    let (source, letters) = (Source::new(Fault::None), Letters::new(3));
    program(&rig.ctx, &source, dead_letter(&letters), Place::Handler);
    rig.ctx.start().await.unwrap();
    source.put(Span(10, 20)).await;
    rig.batch().await;
    assert_eq!((letters.numbers(), source.processed()), (vec![17], vec![Span(10, 20)]));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

/// Notes what had been processed when a letter came.
struct Watching(Arc<Source>, Seeing<Vec<Span>>);

#[async_trait]
impl DeadLetters<Number> for Watching {
    async fn put(&self, _letter: DeadLetter<'_, Number>) -> Result<(), BoxError> {
        self.1.push(self.0.processed());
        Ok(())
    }
}

#[tokio::test]
async fn a_letter_is_safe_before_any_position_of_its_batch_moves() {
    let (rig, source, seen) = (Rig::new(), Source::new(Fault::None), Seeing::new());
    let watching = Arc::new(Watching(Arc::clone(&source), seen.clone()));
    let options = ReceiverOptions::new(StorageLevel::MemoryOnly).on_failed_record(OnFailedRecord::DeadLetter(watching));
    program(&rig.ctx, &source, options, Place::Output);
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 10)).await;
    rig.batch().await;
    source.put(Span(10, 20)).await;
    rig.batch().await;
    assert_eq!(seen.all(), [vec![Span(0, 10)]]);
    assert_eq!(source.processed(), [Span(0, 10), Span(10, 20)]);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

/// Counts per last digit, by both kinds of state, over windows, and by a window with an inverse.
fn counting(orders: &DStream<u64>) -> DStream<(String, u64)> {
    let keyed = orders.map(|n| (n % 10, 1_u64));
    let whole = keyed
        .update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
        .map(|(digit, sum)| (format!("whole {digit}"), sum));
    let add = |digit: &u64, value: Option<u64>, state: &mut State<'_, u64>| {
        state.update(state.get_option().copied().unwrap_or(0) + value.unwrap_or(0));
        *digit
    };
    let by_key = keyed.map_with_state(StateSpec::function(add)).state_snapshots();
    let window = keyed.reduce_by_key_and_window(|m, n| m + n, SECOND * 2, SECOND);
    let corrected = keyed.reduce_by_key_and_window_inverse(|m, n| m + n, |m, n| m - n, SECOND * 2, SECOND);
    whole
        .union(&by_key.map(|(digit, sum)| (format!("by key {digit}"), sum)))
        .union(&window.map(|(digit, sum)| (format!("window {digit}"), sum)))
        .union(&corrected.map(|(digit, sum)| (format!("corrected {digit}"), sum)))
}

type Counts = BTreeMap<String, u64>;

/// A program whose state takes the bad records in, and whose output, elsewhere, does not.
fn stateful(rig: &Rig, source: &Arc<Source>, options: Options) -> Seeing<(i64, Counts)> {
    let orders = stream(rig, source, options);
    let seen = Seeing::new();
    let sink = seen.clone();
    counting(&orders).foreach_rdd(move |rdd, time| {
        sink.push((time.as_millis() / 1_000, rdd.collect()?.into_iter().collect()));
        Ok(())
    });
    orders.foreach_rdd(|rdd, _| match rdd.collect()?.into_iter().find(|n| is_bad(*n)) {
        Some(n) => Err(format!("no order {n}").into()),
        None => Ok(()),
    });
    seen
}

fn expected(all: std::ops::Range<u64>, window: std::ops::Range<u64>) -> Counts {
    let mut counts = Counts::new();
    for (kinds, range) in [(["whole", "by key"], all), (["window", "corrected"], window)] {
        for n in good(range) {
            for kind in kinds {
                *counts.entry(format!("{kind} {}", n % 10)).or_default() += 1;
            }
        }
    }
    counts
}

fn last_of(seen: &Seeing<(i64, Counts)>, batch: i64) -> Counts {
    seen.all().into_iter().rfind(|(time, _)| *time == batch).unwrap().1
}

#[tokio::test]
async fn states_and_windows_hold_what_comes_of_the_other_records_only_with_any_number_of_jobs() {
    for jobs in [1, 3] {
        let rig = Rig::with(|builder| builder.concurrent_jobs(jobs));
        let (source, letters) = (Source::new(Fault::None), Letters::new(0));
        let seen = stateful(&rig, &source, dead_letter(&letters));
        rig.ctx.start().await.unwrap();
        for batch in 0..4 {
            source.put(Span(batch * 10, batch * 10 + 10)).await;
            rig.batch().await;
        }
        assert_eq!((letters.numbers(), source.processed().len()), (vec![17], 4));
        assert_eq!(last_of(&seen, 3), expected(0..30, 10..30), "{jobs} jobs");
        assert_eq!(last_of(&seen, 4), expected(0..40, 20..40), "{jobs} jobs");
        in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    }
}

#[tokio::test]
async fn states_and_windows_are_exact_over_a_restart_from_the_checkpoint_directory() {
    let dir = FreshDir::new();
    let adjust = |builder: StreamingContextBuilder| every_two_seconds(&dir, builder);
    let (rig, source, letters) = (Rig::with(adjust), Source::new(Fault::None), Letters::new(0));
    stateful(&rig, &source, dead_letter(&letters));
    rig.ctx.start().await.unwrap();
    for batch in 0..2 {
        source.put(Span(batch * 10, batch * 10 + 10)).await;
        rig.batch().await;
    }
    rig.until(|event| matches!(event, Event::CheckpointWritten { batch } if batch.as_millis() == 2_000)).await;
    assert_eq!((source.processed(), letters.numbers()), (vec![Span(0, 10), Span(10, 20)], vec![17]));
    in_time(rig.ctx.stop(StopMode::Immediate)).await.unwrap();

    let (rig, source) = (Rig::at(2, adjust), Source::new(Fault::None));
    let seen = stateful(&rig, &source, dead_letter(&letters));
    rig.ctx.start().await.unwrap();
    source.put(Span(20, 30)).await;
    rig.batch().await;
    assert_eq!(last_of(&seen, 3), expected(0..30, 10..30));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

#[tokio::test]
async fn a_state_whose_function_fails_on_a_record_counts_the_others() {
    let (rig, source) = (Rig::new(), Source::new(Fault::None));
    let seen = Seeing::new();
    let sink = seen.clone();
    let sums =
        stream(&rig, &source, skip()).map(|n| (n % 2, n)).update_state_by_key(|new: Vec<u64>, sum: Option<u64>| {
            assert!(!new.contains(&17), "17 is unlucky");
            Some(sum.unwrap_or(0) + new.iter().sum::<u64>())
        });
    sums.foreach_rdd(move |rdd, _| {
        let mut rows = rdd.collect()?;
        rows.sort_unstable();
        sink.push(rows);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    for batch in 0..3 {
        source.put(Span(batch * 10, batch * 10 + 10)).await;
        rig.batch().await;
    }
    let sum = |odd: u64| (0..30).filter(|n| n % 2 == odd && *n != 17).sum::<u64>();
    assert_eq!(seen.all().pop().unwrap(), [(0, sum(0)), (1, sum(1))]);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

#[tokio::test]
async fn outputs_that_had_succeeded_do_not_run_again_and_inputs_by_time_are_not_asked_twice() {
    let (rig, source) = (Rig::new(), Source::new(Fault::None));
    let orders = stream(&rig, &source, skip());
    let queue = rig.ctx.queue_stream([vec![100], vec![200]]);
    let (first, second) = (Seeing::new(), Seeing::new());
    let sinks = (first.clone(), second.clone());
    orders.foreach_rdd(move |rdd, _| {
        sinks.0.push(rdd.collect()?);
        Ok(())
    });
    orders.map(|n| if is_bad(n) { panic!("no order {n}") } else { n }).union(&queue).foreach_rdd(move |rdd, _| {
        sinks.1.push(rdd.collect()?);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(16, 19)).await;
    rig.batch().await;
    source.put(Span(19, 20)).await;
    rig.batch().await;
    assert_eq!(first.all(), [vec![16, 17, 18], vec![19]]);
    // With the same records before and after 17 was put back, to see that it fails again.
    assert_eq!(second.all(), [vec![16, 18, 100], vec![16, 18, 100], vec![19, 200]]);
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_leaves_none_out_stops_the_context_beside_one_that_does() {
    let (rig, source, strict) = (Rig::new(), Source::new(Fault::None), Source::new(Fault::None));
    let both = stream(&rig, &source, skip()).union(&strict.stream(&rig.ctx, "strict"));
    both.foreach_rdd(|rdd, _| match rdd.collect()?.into_iter().find(|n| is_bad(*n)) {
        Some(n) => Err(format!("no order {n}").into()),
        None => Ok(()),
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(10, 20)).await;
    strict.put(Span(20, 30)).await;
    rig.batch().await;
    assert_eq!((source.processed(), strict.processed()), (vec![Span(10, 20)], vec![Span(20, 30)]));
    source.put(Span(30, 40)).await;
    strict.put(Span(4_700, 4_720)).await;
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.ends_with("no order 4711"), "{text}");
    assert_eq!((source.processed().len(), strict.processed().len()), (1, 1));
}

#[tokio::test]
async fn a_search_that_comes_upon_a_stream_that_leaves_none_out_leaves_nothing_of_its_probes_behind() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let (source, strict) = (Source::new(Fault::None), Source::new(Fault::None));
    let both = stream(&rig, &source, skip()).union(&strict.stream(&rig.ctx, "strict"));
    let kept = both.map(|n| n).remember_for(SECOND * 60);
    let attempts = AtomicU32::new(0);
    kept.filter(|_| false).union(&both).foreach_rdd(move |rdd, _| {
        // All that is kept is computed before anything fails.
        rdd.count()?;
        let bad = if attempts.fetch_add(1, Ordering::SeqCst) == 0 { 17 } else { 4_711 };
        Ok(rdd.for_each_partition(move |rows| rows.for_each(|n| assert_ne!(n, bad, "no order {n}")))?)
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(10, 20)).await;
    strict.put(Span(4_710, 4_713)).await;
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("no order 17"), "{text}");
    let at = dstream_core::Time::from_millis;
    assert_eq!(kept.slice(at(0), at(1_000)).unwrap(), []);
    assert_eq!((source.processed(), strict.processed()), (vec![], vec![]));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_back_for_its_letter_stops_the_context_with_the_reason() {
    let (rig, source, letters) = (Rig::new(), Source::new(Fault::None), Letters::new(0));
    stream(&rig, &source, dead_letter(&letters))
        .map(|n| if n == UNSPEAKABLE.0 { panic!("no such order") } else { n })
        .foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(UNSPEAKABLE.0 - 1, UNSPEAKABLE.0 + 1)).await;
    rig.clock.advance(SECOND);
    let text = error_chain(&in_time(rig.ctx.await_termination()).await.unwrap_err());
    assert!(text.contains("could not be read back: panicked") && text.contains("this number has no name"), "{text}");
    assert_eq!((source.processed(), letters.numbers()), (vec![], vec![]));
}

#[tokio::test]
async fn records_on_disk_are_read_back_for_their_letters() {
    let (rig, source, letters) = (Rig::new(), Source::new(Fault::None), Letters::new(0));
    let on_disk = ReceiverOptions::new(StorageLevel::DiskOnly);
    let letters_of = Arc::clone(&letters);
    let options = on_disk.on_failed_record(OnFailedRecord::DeadLetter(letters_of));
    let seen = program(&rig.ctx, &source, options, Place::Output);
    rig.ctx.start().await.unwrap();
    source.put(Span(10, 20)).await;
    rig.batch().await;
    assert_eq!((letters.numbers(), seen.all()), (vec![17], good(10..20)));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
}

#[tokio::test]
async fn where_batches_go_on_after_a_failure_bad_records_are_left_out_all_the_same() {
    let rig = Rig::with(|builder| builder.on_batch_failure(BatchFailure::Continue).batch_attempts(1));
    let (source, letters) = (Source::new(Fault::None), Letters::new(0));
    let orders = stream(&rig, &source, dead_letter(&letters));
    orders.foreach_rdd(|_, time| if time.as_millis() == 2_000 { Err("down".into()) } else { Ok(()) });
    let seen = LastSeen::default();
    let sink = seen.clone();
    orders.map(|n| if is_bad(n) { panic!("no order {n}") } else { n }).foreach_rdd(move |rdd, time| {
        sink.see(time, rdd.collect()?);
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    source.put(Span(10, 20)).await;
    rig.batch().await;
    source.put(Span(4_710, 4_713)).await;
    rig.clock.advance(SECOND);
    rig.until(|event| matches!(event, Event::BatchFailed(_))).await;
    // A batch that failed for another reason comes again as a whole, so nothing of it is handed over.
    assert_eq!((letters.numbers(), source.processed()), (vec![17], vec![Span(10, 20)]));
    assert_eq!(seen.all(), [good(10..20), vec![4_710, 4_712]].concat());
    let error = in_time(rig.ctx.await_termination()).await.unwrap_err();
    assert!(error_chain(&error).ends_with("down"));
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
}
