//! The two encodings that a client may speak, by the content type of its request.
//!
//! Promises: a reply, error or not, event stream or not, is in the encoding of its request; JSON passes untouched.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use super::cbor::{events_to_cbor, to_cbor, to_json};
use super::face::Face;
use super::response::Reply;
use super::server::{JSON_1_1, envelope};
use crate::event_frames::EVENT_STREAM;
use crate::faults::cut;
use crate::model::{ErrorKind, KinesisError};

/// How a request is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Cbor,
}

impl Encoding {
    /// CBOR if the request says so; everything else is taken for JSON.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if media_type(headers) == CBOR_1_1 { Self::Cbor } else { Self::Json }
    }

    /// The body of a request as JSON.
    pub(super) fn read(self, body: Bytes) -> Result<Bytes, KinesisError> {
        match self {
            Self::Json => Ok(body),
            Self::Cbor => to_json(&body)
                .map(Bytes::from)
                .map_err(|error| KinesisError::new(ErrorKind::Serialization, error.to_string())),
        }
    }

    /// An error that is answered without asking the operation.
    pub(super) fn refuse(self, face: &Face, status: StatusCode, error: &impl Reply) -> Response {
        let json = error.body();
        match self {
            Self::Json => envelope(face, status, JSON_1_1, json),
            // The text is ours and JSON.
            Self::Cbor => envelope(face, status, CBOR_1_1, to_cbor(json.as_bytes()).unwrap_or_default()),
        }
    }

    /// A reply in JSON as this encoding has it.
    pub(super) async fn write(self, reply: Response) -> Response {
        match self {
            Self::Json => reply,
            Self::Cbor if media_type(reply.headers()) == EVENT_STREAM => {
                reply.map(|body| events_to_cbor(body, CBOR_1_1))
            }
            Self::Cbor => {
                let (mut parts, body) = reply.into_parts();
                let bytes = to_bytes(body, MOST_REPLY_BYTES).await.ok().and_then(|json| to_cbor(&json).ok());
                let Some(bytes) = bytes else {
                    tracing::error!("a reply could not be read as JSON: its connection is cut");
                    return cut();
                };
                parts.headers.remove(CONTENT_LENGTH);
                parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(CBOR_1_1));
                Response::from_parts(parts, Body::from(bytes))
            }
        }
    }
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

const CBOR_1_1: &str = "application/x-amz-cbor-1.1";
/// More than any reply has: 10 MiB of data as base64, and keys.
const MOST_REPLY_BYTES: usize = 64 << 20;
