//! PutRecords of which some records fail on purpose.
//!
//! Promises: the records that fail are not seen by the operation, the others are put as one batch in their order, and the
//! reply has one outcome for each record at its place. An error of the batch as a whole is passed on as it is.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::face::Face;
use super::server::{self, JSON_1_1, envelope};
use super::target::Target;
use crate::faults::{PartialPut, cut};

/// Puts what does not fail.
pub(super) async fn put(
    face: &Arc<Face>,
    headers: &HeaderMap,
    body: &Bytes,
    target: &Target,
    partial: &PartialPut,
) -> Response {
    let fails = |place| partial.fails(place, shard(target, place));
    let Some(split) = split(body, fails) else { return server::kinesis(face, headers, Ok(body.clone())).await };
    let outcomes = match split.rest {
        None => Vec::new(),
        Some(rest) => {
            let (parts, body) = server::kinesis(face, headers, Ok(rest)).await.into_parts();
            let Ok(bytes) = to_bytes(body, usize::MAX).await else { return cut() };
            if parts.status != StatusCode::OK {
                return Response::from_parts(parts, bytes.into());
            }
            outcomes(&bytes)
        }
    };
    let failure = |place| {
        let shard = shard(target, place).unwrap_or("shardId-unknown");
        let stream = target.stream.as_deref().unwrap_or_default();
        json!({
            "ErrorCode": "ProvisionedThroughputExceededException",
            "ErrorMessage": format!("Rate exceeded for shard {shard} in stream {stream} (injected fault)."),
        })
    };
    let reply = merge(outcomes, &split.failed, failure);
    envelope(face, StatusCode::OK, JSON_1_1, reply.to_string())
}

fn shard(target: &Target, place: usize) -> Option<&str> {
    target.shards.get(place).and_then(Option::as_deref)
}

/// A batch in two.
struct Split {
    /// For each record whether it fails.
    failed: Vec<bool>,
    /// The request without those, unless they are all.
    rest: Option<Bytes>,
}

/// Takes the failing records out; `None` when the body is no batch or nothing fails.
fn split(body: &[u8], fails: impl Fn(usize) -> bool) -> Option<Split> {
    let mut request: Value = serde_json::from_slice(body).ok()?;
    let records = request.get_mut("Records")?.as_array_mut()?;
    let failed: Vec<_> = (0..records.len()).map(fails).collect();
    if !failed.contains(&true) {
        return None;
    }
    let mut verdicts = failed.iter();
    records.retain(|_| verdicts.next() == Some(&false));
    let rest = (!records.is_empty()).then(|| Bytes::from(request.to_string()));
    Some(Split { failed, rest })
}

fn outcomes(reply: &[u8]) -> Vec<Value> {
    let reply: Value = serde_json::from_slice(reply).unwrap_or_default();
    reply.get("Records").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// One outcome for each record, those of the service and those of the fault.
fn merge(outcomes: Vec<Value>, failed: &[bool], failure: impl Fn(usize) -> Value) -> Value {
    let mut outcomes = outcomes.into_iter();
    let records: Vec<_> = failed
        .iter()
        .enumerate()
        .map(|(place, failed)| if *failed { failure(place) } else { outcomes.next().unwrap_or_default() })
        .collect();
    let count = records.iter().filter(|record| record.get("ErrorCode").is_some_and(|code| !code.is_null())).count();
    json!({ "FailedRecordCount": count, "Records": records })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_falls_into_what_fails_and_the_rest_and_comes_together_in_order() {
        let body = json!({"StreamName": "words", "Records": [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 3}]}).to_string();
        let split = split(body.as_bytes(), |place| place % 2 == 0).unwrap();
        let rest: Value = serde_json::from_slice(&split.rest.unwrap()).unwrap();
        assert_eq!(rest, json!({"StreamName": "words", "Records": [{"n": 1}, {"n": 3}]}));
        let outcomes = vec![json!({"ShardId": "a"}), json!({"ErrorCode": "own"})];
        let merged = merge(outcomes, &split.failed, |place| json!({"ErrorCode": place}));
        let records = json!([{"ErrorCode": 0}, {"ShardId": "a"}, {"ErrorCode": 2}, {"ErrorCode": "own"}]);
        assert_eq!(merged, json!({"FailedRecordCount": 3, "Records": records}));
    }

    #[test]
    fn bodies_that_are_no_batches_and_batches_that_do_not_fail_stay_whole() {
        assert!(split(b"{\"Records\":[{}]}", |_| false).is_none());
        for body in ["", "[]", "{}", "{\"Records\":5}"] {
            assert!(split(body.as_bytes(), |_| true).is_none(), "{body}");
        }
        assert!(split(b"{\"Records\":[{}]}", |_| true).unwrap().rest.is_none());
    }
}
