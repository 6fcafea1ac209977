//! A graceful stop that takes too long is cut short, and says so.

use std::time::Duration;

use crate::support::{Fault, Rig, SECOND, Seen, Source, Span, in_time};
use dstream_core::{CutShort, Rdd, StopMode, StreamingError, error_chain};

/// An output that takes until the stop has become urgent, if there are records.
pub(crate) fn works_until_it_is_cut_short(rdd: &Rdd<u64>) -> Result<(), dstream_core::BoxError> {
    while rdd.count()? > 0 {
        std::thread::yield_now();
    }
    Ok(())
}

#[tokio::test]
async fn a_graceful_stop_that_takes_longer_than_its_deadline_becomes_an_immediate_one_and_says_so() {
    let deadline = Duration::from_millis(20);
    let rig = Rig::with(|builder| builder.stop_deadline(deadline));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|rdd, _| works_until_it_is_cut_short(&rdd));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 1)).await;
    rig.clock.advance(SECOND);
    source.saw(Seen::Stored(vec![Span(0, 1)])).await;
    source.put(Span(1, 2)).await;
    let error = in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap_err();
    assert!(
        matches!(error, StreamingError::StopCutShort { reason: CutShort::Deadline(d) } if d == deadline),
        "{error:?}"
    );
    let text = error_chain(&error);
    assert!(text.contains("deadline of 20ms") && text.contains("delivered again"), "{text}");
    assert_eq!(source.processed(), [], "no position moves over what was not processed");
    assert_eq!(rig.completed(), Vec::<i64>::new(), "no further batch ran");
    assert_eq!(source.seen().last(), Some(&Seen::Closed), "leases are released all the same");
}

#[tokio::test]
async fn a_graceful_stop_within_its_deadline_processes_everything_as_one_without() {
    let rig = Rig::with(|builder| builder.stop_deadline(SECOND * 3_600));
    let source = Source::new(Fault::None);
    source.stream(&rig.ctx, "s").foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    source.put(Span(0, 3)).await;
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(source.processed(), [Span(0, 3)]);
}
