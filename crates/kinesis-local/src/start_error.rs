//! Why the endpoints could not start.
//!
//! Promises: a taken port is its own variant with service and number, so that a program can add the name of the option
//! that changes it.

use std::fmt;
use std::io;
use std::path::PathBuf;

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
    /// The directory, or a file in it, could not be used.
    #[error("cannot use {} to keep the endpoints' data: name a directory that this user may write to", path.display())]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Other endpoints have the directory.
    #[error("{} is in use by other endpoints: stop those or name another directory", path.display())]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory has a file that this version does not understand.
    #[error("cannot go on from {}: {detail}; move it away to begin anew", path.display())]
    StrangeLog {
        /// The file.
        path: PathBuf,
        /// What is strange about it.
        detail: String,
    },
    /// Something that the start itself changes could not be written.
    #[error("cannot write the settings of the endpoints to their directory: free some room there")]
    Settings {
        /// What Kinesis says.
        source: KinesisError,
    },
    /// The DynamoDB could not be opened.
    #[error(
        "cannot open the DynamoDB ({detail}): free some memory, or move its file out of the directory if there is one, and try again"
    )]
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
