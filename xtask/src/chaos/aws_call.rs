//! Calls of the embedded endpoints as AWS's JSON protocol has them, without AWS's SDK: that would make `cargo xtask` a
//! matter of minutes to build, and the endpoints check no signatures.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A service of the endpoints.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    address: SocketAddr,
    /// What names of operations begin with.
    prefix: &'static str,
    version: &'static str,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The service said no: nothing has changed.
    Refused(String),
    /// No answer: something may have changed.
    Unanswered(String),
}

impl CallError {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Refused(message) | Self::Unanswered(message) => message,
        }
    }
}

impl Service {
    pub(crate) fn kinesis(url: &str) -> Result<Self, String> {
        Self::at(url, "Kinesis_20131202", "1.1")
    }

    pub(crate) fn dynamodb(url: &str) -> Result<Self, String> {
        Self::at(url, "DynamoDB_20120810", "1.0")
    }

    fn at(url: &str, prefix: &'static str, version: &'static str) -> Result<Self, String> {
        let address = url.strip_prefix("http://").and_then(|address| address.trim_end_matches('/').parse().ok());
        let address = address.ok_or_else(|| format!("'{url}' is not the URL of an embedded endpoint"))?;
        Ok(Self { address, prefix, version })
    }

    /// Makes a call and reads its answer; a call without an answer's body gives `null`.
    pub(crate) fn call(&self, operation: &str, body: &Value) -> Result<Value, CallError> {
        let unanswered = |why: &dyn std::fmt::Display| CallError::Unanswered(format!("{operation}: {why}"));
        let answer = self.exchange(operation, &body.to_string()).map_err(|error| unanswered(&error))?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| unanswered(&"the answer broke off"))?;
        let ok = head.split(' ').nth(1) == Some("200");
        if !ok {
            return Err(CallError::Refused(format!("{operation}: {body}")));
        }
        if body.is_empty() { Ok(Value::Null) } else { serde_json::from_str(body).map_err(|error| unanswered(&error)) }
    }

    /// Asks the endpoint itself something, which no fault affects.
    pub(crate) fn control(&self, method: &str, path: &str, body: &str) -> Result<(), String> {
        let failed = |why: &dyn std::fmt::Display| format!("{method} {path}: {why}");
        let head = format!("{method} {path} HTTP/1.1\r\n");
        let answer = self.send(&head, body).map_err(|error| failed(&error))?;
        let ok = answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
        if ok { Ok(()) } else { Err(failed(&answer)) }
    }

    fn exchange(&self, operation: &str, body: &str) -> std::io::Result<String> {
        let Self { prefix, version, .. } = self;
        let head = format!(
            "POST / HTTP/1.1\r\nX-Amz-Target: {prefix}.{operation}\r\nContent-Type: application/x-amz-json-{version}\r\n"
        );
        self.send(&head, body)
    }

    /// Sends the beginning of a head, what each head has, and a body. Returns the whole answer.
    fn send(&self, head: &str, body: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.address, ANSWER_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        stream.set_nodelay(true)?;
        let rest = format!("Host: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        let head = format!("{head}{rest}");
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// They answer within milliseconds; a busy machine may take its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::io::BufRead;
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    /// Answers one call with this text, and returns what was asked.
    fn answered(answer: &'static str) -> (Result<Value, CallError>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut head = String::new();
            let mut reader = std::io::BufReader::new(stream.try_clone().expect("a second handle"));
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).expect("a line");
            }
            let mut body = [0; 7];
            reader.read_exact(&mut body).expect("the body");
            stream.write_all(answer.as_bytes()).expect("written");
            head + &String::from_utf8_lossy(&body)
        });
        let outcome = Service::kinesis(&url).expect("a service").call("Do", &json!({"a": 1}));
        (outcome, server.join().expect("it answered"))
    }

    #[test]
    fn a_call_names_its_operation_and_gives_the_answer() {
        let (outcome, asked) = answered("HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"b\":2}");
        assert_eq!(outcome.expect("an answer"), json!({"b": 2}));
        assert!(asked.contains("X-Amz-Target: Kinesis_20131202.Do\r\n") && asked.ends_with("{\"a\":1}"), "{asked}");
    }

    #[test]
    fn a_refusal_is_told_from_a_call_without_an_answer() {
        let (refused, _) = answered("HTTP/1.1 400 Bad Request\r\n\r\n{\"__type\":\"X\"}");
        assert!(matches!(refused, Err(CallError::Refused(message)) if message.contains("Do: {\"__type\":\"X\"}")));
        for broken in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n{\"b\""] {
            assert!(matches!(answered(broken).0, Err(CallError::Unanswered(_))), "{broken}");
        }
    }

    #[test]
    fn what_the_endpoint_itself_is_asked_is_well_when_its_status_says_so() {
        for (answer, well) in [("HTTP/1.1 201 Created\r\n\r\n", true), ("HTTP/1.1 400 Bad Request\r\n\r\nno", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let url = format!("http://{}", listener.local_addr().expect("an address"));
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut asked = [0; 1024];
                let length = stream.read(&mut asked).expect("a request");
                stream.write_all(answer.as_bytes()).expect("written");
                String::from_utf8_lossy(&asked[..length]).into_owned()
            });
            let outcome = Service::kinesis(&url).expect("a service").control("DELETE", "/_local/faults", "");
            assert_eq!(outcome.is_ok(), well, "{outcome:?}");
            assert!(server.join().expect("it answered").starts_with("DELETE /_local/faults HTTP/1.1\r\n"));
        }
    }

    #[test]
    fn an_url_that_is_no_embedded_endpoint_is_refused() {
        assert!(Service::kinesis("https://kinesis.us-east-1.amazonaws.com").is_err());
    }
}
