//! `/_local/faults`: setting faults from outside.
//!
//! Promises: the JSON that [`crate::faults`] documents; a rule that was answered with its id is in force for every call
//! that starts later; what cannot be is refused with 400 and a sentence, and changes nothing.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use super::face::Face;
use crate::faults::{Fault, FaultForm, StatusForm};

/// `GET`: all rules and their counts.
pub(super) async fn list(State(face): State<Arc<Face>>) -> Response {
    let faults: Vec<_> = face.faults().list().into_iter().map(StatusForm::from).collect();
    reply(StatusCode::OK, &json!({ "faults": faults }))
}

/// `POST`: one rule more.
pub(super) async fn add(State(face): State<Arc<Face>>, body: Bytes) -> Response {
    let rule = serde_json::from_slice::<FaultForm>(&body).map(Fault::from).map_err(|error| error.to_string());
    match rule.and_then(|rule| face.faults().add(rule).map_err(|error| error.to_string())) {
        Ok(id) => reply(StatusCode::OK, &json!({ "id": id.get() })),
        Err(message) => reply(StatusCode::BAD_REQUEST, &json!({ "message": message })),
    }
}

/// `DELETE`: all rules.
pub(super) async fn clear(State(face): State<Arc<Face>>) -> Response {
    reply(StatusCode::OK, &json!({ "removed": face.faults().clear() }))
}

/// `DELETE /_local/faults/ID`: one rule.
pub(super) async fn remove(State(face): State<Arc<Face>>, Path(id): Path<u64>) -> Response {
    let removed = face.faults().remove_number(id);
    let status = if removed > 0 { StatusCode::OK } else { StatusCode::NOT_FOUND };
    reply(status, &json!({ "removed": removed }))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
