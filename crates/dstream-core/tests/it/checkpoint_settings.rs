//! What a program must and may say about its checkpoints, and which programs do not start.
//!
//! Not applicable here: what Spark saves of its configuration (t202 to t204, and that part of t230 and t250), for a program
//! sets it in its code, in every run; the trial serialisation of the graph (t232) and of classes in it (t214), for checkpoints
//! hold data, never code.

use crate::support::fresh_dir::FreshDir;
use crate::support::runs::{Run, every_two_seconds};
use crate::support::{Fault, Rig, SECOND, Seen, Source, in_time};
use dstream_core::{
    CheckpointSettingError, ConfigError, DStream, Event, GraphError, Recovery, RecoveryError, StartError, StopMode,
    StreamingContext, error_chain,
};

fn ones(ctx: &StreamingContext) -> DStream<(String, u64)> {
    ctx.generated_stream(|_| vec![("a".to_owned(), 1)])
}

fn counts(ctx: &StreamingContext) -> DStream<(String, u64)> {
    ones(ctx).update_state_by_key(|new: Vec<u64>, sum| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()))
}

#[tokio::test]
async fn state_without_a_checkpoint_directory_is_refused_with_the_operator_and_both_remedies() {
    let ctx = StreamingContext::builder("test").master("local[1]").batch_interval(SECOND).allow_multiple();
    let ctx = ctx.build().unwrap();
    counts(&ctx).print();
    let error = ctx.start().await.unwrap_err();
    assert!(matches!(error, StartError::Graph(GraphError::StateWithoutDirectory { .. })), "{error:?}");
    let text = error.to_string();
    for told in ["update_state_by_key #1", "checkpoint_dir(..)", "volatile_state()"] {
        assert!(text.contains(told), "{text}");
    }
}

#[tokio::test]
async fn windows_need_no_checkpoint_directory() {
    let ctx = StreamingContext::builder("test").master("local[1]").batch_interval(SECOND).allow_multiple();
    let ctx = ctx.build().unwrap();
    ones(&ctx).window(SECOND * 2, SECOND).print();
    ctx.start().await.unwrap();
    ctx.stop(StopMode::Immediate).await.unwrap();
}

#[tokio::test]
async fn a_queue_stream_does_not_start_with_a_checkpoint_directory_t254() {
    let dir = FreshDir::new();
    let queue = |ctx: &StreamingContext| ctx.queue_stream([vec![1_u64]]);
    let error = Run::refused(0, |builder| every_two_seconds(&dir, builder), queue).await;
    assert!(error.to_string().contains("queue_stream #0 does not support checkpoints"), "{error}");
}

#[test]
fn a_checkpoint_interval_that_is_no_multiple_is_named_with_the_batch_interval() {
    let builder = StreamingContext::builder("test").batch_interval(SECOND).checkpoint_interval(SECOND * 3 / 2);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, ConfigError::Checkpoint(CheckpointSettingError::Interval { .. })), "{error:?}");
}

