//! The routes that are not AWS's: health and hold.
//!
//! Promises: health never waits for anything; a holder is counted from the start of its reply until its connection is
//! closed, which is noticed at once when the client closes it and at the next beat when it vanished.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;

use super::face::Face;
use super::json::Json;

/// `GET /_local/health`.
pub(super) async fn health(State(face): State<Arc<Face>>) -> Response {
    let mut json = Json::default();
    json.object(|json| {
        json.key("service").plain("kinesis-local");
        json.key("version").plain(env!("CARGO_PKG_VERSION"));
        json.key("kinesis").plain(face.kinesis_url());
        json.key("dynamodb").plain(face.dynamodb_url());
        json.key("holders").bare(face.holders());
    });
    ([(CONTENT_TYPE, "application/json")], json.into_text()).into_response()
}

/// `GET /_local/hold`: a newline now and then until the client goes or the endpoints stop.
pub(super) async fn hold(State(face): State<Arc<Face>>) -> Response {
    let holder = face.hold();
    let stopping = face.stopping();
    let beats = stream::unfold((holder, stopping, true), async |(holder, mut stopping, first)| {
        if !first {
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                _ = stopping.wait_for(|stop| *stop) => return None,
            }
        }
        Some((Ok::<_, Infallible>(Bytes::from_static(b"\n")), (holder, stopping, false)))
    });
    ([(CONTENT_TYPE, "text/plain")], Body::from_stream(beats)).into_response()
}

/// How often a held reply says something, and so at the latest notices that its client has vanished.
const BEAT: Duration = Duration::from_secs(2);
