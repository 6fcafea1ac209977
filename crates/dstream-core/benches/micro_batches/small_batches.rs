//! What a batch costs besides its records: a thousand words to a batch.

use std::time::Duration;

use bytes::Bytes;

use crate::program::Program;
use crate::text;

const BATCHES: usize = 500;

pub async fn measure(threads: usize) {
    let batch = text::lines(1_000, 7);
    let mut program = Program::start(threads, |lines| {
        lines.flat_map(text::Words::of).map(|word| (word, 1_u64)).reduce_by_key(|a, b| a + b).foreach_rdd(|rdd, _| {
            std::hint::black_box(rdd.collect()?);
            Ok(())
        });
    })
    .await;
    let parts: Vec<&[Bytes]> = batch.chunks(batch.len().div_ceil(threads)).collect();
    let mut times = Vec::new();
    for _ in 0..BATCHES {
        times.push(program.batch(&parts).await);
    }
    program.ctx.stop(dstream_core::StopMode::Graceful).await.unwrap();
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "1 000 words to a batch, local[{threads}]: median {:.2} ms, 99 of 100 under {:.2} ms",
        ms(times[BATCHES / 2]),
        ms(times[BATCHES * 99 / 100])
    );
}
