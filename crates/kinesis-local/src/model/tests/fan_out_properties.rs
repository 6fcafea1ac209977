//! What holds for any story of a subscriber: every record once and in order, however often it resumes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use proptest::prelude::*;

use super::fan_out::{subscribe, with_consumer};
use super::properties::{Step, reshard, step};
use super::*;

#[derive(Debug, Clone)]
enum Act {
    Story(Step),
    /// Drops the subscription to one of the shards, by place, and subscribes again.
    Resume(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![6 => step().prop_map(Act::Story), 1 => any::<usize>().prop_map(Act::Resume)];
    proptest::collection::vec(act, 1..120)
}

/// Small enough intervals that a story of seconds has beats and ends, and 300 kB records that three fill an event.
fn settings(fan_out_limit: bool) -> Settings {
    Settings {
        subscription_grace: Duration::ZERO,
        subscription_life: Duration::from_millis(3_000),
        heartbeat_interval: Duration::from_millis(400),
        fan_out_limit,
        ..Settings::default()
    }
}

struct Followed {
    subscription: Subscription,
    /// Where to go on.
    position: StartingPosition,
}

/// Follows every shard that it has heard of; children when their parents have ended.
#[derive(Default)]
struct Subscriber {
    open: BTreeMap<u32, Followed>,
    started: BTreeMap<u32, Vec<Record>>,
    beats: usize,
}

impl Subscriber {
    fn start(&mut self, model: &mut Model, now: Millis, shard: u32) {
        if let Entry::Vacant(place) = self.started.entry(shard) {
            place.insert(Vec::new());
            self.follow(model, now, shard, StartingPosition::TrimHorizon);
        }
    }

    fn follow(&mut self, model: &mut Model, now: Millis, shard: u32, position: StartingPosition) {
        let subscription = subscribe(model, now, shard, position).unwrap();
        self.open.insert(shard, Followed { subscription, position });
    }

    fn resume(&mut self, model: &mut Model, now: Millis, place: usize) {
        if let Some(shard) = self.open.keys().nth(place % self.open.len().max(1)).copied() {
            let position = self.open[&shard].position;
            self.follow(model, now, shard, position);
        }
    }

    /// One look at each shard; whether there was anything.
    fn poll(&mut self, model: &mut Model, now: Millis) -> bool {
        let mut any = false;
        for shard in self.open.keys().copied().collect::<Vec<_>>() {
            let followed = self.open.get_mut(&shard).unwrap();
            match model.poll_subscription(now, &followed.subscription) {
                Polled::Event(event) => {
                    any = true;
                    self.beats += usize::from(event.records.is_empty());
                    assert_eq!(event.continuation.is_none(), !event.child_shards.is_empty());
                    let seen = self.started.get_mut(&shard).unwrap();
                    seen.extend(event.records);
                    let Some(continuation) = event.continuation else {
                        self.open.remove(&shard);
                        for child in event.child_shards {
                            self.start(model, now, child.id.0);
                        }
                        continue;
                    };
                    assert!(seen.last().is_none_or(|last| last.sequence_number <= continuation));
                    followed.position = StartingPosition::AfterSequenceNumber(continuation);
                }
                Polled::Nothing { wake } => assert!(wake > now, "a hint that does not wait would spin"),
                Polled::Ended => {
                    let position = followed.position;
                    self.follow(model, now, shard, position);
                }
                Polled::Failed(error) => panic!("{error}"),
            }
        }
        any
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_subscriber_that_resumes_at_any_time_sees_every_record_once_and_in_order(
        first in 1_u32..4, limit in any::<bool>(), acts in acts(),
    ) {
        let mut model = with_consumer(first, settings(limit));
        let data = Payload::from_bytes(&[b'x'; 300_000]);
        let mut subscriber = Subscriber::default();
        for shard in 0..first {
            subscriber.start(&mut model, T0, shard);
        }
        let mut stored: BTreeMap<u32, Vec<SequenceNumber>> = BTreeMap::new();
        let mut now = T0;
        for act in &acts {
            match act {
                Act::Story(Step::Put(point)) => {
                    let entry = PutEntry::new("key", Some(HashKey::new(*point)), data.clone()).unwrap();
                    let put = model.put_record(now, PutRecord { stream: "words".into(), entry }).unwrap();
                    stored.entry(put.shard_id.0).or_default().push(put.sequence_number);
                }
                Act::Story(Step::Read) => { subscriber.poll(&mut model, now); }
                Act::Story(Step::Wait(millis)) => now = now.plus(Duration::from_millis(*millis)),
                Act::Story(step) => reshard(&mut model, now, step),
                Act::Resume(place) => subscriber.resume(&mut model, now, *place),
            }
        }
        let beats = subscriber.beats;
        for round in 0.. {
            prop_assert!(round < 1_000, "it does not come to rest");
            now = now.plus(Duration::from_millis(399));
            let seen: usize = subscriber.started.values().map(Vec::len).sum();
            if seen == stored.values().map(Vec::len).sum::<usize>() && subscriber.beats > beats + 20 {
                break;
            }
            while subscriber.poll(&mut model, now) {}
        }
        for (shard, records) in &subscriber.started {
            let numbers: Vec<_> = records.iter().map(|record| record.sequence_number).collect();
            prop_assert_eq!(&numbers, stored.entry(*shard).or_default());
        }
        prop_assert!(stored.keys().all(|shard| subscriber.started.contains_key(shard)));
    }
}
