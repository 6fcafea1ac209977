//! The simulated stream: the pure Kinesis model of `kinesis-local` under virtual time, behind the seam of `kinesis-asl`.
//!
//! Calls take no time and never fail of themselves; delays and faults are put on top by [`crate::faults`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kinesis_asl::api::{KinesisApi, NextPage, Page, Place, ShardFilter, ShardIterator};
use kinesis_asl::shard::{Shard, ShardId};
use kinesis_asl::{SequenceNumber, ServiceError, StreamIdentity};
use kinesis_local::model::{self, KinesisError, Millis, Model};
use kpl_deagg::Aggregator;

use crate::chronicle::Chronicle;
use crate::clock::SimClock;
use crate::event::Event;
use crate::translate::{child_of, millis, parents_of, raw_record, refused, senseless, sequence, shard_id, shard_of};

/// The name of the one stream.
pub(crate) const STREAM: &str = "simulated";

/// A stream in virtual time.
#[derive(Debug)]
pub struct SimKinesis {
    clock: SimClock,
    chronicle: Arc<Chronicle>,
    /// Held for one operation of the model, never across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    model: Model,
    /// User records of each Kinesis record; 1 for plain records.
    aggregate: u64,
    produced: u64,
    parents: BTreeMap<ShardId, BTreeSet<ShardId>>,
}

/// What a stream is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamShape {
    /// Shards at the start.
    pub shards: u32,
    /// User records of each Kinesis record: KPL aggregates if there are two or more.
    pub aggregate: u64,
    /// How long a shard iterator lives.
    pub iterator_life: Duration,
}

/// The data of a Kinesis record: a text, or an aggregate of it so many times.
fn packed(text: &str, times: u64) -> Vec<u8> {
    if times < 2 {
        return text.as_bytes().to_vec();
    }
    let mut aggregator = Aggregator::new(LARGEST_AGGREGATE);
    for _ in 0..times {
        // So short ones all fit; one that did not would be missed as a record that was never processed.
        let _ = aggregator.try_add(text, None, text.as_bytes());
    }
    aggregator.finish().map_or_else(Vec::new, |finished| finished.data.to_vec())
}

/// Far more than so few and so short records need.
const LARGEST_AGGREGATE: usize = 50_000;

/// What became of a split or merge that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reshard {
    /// It takes effect in a moment.
    Begun,
    /// The stream refused it, in its own words.
    Refused(String),
}

impl SimKinesis {
    /// A stream that takes records after a moment: see `Settings::status_delay`.
    ///
    /// # Errors
    /// When the model refuses the number of shards.
    pub fn new(
        clock: SimClock,
        chronicle: Arc<Chronicle>,
        shape: &StreamShape,
        seed: u64,
    ) -> Result<Self, KinesisError> {
        let StreamShape { shards, aggregate, iterator_life } = *shape;
        let mut model = Model::new(model::Settings { iterator_life, ..model::Settings::default() }, seed);
        let request = model::CreateStream::provisioned(STREAM, shards);
        model.create_stream(Millis::new(clock.unix_millis()), &request)?;
        let state = State { model, aggregate, produced: 0, parents: BTreeMap::new() };
        Ok(Self { clock, chronicle, state: Mutex::new(state) })
    }

    /// Puts records, each with a key of its own, so that they spread over the shards.
    pub fn put(&self, count: u32) {
        for _ in 0..count {
            let event = match self.put_one() {
                Ok(produced) => produced,
                Err(why) => Event::PutFailed(why),
            };
            self.chronicle.record(event);
        }
    }

    /// The shards that take records, in the order of their hash keys, so that neighbours can be merged.
    #[must_use]
    pub fn open_shards(&self) -> Vec<ShardId> {
        let listed = self.list(model::ShardFilter::AtLatest);
        let mut open = listed.unwrap_or_default();
        open.sort_by_key(|shard| shard.range.start);
        open.iter().map(|shard| shard_id(shard.id)).collect()
    }

    /// Splits a shard in the middle.
    pub fn split(&self, shard: &ShardId) -> Reshard {
        let described = self.list(model::ShardFilter::AtLatest).unwrap_or_default();
        let Some(parent) = described.into_iter().find(|described| shard_id(described.id) == *shard) else {
            return Reshard::Refused(format!("{shard} is not open"));
        };
        let (start, end) = (parent.range.start.get(), parent.range.end.get());
        let new_starting_hash_key = model::HashKey::new(start + (end - start) / 2 + 1);
        let request = model::SplitShard { stream: STREAM.into(), shard: parent.id, new_starting_hash_key };
        let answer = self.lock().model.split_shard(self.now(), &request);
        self.reshard(format!("split {shard}"), answer)
    }

    /// Merges two shards that are neighbours.
    pub fn merge(&self, shard: &ShardId, adjacent: &ShardId) -> Reshard {
        let (Ok(left), Ok(right)) = (shard.as_str().parse(), adjacent.as_str().parse()) else {
            return Reshard::Refused(format!("{shard} or {adjacent} is not a shard"));
        };
        let request = model::MergeShards { stream: STREAM.into(), shard: left, adjacent: right };
        let answer = self.lock().model.merge_shards(self.now(), &request);
        self.reshard(format!("merge {shard} and {adjacent}"), answer)
    }

