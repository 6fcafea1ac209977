//! What a drain cost: time on the clock, and time on the processor of this process.

use std::time::{Duration, Instant};

use crate::Failure;

pub struct Cost {
    pub wall: Duration,
    /// User and system time of all threads.
    pub processor: Duration,
}

pub struct Meter {
    begun: Instant,
    processor: Duration,
}

impl Meter {
    pub fn start() -> Result<Self, Failure> {
        Ok(Self { processor: processor()?, begun: Instant::now() })
    }

    pub fn stop(self) -> Result<Cost, Failure> {
        Ok(Cost { wall: self.begun.elapsed(), processor: processor()?.saturating_sub(self.processor) })
    }
}

fn processor() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<_> = text.rsplit_once(')').ok_or("no process state")?.1.split_whitespace().collect();
    let ticks = |place: usize| -> Result<u64, Failure> { Ok(fields.get(place).ok_or("no processor time")?.parse()?) };
    // Linux counts in hundredths of a second here, whatever its own clock does.
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}
