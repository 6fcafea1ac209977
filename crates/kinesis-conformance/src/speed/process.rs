//! What the system knows of a process.

use std::fs;

/// The memory that it has now.
pub(crate) fn resident(id: Option<u32>) -> String {
    status(id, "VmRSS:")
}

/// The most memory that it had.
pub(crate) fn peak(id: Option<u32>) -> String {
    status(id, "VmHWM:")
}

fn status(id: Option<u32>, name: &str) -> String {
    let text = id.and_then(|id| fs::read_to_string(format!("/proc/{id}/status")).ok()).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kibibytes.map_or_else(|| "unknown".to_owned(), |kibibytes| format!("{} MB", kibibytes * 1024 / 1_000_000))
}

/// The time on the processor so far, in microseconds.
pub(crate) fn processor_micros(id: Option<u32>) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", id?)).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // Linux counts in hundredths of a second here, whatever its own clock does.
    Some((ticks(11)? + ticks(12)?) * 10_000)
}
