//! `cargo xtask chaos` with real processes, made small.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command with these arguments, with short batches and a short failover time, and no random steps.
fn chaos(args: &[&str]) -> Output {
    let small =
        ["chaos", "--prebuilt", "--steps=0", "--failover=3", "--batch-ms=200", "--shards=3", "--max-seconds=120"];
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(small).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_fleet_that_is_scaled_killed_split_and_merged_under_load_loses_nothing_and_the_report_says_so() {
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos.md");
    let output = chaos(&["--story=scale:3,split,scale:2,kill,merge", "--report", &report.display().to_string()]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(
        out.ends_with("OK: nothing lost, nothing out of order, nothing repeated without a crash\n"),
        "{out}\n{err}"
    );
    let written = std::fs::read_to_string(&report).expect("a report");
    for row in ["| scale:3 |", "| split ", "| scale:2 |", "| kill ", "| merge ", "- 0 lost, 0 strange"] {
        assert!(written.contains(row), "{row} in {written}");
    }
    let picture = std::fs::read_to_string(report.with_extension("svg")).expect("a picture");
    assert!(picture.contains(">worker 3</text>"), "{picture}");
}

#[test]
fn freezes_thefts_faults_and_restarts_lose_nothing_neither_records_nor_counts() {
    let output = chaos(&["--story=scale:2,freeze,steal:crash,fault:lost,restart", "--seed=2"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("- 0 lost, 0 strange") && out.contains("woken after 9."), "{out}\n{err}");
    assert!(out.contains("state of 256 keys") && out.contains(" counted more than once, 0 missing, "), "{out}\n{err}");
    assert!(out.contains("files of ") && out.contains(" 0 missing, 0 that nobody put"), "{out}\n{err}");
    assert!(out.contains("1 kills, 1 freezes, 1 thefts, 1 faults"), "{out}\n{err}");
}

/// A worker that is killed three times, with up to twenty batches that no checkpoint has.
const UNFINISHED: [&str; 2] = ["--story=restart,restart,restart", "--checkpoint-batches=20"];

#[test]
fn batches_that_a_crash_left_without_a_checkpoint_run_again_and_stand_in_their_files_once() {
    let output = chaos(&UNFINISHED);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("repeated without one (restart "), "nothing ran again: {out}\n{err}");
    assert!(out.contains(": 0 records more than once, 0 missing, 0 that nobody put"), "{out}\n{err}");
}

#[test]
fn a_batch_log_that_is_taken_away_is_found_out_by_records_that_stand_in_the_files_twice() {
    let output = chaos(&[&UNFINISHED[..], &["--weakness=skip-batch-log"]].concat());
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out}\n{err}");
    assert!(out.contains(" records more than once in the files of batches\n"), "{out}\n{err}");
    assert_eq!(out.matches("- WRONG").count(), 1, "the state is exact all the same: {out}\n{err}");
}

#[test]
fn runs_of_many_seeds_end_with_a_table_and_each_can_be_played_again() {
    let output = chaos(&["--seeds=1", "--first-seed=9", "--form=aggregated"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("\n| 9    | ok ") && out.ends_with("1 of 1 runs without a violation\n"), "{out}\n{err}");
    assert!(err.contains("run 1 of 1: seed 9 OK"), "{err}");
}

#[test]
fn a_story_that_cannot_be_told_is_refused_before_anything_is_started() {
    let output = chaos(&["--story=kill"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--story: kill needs another worker"), "{}", text(&output.stderr));
}
