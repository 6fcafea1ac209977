//! A program of ours in the foreground: it has this process's output, and its exit code becomes ours.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use crate::binaries::Binaries;
use crate::child::{Child, Output};
use crate::console::say;
use crate::endpoints::Endpoints;
use crate::failure::Failure;

/// Whether a program runs on the embedded endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    Yes,
    No,
}

/// Runs a program of ours in the foreground and hands its exit code on.
pub(crate) fn run_program(
    binaries: &Binaries,
    program: &'static str,
    mut args: Vec<String>,
    local: Local,
) -> Result<ExitCode, Failure> {
    args.push("--stop-with-stdin".to_owned());
    let mut command = binaries.command(program, &args);
    if local == Local::Yes {
        Endpoints::confine(&mut command);
    }
    let mut child = Child::start::<()>(program, command, Output::Shared)?;
    let status = child.wait()?;
    if let Some(signal) = status.signal() {
        say(format!("{program} was ended by signal {signal}"));
    }
    Ok(exit_code(status))
}

fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
