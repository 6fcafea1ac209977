//! The program `kinesis-local`: its line, its exit codes, and that it leaves with its parent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
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
