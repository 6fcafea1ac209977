//! Starting both endpoints.
//!
//! Promises: when `start` returns, both ports answer and the streams that were asked for are ACTIVE; when it fails, nothing
//! is left running.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use crate::dynamodb::DynamoDbFace;
use crate::http::{self, Face};
use crate::journal::Durability;
use crate::local::{Local, Running};
use crate::model::{Model, Settings};
use crate::restored::{prepare, restore};
use crate::start_error::{Service, StartError};
use crate::threads::Threads;
use crate::{clock, dynamodb};

/// What to start. Free ports and default settings unless said otherwise.
#[derive(Debug, Clone, Default)]
pub struct LocalBuilder {
    kinesis_port: u16,
    dynamodb_port: u16,
    settings: Settings,
    seed: Option<u64>,
    streams: Vec<(String, u32)>,
    directory: Option<PathBuf>,
    durability: Durability,
}

impl LocalBuilder {
    /// The port of the Kinesis endpoint; 0, the default, for any free one.
    #[must_use]
    pub fn kinesis_port(mut self, port: u16) -> Self {
        self.kinesis_port = port;
        self
    }

    /// The port of the DynamoDB endpoint; 0, the default, for any free one.
    #[must_use]
    pub fn dynamodb_port(mut self, port: u16) -> Self {
        self.dynamodb_port = port;
        self
    }

    /// Settings of the Kinesis model.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The seed of the Kinesis model. Default: from the clock, so that two endpoints refuse each other's iterators.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// A stream that is there, and ACTIVE, from the start. May be called again for more. One that a directory has already is
    /// left as it is.
    #[must_use]
    pub fn stream(mut self, name: &str, shards: u32) -> Self {
        self.streams.push((name.to_owned(), shards));
        self
    }

    /// Keeps everything in this directory, and goes on from what is there: streams, shards, records, sequence numbers, the
    /// seed (the directory's wins over one that is given here), tables and items. Default: in memory only.
    ///
    /// An answered change survives the end of the process, however it dies. One pair of endpoints at a time uses a directory.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// What an answer promises about the change that it confirms, with a [`directory`](Self::directory). Default:
    /// [`Durability::Process`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Starts both endpoints.
    ///
    /// # Errors
    /// [`StartError`] names the port, the stream, the directory or the resource that is in the way; nothing is left running
    /// then.
    ///
    /// # Cancellation
    /// Dropping the future leaves nothing running, at the latest when a directory that is being read has been read.
    pub async fn start(self) -> Result<Local, StartError> {
        if self.directory.is_none() {
            // A matter of milliseconds, in which nothing waits.
            return self.start_now();
        }
        let (done, started) = oneshot::channel();
        let start = move || {
            // Nobody waiting any more ends what was started.
            let _ = done.send(self.start_now());
        };
        let failed = |source| StartError::Threads { source };
        std::thread::Builder::new().name("kinesis-local-start".to_owned()).spawn(start).map_err(failed)?;
        started.await.unwrap_or_else(|_| Err(failed(io::Error::other("the thread of the start panicked"))))
    }

    fn start_now(self) -> Result<Local, StartError> {
        let (kinesis, kinesis_address) = listen(Service::Kinesis, self.kinesis_port)?;
        let (dynamodb, dynamodb_address) = listen(Service::DynamoDb, self.dynamodb_port)?;
        let (inner, inner_address) = listen(Service::DynamoDb, 0)?;
        let threads = Threads::start().map_err(|source| StartError::Threads { source })?;
        let (shutdown, stopping) = watch::channel(false);
        let face = |model| Arc::new(Face::new(model, kinesis_address, dynamodb_address, stopping.clone()));
        let (face, restored) = restore(self.directory.as_deref(), self.durability, || self.model(), face)?;
        prepare(&face, &self.settings, &self.streams, restored.is_some())?;
        let directory = self.directory.as_deref();
        let database = dynamodb::open(directory, self.durability)?;
        let dynamodb_face =
            DynamoDbFace::new(database, face.faults().clone(), directory, dynamodb_address, inner_address)?;
        let (kinesis, dynamodb, inner) = {
            let _context = threads.handle().enter();
            (
                adopt(Service::Kinesis, kinesis, kinesis_address)?,
                adopt(Service::DynamoDb, dynamodb, dynamodb_address)?,
                adopt(Service::DynamoDb, inner, inner_address)?,
            )
        };
        let dynamodb_face = Arc::new(dynamodb_face);
        let servers = vec![
            threads.handle().spawn(http::serve(kinesis, Arc::clone(&face), told(stopping.clone()))),
            threads.handle().spawn(dynamodb::serve(dynamodb, inner, dynamodb_face, told(stopping))),
        ];
        Ok(Local::new(face, restored, shutdown, Running { threads, servers }))
    }

    /// An empty model.
    fn model(&self) -> Model {
        Model::new(self.settings.clone(), self.seed.unwrap_or_else(|| clock::now().get()))
    }
}

fn listen(service: Service, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let other = |source| StartError::Listen { service, port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken { service, port },
        _ => other(source),
    })?;
    listener.set_nonblocking(true).map_err(other)?;
    let address = listener.local_addr().map_err(other)?;
    Ok((listener, address))
}

fn adopt(service: Service, listener: TcpListener, address: SocketAddr) -> Result<tokio::net::TcpListener, StartError> {
    tokio::net::TcpListener::from_std(listener).map_err(|source| StartError::Listen {
        service,
        port: address.port(),
        source,
    })
}

/// Resolves when the endpoints are told to stop, or when nobody is left who could tell them.
async fn told(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}
