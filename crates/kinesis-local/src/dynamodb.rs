//! DynamoDB, by the crate `dynoxide-rs`, in memory.
//!
//! Promises: the listener is the caller's (loopback), no signal handler is installed, the server ends when `shutdown`
//! resolves and its open requests are answered. Everything else is dynoxide's.

use std::future::Future;

use dynoxide::Database;
use tokio::net::TcpListener;

use crate::start_error::StartError;

/// An empty database.
pub(crate) fn open() -> Result<Database, StartError> {
    Database::memory().map_err(|error| StartError::DynamoDb { detail: error.to_string() })
}

/// Serves the database until `shutdown` resolves.
pub(crate) async fn serve(
    listener: TcpListener,
    database: Database,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, shutdown).await {
        tracing::error!(%error, "the DynamoDB endpoint ended");
    }
}
