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

/// Names of tests that a page of `docs` has between backticks and the sources do not have; the page names so many at least.
fn named_in_vain(page: &str, at_least: usize) -> Vec<String> {
    let text = fs::read_to_string(workspace().join("docs").join(page)).expect("the page");
    let sources: String = rust_files().iter().map(|path| fs::read_to_string(path).expect("a readable file")).collect();
    // Between backticks is every second piece.
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).filter(names_a_test).collect();
    assert!(named.len() > at_least, "{page} was read");
    let is_missing = |name: &&str| !sources.contains(&format!("fn {name}("));
    named.into_iter().filter(is_missing).map(str::to_owned).collect()
}

#[test]
fn every_test_that_a_list_of_cases_names_exists() {
    for (page, at_least) in [("kcl-cases.md", 90), ("spark-cases.md", 40), ("reading.md", 30)] {
        let missing = named_in_vain(page, at_least);
        assert!(missing.is_empty(), "docs/{page} names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn every_case_of_the_kinesis_connector_is_on_its_page() {
    let page = fs::read_to_string(workspace().join("docs/spark-cases.md")).expect("the page");
    // Of those that are written as the first and last of a row, these two.
    let cases = (300..309).chain(310..314).chain(320..334).chain(340..347).chain([350, 353]).chain(360..367);
    let missing: Vec<u32> = cases.filter(|case| !page.contains(&format!("t{case}"))).collect();
    assert!(missing.is_empty(), "docs/spark-cases.md says nothing of the cases {missing:?}");
    let defects = (1..10).filter(|number| !page.contains(&format!("| R{number} |")));
    assert_eq!(defects.count(), 0, "docs/spark-cases.md says something of each of R1 to R9");
}

/// The names of tests in a text, as `file::name` between backticks.
fn tests_with_their_files(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let named = text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::"));
    named.filter(|(_, name)| names_a_test(name))
}

/// Whether a file of that name, or its `tests.rs`, has that test.
fn is_in(file: &str, name: &str) -> bool {
    let wanted = format!("fn {name}(");
    let is_it = |path: &&PathBuf| {
        let stem = path.file_stem().is_some_and(|stem| stem == file);
        let folder = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == file);
        stem || (folder && path.ends_with("tests.rs"))
    };
    let files = rust_files();
    files.iter().filter(is_it).any(|path| fs::read_to_string(path).expect("a readable file").contains(&wanted))
}

/// The section of the page that says what is not there.
const NOT_PROMISED: &str = "Not yet";
/// Sections whose paragraphs promise something as well; elsewhere they introduce what follows.
const PARAGRAPHS_PROMISE: [&str; 2] = ["Checkpoint directory", "Files of batches"];

/// The lines of a section that name no test: bullets, those below others by themselves, rows of tables, and paragraphs where they
/// promise something. A bullet that ends in a colon is the head of those below it.
fn lines_without_a_test(section: &str) -> Vec<&str> {
    let paragraphs =
        section.split("\n\n").skip(1).filter(|part| !part.starts_with(['*', '|']) && !part.trim().is_empty());
    let paragraphs = paragraphs.filter(|_| PARAGRAPHS_PROMISE.iter().any(|title| section.starts_with(title)));
    let bullets = section.split("\n* ").skip(1).flat_map(|bullet| bullet.split("\n  * "));
    let bullets = bullets.map(|line| line.split("\n\n").next().unwrap_or_default()).filter(|line| !line.ends_with(':'));
    // The first row of a table is its head; the line below it begins differently.
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let lines = paragraphs.chain(bullets).chain(rows);
    lines.filter(|line| tests_with_their_files(line).next().is_none()).collect()
}

#[test]
fn each_line_of_what_one_may_rely_on_names_tests_that_exist() {
    let page = fs::read_to_string(workspace().join("docs/semantics.md")).expect("the page");
    let missing: Vec<_> = tests_with_their_files(&page).filter(|(file, name)| !is_in(file, name)).collect();
    assert!(missing.is_empty(), "docs/semantics.md names tests that do not exist: {missing:#?}");
    let sections = page.split("\n## ").skip(1).filter(|section| !section.starts_with(NOT_PROMISED));
    let unproven: Vec<&str> = sections.flat_map(lines_without_a_test).collect();
    assert!(unproven.is_empty(), "docs/semantics.md says without a test: {unproven:#?}");
}

#[test]
fn a_line_that_names_no_test_is_found_wherever_it_is() {
    let test = "`file::a_name_of_four_words`";
    let section = format!(
        "Files of batches\n\nOne.\n\n* Two, {test}.\n* Three:\n  * Four, {test}.\n  * Five.\n* Six.\n\nSeven, {test}.\n"
    );
    assert_eq!(lines_without_a_test(&section), ["One.", "Five.", "Six."]);
    let table = format!("Bad days\n\nAn introduction.\n\n| day | shown by |\n|---|---|\n| one | {test} |\n| two | |\n");
    assert_eq!(lines_without_a_test(&table), ["| two | |"]);
}
