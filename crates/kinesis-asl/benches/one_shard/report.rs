//! The table of one stream: both sides, and their ratio round by round.

use std::fmt;
use std::time::Duration;

use crate::cost::Cost;
use crate::drain::Side;
use crate::fill::Filled;

pub struct Report<'a> {
    stream: &'a Filled,
    ours: Vec<Cost>,
    bare: Vec<Cost>,
}

impl<'a> Report<'a> {
    pub const fn of(stream: &'a Filled) -> Self {
        Self { stream, ours: Vec::new(), bare: Vec::new() }
    }

    pub fn add(&mut self, side: Side, cost: Cost) {
        match side {
            Side::Ours => self.ours.push(cost),
            Side::Bare => self.bare.push(cost),
        }
    }

    fn side(&self, f: &mut fmt::Formatter<'_>, name: &str, costs: &[Cost]) -> fmt::Result {
        let Some(wall) = Spread::of(costs.iter().map(|cost| cost.wall.as_secs_f64())) else { return Ok(()) };
        let Some(cpu) = Spread::of(costs.iter().map(|cost| micros(cost.processor, self.stream.records))) else {
            return Ok(());
        };
        let (records, bytes) = (self.stream.records as f64, self.stream.bytes as f64);
        let (thousands, megabytes) = (records / wall.median / 1e3, bytes / wall.median / 1e6);
        writeln!(f, "| {name} | {wall} | {thousands:.0} | {megabytes:.0} | {cpu} |")
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Filled { stream, records, bytes } = self.stream;
        writeln!(
            f,
            "**{stream}: {records} user records, {} MiB, {} rounds**\n",
            bytes >> 20,
            self.ours.len().max(self.bare.len())
        )?;
        writeln!(f, "| | s | k user records/s | MB/s | µs of CPU a user record |\n|---|---:|---:|---:|---:|")?;
        self.side(f, "bare loop", &self.bare)?;
        self.side(f, "ours", &self.ours)?;
        let pairs = || self.ours.iter().zip(&self.bare);
        let speed = Spread::of(pairs().map(|(ours, bare)| bare.wall.as_secs_f64() / ours.wall.as_secs_f64()));
        let cpu = Spread::of(pairs().map(|(ours, bare)| ours.processor.as_secs_f64() / bare.processor.as_secs_f64()));
        if let (Some(speed), Some(cpu)) = (speed, cpu) {
            writeln!(f, "\nspeed, ours / bare: {speed}; CPU, ours / bare: {cpu}")?;
        }
        Ok(())
    }
}

/// The median of figures, with the smallest and the largest.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        Some(Self {
            median: figures.get(figures.len() / 2).copied()?,
            least: figures.first().copied()?,
            most: figures.last().copied()?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

fn micros(time: Duration, records: u64) -> f64 {
    time.as_secs_f64() * 1e6 / records as f64
}
