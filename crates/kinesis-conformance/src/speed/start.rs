//! How long it takes until both endpoints answer.

use std::time::Duration;

use kinesis_local::Local;
use tokio::time::Instant;

use crate::Failure;
use crate::endpoint::Ours;

const TIMES: usize = 21;

/// `Local::start` in this process: the median, and the longest.
pub(crate) async fn in_process() -> Result<String, Failure> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        let local = Local::start().await?;
        times.push(begun.elapsed());
        local.stop().await;
    }
    Ok(median(times))
}

/// The program, from its start to the line that says ready.
pub(crate) async fn as_process(core: Option<usize>) -> Result<String, Failure> {
    let times: Result<Vec<_>, _> = (0..TIMES).map(|_| Ours::start(core).map(|ours| ours.started_in())).collect();
    Ok(median(times?))
}

fn median(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let millis = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0);
    format!("{:.1} ms (longest of {}: {:.1})", millis(times.get(times.len() / 2)), times.len(), millis(times.last()))
}
