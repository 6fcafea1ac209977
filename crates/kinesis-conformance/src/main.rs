//! The program `kinesis-conformance`: puts the checks to an endpoint and prints a table.
//!
//! Promises: exit code 0 when nothing differs, 1 when something does or nothing could be run, 2 for wrong arguments; what
//! it starts ends with it.

mod arguments;
mod endpoints;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use kinesis_conformance::{Check, Findings, StandIn, Subject, run, second_client};

use crate::arguments::{Client, Options, Target};
use crate::endpoints::{Endpoints, Failure};

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help asked for goes to standard output with code 0, complaints to standard error with code 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = conformance(&options) => outcome,
            // What runs is dropped, and the stand-ins with it.
            () = arguments::told_to_stop(options.stop_with_stdin) => Err("stopped".into()),
        }
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => complain(error.as_ref()),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    let _ = writeln!(io::stderr(), "conformance: {text}");
    ExitCode::FAILURE
}

/// Whether all agree.
async fn conformance(options: &Options) -> Result<bool, Failure> {
    let checks = options.checks()?;
    if options.list {
        for check in checks {
            print(format!("{:<14} {}\n{:14} {}", check.area, check.id, "", check.what))?;
        }
        return Ok(true);
    }
    let mut runs = Vec::new();
    for target in options.targets() {
        let findings = against(options, &target, &checks).await?;
        print(format!("{}\n\n{findings}\n", target.label()))?;
        runs.push((target.label(), findings));
    }
    if runs.len() > 1 {
        print(Findings::beside(&runs))?;
    }
    Ok(runs.iter().all(|(_, findings)| findings.agree()))
}

/// One target, started and stopped if it is one that can be.
async fn against(options: &Options, target: &Target, checks: &[&'static Check]) -> Result<Findings, Failure> {
    let load = options.load();
    match target {
        Target::Own => {
            let endpoints = Endpoints::own(checks, load).await?;
            let findings = asked(options, endpoints.url(), checks, |check| endpoints.subject(check)).await;
            endpoints.stop().await;
            findings
        }
        Target::StandIn(kind) => {
            let stand_in = StandIn::start(*kind, None).await?;
            let url = stand_in.url();
            let mut subject = Subject::kinesis(Some(&url), &options.region()).await.with_load(load);
            if let Some(dynamodb) = stand_in.dynamodb_url() {
                subject = subject.with_dynamodb(Some(&dynamodb)).await;
            }
            let findings = asked(options, &url, checks, |_| subject.clone()).await;
            stand_in.stop().await;
            findings
        }
        Target::Url(url) => {
            let mut subject = Subject::kinesis(Some(url), &options.region()).await.with_load(load);
            if let Some(dynamodb) = &options.dynamodb {
                subject = subject.with_dynamodb(Some(dynamodb)).await;
            }
            asked(options, url, checks, |_| subject.clone()).await
        }
    }
}

/// The findings of the client that was chosen.
async fn asked(
    options: &Options,
    url: &str,
    checks: &[&'static Check],
    subject: impl Fn(&Check) -> Subject,
) -> Result<Findings, Failure> {
    if options.client == Client::Boto3 {
        return Ok(second_client::run(url, &options.region()).await?);
    }
    let checks: Vec<_> = checks.iter().map(|check| (*check, subject(check))).collect();
    let checks: Vec<_> = checks.into_iter().filter(|(check, subject)| subject.has(check.area)).collect();
    let bar = progress(checks.len());
    let at_a_time = if options.is_measuring() { 1 } else { usize::from(options.at_a_time) };
    let all = run::many(&checks, at_a_time, |_, finding| {
        bar.set_message(finding.id.clone());
        bar.inc(1);
    });
    let all = all.await;
    bar.finish_and_clear();
    Ok(Findings { all })
}

fn progress(length: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or_default());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn print(text: impl std::fmt::Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
