//! The database, and its own server on an inner port.
//!
//! Promises: no signal handler is installed; the server ends when `shutdown` resolves and its open requests are answered.
//! Everything else is dynoxide's.

use std::future::Future;
use std::path::Path;

use dynoxide::Database;
use tokio::net::TcpListener;

use crate::journal::{DYNAMODB_FILE, Durability};
use crate::start_error::StartError;

/// The database of a directory, or an empty one in memory.
pub(crate) fn open(directory: Option<&Path>, durability: Durability) -> Result<Database, StartError> {
    let failed = |error: dynoxide::DynoxideError| StartError::DynamoDb { detail: error.to_string() };
    let Some(directory) = directory else { return Database::memory().map_err(failed) };
    let file = directory.join(DYNAMODB_FILE);
    let name = file.to_str().ok_or_else(|| StartError::DynamoDb {
        detail: format!("the name of {} is not UTF-8, which SQLite needs", file.display()),
    })?;
    let database = Database::new(name).map_err(failed)?;
    if durability == Durability::Process {
        // What dynoxide calls the end of bulk loading is the way to its everyday settings without a wait for the disk at
        // every write (`synchronous = NORMAL`); the end of the process does no harm to those either.
        database.disable_bulk_loading().map_err(failed)?;
    }
    Ok(database)
}

/// Serves the database until `shutdown` resolves.
pub(super) async fn serve(
    listener: TcpListener,
    database: Database,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, shutdown).await {
        tracing::error!(%error, "the database of the DynamoDB endpoint ended");
    }
}
