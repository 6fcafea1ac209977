//! House rules that a program can check: runs as an ordinary test.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::workspace;

/// Production lines of a file, at most; house style, rule 3.
const LONGEST_FILE: usize = 400;
/// Names that say nothing about what is inside; house style, rule 2.
const EMPTY_NAMES: [&str; 6] = ["utils", "helpers", "common", "misc", "types", "manager"];

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["crates", "examples", "xtask"] {
        collect(&workspace().join(folder), &mut files);
    }
    assert!(files.len() > 50, "the walk found the workspace");
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn violations(rule: impl Fn(&Path, &str) -> bool) -> Vec<PathBuf> {
    let breaks = |path: &PathBuf| rule(path, &fs::read_to_string(path).expect("a readable file"));
    rust_files().into_iter().filter(breaks).collect()
}

#[test]
fn every_file_opens_with_what_it_is() {
    let found = violations(|_, text| !text.starts_with("//!"));
    assert!(found.is_empty(), "files without a heading: {found:#?}");
}

#[test]
fn every_file_is_named_for_its_concept() {
    let found = violations(|path, _| path.file_stem().is_some_and(|stem| EMPTY_NAMES.iter().any(|name| stem == *name)));
    assert!(found.is_empty(), "files with an empty name: {found:#?}");
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    let production = |text: &str| text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    let is_test =
        |path: &Path| path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    let found = violations(|path, text| !is_test(path) && production(text) > LONGEST_FILE);
    assert!(found.is_empty(), "files of more than {LONGEST_FILE} production lines: {found:#?}");
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    let found = violations(|_, text| marks.iter().any(|mark| text.contains(mark)));
    assert!(found.is_empty(), "files with unfinished business: {found:#?}");
}

/// Sentences of at least four words are names of tests; shorter code is something else.
fn names_a_test(code: &&str) -> bool {
    let is_name = code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name && code.split('_').count() >= 4
}

#[test]
fn every_test_that_the_list_of_kcl_cases_names_exists() {
    let list = fs::read_to_string(workspace().join("docs/kcl-cases.md")).expect("the list");
    let sources: String = rust_files().iter().map(|path| fs::read_to_string(path).expect("a readable file")).collect();
    // Between backticks is every second piece.
    let named: Vec<&str> = list.split('`').skip(1).step_by(2).filter(names_a_test).collect();
    assert!(named.len() > 90, "the list was read");
    let is_missing = |name: &&&str| !sources.contains(&format!("fn {name}("));
    let missing: Vec<_> = named.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "docs/kcl-cases.md names tests that do not exist: {missing:#?}");
}
