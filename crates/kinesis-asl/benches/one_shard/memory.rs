//! The memory of a program whose output is slower than its stream, second by second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dstream_core::{StopMode, StorageLevel, StreamingContext};

use crate::clients::Clients;
use crate::endpoint::Endpoint;
use crate::{Failure, fill, ours};

/// Read a fast stream into a slow output, and watch the memory of the process.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// For how long.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// The memory budget, in mebibytes.
    #[arg(long, default_value_t = 256)]
    budget: usize,
    /// The speed of the output, in mebibytes of payload a second.
    #[arg(long, default_value_t = 8)]
    output: u64,
    /// Where blocks may be, under Spark's names.
    #[arg(long, default_value = "MEMORY_ONLY")]
    level: StorageLevel,
}

pub async fn measure(options: &Options) -> Result<(), Failure> {
    let endpoint = Endpoint::start()?;
    let clients = Clients::of(&endpoint).await?;
    // What the output takes, what waits in memory at the end, and a quarter more: the stream never runs dry in memory.
    let mebibytes = (options.seconds * options.output) as usize + options.budget;
    let stream = fill::plain(&clients, (mebibytes * 5 / 4) << 20).await?;
    let budget = options.budget << 20;
    let ctx =
        StreamingContext::builder("memory").batch_interval(Duration::from_secs(1)).memory_budget(budget).build()?;
    let input = ours::input(&ctx, &clients, &stream, "memory".to_owned()).storage_level(options.level);
    let lengths = input.build_with_message_handler(|record| record.data().len() as u64)?;
    let (processed, speed) = (Arc::new(AtomicU64::new(0)), (options.output << 20) as f64);
    let counted = Arc::clone(&processed);
    lengths.foreach_rdd(move |rdd, _| {
        let bytes: u64 = rdd.collect()?.into_iter().sum();
        std::thread::sleep(Duration::from_secs_f64(bytes as f64 / speed));
        counted.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    });
    let before = resident()?;
    ctx.start().await?;
    let samples = sample(options.seconds, &processed).await?;
    // What waits is not waited for: it would take the output another while.
    ctx.stop(StopMode::Immediate).await?;
    print(options, before, &samples);
    Ok(())
}

/// A second of the run.
struct Sample {
    second: u64,
    /// In kibibytes.
    resident: u64,
    processed: u64,
}

async fn sample(seconds: u64, processed: &AtomicU64) -> Result<Vec<Sample>, Failure> {
    let (begun, mut samples) = (Instant::now(), Vec::new());
    for second in 0..=seconds {
        tokio::time::sleep_until((begun + Duration::from_secs(second)).into()).await;
        samples.push(Sample { second, resident: resident()?, processed: processed.load(Ordering::Relaxed) });
    }
    Ok(samples)
}

fn print(options: &Options, before: u64, samples: &[Sample]) {
    let most = samples.iter().map(|sample| sample.resident).max().unwrap_or(0) >> 10;
    println!("**{}, budget {} MiB, output {} MiB/s**\n", options.level, options.budget, options.output);
    println!("| s | RSS, MiB | processed, MiB |\n|---:|---:|---:|");
    let step = (samples.len() / ROWS).max(1);
    for Sample { second, resident, processed } in samples.iter().step_by(step) {
        println!("| {second} | {} | {} |", resident >> 10, processed >> 20);
    }
    println!(
        "\nRSS before the start {} MiB, at most {most} MiB: the budget and {} MiB (goal: at most {SLACK})",
        before >> 10,
        i128::from(most) - options.budget as i128
    );
}

/// The resident memory of this process, in kibibytes.
fn resident() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory")?;
    Ok(line.split_whitespace().next().ok_or("no resident memory")?.parse()?)
}

const ROWS: usize = 20;
/// What may come beside the budget, in MiB: the program, one response and what decoding it takes.
const SLACK: u64 = 150;
