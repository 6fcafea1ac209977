//! KPL aggregates: taken apart, and resumed in the middle.

use aws_sdk_dynamodb::types::AttributeValue;
use kinesis_asl::position::Checkpoint;
use kinesis_asl::{Aggregation, Position};
use kpl_deagg::{Aggregator, TryAdd};

use crate::support::consumer::Setup;
use crate::support::world::{World, shard};

/// An aggregate of these numbers, each under a key of its own.
fn aggregate(numbers: std::ops::Range<u64>) -> kpl_deagg::Aggregate {
    let mut aggregator = Aggregator::new(1 << 20);
    for number in numbers {
        let added = aggregator.try_add(&format!("user-{number}"), None, number.to_string().as_bytes());
        assert_eq!(added, TryAdd::Added);
    }
    aggregator.finish().unwrap()
}

#[tokio::test]
async fn aggregates_among_plain_records_become_their_user_records_in_order_with_their_own_keys() {
    let world = World::start(1).await;
    let app = Setup::of(&world).start().await;
    let plain = world.putter().one("plain", b"0").await;
    let fifty = aggregate(1..51);
    let sequence = world.putter().one(&fifty.partition_key, &fifty.data).await;
    app.notes.reach(51).await;
    let notes = app.stop().await.all();

    assert_eq!((notes[0].position, notes[0].aggregation), (Position::new(plain, 0), Aggregation::Plain));
    assert_eq!(notes.len(), 51);
    for (noted, number) in notes[1..].iter().zip(1..) {
        let (key, position) = (format!("user-{number}"), Position::new(sequence, number - 1));
        assert_eq!((noted.number(), &noted.key, noted.position), (number, &key, position));
        assert_eq!(noted.aggregation, Aggregation::Aggregated);
    }
    assert_eq!(world.leases().await[&shard(0)].checkpoint, Checkpoint::At(Position::new(sequence, 49)));
    world.stop().await;
}

#[tokio::test]
async fn regression_r2_a_checkpoint_within_an_aggregate_is_resumed_at_the_exact_sub_sequence_number() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let first = setup.start().await;
    let fifty = aggregate(0..50);
    world.putter().one(&fifty.partition_key, &fifty.data).await;
    first.notes.reach(50).await;
    first.stop().await;

    // A Java worker checkpoints after any user record; so may have stopped in the middle.
    world.set(&shard(0), &[("checkpointSubSequenceNumber", AttributeValue::N("19".to_owned()))]).await;
    world.putter().one("plain", b"50").await;
    let second = setup.start().await;
    second.notes.reach(31).await;
    assert_eq!(second.stop().await.numbers(), (20..51).collect::<Vec<_>>());
    world.stop().await;
}

#[tokio::test]
async fn what_was_processed_of_an_aggregate_does_not_come_again_after_a_restart() {
    let world = World::start(1).await;
    let setup = Setup::of(&world);
    let first = setup.start().await;
    let fifty = aggregate(0..50);
    world.putter().one(&fifty.partition_key, &fifty.data).await;
    first.notes.reach(50).await;
    first.stop().await;

    let second = setup.start().await;
    world.putter().one("plain", b"50").await;
    second.notes.reach(1).await;
    assert_eq!(second.stop().await.numbers(), [50]);
    world.stop().await;
}
