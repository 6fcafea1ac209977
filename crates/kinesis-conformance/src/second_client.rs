//! The same questions asked by other clients: boto3, and the AWS command line, from PyPI.
//!
//! Promises: both run in an environment of their own under the target directory, with pinned versions, and see no
//! credentials but placeholders; their findings have the form of ours.

use std::process::Stdio;

use tokio::process::Command;

use crate::findings::{Finding, Findings};
use crate::tool::{self, ToolError};

/// Runs both against an endpoint.
///
/// # Errors
/// [`ToolError`] when python3 is absent, a package cannot be installed, or the script ends before its last check.
///
/// # Cancellation
/// Dropping the future ends the script.
pub async fn run(endpoint: &str, region: &str) -> Result<Findings, ToolError> {
    let programs = tool::python("boto3", &PACKAGES).await?;
    let script = tool::directory()?.join("second_client.py");
    std::fs::write(&script, SCRIPT).map_err(|source| ToolError::Path { path: script.clone(), source })?;
    let mut command = Command::new(programs.join("python"));
    command.arg(&script).arg(endpoint).arg(region).arg(programs.join("aws"));
    // Whatever profile the user has must not be asked for credentials of a loopback endpoint.
    command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    if endpoint.contains("127.0.0.1") {
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    }
    let output = tool::run("the checks by boto3", "python3", command.stderr(Stdio::piped())).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let all: Vec<_> = text.lines().filter_map(finding).collect();
    // The script says how many there are, so that one that ends early is not taken for agreement.
    if text.lines().last() == Some(format!("checks {}", all.len()).as_str()) {
        return Ok(Findings { all });
    }
    Err(ToolError::Failed { step: "the checks by boto3".to_owned(), said: text })
}

/// A line of area, check and outcome, with tabs in between.
fn finding(line: &str) -> Option<Finding> {
    let mut fields = line.splitn(3, '\t');
    let (area, id, outcome) = (fields.next()?, fields.next()?, fields.next()?);
    let difference = (outcome != "ok").then(|| outcome.to_owned());
    Some(Finding { area: area.to_owned(), id: id.to_owned(), difference })
}

const SCRIPT: &str = include_str!("../second-client/second_client.py");
const PACKAGES: [&str; 3] = ["boto3==1.44.5", "botocore==1.44.5", "awscli==1.46.3"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_three_fields_is_a_finding_and_any_other_is_none() {
        assert_eq!(finding("put\ta\tok").unwrap().difference, None);
        assert_eq!(finding("put\ta\tno\tmore").unwrap().difference.as_deref(), Some("no\tmore"));
        assert_eq!(finding("checks 3"), None);
    }
}
