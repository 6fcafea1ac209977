//! HTTP/2 with prior knowledge on the port that speaks HTTP/1.1 too.

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Request, Response};
use kinesis_local::Local;
use kinesis_local::faults::{Effect, Fault};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{STREAM, kinesis, shard, start};

/// One connection; the task ends with it.
struct Connection {
    send: SendRequest<Bytes>,
    task: JoinHandle<()>,
}

impl Connection {
    async fn open(local: &Local) -> Self {
        let socket = TcpStream::connect(local.kinesis_url().strip_prefix("http://").unwrap()).await.unwrap();
        let (send, connection) = h2::client::handshake(socket).await.unwrap();
        let task = tokio::spawn(async move {
            // How the connection ends is seen by its streams.
            let _ = connection.await;
        });
        Self { send, task }
    }

    async fn request(&self, request: Request<()>, body: Bytes) -> Result<Response<Bytes>, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (reply, mut stream) = send.send_request(request, false)?;
        stream.reserve_capacity(body.len());
        stream.send_data(body, true)?;
        let (parts, mut body) = reply.await?.into_parts();
        let mut all = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            all.extend_from_slice(&chunk);
        }
        Ok(Response::from_parts(parts, all.into()))
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Response<Bytes>, h2::Error> {
        let target = format!("Kinesis_20131202.{operation}");
        let request = Request::post("http://localhost/").header("x-amz-target", target);
        let request = request.header("content-type", "application/x-amz-json-1.1").body(()).unwrap();
        self.request(request, body.to_string().into()).await
    }

    async fn ask(&self, operation: &str, body: &Value) -> Value {
        let reply = self.call(operation, body).await.unwrap();
        assert_eq!((reply.version(), reply.status().as_u16()), (http::Version::HTTP_2, 200));
        assert_eq!(reply.headers()["content-type"], "application/x-amz-json-1.1");
        serde_json::from_slice(reply.body()).unwrap()
    }

    async fn close(self) {
        drop(self.send);
        self.task.await.unwrap();
    }
}

#[tokio::test]
async fn operations_with_large_bodies_and_replies_work_beside_http_1() {
    let local = start(1).await;
    let connection = Connection::open(&local).await;
    // Larger than any window of HTTP/2, both ways.
    let data = "QUJD".repeat(256 * 1024);
    let records: Vec<_> = (0..5).map(|n| json!({"PartitionKey": n.to_string(), "Data": data})).collect();
    let put = connection.ask("PutRecords", &json!({"StreamName": STREAM, "Records": records})).await;
    assert_eq!(put["FailedRecordCount"], 0);
    let start = json!({"StreamName": STREAM, "ShardId": shard(0), "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = connection.ask("GetShardIterator", &start).await["ShardIterator"].clone();
    let got = connection.ask("GetRecords", &json!({"ShardIterator": iterator})).await;
    assert_eq!(got["Records"].as_array().unwrap().len(), 5);
    assert!(got["Records"].as_array().unwrap().iter().all(|record| record["Data"] == data.as_str()));
    assert_eq!(kinesis(&local).list_streams().send().await.unwrap().stream_names, [STREAM]);
    connection.close().await;
    local.stop().await;
}

#[tokio::test]
async fn a_reply_that_stays_open_does_not_hold_up_the_other_streams_of_its_connection() {
    let local = start(1).await;
    let connection = Connection::open(&local).await;
    let mut send = connection.send.clone().ready().await.unwrap();
    let hold = Request::get("http://localhost/_local/hold").body(()).unwrap();
    let (reply, _) = send.send_request(hold, true).unwrap();
    let mut held = reply.await.unwrap().into_body();
    held.data().await.unwrap().unwrap();
    assert_eq!(local.holders(), 1);
    let none = json!({});
    let calls = (0..20).map(|_| connection.ask("ListStreams", &none));
    for reply in futures::future::join_all(calls).await {
        assert_eq!(reply["StreamNames"], json!([STREAM]));
    }
    assert_eq!(local.holders(), 1);
    local.stop().await;
    // The server ended the reply in its own time or cut the connection; either way it is over.
    while let Some(Ok(_)) = held.data().await {}
    drop(held);
    drop(send);
    connection.close().await;
}

#[tokio::test]
async fn errors_have_their_status() {
    let local = start(1).await;
    let connection = Connection::open(&local).await;
    let refused = connection.call("DescribeStream", &json!({"StreamName": "nope"})).await.unwrap();
    assert_eq!(refused.status().as_u16(), 400);
    let error: Value = serde_json::from_slice(refused.body()).unwrap();
    assert_eq!(error["__type"], "ResourceNotFoundException");
    connection.close().await;
    local.stop().await;
}

#[tokio::test]
async fn a_cut_resets_its_stream_and_leaves_the_connection_to_the_others() {
    let local = start(1).await;
    let connection = Connection::open(&local).await;
    for effect in [Effect::CutBefore, Effect::CutAfter] {
        local.faults().add(Fault::kinesis(effect).operation("PutRecord").times(1)).unwrap();
        let put = json!({"StreamName": STREAM, "PartitionKey": "k", "Data": "QQ=="});
        let cut = connection.call("PutRecord", &put).await.unwrap_err();
        assert!(cut.is_reset() && cut.is_remote(), "{cut:?}");
    }
    let start = json!({"StreamName": STREAM, "ShardId": shard(0), "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = connection.ask("GetShardIterator", &start).await["ShardIterator"].clone();
    let got = connection.ask("GetRecords", &json!({"ShardIterator": iterator})).await;
    assert_eq!(got["Records"].as_array().unwrap().len(), 1);
    connection.close().await;
    local.stop().await;
}
