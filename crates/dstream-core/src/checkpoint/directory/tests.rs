//! The directory on a local file system and on a store in memory whose writes fail in the ways that writes do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use proptest::prelude::*;

use super::*;
use crate::fresh_dir::FreshDir;
use crate::lock::lock;

const fn at(millis: i64) -> Time {
    Time::from_millis(millis)
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn scratch() -> FreshDir {
    FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap()
}

async fn open(dir: &FreshDir) -> CheckpointDir {
    CheckpointDir::open(dir.path().to_str().unwrap()).await.unwrap()
}

/// The files of a directory, by name.
fn files(dir: &FreshDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

async fn newest(directory: &CheckpointDir) -> (Time, Bytes) {
    let snapshot = directory.read_newest().await.unwrap().unwrap();
    (snapshot.name.time(), snapshot.payload)
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Not done, and said so.
    Refused,
    /// Done, and said not to be.
    ReplyLost,
    /// Not done: the disk is full.
    Full,
}

/// A store in memory, whose next writes and reads go wrong as planned.
#[derive(Debug, Default)]
struct Faulty {
    inner: InMemory,
    puts: Mutex<VecDeque<Option<Fault>>>,
    gets: Mutex<VecDeque<Option<Fault>>>,
    deletes_fail: Mutex<bool>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn outage() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "connection reset".into() }
}

/// As the local file system says it.
fn no_space() -> object_store::Error {
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull).into();
    object_store::Error::Generic { store: "Faulty", source }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let fault = lock(&self.puts).pop_front().flatten();
        match fault {
            Some(Fault::Refused) => Err(outage()),
            Some(Fault::Full) => Err(no_space()),
            Some(Fault::ReplyLost) => self.inner.put_opts(location, payload, opts).await.and(Err(outage())),
            None => self.inner.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let fault = lock(&self.gets).pop_front().flatten();
        if fault.is_some() { Err(outage()) } else { self.inner.get_opts(location, options).await }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        use futures::StreamExt;

        if *lock(&self.deletes_fail) {
            return locations.map(|_| Err(outage())).boxed();
        }
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn location(store: &Arc<Faulty>) -> Location {
    let store: Arc<dyn ObjectStore> = Arc::<Faulty>::clone(store);
    Location { store, prefix: Path::from("app/ck"), shown: "memory/app/ck".into(), local: None }
}

async fn open_faulty(store: &Arc<Faulty>) -> CheckpointDir {
    CheckpointDir::open_at(Files::new(location(store))).await.unwrap()
}

#[tokio::test]
async fn a_snapshot_is_read_back_by_the_next_process() {
    let dir = scratch();
    let mut directory = open(&dir).await;
    assert_eq!(directory.read_newest().await.unwrap(), None);
    directory.write(at(1_000), bytes("one")).await.unwrap();
    directory.write(at(2_000), bytes("two")).await.unwrap();
    assert_eq!(newest(&open(&dir).await).await, (at(2_000), bytes("two")));
}

#[tokio::test]
async fn an_url_of_a_local_file_is_the_same_as_its_path() {
    let dir = scratch();
    open(&dir).await.write(at(1), bytes("one")).await.unwrap();
    let directory = CheckpointDir::open(&format!("file://{}", dir.path().display())).await.unwrap();
    assert_eq!(newest(&directory).await, (at(1), bytes("one")));
}

#[tokio::test]
async fn a_late_checkpoint_of_an_older_batch_is_read_first_t215() {
    let dir = scratch();
    let mut directory = open(&dir).await;
    directory.write(at(2_000), bytes("generated 2000")).await.unwrap();
    directory.write(at(1_000), bytes("completed 1000")).await.unwrap();
    let again = open(&dir).await;
    assert_eq!(newest(&again).await, (at(1_000), bytes("completed 1000")));
    let times: Vec<_> = again.names().map(CheckpointName::time).collect();
    assert_eq!(times, [at(1_000), at(2_000)]);
}

#[tokio::test]
async fn directories_and_foreign_names_are_passed_over_and_left_alone_t216() {
    let dir = scratch();
    // The path of the directory itself looks like a checkpoint, and so does a directory in it.
    let inside = dir.path().join("checkpoint-00000000000000000001-1000");
    std::fs::create_dir_all(inside.join("checkpoint-00000000000000000009-9000")).unwrap();
    std::fs::write(inside.join("temp"), "x").unwrap();
    std::fs::write(inside.join("checkpoint-1000"), "Spark's").unwrap();
    let mut directory = CheckpointDir::open(inside.to_str().unwrap()).await.unwrap();
    assert_eq!(directory.names().count(), 0);
    for time in 0..20 {
        directory.write(at(time), bytes("x")).await.unwrap();
    }
    assert_eq!(newest(&directory).await.0, at(19));
    assert!(inside.join("temp").exists() && inside.join("checkpoint-1000").exists());
    assert!(inside.join("checkpoint-00000000000000000009-9000").is_dir());
}

#[tokio::test]
async fn the_newest_ten_stay() {
    let dir = scratch();
    let mut directory = open(&dir).await;
    for time in 0..25 {
        directory.write(at(time), bytes("x")).await.unwrap();
    }
    let times: Vec<_> = directory.names().map(|name| name.time().as_millis()).collect();
    assert_eq!(times, (15..25).rev().collect::<Vec<_>>());
    assert_eq!(files(&dir).len(), 10);
    assert!(open(&dir).await.names().eq(directory.names()));
}

#[tokio::test]
async fn a_damaged_newest_file_gives_way_to_the_one_before_it() {
    let damages: [fn(&std::path::Path); 3] = [
        |file| std::fs::write(file, "").unwrap(),
        |file| std::fs::write(file, &std::fs::read(file).unwrap()[..20]).unwrap(),
        |file| {
            let mut bytes = std::fs::read(file).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        let dir = scratch();
        let mut directory = open(&dir).await;
        directory.write(at(1), bytes("one")).await.unwrap();
        let second = directory.write(at(2), bytes("two")).await.unwrap();
        damage(&dir.path().join(second.to_string()));
        let again = open(&dir).await;
        let snapshot = again.read_newest().await.unwrap().unwrap();
        assert_eq!((snapshot.payload, snapshot.skipped), (bytes("one"), vec![second]));
        let error = again.read(second).await.unwrap_err();
        assert!(error.to_string().contains(&second.to_string()), "{error}");
    }
}

#[tokio::test]
async fn when_no_checkpoint_is_sound_that_is_an_error() {
    let dir = scratch();
    let first = open(&dir).await.write(at(1), bytes("one")).await.unwrap();
    std::fs::write(dir.path().join(first.to_string()), "junk").unwrap();
    let mut directory = open(&dir).await;
    let error = directory.read_newest().await.unwrap_err();
    assert!(error.to_string().starts_with("failed to read a checkpoint from"), "{error}");
    // Writing goes on all the same, after what is there.
    directory.write(at(2), bytes("two")).await.unwrap();
    assert_eq!(newest(&directory).await, (at(2), bytes("two")));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_full_is_named_with_the_file_and_leaves_the_checkpoint_before_it() {
    let store = Arc::new(Faulty::default());
    let mut directory = open_faulty(&store).await;
    directory.write(at(1), bytes("one")).await.unwrap();
    lock(&store.puts).extend([Some(Fault::Full); 3]);
    let error = directory.write(at(2), bytes("two")).await.unwrap_err();
    let text = crate::error::error_chain(&error);
    assert!(text.contains("cannot write memory/app/ck/checkpoint-"), "{text}");
    assert!(text.contains("check space") && text.contains("no storage space"), "{text}");
    assert_eq!(newest(&open_faulty(&store).await).await, (at(1), bytes("one")));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_has_space_again_at_the_third_attempt_gets_the_checkpoint() {
    let store = Arc::new(Faulty::default());
    let mut directory = open_faulty(&store).await;
    lock(&store.puts).extend([Some(Fault::Full); 2]);
    directory.write(at(1), bytes("one")).await.unwrap();
    assert_eq!(newest(&open_faulty(&store).await).await, (at(1), bytes("one")));
}

#[tokio::test]
async fn parts_are_read_with_the_checkpoint_that_names_them() {
    let dir = scratch();
    let mut directory = open(&dir).await;
    let mut draft = directory.begin(at(1));
    let full = draft.write_part("state-0", bytes("full")).await.unwrap();
    draft.publish(bytes("first")).await.unwrap();
    let mut draft = directory.begin(at(2));
    draft.keep_part(&full).unwrap();
    draft.write_part("state-0", bytes("delta")).await.unwrap();
    draft.publish(bytes("second")).await.unwrap();

    let snapshot = open(&dir).await.read_newest().await.unwrap().unwrap();
    let parts: Vec<_> =
        snapshot.parts.iter().map(|(part, bytes)| (part.label(), part.length(), bytes.clone())).collect();
    assert_eq!(parts, [("state-0", 4, bytes("full")), ("state-0", 5, bytes("delta"))]);
}

#[tokio::test]
async fn a_snapshot_whose_part_is_missing_or_damaged_gives_way_to_the_one_before_it() {
    for damage in ["", "junk"] {
        let dir = scratch();
        let mut directory = open(&dir).await;
        directory.write(at(1), bytes("one")).await.unwrap();
        let mut draft = directory.begin(at(2));
        let part = draft.write_part("p", bytes("part")).await.unwrap();
        let second = draft.publish(bytes("two")).await.unwrap();
        let file = dir.path().join(part.name.to_string());
        if damage.is_empty() {
            std::fs::remove_file(file).unwrap();
        } else {
            std::fs::write(file, damage).unwrap();
        }
        let snapshot = open(&dir).await.read_newest().await.unwrap().unwrap();
        assert_eq!((snapshot.payload, snapshot.skipped), (bytes("one"), vec![second]));
    }
}

#[tokio::test]
async fn parts_stay_as_long_as_a_kept_checkpoint_names_them() {
    let dir = scratch();
    let mut directory = open(&dir).await;
    let mut draft = directory.begin(at(0));
    let shared = draft.write_part("shared", bytes("s")).await.unwrap();
    let alone = draft.write_part("alone", bytes("a")).await.unwrap();
    draft.publish(bytes("0")).await.unwrap();
    for time in 1..=10 {
        let mut draft = directory.begin(at(time));
        draft.keep_part(&shared).unwrap();
        draft.publish(bytes("x")).await.unwrap();
    }
    assert!(files(&dir).contains(&shared.name.to_string()) && !files(&dir).contains(&alone.name.to_string()));
    let error = directory.begin(at(11)).keep_part(&alone).unwrap_err();
    assert!(error.to_string().contains("write it again"), "{error}");
    for time in 11..=20 {
        directory.write(at(time), bytes("x")).await.unwrap();
    }
    assert_eq!(files(&dir).len(), 10);
}

#[tokio::test]
async fn a_draft_that_is_dropped_leaves_nothing_after_the_next_checkpoint_even_after_a_restart() {
    let dir = scratch();
    for restart in [false, true] {
        let mut directory = open(&dir).await;
        let mut draft = directory.begin(at(1));
        draft.write_part("p", bytes("orphan")).await.unwrap();
        drop(draft);
        if restart {
            directory = open(&dir).await;
        }
        directory.write(at(2), bytes("two")).await.unwrap();
        assert!(files(&dir).iter().all(|file| file.starts_with("checkpoint-")));
    }
}

#[tokio::test]
async fn a_label_is_plain_and_used_once() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    let mut draft = directory.begin(at(1));
    assert!(matches!(draft.write_part("a/b", bytes("x")).await, Err(CheckpointError::Label { .. })));
    draft.write_part("a", bytes("x")).await.unwrap();
    assert!(matches!(draft.write_part("a", bytes("y")).await, Err(CheckpointError::Label { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_twice_succeeds_the_third_time() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    lock(&store.puts).extend([Some(Fault::Refused), Some(Fault::Refused)]);
    directory.write(at(1), bytes("one")).await.unwrap();
    assert_eq!(newest(&open_faulty(&store).await).await, (at(1), bytes("one")));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_three_times_is_an_error_and_the_next_one_is_tried_afresh() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    lock(&store.puts).extend([Some(Fault::Refused); 3]);
    let error = directory.write(at(1), bytes("one")).await.unwrap_err();
    assert!(error.to_string().contains("after 3 attempts: check space"), "{error}");
    assert!(error.to_string().contains("memory/app/ck/checkpoint-"), "{error}");
    directory.write(at(2), bytes("two")).await.unwrap();
    assert_eq!(newest(&directory).await, (at(2), bytes("two")));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_counts_as_done() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    lock(&store.puts).push_back(Some(Fault::ReplyLost));
    directory.write(at(1), bytes("one")).await.unwrap();
    assert_eq!(newest(&directory).await, (at(1), bytes("one")));
}

#[tokio::test(start_paused = true)]
async fn a_second_writer_is_noticed_and_overwrites_nothing() {
    let store = Arc::<Faulty>::default();
    let (mut one, mut two) = (open_faulty(&store).await, open_faulty(&store).await);
    one.write(at(1), bytes("mine")).await.unwrap();
    let error = two.write(at(1), bytes("other")).await.unwrap_err();
    assert!(matches!(error, CheckpointError::OtherWriter { .. }), "{error}");
    assert_eq!(newest(&open_faulty(&store).await).await, (at(1), bytes("mine")));
}

#[tokio::test(start_paused = true)]
async fn an_outage_while_reading_does_not_make_an_older_checkpoint_the_newest() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    directory.write(at(1), bytes("one")).await.unwrap();
    directory.write(at(2), bytes("two")).await.unwrap();
    lock(&store.gets).extend([Some(Fault::Refused); 3]);
    assert!(matches!(directory.read_newest().await, Err(CheckpointError::Read { attempts: 3, .. })));
    lock(&store.gets).extend([Some(Fault::Refused); 2]);
    assert_eq!(newest(&directory).await, (at(2), bytes("two")));
}

#[tokio::test]
async fn what_cannot_be_removed_is_removed_later() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    *lock(&store.deletes_fail) = true;
    for time in 0..15 {
        directory.write(at(time), bytes("x")).await.unwrap();
    }
    assert_eq!(directory.names().count(), 15);
    *lock(&store.deletes_fail) = false;
    directory.write(at(15), bytes("x")).await.unwrap();
    assert_eq!(directory.names().count(), 10);
    assert_eq!(open_faulty(&store).await.names().count(), 10);
}

#[tokio::test]
async fn a_sound_file_of_another_format_stops_the_start_instead_of_going_back() {
    let store = Arc::<Faulty>::default();
    let mut directory = open_faulty(&store).await;
    directory.write(at(1), bytes("one")).await.unwrap();
    let name = CheckpointName { sequence: 1, time: at(2) };
    // As a later version would write it: format 3, no payload.
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let file = [&b"dstrmckp\x03\0\0\0\0\0\0\0\0\0\0\0"[..], &checksum.finalize().to_le_bytes()].concat();
    store.put(&location(&store).path(&name.to_string()), file.into()).await.unwrap();
    let error = CheckpointDir::open_at(Files::new(location(&store))).await.unwrap_err();
    assert!(error.to_string().contains("was written by another version of dstream"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Writes go wrong in all ways, processes end between any two: what was published last is what is read.
    #[test]
    fn the_newest_snapshot_is_the_last_one_that_was_published(
        steps in proptest::collection::vec((0_usize..4, prop::bool::weighted(0.3), prop::bool::weighted(0.2)), 1..40),
        faults in proptest::collection::vec(proptest::option::weighted(0.3, prop_oneof![
            Just(Fault::Refused), Just(Fault::ReplyLost),
        ]), 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let store = Arc::<Faulty>::default();
            lock(&store.puts).extend(faults);
            let mut directory = open_faulty(&store).await;
            let mut last = None;
            let mut shared: Option<PartRef> = None;
            for (time, (parts, keep, restart)) in (0_i64..).zip(steps) {
                if restart {
                    directory = open_faulty(&store).await;
                }
                let mut draft = directory.begin(at(time));
                let mut written = Vec::new();
                if keep && let Some(part) = &shared && draft.keep_part(part).is_ok() {
                    written.push(part.clone());
                }
                let mut failed = false;
                for part in 0..parts {
                    match draft.write_part(&format!("p-{part}"), bytes(&format!("{time} {part}"))).await {
                        Ok(part) => written.push(part),
                        Err(_) => failed = true,
                    }
                }
                if !failed && draft.publish(bytes(&time.to_string())).await.is_ok() {
                    shared = written.last().cloned().or(shared);
                    last = Some((time, written));
                } else if !failed {
                    // Told to have failed; it may have been done, and then it is the newest.
                    let found = open_faulty(&store).await.read_newest().await.unwrap();
                    if found.is_some_and(|found| found.name.time() == at(time)) {
                        last = Some((time, written));
                    }
                }
                let found = open_faulty(&store).await.read_newest().await.unwrap();
                let found = found.map(|found| {
                    assert_eq!(found.skipped, []);
                    (found.name.time().as_millis(), found.parts.into_iter().map(|(part, _)| part).collect::<Vec<_>>())
                });
                assert_eq!(found, last);
            }
        });
    }
}
