//! Callers that AWS does not know, or does not let in: the embedded endpoints take anybody, so a stub answers as AWS does.

use crate::errors::{refused, says};
use crate::support::consumer::Setup;
use crate::support::stub::Refusing;
use crate::support::world::World;

const DENIED: &str = "User: arn:aws:iam::123456789012:user/reader is not authorized to perform this operation";
const UNKNOWN: &str = "The security token included in the request is invalid.";

/// The error of an application whose Kinesis is a stub.
async fn kinesis_refuses(case: &str, code: &'static str, message: &'static str) -> String {
    let (world, stub) = (World::start(1).await, Refusing::start(code, message).await);
    let text = refused(case, Setup { kinesis_url: stub.url.clone(), ..Setup::of(&world) }.build()).await;
    stub.stop().await;
    world.stop().await;
    text
}

/// The error of an application whose DynamoDB is a stub.
async fn dynamodb_refuses(case: &str, code: &'static str, message: &'static str) -> String {
    let (world, stub) = (World::start(1).await, Refusing::start(code, message).await);
    let text = refused(case, Setup { dynamodb_url: stub.url.clone(), ..Setup::of(&world) }.build()).await;
    stub.stop().await;
    world.stop().await;
    text
}

#[tokio::test]
async fn a_caller_whom_kinesis_denies_access_learns_which_permission_to_grant() {
    let text = kinesis_refuses("access denied by Kinesis", "AccessDeniedException", DENIED).await;
    says(&text, &["ListShards on stream 'words' failed", DENIED, "grant the caller the permission"]);
}

#[tokio::test]
async fn a_caller_whom_dynamodb_denies_access_learns_which_permission_to_grant() {
    let code = "com.amazon.coral.service#AccessDeniedException";
    let text = dynamodb_refuses("access denied by DynamoDB", code, DENIED).await;
    says(&text, &["DescribeTable on lease table 'word-count' failed", DENIED, "grant the caller the permission"]);
}

#[tokio::test]
async fn a_caller_whom_kinesis_does_not_know_is_told_to_give_valid_credentials() {
    let text = kinesis_refuses("bad credentials at Kinesis", "UnrecognizedClientException", UNKNOWN).await;
    says(&text, &["ListShards on stream 'words' failed", UNKNOWN, "give valid credentials"]);
}

#[tokio::test]
async fn a_caller_whom_dynamodb_does_not_know_is_told_to_give_valid_credentials() {
    let code = "com.amazon.coral.service#UnrecognizedClientException";
    let text = dynamodb_refuses("bad credentials at DynamoDB", code, UNKNOWN).await;
    says(&text, &["DescribeTable on lease table 'word-count' failed", UNKNOWN, "give valid credentials"]);
}
