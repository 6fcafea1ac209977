//! Requests on their way to dynoxide's own server.
//!
//! Promises: a request is sent once, on a connection that is kept for the next one; at most as many connections are open as
//! there were requests at the same time. A connection is driven by the request that uses it, so none has a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Uri, Version};
use axum::response::Response;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The way to dynoxide's server.
#[derive(Debug)]
pub(super) struct Forward {
    address: SocketAddr,
    host: HeaderValue,
    /// A std mutex: it is held to take a connection or to put one back.
    idle: Mutex<Vec<Wire>>,
}

/// One connection: where requests go in, and what moves the bytes.
#[derive(Debug)]
struct Wire {
    requests: SendRequest<Body>,
    bytes: Connection<TokioIo<TcpStream>, Body>,
}

/// A request did not get its answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error("cannot reach the database: start the endpoint again")]
    Connect(#[from] io::Error),
    #[error("the connection to the database broke: try again")]
    Http(#[from] hyper::Error),
    #[error("the answer of the database could not be read: try again")]
    Body(#[from] axum::Error),
}

impl Forward {
    pub(super) fn new(address: SocketAddr) -> Self {
        // An address is letters, digits, dots and a colon.
        let host = HeaderValue::from_str(&address.to_string()).unwrap_or(HeaderValue::from_static("localhost"));
        Self { address, host, idle: Mutex::default() }
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Cancellation
    /// Closes the connection that the request was on.
    pub(super) async fn send(&self, request: Request) -> Result<Response, ForwardError> {
        let mut wire = match self.take_idle() {
            Some(wire) => wire,
            None => Wire::open(self.address).await?,
        };
        let answer = wire.exchange(self.prepare(request)).await?;
        if !wire.requests.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(wire);
        }
        Ok(answer)
    }

    fn take_idle(&self) -> Option<Wire> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.pop()).find(|wire| !wire.requests.is_closed())
    }

    /// Makes the request one of HTTP/1.1 to that server, whatever it was.
    fn prepare(&self, mut request: Request) -> Request {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
        *request.version_mut() = Version::HTTP_11;
        let has_query = request.uri().query().is_some();
        let headers = request.headers_mut();
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, EXPECT] {
            headers.remove(name);
        }
        headers.insert(HOST, self.host.clone());
        // dynoxide insists on the form of a signature, which it does not check. We promise that none is needed.
        if !has_query && !headers.contains_key(AUTHORIZATION) {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(ANY_SIGNATURE));
            headers.entry(AMZ_DATE).or_insert(HeaderValue::from_static("20000101T000000Z"));
        }
        request
    }
}

impl Wire {
    async fn open(address: SocketAddr) -> Result<Self, ForwardError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (requests, bytes) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { requests, bytes })
    }

    async fn exchange(&mut self, request: Request) -> Result<Response, ForwardError> {
        let Self { requests, bytes } = self;
        let answer = async {
            let (head, body) = requests.send_request(request).await?.into_parts();
            let body = to_bytes(Body::new(body), usize::MAX).await?;
            Ok(Response::from_parts(head, Body::from(body)))
        };
        tokio::select! {
            biased;
            answer = answer => answer,
            ended = bytes => {
                ended?;
                Err(ForwardError::Connect(io::ErrorKind::UnexpectedEof.into()))
            }
        }
    }
}

const EXPECT: HeaderName = HeaderName::from_static("expect");
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const ANY_SIGNATURE: &str =
    "AWS4-HMAC-SHA256 Credential=any/20000101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00";
