//! A graceful stop while records come fast and outputs are slow: few batches follow it, and nothing is left undone.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dstream_core::{Event, StopMode, StreamingContext};
use tokio::time::Instant;

use crate::support::consumer::{Consumer, Notes, Setup};
use crate::support::wait::{PATIENCE, eventually, measured};
use crate::support::world::World;

/// What an output does with a record; some tens of microseconds.
fn work(text: &str) -> u64 {
    (0..5_000).fold(text.bytes().map(u64::from).sum(), |sum, step| black_box(sum.rotate_left(5) ^ step))
}

/// How many batches were made and how many have ended.
#[derive(Default)]
struct Batches {
    made: AtomicUsize,
    completed: AtomicUsize,
}

fn counted(ctx: &StreamingContext) -> Arc<Batches> {
    let batches = Arc::<Batches>::default();
    let counts = Arc::clone(&batches);
    ctx.add_listener(Arc::new(move |event: &Event| match event {
        Event::BatchSubmitted(_) => drop(counts.made.fetch_add(1, Ordering::SeqCst)),
        Event::BatchCompleted(_) => drop(counts.completed.fetch_add(1, Ordering::SeqCst)),
        _ => {}
    }));
    batches
}

#[tokio::test]
async fn a_graceful_stop_under_load_runs_few_more_batches_and_leaves_nothing_undone() {
    let world = World::start(2).await;
    let (ctx, notes, setup) = (Setup::context(), Notes::default(), Setup::of(&world));
    let (sink, batches) = (notes.clone(), counted(&ctx));
    setup.lines(&ctx, 0).foreach_rdd(move |rdd, _| {
        let records = rdd.collect()?;
        records.iter().for_each(|noted| {
            black_box(work(&noted.text));
        });
        sink.append(records);
        Ok(())
    });
    ctx.start().await.unwrap();
    ctx.ready().await;
    let producing = world.putter().go_on(50);
    notes.reach(2_000).await;
    let waiting = batches.made.load(Ordering::SeqCst) - batches.completed.load(Ordering::SeqCst);
    let (made, begun) = (batches.made.load(Ordering::SeqCst), Instant::now());
    tokio::time::timeout(PATIENCE, ctx.stop(StopMode::Graceful)).await.unwrap().unwrap();
    measured(&format!("graceful stop under load, batches of 200 ms, {waiting} of them under way"), begun);
    let more = batches.made.load(Ordering::SeqCst) - made;
    // One that was due, one that came due while the readers ended, and the last one.
    assert!(more <= 3, "{more} batches were made after the stop was asked for");
    assert_eq!(batches.made.load(Ordering::SeqCst), batches.completed.load(Ordering::SeqCst));

    let next = setup.start().await;
    let seen = notes.numbers();
    let put = producing.finish().await;
    eventually("the rest", async || match seen.len() + next.notes.len() {
        all if all >= usize::try_from(put).unwrap() => Ok(()),
        some => Err(format!("{some} of {put}")),
    })
    .await;
    let mut all = next.stop().await.numbers();
    all.extend(seen);
    all.sort_unstable();
    assert_eq!(all, (0..put).collect::<Vec<_>>(), "the next run goes on exactly behind the stop");
    world.stop().await;
}

#[tokio::test]
async fn a_stop_that_is_cut_short_by_its_deadline_says_so_and_the_next_run_repeats_what_was_not_processed() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let ctx = Setup::builder().stop_deadline(Duration::from_millis(50)).build().unwrap();
    let standing = Arc::<AtomicBool>::default();
    let stands = Arc::clone(&standing);
    setup.lines(&ctx, 0).foreach_rdd(move |rdd, _| {
        // Until the stop has become an immediate one.
        while rdd.count()? > 0 {
            stands.store(true, Ordering::SeqCst);
            std::thread::yield_now();
        }
        Ok(())
    });
    ctx.start().await.unwrap();
    ctx.ready().await;
    world.putter().numbers(0..20).await;
    let app = Consumer { ctx, notes: Notes::default() };
    let stands = async || if standing.load(Ordering::SeqCst) { Ok(()) } else { Err("it does not".to_owned()) };
    eventually("a batch with records runs", stands).await;
    app.ctx.request_stop(StopMode::Graceful);
    let text = app.fails().await;
    assert!(text.contains("cut short after its deadline of 50ms") && text.contains("delivered again"), "{text}");
    assert!(world.leases().await.values().all(|lease| lease.owner.is_none()), "the lease is free");

    let next = setup.start().await;
    next.notes.reach(20).await;
    assert_eq!(next.stop().await.numbers(), (0..20).collect::<Vec<_>>());
    world.stop().await;
}
