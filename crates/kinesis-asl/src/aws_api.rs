//! Kinesis through the AWS SDK. SDK types and errors stop here.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Builder as Config, StalledStreamProtectionConfig};
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{self as sdk, Record, ShardFilter as SdkFilter, ShardFilterType, ShardIteratorType};
use kinesis_endpoint::{ServiceAccess, ServiceError, ServiceErrorKind};
use kpl_deagg::HashKeyRange;

use crate::api::{KinesisApi, NextPage, Page, Place, RawRecord, ShardFilter, ShardIterator};
use crate::aws_subscription::{AwsSubscription, CALL as SUBSCRIBE, registered, starting_position};
use crate::buffer_pool::BufferPool;
use crate::packing::Packing;
use crate::position::Timestamp;
use crate::sequence::SequenceNumber;
use crate::shard::{ChildShard, Shard, ShardId, ShardState};
use crate::stream_identity::StreamIdentity;
use crate::stream_key::StreamKey;
use crate::subscription::{ConsumerArn, RegisteredConsumer, Subscription};

const DESCRIBE: &str = "DescribeStreamSummary";

/// One stream, through the AWS SDK.
#[derive(Debug, Clone)]
pub struct AwsKinesis {
    client: Client,
    stream: String,
    buffers: Arc<BufferPool>,
}

impl AwsKinesis {
    /// A client for one stream. Nothing is sent yet.
    ///
    /// # Cancellation
    /// Safe: nothing is kept.
    pub async fn connect(access: &ServiceAccess, stream: &str) -> Self {
        let client = Client::new(&access.sdk_config().await);
        Self { client, stream: stream.to_owned(), buffers: BufferPool::shared() }
    }

    async fn summary(&self) -> Result<sdk::StreamDescriptionSummary, ServiceError> {
        let request = self.client.describe_stream_summary().stream_name(&self.stream);
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk(DESCRIBE, self.subject(), e))?;
        let summary = answer.stream_description_summary;
        summary.ok_or_else(|| ServiceError::invalid_response(DESCRIBE, self.subject(), "no description in the answer"))
    }

    fn consumer_subject(&self, name: &str) -> String {
        format!("consumer '{name}' of stream '{}'", self.stream)
    }

    fn subject(&self) -> String {
        format!("stream '{}'", self.stream)
    }

    fn shard_subject(&self, shard: &ShardId) -> String {
        format!("shard '{shard}' of stream '{}'", self.stream)
    }
}

#[async_trait]
impl KinesisApi for AwsKinesis {
    async fn identity(&self) -> Result<StreamIdentity, ServiceError> {
        Ok(StreamIdentity::new(&self.stream, self.summary().await?.stream_creation_timestamp.secs()))
    }

    async fn key(&self) -> Result<StreamKey, ServiceError> {
        let summary = self.summary().await?;
        let stream = StreamIdentity::new(&self.stream, summary.stream_creation_timestamp.secs());
        // arn:aws:kinesis:region:account:stream/name
        let account = summary.stream_arn.split(':').nth(4).unwrap_or_default();
        StreamKey::new(account, &stream).ok_or_else(|| {
            let why = format!("the ARN '{}' has no account", summary.stream_arn);
            ServiceError::invalid_response(DESCRIBE, self.subject(), why)
        })
    }

    async fn list_shards(&self, filter: ShardFilter) -> Result<Vec<Shard>, ServiceError> {
        const CALL: &str = "ListShards";
        let mut shards = Vec::new();
        let mut token = None;
        loop {
            // A page after the first is named by its token alone.
            let request = match token.take() {
                Some(token) => self.client.list_shards().next_token(token),
                None => self.client.list_shards().stream_name(&self.stream).set_shard_filter(sdk_filter(filter)?),
            };
            let page = request.send().await.map_err(|e| ServiceError::from_sdk(CALL, self.subject(), e))?;
            for shard in page.shards() {
                shards.push(shard_of(shard).map_err(|why| ServiceError::invalid_response(CALL, self.subject(), why))?);
            }
            match page.next_token {
                Some(next) => token = Some(next),
                None => return Ok(shards),
            }
        }
    }

