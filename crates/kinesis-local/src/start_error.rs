//! Why the endpoints could not start.
//!
//! Promises: a taken port is its own variant with service and number, so that a program can add the name of the option
//! that changes it.

use std::fmt;
use std::io;

use crate::model::KinesisError;

/// One of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// The Kinesis endpoint.
    Kinesis,
    /// The DynamoDB endpoint.
    DynamoDb,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kinesis => "Kinesis",
            Self::DynamoDb => "DynamoDB",
        })
    }
}

/// The endpoints did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Something listens on that port already.
    #[error(
        "port {port} for the {service} endpoint is taken: stop what listens on 127.0.0.1:{port} or choose another port, 0 for any free one"
    )]
    PortTaken {
        /// Whose port.
        service: Service,
        /// The port that was asked for.
        port: u16,
    },
    /// The port could not be opened for another reason.
    #[error("cannot listen on 127.0.0.1:{port} for the {service} endpoint: choose a port that this user may open")]
    Listen {
        /// Whose port.
        service: Service,
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// The threads of the servers could not be started.
    #[error("cannot start the threads of the endpoints: check the limits of this process")]
    Threads {
        /// What the system says.
        source: io::Error,
    },
    /// The in-memory DynamoDB could not be opened.
    #[error("cannot open the in-memory DynamoDB ({detail}): free some memory and try again")]
    DynamoDb {
        /// What dynoxide says.
        detail: String,
    },
    /// A stream that was asked for could not be created.
    #[error("cannot create the stream {name}: correct its name or shard count")]
    Stream {
        /// The stream.
        name: String,
        /// What Kinesis says.
        source: KinesisError,
    },
}
