//! Whether memory grows with the number of batches: a thousand words to a batch, a window of three, twenty thousand batches.

use bytes::Bytes;
use dstream_core::StopMode;

use crate::program::{INTERVAL, Program};
use crate::text;

const BATCHES: usize = 20_000;

pub async fn measure(threads: usize) {
    let batches: Vec<Vec<Bytes>> = (0..5).map(|seed| text::lines(1_000, seed + 1)).collect();
    let mut program = Program::start(threads, |lines| {
        let pairs = lines.flat_map(text::Words::of).map(|word| (word, 1_u64));
        pairs.reduce_by_key_and_window(|a, b| a + b, INTERVAL * 3, INTERVAL).foreach_rdd(|rdd, _| {
            std::hint::black_box(rdd.count()?);
            Ok(())
        });
    })
    .await;
    let mut resident = Vec::new();
    for round in 0..BATCHES {
        let batch = &batches[round % batches.len()];
        let parts: Vec<&[Bytes]> = batch.chunks(batch.len().div_ceil(threads)).collect();
        program.batch(&parts).await;
        if (round + 1) % (BATCHES / 4) == 0 {
            resident.push(format!("{:.1}", resident_mib()));
        }
    }
    program.ctx.stop(StopMode::Graceful).await.unwrap();
    println!("memory, local[{threads}], after every {} batches: {} MiB", BATCHES / 4, resident.join(", "));
}

/// Pages of the process that are in memory; 0 where that cannot be had.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u32>().ok());
    f64::from(kib.unwrap_or(0)) / 1024.0
}
