//! The names of operators: one for each call of the program, whatever it is made of.

use std::time::Duration;

use crate::support::{Rig, SECOND};
use dstream_core::{StreamingContext, error_chain};

#[tokio::test]
async fn an_operator_that_is_made_of_others_has_one_name_and_one_number_t277() {
    let ctx = StreamingContext::builder("names").batch_interval(Duration::from_secs(1)).build().unwrap();
    let (window, slide) = (SECOND * 2, SECOND);
    let words = ctx.queue_stream([vec!["a".to_owned()]]);
    let pairs = words.map(|word| (word, 1));
    let names = [
        words.name(),
        pairs.name(),
        words.window(window, slide).name(),
        words.count_by_window(window, slide).name(),
        words.count_by_value_and_window(window, slide).name(),
        words.reduce_by_window(|a, b| a + &b, window, slide).name(),
        pairs.map_values(|n| n).name(),
        pairs.reduce_by_key_and_window(|a, b| a + b, window, slide).name(),
        pairs.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, window, slide).name(),
        pairs.group_by_key_and_window(window, slide).name(),
        words.union(&words).name(),
    ];
    let expected = [
        "queue_stream #0",
        "map #1",
        "window #2",
        "count_by_window #3",
        "count_by_value_and_window #4",
        "reduce_by_window #5",
        "map_values #6",
        "reduce_by_key_and_window #7",
        "reduce_by_key_and_window_inverse #8",
        "group_by_key_and_window #9",
        "union #10",
    ];
    assert_eq!(names.map(|name| name.to_string()), expected);
}

#[tokio::test]
async fn what_fails_inside_of_a_composite_operator_is_named_by_it_and_its_batch_t277() {
    let rig = Rig::with(|builder| builder.batch_attempts(1));
    let numbers = rig.ctx.queue_stream([vec![1, 2]]);
    let failing = |_, _| panic!("not today");
    numbers.reduce_by_window(failing, SECOND * 2, SECOND).foreach_rdd(|rdd, _| Ok(rdd.count().map(drop)?));
    rig.ctx.start().await.unwrap();
    rig.clock.advance(SECOND);
    let error = error_chain(&rig.ctx.await_termination().await.unwrap_err());
    assert!(
        error.contains("foreach_rdd #2") && error.contains("reduce_by_window #1 failed in batch 1000 ms"),
        "{error}"
    );
}
