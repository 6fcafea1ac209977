//! Routes, headers and sizes: what is HTTP about the face.
//!
//! Promises: HTTP/1.1 and HTTP/2 with prior knowledge on one port; bodies up to 32 MiB (500 records of 10 MiB in base64
//! and more); every AWS answer has a request id and the content type of its request; credentials are neither needed nor looked at.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;

use super::command::Command;
use super::face::Face;
use super::response::Reply;
use super::{control, dispatch, edge, fan_out, fault_routes};
use crate::model::{ErrorKind, KinesisError};

/// Serves until `shutdown` resolves and the open requests are answered.
pub(crate) async fn serve(listener: TcpListener, face: Arc<Face>, shutdown: impl Future<Output = ()> + Send + 'static) {
    let router = Router::new()
        .route("/", post(edge::kinesis))
        .route("/_local/health", get(control::health))
        .route("/_local/hold", get(control::hold))
        .route("/_local/faults", get(fault_routes::list).post(fault_routes::add).delete(fault_routes::clear))
        .route("/_local/faults/{id}", delete(fault_routes::remove))
        .layer(DefaultBodyLimit::max(MOST_BODY_BYTES))
        .with_state(face);
    let listener = listener.tap_io(|connection| {
        // Replies are written whole; waiting to fill a packet would only delay their last part.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(shutdown).await {
        tracing::error!(%error, "the Kinesis endpoint ended");
    }
}

/// One call in JSON, behind `edge`: without faults, and whatever encoding its client speaks.
pub(super) async fn kinesis(face: &Arc<Face>, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let (status, form, body) = match answer(face, headers, body) {
        Ok(Answer::Reply(text)) => (StatusCode::OK, JSON_1_1, text.into()),
        Ok(Answer::Events(events)) => (StatusCode::OK, EVENT_STREAM, events),
        Err((status, error)) => (status, JSON_1_1, Body::from(error.body())),
    };
    envelope(face, status, form, body)
}

/// A reply with the headers that all of AWS's have.
pub(super) fn envelope(face: &Face, status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let request_id = format!("00000000-0000-4000-8000-{:012x}", face.next_request());
    let headers = [(CONTENT_TYPE, content_type.to_owned()), (REQUEST_ID, request_id)];
    (status, headers, body.into()).into_response()
}

/// The operation that a call is for.
pub(super) fn operation(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(TARGET_PREFIX)
}

/// What an operation is answered with.
enum Answer {
    /// One body.
    Reply(String),
    /// Messages as they come.
    Events(Body),
}

fn answer(
    face: &Arc<Face>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, (StatusCode, KinesisError)> {
    let body = body.map_err(|rejection| {
        (rejection.status(), KinesisError::new(ErrorKind::Serialization, rejection.body_text()))
    })?;
    let operation = operation(headers).ok_or_else(|| {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let message = format!("The header X-Amz-Target must be {TARGET_PREFIX} and an operation, not '{target}'.");
        (StatusCode::BAD_REQUEST, KinesisError::new(ErrorKind::UnknownOperation, message))
    })?;
    tracing::trace!(operation, bytes = body.len(), "request");
    let answer = match operation {
        fan_out::OPERATION => fan_out::subscribe(face, &body).map(Answer::Events),
        _ => dispatch::answer(face, Command::now(operation, &body)).map(Answer::Reply),
    };
    answer.map_err(|error| {
        (StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error)
    })
}

const TARGET_PREFIX: &str = "Kinesis_20131202.";
pub(super) const JSON_1_1: &str = "application/x-amz-json-1.1";
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// 10 MiB of data as base64 in JSON, twice over.
const MOST_BODY_BYTES: usize = 32 << 20;