    /// The shards that a shard came from.
    #[must_use]
    pub fn parents(&self, shard: &ShardId) -> Vec<ShardId> {
        if let Some(parents) = self.lock().parents.get(shard) {
            return parents.iter().cloned().collect();
        }
        let listed = self.list(model::ShardFilter::FromTrimHorizon).unwrap_or_default();
        let mut state = self.lock();
        state.parents.extend(listed.iter().map(|shard| (shard_id(shard.id), parents_of(shard))));
        state.parents.get(shard).map_or_else(Vec::new, |parents| parents.iter().cloned().collect())
    }

    fn put_one(&self) -> Result<Event, String> {
        let now = self.now();
        let mut state = self.lock();
        state.produced += 1;
        let text = state.produced.to_string();
        let (aggregate, data) = (state.aggregate, packed(&text, state.aggregate));
        let entry = model::PutEntry::new(&text, None, model::Payload::from_bytes(&data));
        let entry = entry.map_err(|error| error.to_string())?;
        let stored = state.model.put_record(now, model::PutRecord { stream: STREAM.into(), entry });
        let stored = stored.map_err(|error| error.to_string())?;
        let arrival = i64::try_from(now.get()).map_err(|error| error.to_string())?;
        let (shard, sequence) = (shard_id(stored.shard_id), sequence(stored.sequence_number)?);
        Ok(Event::Produced { shard, sequence, records: aggregate, arrival })
    }

    fn reshard(&self, what: String, answer: Result<(), KinesisError>) -> Reshard {
        match answer {
            Ok(()) => {
                self.chronicle.record(Event::Reshard(what));
                Reshard::Begun
            }
            Err(error) => Reshard::Refused(error.to_string()),
        }
    }

    fn list(&self, filter: model::ShardFilter) -> Result<Vec<model::ShardDescription>, KinesisError> {
        let mut request = model::ListShards::filtered(STREAM, filter);
        let mut shards = Vec::new();
        loop {
            let page = self.lock().model.list_shards(self.now(), &request)?;
            shards.extend(page.shards);
            let Some(token) = page.next_token else { return Ok(shards) };
            request = model::ListShards::Next { token, max_results: None };
        }
    }

    fn now(&self) -> Millis {
        Millis::new(self.clock.unix_millis())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KinesisApi for SimKinesis {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        const CALL: &str = "DescribeStreamSummary";
        let answer = self.lock().model.describe_stream_summary(self.now(), &STREAM.into());
        let created = answer.map_err(|error| refused(CALL, error))?.created.seconds();
        Ok(StreamIdentity::new(STREAM, i64::try_from(created).map_err(|error| senseless(CALL, error))?))
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        const CALL: &str = "ListShards";
        let filter = match filter {
            ShardFilter::All => model::ShardFilter::FromTrimHorizon,
            ShardFilter::AtLatest => model::ShardFilter::AtLatest,
            ShardFilter::AtTrimHorizon => model::ShardFilter::AtTrimHorizon,
            ShardFilter::AtTimestamp(at) => model::ShardFilter::AtTimestamp(millis(at)),
        };
        let listed = self.list(filter).map_err(|error| refused(CALL, error))?;
        listed.iter().map(shard_of).collect::<Result<_, _>>().map_err(|why| senseless(CALL, why))
    }

    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        const CALL: &str = "GetShardIterator";
        let numbered = |sequence: SequenceNumber| sequence.to_string().parse().map_err(|why| senseless(CALL, why));
        let position = match place {
            Place::TrimHorizon => model::StartingPosition::TrimHorizon,
            Place::Latest => model::StartingPosition::Latest,
            Place::AtTimestamp(at) => model::StartingPosition::AtTimestamp(millis(at)),
            Place::At(sequence) => model::StartingPosition::AtSequenceNumber(numbered(sequence)?),
            Place::After(sequence) => model::StartingPosition::AfterSequenceNumber(numbered(sequence)?),
        };
        let shard_id = shard.as_str().parse().map_err(|why| senseless(CALL, why))?;
        let request = model::GetShardIterator { stream: STREAM.into(), shard_id, position };
        let iterator = self.lock().model.get_shard_iterator(self.now(), &request);
        iterator.map(ShardIterator).map_err(|error| refused(CALL, error))
    }

    async fn next_page(&self, _shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        const CALL: &str = "GetRecords";
        let request = model::GetRecords { iterator: iterator.0.clone(), limit: Some(u32::from(limit)) };
        let answer = self.lock().model.get_records(self.now(), &request).map_err(|error| refused(CALL, error))?;
        let records: Result<_, String> = answer.records.iter().map(raw_record).collect();
        let children: Result<_, String> = answer.child_shards.iter().map(child_of).collect();
        let next = match answer.next_iterator {
            Some(next) => NextPage::Iterator(ShardIterator(next)),
            None => NextPage::ShardEnd(children.map_err(|why| senseless(CALL, why))?),
        };
        Ok(Page {
            records: records.map_err(|why| senseless(CALL, why))?,
            next,
            millis_behind_latest: i64::try_from(answer.millis_behind_latest).ok(),
        })
    }
}