    async fn shard_iterator(&self, shard: &ShardId, place: Place) -> Result<ShardIterator, ServiceError> {
        const CALL: &str = "GetShardIterator";
        let request = self.client.get_shard_iterator().stream_name(&self.stream).shard_id(shard.as_str());
        let request = match place {
            Place::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Place::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            Place::AtTimestamp(at) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(at.as_millis())),
            Place::At(sequence) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(sequence.to_string()),
            Place::After(sequence) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(sequence.to_string()),
        };
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk(CALL, self.shard_subject(shard), e))?;
        answer
            .shard_iterator
            .map(ShardIterator)
            .ok_or_else(|| ServiceError::invalid_response(CALL, self.shard_subject(shard), "no iterator in the answer"))
    }

    async fn next_page(&self, shard: &ShardId, iterator: &ShardIterator, limit: u16) -> Result<Page, ServiceError> {
        const CALL: &str = "GetRecords";
        let request = self.client.get_records().shard_iterator(&iterator.0).limit(i32::from(limit));
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk(CALL, self.shard_subject(shard), e))?;
        let senseless = |why| ServiceError::invalid_response(CALL, self.shard_subject(shard), why);
        let records = raw_records(answer.records, &self.buffers).map_err(senseless)?;
        let next = match answer.next_shard_iterator {
            Some(next) => NextPage::Iterator(ShardIterator(next)),
            None => NextPage::ShardEnd(
                answer
                    .child_shards
                    .unwrap_or_default()
                    .iter()
                    .map(child_of)
                    .collect::<Result<_, _>>()
                    .map_err(senseless)?,
            ),
        };
        Ok(Page { records, next, millis_behind_latest: answer.millis_behind_latest })
    }

    async fn find_consumer(&self, name: &str) -> Result<Option<RegisteredConsumer>, ServiceError> {
        const CALL: &str = "DescribeStreamConsumer";
        let stream = self.summary().await?.stream_arn;
        let request = self.client.describe_stream_consumer().stream_arn(stream).consumer_name(name);
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk(CALL, self.consumer_subject(name), e));
        match answer {
            Ok(answer) => {
                let found = answer.consumer_description;
                Ok(found.map(|found| registered(found.consumer_arn, &found.consumer_status)))
            }
            // The stream was there a moment ago.
            Err(error) if error.kind == ServiceErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn register_consumer(&self, name: &str) -> Result<RegisteredConsumer, ServiceError> {
        const CALL: &str = "RegisterStreamConsumer";
        let stream = self.summary().await?.stream_arn;
        let request = self.client.register_stream_consumer().stream_arn(stream).consumer_name(name);
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk(CALL, self.consumer_subject(name), e))?;
        let made = answer.consumer.map(|made| registered(made.consumer_arn, &made.consumer_status));
        made.ok_or_else(|| {
            ServiceError::invalid_response(CALL, self.consumer_subject(name), "no consumer in the answer")
        })
    }

    async fn deregister_consumer(&self, consumer: &ConsumerArn) -> Result<(), ServiceError> {
        const CALL: &str = "DeregisterStreamConsumer";
        let request = self.client.deregister_stream_consumer().consumer_arn(&consumer.0);
        let answer =
            request.send().await.map_err(|e| ServiceError::from_sdk(CALL, format!("consumer '{consumer}'"), e));
        answer.map(|_| ())
    }

    async fn subscribe(
        &self,
        consumer: &ConsumerArn,
        shard: &ShardId,
        place: Place,
    ) -> Result<Box<dyn Subscription>, ServiceError> {
        let subject = self.shard_subject(shard);
        let place = starting_position(place).map_err(|why| ServiceError::invalid_response(SUBSCRIBE, &subject, why))?;
        let request = self.client.subscribe_to_shard().consumer_arn(&consumer.0).shard_id(shard.as_str());
        // A quiet shard has an event every 5 s only. The reader watches over that itself.
        let quiet = Config::new().stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        let request = request.starting_position(place).customize().config_override(quiet);
        let output = request.send().await.map_err(|e| ServiceError::from_sdk(SUBSCRIBE, &subject, e))?;
        Ok(Box::new(AwsSubscription { output, subject, buffers: Arc::clone(&self.buffers) }))
    }
}

