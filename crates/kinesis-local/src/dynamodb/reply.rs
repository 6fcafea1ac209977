//! Answers that are not dynoxide's, in the form of DynamoDB's.

use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error of DynamoDB: HTTP status, type, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DynamoDbError {
    status: StatusCode,
    /// The whole type, with the name space that AWS puts before it.
    kind: &'static str,
    message: String,
}

impl DynamoDbError {
    pub(super) fn validation(message: impl Into<String>) -> Self {
        let kind = "com.amazon.coral.validate#ValidationException";
        Self { status: StatusCode::BAD_REQUEST, kind, message: message.into() }
    }

    pub(super) fn serialization(message: impl Into<String>) -> Self {
        let kind = "com.amazon.coral.service#SerializationException";
        Self { status: StatusCode::BAD_REQUEST, kind, message: message.into() }
    }

    pub(super) fn table_not_found(table: &str) -> Self {
        let kind = "com.amazonaws.dynamodb.v20120810#TableNotFoundException";
        Self { status: StatusCode::BAD_REQUEST, kind, message: format!("Table not found: {table}") }
    }

    pub(super) fn unknown_operation(operation: &str) -> Self {
        let kind = "com.amazon.coral.service#UnknownOperationException";
        let message = format!("The operation {operation} is not part of this endpoint.");
        Self { status: StatusCode::BAD_REQUEST, kind, message }
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, kind, message: message.into() }
    }
}

/// The answer of an operation of ours.
pub(super) fn reply(outcome: Result<Value, DynamoDbError>, request: usize) -> Response {
    let (status, body) = match outcome {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status, json!({"__type": error.kind, "message": error.message})),
    };
    written(status, body.to_string(), request)
}

/// An answer that is written already.
pub(super) fn written(status: StatusCode, body: String, request: usize) -> Response {
    let checksum = crc32fast::hash(body.as_bytes());
    let mut headers = HeaderMap::new();
    let values = [
        (CONTENT_TYPE, JSON_1_0.to_owned()),
        (HeaderName::from_static("x-amzn-requestid"), format!("{request:052X}")),
        (HeaderName::from_static("x-amz-crc32"), checksum.to_string()),
    ];
    // Letters and digits: there is no such text that is no header.
    headers.extend(values.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))));
    (status, headers, body).into_response()
}

/// The content type of DynamoDB.
pub(super) const JSON_1_0: &str = "application/x-amz-json-1.0";
