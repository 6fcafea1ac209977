//! The public port of DynamoDB.
//!
//! Promises: what dynoxide can do, it does, and its answers are passed on unchanged; what it lacks is answered here; an
//! operation that neither has is refused with its name. Any credentials are accepted, and none.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use dynoxide::Database;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::account;
use super::continuous_backups::ContinuousBackups;
use super::direct;
use super::engine;
use super::forward::Forward;
use super::judge::{judge, refuse};
use super::reply::{DynamoDbError, JSON_1_0, reply, written};
use crate::clock;
use crate::faults::{Faults, through};
use crate::start_error::StartError;

/// What all requests share.
pub(crate) struct DynamoDbFace {
    database: Database,
    faults: Faults,
    backups: ContinuousBackups,
    forward: Forward,
    /// Host and port.
    address: String,
    requests: AtomicUsize,
}

impl fmt::Debug for DynamoDbFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbFace").field("address", &self.address).finish_non_exhaustive()
    }
}

impl DynamoDbFace {
    /// A face at `address` of a database whose own server is at `inner`.
    pub(crate) fn new(
        database: Database,
        faults: Faults,
        directory: Option<&Path>,
        address: SocketAddr,
        inner: SocketAddr,
    ) -> Result<Self, StartError> {
        Ok(Self {
            database,
            faults,
            backups: ContinuousBackups::open(directory)?,
            forward: Forward::new(inner),
            address: address.to_string(),
            requests: AtomicUsize::new(0),
        })
    }

    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
            // Too long, or broken off: in the latter case nobody hears this.
            return self.reply(Err(DynamoDbError::serialization("Request size exceeds the limit of this endpoint.")));
        };
        let operation = operation(&head.headers).unwrap_or_default();
        let verdict = judge(&self.faults, operation, &body);
        through(&verdict, |refusal| refuse(refusal, self.next_request()), self.handle(head, body)).await
    }

    async fn handle(&self, head: Parts, body: Bytes) -> Response {
        let operation = (head.method == Method::POST).then(|| operation(&head.headers)).flatten();
        if let Some(operation) = operation.filter(|_| speaks_json_1_0(&head.headers))
            && let Some((status, body)) = direct::answer(&self.database, operation, &body)
        {
            return written(status, body, self.next_request());
        }
        match operation.and_then(|operation| self.own(operation, &body)) {
            Some(outcome) => self.reply(outcome),
            None => match self.forward.send(Request::from_parts(head, Body::from(body))).await {
                Ok(response) => response,
                Err(error) => {
                    tracing::error!(%error, "a request did not reach the database");
                    self.reply(Err(DynamoDbError::internal(error.to_string())))
                }
            },
        }
    }

    /// The outcome of an operation that is not dynoxide's.
    fn own(&self, operation: &str, body: &Bytes) -> Option<Result<Value, DynamoDbError>> {
        Some(match operation {
            operation if OF_DYNOXIDE.contains(&operation) => return None,
            "UpdateContinuousBackups" => self.backups.update(&self.database, body, clock::now()),
            "DescribeContinuousBackups" => self.backups.describe(&self.database, body, clock::now()),
            "DescribeLimits" => Ok(account::limits()),
            "DescribeEndpoints" => Ok(account::endpoints(&self.address)),
            other => Err(DynamoDbError::unknown_operation(other)),
        })
    }

    fn reply(&self, outcome: Result<Value, DynamoDbError>) -> Response {
        reply(outcome, self.next_request())
    }

    fn next_request(&self) -> usize {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}

/// Serves the face and the database behind it until `shutdown` resolves and the open requests are answered.
pub(crate) async fn serve(
    public: TcpListener,
    inner: TcpListener,
    face: Arc<DynamoDbFace>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (ended, face_ended) = oneshot::channel::<()>();
    // The database goes on until the face has answered its last request.
    let database = engine::serve(inner, face.database.clone(), async {
        let _ = face_ended.await;
    });
    let router = Router::new().fallback(answer).with_state(face);
    let public = public.tap_io(|connection| {
        // Replies are written whole; waiting to fill a packet would only delay their last part.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let face = async {
        if let Err(error) = axum::serve(public, router).with_graceful_shutdown(shutdown).await {
            tracing::error!(%error, "the DynamoDB endpoint ended");
        }
        drop(ended);
    };
    tokio::join!(database, face);
}

async fn answer(State(face): State<Arc<DynamoDbFace>>, request: Request) -> Response {
    face.answer(request).await
}

/// Whether the client asks in the form that our own answers have, as all SDKs do.
fn speaks_json_1_0(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == JSON_1_0)
}

/// The operation that a request names.
fn operation(headers: &HeaderMap) -> Option<&str> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    TARGET_PREFIXES.iter().find_map(|prefix| target.strip_prefix(prefix))
}

const TARGET_PREFIXES: [&str; 2] = ["DynamoDB_20120810.", "DynamoDBStreams_20120810."];
/// More than dynoxide takes, so that it is dynoxide that refuses.
const MOST_BODY_BYTES: usize = 32 << 20;
/// The operations of dynoxide 3.2. One that a later version adds is to be added here.
const OF_DYNOXIDE: [&str; 28] = [
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeStream",
    "DescribeTable",
    "DescribeTimeToLive",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "GetRecords",
    "GetShardIterator",
    "ListStreams",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "Query",
    "Scan",
    "SearchVectors",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
];
