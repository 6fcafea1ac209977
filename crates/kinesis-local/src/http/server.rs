//! Routes, headers and sizes: what is HTTP about the face.
//!
//! Promises: bodies up to 32 MiB (500 records of 10 MiB in base64 and more); every AWS answer has a request id and the
//! JSON 1.1 content type; credentials are neither needed nor looked at.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;

use super::face::Face;
use super::response::Reply;
use super::{control, dispatch, fan_out};
use crate::model::{ErrorKind, KinesisError};

/// Serves until `shutdown` resolves and the open requests are answered.
pub(crate) async fn serve(listener: TcpListener, face: Arc<Face>, shutdown: impl Future<Output = ()> + Send + 'static) {
    let router = Router::new()
        .route("/", post(kinesis))
        .route("/_local/health", get(control::health))
        .route("/_local/hold", get(control::hold))
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

async fn kinesis(State(face): State<Arc<Face>>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let (status, form, body) = match answer(&face, &headers, body) {
        Ok(Answer::Reply(text)) => (StatusCode::OK, JSON_1_1, text.into()),
        Ok(Answer::Events(events)) => (StatusCode::OK, EVENT_STREAM, events),
        Err((status, error)) => (status, JSON_1_1, error.body().into()),
    };
    let request_id = format!("00000000-0000-4000-8000-{:012x}", face.next_request());
    let headers = [(CONTENT_TYPE, form.to_owned()), (REQUEST_ID, request_id)];
    (status, headers, body).into_response()
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
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TARGET_PREFIX).ok_or_else(|| {
        let message = format!("The header X-Amz-Target must be {TARGET_PREFIX} and an operation, not '{target}'.");
        (StatusCode::BAD_REQUEST, KinesisError::new(ErrorKind::UnknownOperation, message))
    })?;
    tracing::trace!(operation, bytes = body.len(), "request");
    let answer = match operation {
        fan_out::OPERATION => fan_out::subscribe(face, &body).map(Answer::Events),
        _ => dispatch::answer(face, operation, &body).map(Answer::Reply),
    };
    answer.map_err(|error| {
        (StatusCode::from_u16(error.kind.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error)
    })
}

const TARGET_PREFIX: &str = "Kinesis_20131202.";
const JSON_1_1: &str = "application/x-amz-json-1.1";
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// 10 MiB of data as base64 in JSON, twice over.
const MOST_BODY_BYTES: usize = 32 << 20;
