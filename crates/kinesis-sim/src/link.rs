//! The network between one worker and the two services: delays, faults, pauses, and whether the worker still lives.
//!
//! A call that was sent goes its way whatever becomes of its sender: it lands after a crash, and while the process is frozen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kinesis_asl::{ServiceError, ServiceErrorKind};
use rand::{SeedableRng, rngs::StdRng};
use tokio::time::Instant;

use crate::chronicle::Chronicle;
use crate::clock::SimClock;
use crate::event::{Event, WorkerNo};
use crate::faults::{Fate, Faults};
use crate::gate::Gate;

/// One worker's way to the services.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) worker: WorkerNo,
    pub(crate) clock: SimClock,
    pub(crate) chronicle: Arc<Chronicle>,
    pub(crate) gate: Arc<Gate>,
    /// Held to draw from the generator or to set a field, never across an await.
    state: Mutex<LinkState>,
}

#[derive(Debug)]
struct LinkState {
    rng: StdRng,
    weather: Weather,
    paused_until: Instant,
    process: Process,
    table_calls: u64,
}

/// What goes wrong on the ways to the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) stream: Faults,
    pub(crate) table: Faults,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Stream,
    Table,
}

/// Whether the process at the end of a link may still send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Process {
    Runs,
    Ended,
}

impl Link {
    pub(crate) fn new(
        worker: WorkerNo,
        clock: SimClock,
        chronicle: Arc<Chronicle>,
        weather: Weather,
        seed: u64,
    ) -> Arc<Self> {
        let state = LinkState {
            rng: StdRng::seed_from_u64(seed),
            weather,
            paused_until: Instant::now(),
            process: Process::Runs,
            table_calls: 0,
        };
        Arc::new(Self { worker, clock, chronicle, gate: Gate::new(), state: Mutex::new(state) })
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Nothing passes, in either direction, until then, or for longer if that was said before. Returns until when.
    pub(crate) fn pause_until(&self, until: Instant) -> Instant {
        let mut state = self.lock();
        state.paused_until = until.max(state.paused_until);
        state.paused_until
    }

    /// From now on nothing may be sent.
    pub(crate) fn end(&self) {
        self.lock().process = Process::Ended;
    }

    /// How many calls to the lease table were sent.
    pub(crate) fn table_calls(&self) -> u64 {
        self.lock().table_calls
    }

    /// Whether the next batch fails.
    pub(crate) fn fails_batch(&self) -> bool {
        let mut state = self.lock();
        let LinkState { rng, weather, .. } = &mut *state;
        weather.table.fails_batch(rng)
    }

    /// Whether the next page comes without its records.
    pub(crate) fn empties_page(&self) -> bool {
        let mut state = self.lock();
        let LinkState { rng, weather, .. } = &mut *state;
        weather.stream.empties_page(rng)
    }

    /// Begins a call. Returns what becomes of it.
    pub(crate) async fn begin(&self, service: Service, call: &'static str) -> Fate {
        self.gate.pass().await;
        let (fate, ended) = {
            let mut state = self.lock();
            let LinkState { rng, weather, process, table_calls, .. } = &mut *state;
            *table_calls += u64::from(service == Service::Table);
            (weather.on_the_way_to(service).fate(rng), *process == Process::Ended)
        };
        if ended {
            self.chronicle.record(Event::CalledAfterEnd(self.worker, call));
        }
        fate
    }

    /// The way there, and what happens then. It happens even if nobody waits for it any more.
    pub(crate) async fn send<T: Send + 'static>(
        self: &Arc<Self>,
        service: Service,
        effect: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let link = Arc::clone(self);
        let under_way = tokio::spawn(async move {
            link.travel(service).await;
            effect.await
        });
        match under_way.await {
            Ok(outcome) => outcome,
            // The runtime ends, and everything with it.
            Err(_) => std::future::pending().await,
        }
    }

    /// The way back, with an answer or without.
    pub(crate) async fn back<T>(
        &self,
        service: Service,
        call: &'static str,
        fate: Fate,
        answer: Option<Result<T, ServiceError>>,
    ) -> Result<T, ServiceError> {
        self.travel(service).await;
        self.gate.pass().await;
        let kind = match (fate, answer) {
            (Fate::Done, Some(answer)) => return answer,
            (Fate::Throttled, _) => ServiceErrorKind::Throttled,
            _ => ServiceErrorKind::Timeout,
        };
        Err(ServiceError { call, subject: "the simulation".into(), kind, reason: "a fault".into(), source: None })
    }

    /// A call that changes nothing, so that only the answer can be lost.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        service: Service,
        call: &'static str,
        ask: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let fate = self.begin(service, call).await;
        let answer = if fate == Fate::Done {
            Some(self.send(service, ask).await)
        } else {
            self.travel(service).await;
            None
        };
        self.back(service, call, fate, answer).await
    }

    async fn travel(&self, service: Service) {
        let latency = {
            let mut state = self.lock();
            let LinkState { rng, weather, .. } = &mut *state;
            weather.on_the_way_to(service).latency(rng)
        };
        tokio::time::sleep(latency).await;
        loop {
            let until = self.lock().paused_until;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Weather {
    /// The same on both ways.
    pub(crate) fn everywhere(faults: Faults) -> Self {
        Self { stream: faults, table: faults }
    }

    fn on_the_way_to(&self, service: Service) -> Faults {
        match service {
            Service::Stream => self.stream,
            Service::Table => self.table,
        }
    }
}
