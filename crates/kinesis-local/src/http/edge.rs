//! The edge that every call to Kinesis passes: its encoding and its faults.
//!
//! Promises: the one place where both are dealt with, so that no operation knows of either. Faults are decided before the
//! operation is looked at, and with none set a call in JSON costs one atomic load more.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;

use super::encoding::Encoding;
use super::face::Face;
use super::json::Json;
use super::response::Reply;
use super::target::Target;
use super::{partial_put, server};
use crate::Service;
use crate::faults::{Outcome, Refusal, Verdict, Wants, through};

/// `POST /`.
pub(super) async fn kinesis(
    State(face): State<Arc<Face>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let encoding = Encoding::of(&headers);
    let body = match body.map(|body| encoding.read(body)) {
        Ok(Ok(json)) => Ok(json),
        Ok(Err(error)) => return encoding.refuse(&face, StatusCode::BAD_REQUEST, &error),
        Err(rejection) => Err(rejection),
    };
    let (target, verdict) = judge(&face, &headers, body.as_deref().unwrap_or_default());
    let refuse = |refusal: &Refusal| {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        encoding.refuse(&face, status, refusal)
    };
    let call = async {
        let reply = match (&verdict.outcome, body) {
            (Outcome::PartialPut(partial), Ok(body)) => {
                partial_put::put(&face, &headers, &body, &target, partial).await
            }
            (_, body) => server::kinesis(&face, &headers, body).await,
        };
        encoding.write(reply).await
    };
    through(&verdict, refuse, call).await
}

/// What the call is about, as far as the faults want to know, and what becomes of it.
fn judge(face: &Face, headers: &HeaderMap, body: &[u8]) -> (Target, Verdict) {
    let pass = (Target::default(), Verdict::PASS);
    let Some(operation) = server::operation(headers) else { return pass };
    let target = match face.faults().wants(Service::Kinesis, operation) {
        Wants::Nothing => return pass,
        Wants::Operation => Target::default(),
        wants => Target::of(face, body, wants),
    };
    let verdict = face.faults().decide(Service::Kinesis, operation, target.stream.as_deref(), &target.shards);
    (target, verdict)
}

impl Reply for Refusal {
    fn body(&self) -> String {
        let mut json = Json::default();
        json.object(|json| {
            json.key("__type").string(&self.error);
            json.key("message").string(&self.message);
        });
        json.into_text()
    }
}
