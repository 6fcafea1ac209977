//! The program `kinesis-local`: its line, its exit codes, and that it leaves with its parent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A running program that does not outlive its test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // After an orderly end there is nothing to kill; after a failed assertion there is.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinesis-local"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Program(command.spawn().unwrap())
}

const ANY_PORTS: [&str; 4] = ["--kinesis-port", "0", "--dynamodb-port", "0"];

fn line(program: &mut Program) -> String {
    let mut line = String::new();
    BufReader::new(program.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

/// Exit code and what was said on standard error.
fn end(program: &mut Program) -> (Option<i32>, String) {
    let mut said = String::new();
    program.0.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
    (program.0.wait().unwrap().code(), said)
}

#[test]
fn it_says_ready_with_both_urls_and_ends_with_code_0_on_signals() {
    for signal in ["-INT", "-TERM"] {
        let mut program = program(&[&ANY_PORTS[..], &["--create-stream", "words:2"]].concat());
        let line = line(&mut program);
        let urls = line.strip_prefix("ready kinesis=http://127.0.0.1:").unwrap();
        assert!(urls.contains(" dynamodb=http://127.0.0.1:"), "{line}");
        assert!(Command::new("kill").args([signal, &program.0.id().to_string()]).status().unwrap().success());
        assert_eq!(end(&mut program), (Some(0), String::new()), "{signal}");
    }
}

#[test]
fn it_ends_when_standard_input_does_if_told_so() {
    let mut program = program(&[&ANY_PORTS[..], &["--stop-with-stdin"]].concat());
    line(&mut program);
    drop(program.0.stdin.take());
    assert_eq!(end(&mut program), (Some(0), String::new()));
}

/// Sends one call and returns the whole answer.
fn call(url: &str, operation: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let head =
        format!("x-amz-target: Kinesis_20131202.{operation}\r\nconnection: close\r\ncontent-length: {}", body.len());
    write!(connection, "POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_was_answered_survives_a_kill_and_a_torn_end_is_told_and_cut_off() {
    let directory = std::env::temp_dir().join(format!("kinesis-local-program-{}", std::process::id()));
    let path = directory.to_str().unwrap();
    let arguments = [&ANY_PORTS[..], &["--create-stream", "words:1", "--directory", path]].concat();
    let kinesis = |line: &str| line.split_once("kinesis=").unwrap().1.split_once(' ').unwrap().0.to_owned();
    let mut first = program(&arguments);
    let url = kinesis(&line(&mut first));
    for n in 0..20 {
        let body = format!(r#"{{"StreamName":"words","PartitionKey":"k","Data":"{}"}}"#, "QUJD".repeat(n));
        assert!(call(&url, "PutRecord", &body).starts_with("HTTP/1.1 200"));
    }
    let mut second = program(&arguments);
    let (code, said) = end(&mut second);
    assert!(code == Some(1) && said.contains("in use") && said.contains("--directory"), "{said}");
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    OpenOptions::new().append(true).open(directory.join("kinesis.log")).unwrap().write_all(b"torn").unwrap();

    let mut third = program(&[&arguments[..], &["--stop-with-stdin"]].concat());
    let url = kinesis(&line(&mut third));
    let shard = r#"{"StreamName":"words","ShardId":"shardId-000000000000","ShardIteratorType":"TRIM_HORIZON"}"#;
    let answer = call(&url, "GetShardIterator", shard);
    let iterator = answer.rsplit_once(r#"{"ShardIterator""#).unwrap().1;
    let records = call(&url, "GetRecords", &format!(r#"{{"ShardIterator"{iterator}"#));
    assert_eq!(records.matches("SequenceNumber").count(), 20, "{records}");
    drop(third.0.stdin.take());
    let (code, said) = end(&mut third);
    assert!(code == Some(0) && said.contains("the last 4 bytes of"), "{said}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn settings_of_the_model_are_taken_from_the_options() {
    let options =
        ["--create-stream", "words:1", "--status-delay", "0", "--memory-cap", "100", "--limits", "--stop-with-stdin"];
    let mut program = program(&[&ANY_PORTS[..], &options].concat());
    let ready = line(&mut program);
    let url = ready.split_once("kinesis=").unwrap().1.split_once(' ').unwrap().0;
    call(url, "CreateStream", r#"{"StreamName":"more","ShardCount":1}"#);
    let more = call(url, "DescribeStreamSummary", r#"{"StreamName":"more"}"#);
    assert!(more.contains("ACTIVE"), "{more}");
    let limits = [call(url, "DescribeLimits", "{}"), call(url, "DescribeLimits", "{}")];
    assert!(limits[1].contains("LimitExceededException"), "{limits:?}");
    let put = call(url, "PutRecord", r#"{"StreamName":"words","PartitionKey":"k","Data":"QUJD"}"#);
    assert!(put.contains("ProvisionedThroughputExceededException"), "{put}");
    drop(program.0.stdin.take());
    assert_eq!(end(&mut program), (Some(0), String::new()));
}

#[test]
fn a_taken_port_is_code_1_and_names_port_and_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = end(&mut program(&["--kinesis-port", "0", "--dynamodb-port", &port]));
    assert_eq!(code, Some(1));
    assert!(said.contains(&port) && said.contains("--dynamodb-port"), "{said}");
}

#[test]
fn wrong_arguments_are_code_2_with_usage() {
    for arguments in [&["--no-such-option"][..], &["--create-stream", "words"], &["--kinesis-port", "x"]] {
        let (code, said) = end(&mut program(arguments));
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(said.contains("--help") || said.contains("Usage"), "{said}");
    }
}
