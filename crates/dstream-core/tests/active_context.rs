//! One active context in a process. A test binary of its own with one test, since it is about its process.
#![allow(clippy::unwrap_used, reason = "the parts of a test stand outside of test functions")]

use std::sync::Arc;
use std::time::Duration;

use dstream_core::{ContextState, ManualClock, StartError, StopMode, StreamingContext, StreamingContextBuilder, Time};

fn builder(app: &str) -> StreamingContextBuilder {
    let clock = Arc::new(ManualClock::new(Time::from_millis(0)));
    StreamingContext::builder(app).master("local[1]").batch_interval(Duration::from_secs(1)).clock(clock)
}

fn context(builder: StreamingContextBuilder) -> StreamingContext {
    let ctx = builder.build().unwrap();
    ctx.queue_stream([vec![1]]).foreach_rdd(|_, _| Ok(()));
    ctx
}

fn active() -> Option<String> {
    StreamingContext::active().map(|ctx| ctx.app_name().to_owned())
}

#[tokio::test]
async fn one_context_is_active_from_its_start_to_its_stop_and_no_second_one_beside_it_t251_t252() {
    let (first, second) = (context(builder("first")), context(builder("second")));
    let beside = context(builder("beside").allow_multiple());
    assert_eq!(active(), None);
    beside.start().await.unwrap();
    assert_eq!(active(), None);
    first.start().await.unwrap();
    assert_eq!(active().as_deref(), Some("first"));

    let error = second.start().await.unwrap_err();
    assert!(matches!(error, StartError::AnotherActive { .. }));
    assert!(error.to_string().contains("another StreamingContext, \"first\", is active"), "{error}");
    assert_eq!(second.state(), ContextState::Initialized);
    let found = StreamingContext::active_or_create(|| builder("third").build()).unwrap();
    assert_eq!(found.app_name(), "first");

    first.stop(StopMode::Graceful).await.unwrap();
    assert_eq!(active(), None);
    let made = StreamingContext::active_or_create(|| builder("third").build()).unwrap();
    assert_eq!((made.app_name(), made.state()), ("third", ContextState::Initialized));

    second.start().await.unwrap();
    assert_eq!(active().as_deref(), Some("second"));
    second.stop(StopMode::Immediate).await.unwrap();

    // A start that fails takes nothing.
    assert!(builder("no outputs").build().unwrap().start().await.is_err());
    assert_eq!(active(), None);
    beside.stop(StopMode::Immediate).await.unwrap();
}
