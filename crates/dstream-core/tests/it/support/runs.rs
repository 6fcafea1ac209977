//! A program that is started again and again on the same checkpoint directory.

use std::collections::BTreeMap;
use std::fmt;

use dstream_core::{DStream, Data, Event, StartError, StopMode, StreamingContext, StreamingContextBuilder};

use super::fresh_dir::FreshDir;
use super::{Rig, SECOND, Seeing, in_time};

/// One run, and the sorted rows of each of its batches.
pub struct Run<T> {
    pub rig: Rig,
    pub seen: Seeing<(i64, Vec<T>)>,
}

/// Checkpoints every two seconds.
pub fn every_two_seconds(dir: &FreshDir, builder: StreamingContextBuilder) -> StreamingContextBuilder {
    builder.checkpoint_dir(dir.url()).checkpoint_interval(SECOND * 2)
}

impl<T: Data + Ord> Run<T> {
    pub fn prepare(
        at: i64,
        adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder,
        build: impl FnOnce(&StreamingContext) -> DStream<T>,
    ) -> Self {
        let rig = Rig::at(at, adjust);
        let seen = Seeing::new();
        let sink = seen.clone();
        build(&rig.ctx).foreach_rdd(move |rdd, time| {
            let mut rows = rdd.collect()?;
            rows.sort();
            sink.push((time.as_millis() / 1_000, rows));
            Ok(())
        });
        Self { rig, seen }
    }

    /// Starts at `at` seconds with checkpoints in `dir`.
    pub async fn start(dir: &FreshDir, at: i64, build: impl FnOnce(&StreamingContext) -> DStream<T>) -> Self {
        let run = Self::prepare(at, |builder| every_two_seconds(dir, builder), build);
        in_time(run.rig.ctx.start()).await.unwrap();
        run
    }

    /// The error of a start that fails.
    pub async fn refused(
        at: i64,
        adjust: impl FnOnce(StreamingContextBuilder) -> StreamingContextBuilder,
        build: impl FnOnce(&StreamingContext) -> DStream<T>,
    ) -> StartError {
        in_time(Self::prepare(at, adjust, build).rig.ctx.start()).await.unwrap_err()
    }

    /// Goes on until the batch of `seconds` is completed; batch by batch.
    pub async fn until(&self, seconds: i64) {
        while self.rig.now_seconds() < seconds {
            self.rig.clock.advance(SECOND);
            self.completed(self.rig.now_seconds()).await;
        }
        self.completed(seconds).await;
    }

    async fn completed(&self, seconds: i64) {
        self.rig
            .until(|event| matches!(event, Event::BatchCompleted(info) if info.batch.as_millis() >= seconds * 1_000))
            .await;
    }

    /// Waits for the checkpoint of a batch.
    pub async fn written(&self, seconds: i64) {
        self.rig
            .until(|event| matches!(event, Event::CheckpointWritten { batch } if batch.as_millis() == seconds * 1_000))
            .await;
    }

    pub async fn stop(self) -> Vec<(i64, Vec<T>)> {
        in_time(self.rig.ctx.stop(StopMode::Graceful)).await.unwrap();
        self.seen.all()
    }

    /// As a crash: nothing is written any more.
    pub async fn kill(self) -> Vec<(i64, Vec<T>)> {
        in_time(self.rig.ctx.stop(StopMode::Immediate)).await.unwrap();
        self.seen.all()
    }
}

/// The rows of all batches of several runs. A batch that ran more than once must have had the same rows each time.
pub fn merged<T: PartialEq + fmt::Debug>(runs: impl IntoIterator<Item = Vec<(i64, Vec<T>)>>) -> BTreeMap<i64, Vec<T>> {
    let mut all: BTreeMap<i64, Vec<T>> = BTreeMap::new();
    for (time, rows) in runs.into_iter().flatten() {
        if let Some(before) = all.get(&time) {
            assert_eq!(*before, rows, "batch {time} differs from when it ran before");
        }
        all.insert(time, rows);
    }
    all
}
