//! Lines from a TCP server: what arrives, what comes after the end of a connection, and how it all stops.
#![allow(clippy::unwrap_used, clippy::future_not_send, reason = "part of tests, outside of their functions")]

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Rig, Seeing, in_time};
use bytes::Bytes;
use dstream_core::testing::receiver_store;
use dstream_core::{
    Block, Event, Receiver as _, SocketLines, SocketTextReceiver, StopMode, StorageLevel, StreamId, error_chain,
};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const SOON: Duration = Duration::from_millis(20);

async fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    in_time(listener.accept()).await.unwrap().0
}

async fn send(connection: &mut TcpStream, text: &str) {
    connection.write_all(text.as_bytes()).await.unwrap();
}

/// Waits for a block, turn by turn of the runtime.
async fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    in_time(async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn texts(blocks: &[Block<Bytes, SocketLines>]) -> Vec<&str> {
    blocks.iter().flat_map(Block::records).map(|line| std::str::from_utf8(line).unwrap()).collect()
}

#[tokio::test]
async fn lines_one_to_five_are_received_and_processed_t269() {
    let (listener, port) = server().await;
    let rig = Rig::new();
    let seen = Seeing::new();
    let sink = seen.clone();
    let lines = rig.ctx.socket_text_stream("127.0.0.1", port, StorageLevel::MemoryAndDisk);
    lines.foreach_rdd(move |rdd, _| {
        rdd.collect()?.into_iter().for_each(|line| sink.push(line));
        Ok(())
    });
    rig.ctx.start().await.unwrap();
    let mut connection = accept(&listener).await;
    in_time(rig.ctx.ready()).await;
    for line in 1..=5 {
        send(&mut connection, &format!("{line}\n")).await;
    }
    while seen.all().len() < 5 {
        rig.batch().await;
    }
    in_time(rig.ctx.stop(StopMode::Graceful)).await.unwrap();
    assert_eq!(seen.all(), ["1", "2", "3", "4", "5"]);
    let records = |event| if let Event::BatchCompleted(info) = event { info.records() } else { 0 };
    assert_eq!(rig.events().into_iter().map(records).sum::<usize>(), 5);
}

#[tokio::test]
async fn after_the_end_of_a_connection_the_next_one_is_made_no_sooner_than_asked_t266() {
    let (listener, port) = server().await;
    let (store, probe) = receiver_store::<Bytes, SocketLines>(StreamId::new(0), 1_000);
    let mut receiver = SocketTextReceiver::new("127.0.0.1", port).reconnect_after(SOON);
    receiver.start(store).await.unwrap();
    let mut first = accept(&listener).await;
    send(&mut first, "a\r\nb\nno end").await;
    drop(first);
    let ended = Instant::now();
    let mut second = accept(&listener).await;
    assert!(ended.elapsed() >= SOON, "{:?}", ended.elapsed());
    assert!(probe.is_ready());
    send(&mut second, "c\n").await;
    let blocks = std::cell::RefCell::new(Vec::new());
    eventually(|| {
        blocks.borrow_mut().extend(probe.cut());
        (texts(&blocks.borrow()).len() == 4).then_some(())
    })
    .await;
    let blocks = blocks.into_inner();
    assert_eq!(texts(&blocks), ["a", "b", "no end", "c"]);
    let last = blocks.last().unwrap().ranges().last().unwrap().to_string();
    assert_eq!(last, format!("lines 1 to 1 of connection 2 to 127.0.0.1:{port}"));
    in_time(receiver.stop_fetching()).await;
    receiver.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_yet_is_tried_again() {
    let (listener, port) = server().await;
    drop(listener);
    let (store, probe) = receiver_store::<Bytes, SocketLines>(StreamId::new(0), 1_000);
    let mut receiver = SocketTextReceiver::new("127.0.0.1", port).reconnect_after(Duration::from_millis(1));
    receiver.start(store).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut connection = accept(&listener).await;
    send(&mut connection, "here\n").await;
    let block = eventually(|| probe.cut()).await;
    assert_eq!(texts(&[block]), ["here"]);
    in_time(receiver.stop_fetching()).await;
}

#[tokio::test]
async fn a_line_without_end_stops_the_application_with_server_and_remedy() {
    let (listener, port) = server().await;
    let (store, probe) = receiver_store::<Bytes, SocketLines>(StreamId::new(0), 1_000);
    let mut receiver = SocketTextReceiver::new("127.0.0.1", port).max_line_bytes(5);
    receiver.start(store).await.unwrap();
    let mut connection = accept(&listener).await;
    send(&mut connection, "good\nendless").await;
    let error = error_chain(&eventually(|| probe.failure()).await);
    assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("max_line_bytes"), "{error}");
    assert_eq!(texts(&[probe.cut().unwrap()]), ["good"]);
    in_time(receiver.stop_fetching()).await;
}

#[tokio::test]
async fn a_receiver_stops_at_once_while_it_reads_and_while_it_waits_to_connect() {
    let (listener, port) = server().await;
    let (store, _probe) = receiver_store::<Bytes, SocketLines>(StreamId::new(0), 1_000);
    let mut reading = SocketTextReceiver::new("127.0.0.1", port);
    reading.start(store.clone()).await.unwrap();
    let connection = accept(&listener).await;
    in_time(reading.stop_fetching()).await;
    drop((connection, listener));
    let mut waiting = SocketTextReceiver::new("127.0.0.1", port).reconnect_after(Duration::from_secs(3_600));
    waiting.start(store).await.unwrap();
    in_time(waiting.stop_fetching()).await;
}

#[tokio::test]
async fn lines_that_were_read_are_stored_although_the_stop_comes_while_memory_is_full() {
    let (listener, port) = server().await;
    let (store, probe) = receiver_store::<Bytes, SocketLines>(StreamId::new(0), 40);
    let mut receiver = SocketTextReceiver::new("127.0.0.1", port);
    receiver.start(store).await.unwrap();
    let mut connection = accept(&listener).await;
    send(&mut connection, "one\n").await;
    let first = eventually(|| probe.cut()).await;
    send(&mut connection, "two\n").await;
    let probe = Arc::new(probe);
    let stopping = tokio::spawn(async move {
        receiver.stop_fetching().await;
        receiver
    });
    drop(in_time(stopping).await.unwrap());
    let rest = probe.cut();
    // Whether "two" was read before the stop is open; it is whole if it was.
    assert_eq!(texts(&[first]), ["one"]);
    assert!(rest.is_none_or(|block| texts(&[block]) == ["two"]));
}
