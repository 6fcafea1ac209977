//! Calls of dynoxide without its server, for the operations that a worker renews its leases with.
//!
//! Promises: a request that dynoxide carries out, and one whose condition fails, is answered as its server would. Everything
//! else about a request is the server's business: what is refused for any other reason has changed nothing, so it is handed
//! on as if it had not been tried.

use axum::http::StatusCode;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Status and body of the answer; `None` when it is up to the server.
pub(super) fn answer(database: &Database, operation: &str, body: &[u8]) -> Option<(StatusCode, String)> {
    match operation {
        "UpdateItem" => call(body, |request| database.update_item(request)),
        "GetItem" => call(body, |request| database.get_item(request)),
        "PutItem" => call(body, |request| database.put_item(request)),
        "DeleteItem" => call(body, |request| database.delete_item(request)),
        _ => None,
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Option<(StatusCode, String)> {
    match operation(serde_json::from_slice(body).ok()?) {
        Ok(answer) => Some((StatusCode::OK, serde_json::to_string(&answer).ok()?)),
        Err(error @ DynoxideError::ConditionalCheckFailedException(..)) => {
            Some((StatusCode::BAD_REQUEST, error.to_json()))
        }
        Err(_) => None,
    }
}