#[tokio::test]
async fn a_path_without_a_checkpoint_is_refused_if_recovery_is_required_t200() {
    let dir = FreshDir::new();
    let adjust = |builder| every_two_seconds(&dir, builder).recovery(Recovery::Required);
    let error = Run::refused(0, adjust, counts).await;
    assert!(matches!(&error, StartError::Recovery(RecoveryError::NoCheckpoint { .. })), "{error:?}");
    assert!(error.to_string().contains(dir.url()), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_had_is_named() {
    let dir = FreshDir::new();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Run::refused(0, |builder| builder.checkpoint_dir(file.join("ck").to_str().unwrap()), counts).await;
    assert!(error_chain(&error).contains("file/ck could not be made"), "{}", error_chain(&error));
    let error = Run::refused(0, |builder| builder.checkpoint_dir("hdfs://node/ck"), counts).await;
    assert!(error_chain(&error).contains("unknown kind \"hdfs\""), "{}", error_chain(&error));
}

/// Leaves checkpoints of the batches at 0, 2 and 3 s behind.
async fn written(dir: &FreshDir) {
    let run = Run::start(dir, 0, counts).await;
    run.written(0).await;
    run.until(2).await;
    run.written(2).await;
    run.until(3).await;
    run.stop().await;
}

fn recovered(rig: &Rig) -> Vec<i64> {
    let batch = |event| if let Event::Recovered { batch, .. } = event { Some(batch.as_millis() / 1_000) } else { None };
    rig.events().into_iter().filter_map(batch).collect()
}

#[tokio::test]
async fn an_empty_directory_begins_anew_and_a_valid_one_goes_on_t250() {
    let dir = FreshDir::new();
    let run = Run::start(&dir, 0, counts).await;
    run.until(3).await;
    assert!(recovered(&run.rig).is_empty());
    run.stop().await;
    let adjust = |builder| every_two_seconds(&dir, builder).recovery(Recovery::Required);
    let again = Run::prepare(3, adjust, counts);
    again.rig.ctx.start().await.unwrap();
    again.until(4).await;
    assert_eq!(recovered(&again.rig), [3]);
    assert_eq!(again.stop().await, [(4, vec![("a".to_owned(), 4)])]);
}

#[tokio::test]
async fn get_or_create_gives_the_program_a_builder_with_the_directory_t250() {
    let dir = FreshDir::new();
    written(&dir).await;
    let ctx = StreamingContext::get_or_create("another name", dir.url(), |builder| {
        let ctx = builder.master("local[1]").batch_interval(SECOND).allow_multiple().build()?;
        counts(&ctx).print();
        Ok::<_, ConfigError>(ctx)
    });
    let error = ctx.unwrap().start().await.unwrap_err();
    assert!(matches!(&error, StartError::Recovery(RecoveryError::OtherApplication { .. })), "{error:?}");
    assert!(error.to_string().contains("the application \"test\", not of \"another name\""), "{error}");
}

#[tokio::test]
async fn corrupt_checkpoints_fail_the_start_unless_it_may_begin_anew_t250() {
    let dir = FreshDir::new();
    written(&dir).await;
    dir.checkpoints().iter().for_each(|file| std::fs::write(file, "corrupt").unwrap());
    let error = Run::refused(3, |builder| every_two_seconds(&dir, builder), counts).await;
    assert!(error.to_string().contains("failed to read a checkpoint from"), "{error}");

    let adjust = |builder| every_two_seconds(&dir, builder).recovery(Recovery::OrAnew);
    let anew = Run::prepare(3, adjust, counts);
    anew.rig.ctx.start().await.unwrap();
    anew.until(4).await;
    assert_eq!(anew.stop().await, [(4, vec![("a".to_owned(), 1)])]);
    // What it wrote is the newest from now on.
    let again = Run::start(&dir, 4, counts).await;
    again.until(5).await;
    assert_eq!(again.stop().await, [(5, vec![("a".to_owned(), 2)])]);
}

#[tokio::test]
async fn of_a_damaged_newest_checkpoint_the_one_before_is_taken() {
    let dir = FreshDir::new();
    written(&dir).await;
    std::fs::write(dir.checkpoints().last().unwrap(), "corrupt").unwrap();
    let run = Run::start(&dir, 3, counts).await;
    run.until(4).await;
    let damaged =
        |event: &Event| matches!(event, Event::Recovered { batch, damaged: 1, .. } if batch.as_millis() == 2_000);
    assert!(run.rig.events().iter().any(damaged), "{:?}", run.rig.events());
    assert_eq!(run.stop().await.last().unwrap(), &(4, vec![("a".to_owned(), 4)]));
}

type Program = fn(&StreamingContext) -> DStream<String>;

#[tokio::test]
async fn a_program_with_other_streams_does_not_start_and_hears_what_changed() {
    let dir = FreshDir::new();
    let sums = |ctx: &StreamingContext| counts(ctx).map(|(key, _)| key);
    let run = Run::start(&dir, 0, sums).await;
    run.until(2).await;
    run.stop().await;

    let changes: [(Program, &str); 4] = [
        (|ctx| counts(ctx).filter(|_| true).map(|(key, _)| key), "filter #2 is new"),
        (|ctx| ones(ctx).map(|(key, _)| key), "update_state_by_key #1 is gone"),
        (|ctx| counts(ctx).flat_map(|(key, _)| [key]), "the kind of flat_map #2 was map and is flat_map"),
        (
            |ctx| counts(ctx).window(SECOND * 2, SECOND * 2).map(|(key, _)| key),
            "the kind of window #2 was map and is window",
        ),
    ];
    for (build, expected) in changes {
        let source = Source::new(Fault::None);
        let receiver = std::sync::Arc::clone(&source);
        let adjust = |builder| every_two_seconds(&dir, builder);
        let error = Run::refused(2, adjust, |ctx| {
            let stream = build(ctx);
            receiver.stream(ctx, "unused");
            stream
        });
        let error = error.await;
        assert!(matches!(&error, StartError::Recovery(RecoveryError::OtherGraph { .. })), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!source.seen().contains(&Seen::Started), "a receiver was started");
    }
    let other_type = |ctx: &StreamingContext| {
        let sums = ones(ctx).update_state_by_key(|_: Vec<u64>, _| Some(1_u32));
        sums.map(|(key, _)| key)
    };
    let error = Run::refused(2, |builder| every_two_seconds(&dir, builder), other_type).await.to_string();
    assert!(error.contains("the row type of update_state_by_key #1 was"), "{error}");
}

#[tokio::test]
async fn a_program_with_another_batch_interval_does_not_start() {
    let dir = FreshDir::new();
    written(&dir).await;
    let adjust = |builder| every_two_seconds(&dir, builder).batch_interval(SECOND * 2);
    let error = Run::refused(3, adjust, counts).await;
    assert!(error.to_string().contains("batch interval of 1s, the program has 2s"), "{error}");
}

#[tokio::test]
async fn a_state_whose_form_changed_is_refused_with_its_operator_unless_it_may_begin_anew() {
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Its form is a matter of the run.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Changing(u64);
    static CHANGED: AtomicBool = AtomicBool::new(false);

    impl serde::Serialize for Changing {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(serializer)
        }
    }

    impl<'de> serde::Deserialize<'de> for Changing {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if CHANGED.load(Ordering::SeqCst) {
                return Ok(Self(<(u64, String)>::deserialize(deserializer)?.0));
            }
            u64::deserialize(deserializer).map(Self)
        }
    }

    fn program(ctx: &StreamingContext) -> DStream<(String, Changing)> {
        // A state before it, which can be read.
        counts(ctx).update_state_by_key(|new: Vec<u64>, _| new.last().map(|last| Changing(*last)))
    }

    let dir = FreshDir::new();
    let run = Run::start(&dir, 0, program).await;
    run.until(3).await;
    run.stop().await;
    CHANGED.store(true, Ordering::SeqCst);
    let error = Run::refused(3, |builder| every_two_seconds(&dir, builder), program).await;
    assert!(error.to_string().contains("what update_state_by_key #2 keeps cannot be read"), "{error}");

    let anew = Run::prepare(3, |builder| every_two_seconds(&dir, builder).recovery(Recovery::OrAnew), program);
    in_time(anew.rig.ctx.start()).await.unwrap();
    anew.until(4).await;
    assert_eq!(anew.kill().await, [(4, vec![("a".to_owned(), Changing(1))])]);
}
