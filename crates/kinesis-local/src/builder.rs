//! Starting both endpoints.
//!
//! Promises: when `start` returns, both ports answer and the streams that were asked for are ACTIVE; when it fails, nothing
//! is left running.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::watch;

use crate::http::{self, Face};
use crate::local::{Local, Running};
use crate::model::{CreateStream, Model, Settings};
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
    streams: Vec<CreateStream>,
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

    /// A stream that is there, and ACTIVE, from the start. May be called again for more.
    #[must_use]
    pub fn stream(mut self, name: &str, shards: u32) -> Self {
        self.streams.push(CreateStream::provisioned(name, shards));
        self
    }

    /// Starts both endpoints.
    ///
    /// # Errors
    /// [`StartError`] names the port, the stream or the resource that is in the way; nothing is left running then.
    ///
    /// # Cancellation
    /// Dropping the future leaves nothing running.
    pub async fn start(self) -> Result<Local, StartError> {
        // Nothing here waits: the function is async so that a later version may (reading a log, for example).
        self.start_now()
    }

    fn start_now(self) -> Result<Local, StartError> {
        let (kinesis, kinesis_address) = listen(Service::Kinesis, self.kinesis_port)?;
        let (dynamodb, dynamodb_address) = listen(Service::DynamoDb, self.dynamodb_port)?;
        let model = self.model()?;
        let database = dynamodb::open()?;
        let threads = Threads::start().map_err(|source| StartError::Threads { source })?;
        let (shutdown, stopping) = watch::channel(false);
        let face = Arc::new(Face::new(model, kinesis_address, dynamodb_address, stopping.clone()));
        let listeners = {
            let _context = threads.handle().enter();
            (adopt(Service::Kinesis, kinesis, kinesis_address)?, adopt(Service::DynamoDb, dynamodb, dynamodb_address)?)
        };
        let servers = vec![
            threads.handle().spawn(http::serve(listeners.0, Arc::clone(&face), told(stopping.clone()))),
            threads.handle().spawn(dynamodb::serve(listeners.1, database, told(stopping))),
        ];
        Ok(Local::new(face, shutdown, Running { threads, servers }))
    }

    fn model(&self) -> Result<Model, StartError> {
        let now = clock::now();
        let mut model = Model::new(self.settings.clone(), self.seed.unwrap_or(now.get()));
        for stream in &self.streams {
            // Created so long ago that it is ACTIVE by now.
            let then = now.minus(self.settings.status_delay);
            model
                .create_stream(then, stream)
                .map_err(|source| StartError::Stream { name: stream.name.clone(), source })?;
        }
        Ok(model)
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
