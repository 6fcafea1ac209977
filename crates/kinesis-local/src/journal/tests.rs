//! Logs that end in the middle, grow, are strange, or are wanted twice.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::model::{CreateStream, Millis, Model, Settings};
use crate::start_error::StartError;

/// A directory of a test's own, gone at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kinesis-local-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn model(streams: u32) -> Model {
    let mut model = Model::new(Settings::default(), 7);
    for n in 0..streams {
        model.create_stream(Millis::new(1_000), &CreateStream::provisioned(&format!("s{n}"), 1)).unwrap();
    }
    model
}

fn open(scratch: &Scratch) -> Result<(Opened, Model), StartError> {
    Opened::open(Directory::take(scratch.path())?, || model(1))
}

fn bodies(opened: &mut Opened) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some(entry) = opened.next().unwrap() {
        bodies.push(String::from_utf8(entry.body.to_vec()).unwrap());
    }
    bodies
}

fn append(log: &mut Log, body: &str, model: &Model) {
    let entry = Entry { at: Millis::new(5), operation: "PutRecord", body: body.as_bytes() };
    log.append(&entry, model).unwrap().wait().unwrap();
}

/// A log with entries of these bodies, closed again.
fn written(scratch: &Scratch, durability: Durability, texts: &[&str]) {
    let (mut opened, model) = open(scratch).unwrap();
    bodies(&mut opened);
    let (mut log, _) = opened.finish(durability).unwrap();
    texts.iter().for_each(|text| append(&mut log, text, &model));
}

#[test]
fn entries_of_several_starts_follow_each_other() {
    let scratch = Scratch::new();
    written(&scratch, Durability::Process, &["a", "b"]);
    written(&scratch, Durability::Machine, &["c"]);
    let (mut opened, restored) = open(&scratch).unwrap();
    assert_eq!(bodies(&mut opened), ["a", "b", "c"]);
    assert_eq!((restored.seed, restored.streams.len()), (7, 1));
}

#[test]
fn a_tail_that_is_no_whole_entry_is_cut_off_and_the_log_goes_on_behind_what_is_whole() {
    let scratch = Scratch::new();
    written(&scratch, Durability::Process, &["a", "b"]);
    let file = scratch.path().join("kinesis.log");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let (mut opened, _) = open(&scratch).unwrap();
    assert_eq!(bodies(&mut opened), ["a"]);
    let (mut log, cut) = opened.finish(Durability::Process).unwrap();
    assert!(cut > 0);
    append(&mut log, "c", &model(1));
    drop(log);
    OpenOptions::new().append(true).open(&file).unwrap().write_all(&[0xff; 100]).unwrap();
    let (mut opened, _) = open(&scratch).unwrap();
    assert_eq!(bodies(&mut opened), ["a", "c"]);
    assert_eq!(opened.finish(Durability::Process).unwrap().1, 100);
    assert_eq!(bodies(&mut open(&scratch).unwrap().0), ["a", "c"]);
}

#[test]
fn a_directory_in_use_is_refused_by_its_name_and_free_again_afterwards() {
    let scratch = Scratch::new();
    let first = Directory::take(scratch.path()).unwrap();
    let refused = Directory::take(scratch.path()).unwrap_err();
    assert!(matches!(&refused, StartError::DirectoryInUse { path } if path == scratch.path()), "{refused}");
    drop(first);
    Directory::take(scratch.path()).unwrap();
}

#[test]
fn a_file_that_is_no_log_of_ours_is_refused_and_left_alone() {
    for (content, words) in [
        (&b"something else entirely"[..], "no log of this program"),
        (b"short", "no log of this program"),
        (b"kinesis-local\n\x02", "form 2"),
        (b"kinesis-local\n\x01", "snapshot is damaged"),
    ] {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path()).unwrap();
        let file = scratch.path().join("kinesis.log");
        fs::write(&file, content).unwrap();
        let refused = open(&scratch).unwrap_err();
        assert!(matches!(refused, StartError::StrangeLog { .. }) && refused.to_string().contains(words), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), content);
    }
}

#[test]
fn a_log_out_of_proportion_begins_anew_with_the_model_as_it_is_and_loses_no_entry() {
    let scratch = Scratch::new();
    let (mut opened, _) = open(&scratch).unwrap();
    bodies(&mut opened);
    let (mut log, _) = opened.finish(Durability::Process).unwrap();
    log.rewrite_from(10_000);
    let grown = model(3);
    let mut longest = 0;
    // Each entry that comes while the snapshot is being written has to be in the new log.
    let mut texts = Vec::new();
    while longest <= log.length() {
        longest = log.length();
        texts.push(format!("{:0200}", texts.len()));
        append(&mut log, &texts[texts.len() - 1], &grown);
        assert!(texts.len() < 1_000_000, "the log was never begun anew");
    }
    append(&mut log, "last", &grown);
    drop(log);
    let (mut opened, restored) = open(&scratch).unwrap();
    assert_eq!(restored.streams.len(), 3);
    let found = bodies(&mut opened);
    texts.push("last".to_owned());
    assert!(found.len() < texts.len(), "what is in the snapshot is not in the log");
    assert_eq!(found[..], texts[texts.len() - found.len()..]);
    assert!(!scratch.path().join("kinesis.log.new").exists());
}

#[test]
fn a_rewrite_that_is_given_up_leaves_the_old_log_whole() {
    let scratch = Scratch::new();
    let (mut opened, _) = open(&scratch).unwrap();
    bodies(&mut opened);
    let (mut log, _) = opened.finish(Durability::Process).unwrap();
    log.rewrite_from(1);
    append(&mut log, &"a".repeat(5_000), &model(2_000));
    drop(log);
    let (mut opened, restored) = open(&scratch).unwrap();
    assert_eq!((bodies(&mut opened).len(), restored.streams.len()), (1, 1));
}
