//! HTTP/1.1 by hand, for what no SDK sends or shows.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kinesis_local::Local;

/// A reply as it came.
pub(crate) struct RawReply {
    pub(crate) status: u16,
    /// Lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Everything that comes back until the server closes the connection.
pub(crate) fn exchange(local: &Local, head: &str, body: &[u8]) -> Vec<u8> {
    let address = local.kinesis_url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    write!(connection, "{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n").unwrap();
    connection.write_all(body).unwrap();
    let mut all = Vec::new();
    connection.read_to_end(&mut all).unwrap();
    all
}

pub(crate) fn request(local: &Local, head: &str, body: &[u8]) -> RawReply {
    let all = exchange(local, head, body);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap().to_lowercase();
    RawReply { status: head[9..12].parse().unwrap(), body: all[end + 4..].to_vec(), head }
}

/// The head of a call to Kinesis.
pub(crate) fn call(operation: &str, content_type: &str) -> String {
    format!("POST / HTTP/1.1\r\nx-amz-target: Kinesis_20131202.{operation}\r\ncontent-type: {content_type}")
}