fn sdk_filter(filter: ShardFilter) -> Result<Option<SdkFilter>, ServiceError> {
    let filter = match filter {
        ShardFilter::All => return Ok(None),
        ShardFilter::AtLatest => SdkFilter::builder().r#type(ShardFilterType::AtLatest),
        ShardFilter::AtTrimHorizon => SdkFilter::builder().r#type(ShardFilterType::AtTrimHorizon),
        ShardFilter::AtTimestamp(at) => {
            SdkFilter::builder().r#type(ShardFilterType::AtTimestamp).timestamp(DateTime::from_millis(at.as_millis()))
        }
    };
    let senseless = |e: aws_sdk_kinesis::error::BuildError| {
        ServiceError::invalid_response("ListShards", "the shard filter", e.to_string())
    };
    filter.build().map(Some).map_err(senseless)
}

fn shard_of(shard: &sdk::Shard) -> Result<Shard, String> {
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    let sequences = shard.sequence_number_range();
    let number = |text: Option<&str>| text.map(str::parse::<SequenceNumber>).transpose();
    let first = number(sequences.map(sdk::SequenceNumberRange::starting_sequence_number));
    let last = number(sequences.and_then(sdk::SequenceNumberRange::ending_sequence_number));
    Ok(Shard {
        id: shard.shard_id().into(),
        parents: parents.into_iter().flatten().map(ShardId::from).collect(),
        hash_range: hash_range(shard.hash_key_range())?,
        starting_sequence: first.map_err(|error| error.to_string())?,
        ending_sequence: last.map_err(|error| error.to_string())?,
        state: match sequences.and_then(|range| range.ending_sequence_number()) {
            Some(_) => ShardState::Closed,
            None => ShardState::Open,
        },
    })
}

pub(crate) fn child_of(child: &sdk::ChildShard) -> Result<ChildShard, String> {
    let parents: BTreeSet<ShardId> = child.parent_shards().iter().map(|parent| parent.as_str().into()).collect();
    if parents.is_empty() {
        return Err(format!("child shard '{}' without parents", child.shard_id()));
    }
    Ok(ChildShard { id: child.shard_id().into(), parents, hash_range: hash_range(child.hash_key_range())? })
}

fn hash_range(range: Option<&sdk::HashKeyRange>) -> Result<Option<HashKeyRange>, String> {
    range
        .map(|range| HashKeyRange::parse(range.starting_hash_key(), range.ending_hash_key()))
        .transpose()
        .map_err(|error| error.to_string())
}

/// A page of records. Their texts lie all over a page that is larger than the caches. Looking at some of them at once before they are
/// parsed lets the processor fetch them side by side instead of one after the other: a tenth of a microsecond for each record.
pub(crate) fn raw_records(page: Vec<Record>, pool: &Arc<BufferPool>) -> Result<Vec<RawRecord>, String> {
    let bytes = page.iter().map(|record| record.data.as_ref().len()).fold(0, usize::saturating_add);
    let mut packing = Packing::new(pool, page.len(), bytes);
    let mut page = page.into_iter();
    while !page.as_slice().is_empty() {
        let ahead = page.as_slice().iter().take(AT_ONCE);
        let looked =
            ahead.filter_map(|record| record.sequence_number.as_bytes().first()).fold(0, |seen, byte| seen ^ byte);
        std::hint::black_box(looked);
        for record in page.by_ref().take(AT_ONCE) {
            add_record(record, &mut packing)?;
        }
    }
    Ok(packing.finish())
}

const AT_ONCE: usize = 16;

fn add_record(record: Record, packing: &mut Packing<'_>) -> Result<(), String> {
    let sequence = record.sequence_number.parse().map_err(|error| format!("{error}"))?;
    let arrival = record.approximate_arrival_timestamp.and_then(|at| at.to_millis().ok()).map(Timestamp::from_millis);
    let key = record.partition_key.as_deref().ok_or("a record without a partition key")?;
    packing.add(sequence, arrival, key, record.data.into_inner());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_shard_without_parents_makes_no_sense_hs_14() {
        let range = sdk::HashKeyRange::builder().starting_hash_key("0").ending_hash_key("9").build().expect("a range");
        let child = sdk::ChildShard::builder().shard_id("shardId-000000000007").hash_key_range(range);
        let orphan = child.clone().set_parent_shards(Some(Vec::new())).build().expect("a child");
        assert_eq!(child_of(&orphan), Err("child shard 'shardId-000000000007' without parents".to_owned()));
        let child = child.parent_shards("shardId-000000000001").build().expect("a child");
        assert_eq!(child_of(&child).map(|child| child.parents), Ok(["shardId-000000000001".into()].into()));
    }
}
