//! What the faults make of a call to DynamoDB.
//!
//! Promises: a body is looked into only when a rule asks for the table. A batch counts as a call to the first of its tables
//! by name; no call has shards.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::reply::written;
use crate::faults::{Faults, Refusal, Verdict, Wants};
use crate::start_error::Service;

/// Decides a call and counts it.
pub(super) fn judge(faults: &Faults, operation: &str, body: &[u8]) -> Verdict {
    let table = match faults.wants(Service::DynamoDb, operation) {
        Wants::Nothing => return Verdict::PASS,
        Wants::Operation => None,
        Wants::Resource | Wants::Shards => table(body),
    };
    faults.decide(Service::DynamoDb, operation, table.as_deref(), &[])
}

/// The answer that a fault gives.
pub(super) fn refuse(refusal: &Refusal, request: usize) -> Response {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    written(status, json!({"__type": refusal.error, "message": refusal.message}).to_string(), request)
}

fn table(body: &[u8]) -> Option<String> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let one = request.get("TableName").and_then(Value::as_str);
    let first_of_batch = || request.get("RequestItems")?.as_object()?.keys().min().map(String::as_str);
    let name = one.or_else(first_of_batch)?;
    // Where a name is asked for, an ARN will do.
    Some(name.rsplit_once(":table/").map_or(name, |(_, name)| name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_found_by_name_by_arn_and_in_a_batch() {
        assert_eq!(table(br#"{"TableName":"leases"}"#).as_deref(), Some("leases"));
        assert_eq!(table(br#"{"TableName":"arn:aws:dynamodb:r:1:table/leases"}"#).as_deref(), Some("leases"));
        assert_eq!(table(br#"{"RequestItems":{"b":[],"a":[]}}"#).as_deref(), Some("a"));
        assert_eq!(table(b"{}"), None);
        assert_eq!(table(b"no JSON"), None);
    }
}
