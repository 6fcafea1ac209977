//! What befalls the processes of a world: crashes, pauses, freezes, bad weather, and a peer of another making.

use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Event, WorkerNo};
use crate::faults::Faults;
use crate::link::Weather;
use crate::world::World;

impl World {
    /// Ends a process without a word: its tasks are aborted, nothing is written, its leases stay owned. What it sent before
    /// still arrives.
    ///
    /// # Cancellation
    /// The process may live on.
    pub async fn crash_worker(&mut self, worker: WorkerNo) {
        let Some(process) = self.processes.remove(&worker) else { return };
        // A worker that is about to leave is in nobody's hands any more.
        process.link.gate.close();
        process.task.abort();
        let _ = process.task.await;
        process.hub.kill().await;
        process.link.end();
        self.table_calls += process.link.table_calls();
        self.chronicle.record(Event::Crashed(worker));
    }

    /// Lets all calls of a process hang for a time, those under way included; its timers go on.
    pub fn pause_worker(&mut self, worker: WorkerNo, time: Duration) {
        if let Some(process) = self.processes.get(&worker) {
            let until = process.link.pause_until(Instant::now() + time);
            let until = self.now() + until.saturating_duration_since(Instant::now());
            self.disturbed_until = self.disturbed_until.max(until);
            self.chronicle.record(Event::Paused(worker, until));
        }
    }

    /// Freezes a process as SIGSTOP and a later SIGCONT do: nothing of it runs for a time, its timers included, and then it
    /// finds that the clock has jumped. What it sent before still arrives.
    pub fn freeze_worker(&mut self, worker: WorkerNo, time: Duration) {
        if let Some(process) = self.processes.get(&worker) {
            let until = process.link.gate.shut_until(Instant::now() + time);
            let until = self.now() + until.saturating_duration_since(Instant::now());
            self.disturbed_until = self.disturbed_until.max(until);
            self.chronicle.record(Event::Frozen(worker, until));
        }
    }

    /// Changes what goes wrong on the ways to both services, for all processes and those to come.
    pub fn set_faults(&mut self, faults: Faults) {
        self.set_weather(Weather::everywhere(faults));
    }

    /// Changes what goes wrong on the ways to the stream only.
    pub fn set_stream_faults(&mut self, stream: Faults) {
        self.set_weather(Weather { stream, ..self.weather });
    }

    /// Puts many records at once, so that the readers lag.
    pub fn burst(&mut self, records: u32) {
        self.stream.put(records);
    }

    fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
        self.processes.values().for_each(|process| process.link.set_weather(weather));
    }
}
