//! A child shard waits for the processing of its parents, not only for the reading of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dstream_core::Event;
use kinesis_asl::Doing;
use kinesis_asl::position::Checkpoint;
use tokio::sync::RwLock;

use crate::support::consumer::{Consumer, Notes, Setup, all_seen};
use crate::support::wait::eventually;
use crate::support::world::{STREAM, World, shard};

/// What has been given to batches so far.
#[derive(Debug, Default)]
struct Submitted {
    batches: AtomicUsize,
    records: AtomicUsize,
}

impl Submitted {
    fn note(&self, event: &Event) {
        if let Event::BatchSubmitted(info) = event {
            self.records.fetch_add(info.records(), Ordering::SeqCst);
            self.batches.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn reaches(&self, records: usize) {
        eventually(&format!("{records} records submitted"), async || match self.records.load(Ordering::SeqCst) {
            now if now == records => Ok(()),
            now => Err(now.to_string()),
        })
        .await;
    }

    async fn more_batches(&self, count: usize) {
        let before = self.batches.load(Ordering::SeqCst);
        eventually(&format!("{count} more batches"), async || match self.batches.load(Ordering::SeqCst) - before {
            more if more >= count => Ok(()),
            more => Err(more.to_string()),
        })
        .await;
    }
}

/// An application whose outputs wait as long as the gate is held.
async fn start_behind(gate: &Arc<RwLock<()>>, setup: &Setup) -> (Consumer, Arc<Submitted>) {
    let (ctx, notes, submitted) = (Setup::context(), Notes::default(), Arc::new(Submitted::default()));
    let (listener, gate, kept) = (Arc::clone(&submitted), Arc::clone(gate), notes.clone());
    ctx.add_listener(Arc::new(move |event: &Event| listener.note(event)));
    setup.lines(&ctx, 0).foreach_rdd(move |rdd, _| {
        drop(gate.blocking_read());
        kept.append(rdd.collect()?);
        Ok(())
    });
    ctx.start().await.unwrap();
    ctx.ready().await;
    (Consumer { ctx, notes }, submitted)
}

#[tokio::test]
async fn a_child_shard_is_not_read_before_every_record_of_its_parent_is_processed() {
    let world = World::start(1).await;
    let gate = Arc::new(RwLock::new(()));
    let held = Arc::clone(&gate).write_owned().await;
    let (app, submitted) = start_behind(&gate, &Setup::of(&world)).await;
    world.putter().numbers(0..100).await;
    submitted.reaches(100).await;
    let split = world.kinesis.split_shard().stream_name(STREAM).shard_to_split(shard(0));
    split.new_starting_hash_key((u128::MAX / 2).to_string()).send().await.unwrap();
    world.putter().numbers(100..200).await;

    world.settles_at(&[3]).await;
    submitted.more_batches(5).await;
    submitted.reaches(100).await;
    let doing: Vec<Doing> = app.readings().shards().into_values().map(|reading| reading.doing).collect();
    assert_eq!(
        doing,
        [Doing::WaitingForParents; 2],
        "the parent's reader has ended, the children are named with the reason"
    );
    let parent = &world.leases().await[&shard(0)];
    assert!(parent.checkpoint.is_initial(), "nothing of it is processed: {parent:?}");

    drop(held);
    all_seen(&[&app.notes], 200).await;
    assert_eq!(app.stop().await.numbers(), (0..200).collect::<Vec<_>>());
    assert_eq!(world.leases().await[&shard(0)].checkpoint, Checkpoint::ShardEnd);
    world.stop().await;
}
