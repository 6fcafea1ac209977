//! Faults set from outside, as `curl` would.

use kinesis_local::Local;
use kinesis_local::faults::{Effect, Fault};
use serde_json::{Value, json};

use crate::raw::{call, request};
use crate::support::{STREAM, start};

fn ask(local: &Local, method: &str, path: &str, body: &str) -> (u16, Value) {
    let reply = request(local, &format!("{method} {path} HTTP/1.1"), body.as_bytes());
    assert!(reply.head.contains("content-type: application/json"), "{}", reply.head);
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

fn list_streams(local: &Local) -> u16 {
    request(local, &call("ListStreams", "application/x-amz-json-1.1"), b"{}").status
}

#[tokio::test]
async fn a_fault_that_is_posted_hits_is_listed_and_is_deleted() {
    let local = start(1).await;
    let rule = r#"{"operation": "ListStreams", "effect": {"server_error": 503}, "times": 5}"#;
    assert_eq!(ask(&local, "POST", "/_local/faults", rule), (200, json!({"id": 1})));
    assert_eq!(list_streams(&local), 503);
    let fault = json!({
        "service": "kinesis", "operation": "ListStreams", "effect": {"server_error": 503},
        "after": 0, "every": 1, "share": 1.0, "seed": 0, "times": 5
    });
    let listed = json!({"faults": [{"id": 1, "seen": 1, "hits": 1, "fault": fault}]});
    assert_eq!(ask(&local, "GET", "/_local/faults", ""), (200, listed));
    assert_eq!(ask(&local, "DELETE", "/_local/faults/1", ""), (200, json!({"removed": 1})));
    assert_eq!(ask(&local, "DELETE", "/_local/faults/1", ""), (404, json!({"removed": 0})));
    assert_eq!(list_streams(&local), 200);
    local.stop().await;
}

#[tokio::test]
async fn the_endpoint_and_the_rust_api_see_the_same_rules() {
    let local = start(1).await;
    local.faults().add(Fault::kinesis(Effect::CutAfter).stream(STREAM)).unwrap();
    let rule = r#"{"service": "dynamodb", "table": "leases", "effect": "throttle"}"#;
    ask(&local, "POST", "/_local/faults", rule);
    assert_eq!(local.faults().list()[1].fault, Fault::dynamodb(Effect::Throttle).table("leases"));
    assert_eq!(ask(&local, "DELETE", "/_local/faults", ""), (200, json!({"removed": 2})));
    assert!(local.faults().list().is_empty());
    local.stop().await;
}

#[tokio::test]
async fn rules_that_cannot_be_are_refused_with_a_sentence_and_change_nothing() {
    let local = start(1).await;
    for (rule, said) in [
        ("", "EOF"),
        (r#"{"effect": "throttle", "opration": "x"}"#, "opration"),
        (r#"{"effect": {"server_error": 418}}"#, "status 418 is none"),
        (r#"{"effect": "throttle", "share": 2}"#, "a share of 2 is none"),
    ] {
        let (status, body) = ask(&local, "POST", "/_local/faults", rule);
        assert_eq!(status, 400);
        assert!(body["message"].as_str().unwrap().contains(said), "{body}");
    }
    assert!(local.faults().list().is_empty());
    local.stop().await;
}
