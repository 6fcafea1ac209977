//! Starting, holding and stopping.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use kinesis_local::{Local, Service, StartError, Stopped};

use crate::support::start;

fn port(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// Sends a GET and returns the open connection.
fn get(url: &str, path: &str) -> TcpStream {
    let mut connection = TcpStream::connect(("127.0.0.1", port(url))).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    connection
}

fn health(local: &Local) -> String {
    let mut text = String::new();
    get(local.kinesis_url(), "/_local/health").read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn health_names_the_service_and_both_endpoints() {
    let local = start(1).await;
    let text = health(&local);
    for part in [r#""service":"kinesis-local""#, r#""holders":0"#, local.kinesis_url(), local.dynamodb_url()] {
        assert!(text.contains(part), "{part} in {text}");
    }
    local.stop().await;
}

#[tokio::test]
async fn a_holder_counts_until_its_client_goes_away() {
    let local = start(1).await;
    let mut held = get(local.kinesis_url(), "/_local/hold");
    // The head of the reply is sent when the holder is counted.
    held.read_exact(&mut [0; 8]).unwrap();
    assert!(health(&local).contains(r#""holders":1"#));
    drop(held);
    let gone = async {
        while local.holders() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    local.stop().await;
}

#[tokio::test]
async fn stopping_ends_holders_and_frees_both_ports() {
    let local = start(1).await;
    let mut held = get(local.kinesis_url(), "/_local/hold");
    held.read_exact(&mut [0; 8]).unwrap();
    let ports = [port(local.kinesis_url()), port(local.dynamodb_url())];
    assert_eq!(local.stop().await, Stopped::Drained);
    held.read_to_end(&mut Vec::new()).unwrap();
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }
}

#[tokio::test]
async fn stopping_cuts_a_client_that_never_finishes_its_request() {
    let local = start(1).await;
    let mut slow = TcpStream::connect(("127.0.0.1", port(local.dynamodb_url()))).unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    // The Kinesis endpoint answers, so the server threads have run since; the slow connection may or may not have been
    // accepted, and stopping must be bounded either way.
    health(&local);
    let stopped = tokio::time::timeout(Duration::from_secs(5), local.stop()).await.unwrap();
    assert!(matches!(stopped, Stopped::Cut | Stopped::Drained));
}

#[tokio::test]
async fn dropping_ends_the_servers() {
    let local = start(1).await;
    let mut held = get(local.kinesis_url(), "/_local/hold");
    held.read_exact(&mut [0; 8]).unwrap();
    drop(local);
    // Ends with the connection, cut or drained; the read times out if the server lives on.
    match held.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_service() {
    let first = start(1).await;
    let taken = port(first.dynamodb_url());
    let refused = Local::builder().dynamodb_port(taken).start().await.unwrap_err();
    assert!(
        matches!(refused, StartError::PortTaken { service: Service::DynamoDb, port } if port == taken),
        "{refused:?}"
    );
    assert!(refused.to_string().starts_with(&format!("port {taken} for the DynamoDB endpoint is taken")));
    first.stop().await;
}

#[tokio::test(start_paused = true)]
async fn endpoints_stop_also_while_the_callers_clock_is_paused() {
    assert_eq!(start(1).await.stop().await, Stopped::Drained);
}
