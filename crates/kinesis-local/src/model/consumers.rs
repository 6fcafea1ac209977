//! RegisterStreamConsumer, DeregisterStreamConsumer, DescribeStreamConsumer and ListStreamConsumers.
//!
//! Promises: what is refused changes nothing; what is accepted is visible at once with a status, and done after
//! `Settings::status_delay`. Pages neither overlap nor leave out a consumer that existed throughout.

use std::ops::Bound;

use super::birth::Birth;
use super::call_rates::Call;
use super::consumer::{Consumer, ConsumerDescription, ConsumerPhase};
use super::consumer_ref::{ConsumerKey, ConsumerRef};
use super::error::{ErrorKind, KinesisError};
use super::machine::Model;
use super::millis::{Millis, whole_millis};
use super::stream::{Stream, StreamStatus};
use super::stream_ref::{StreamRef, check_text};
use super::token::{self, TokenKind};

/// A RegisterStreamConsumer request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterStreamConsumer {
    /// Which stream.
    pub stream: StreamRef,
    /// The new consumer's name, 1 to 128 of letters, digits, `_`, `.`, `-`.
    pub name: String,
}

/// A ListStreamConsumers request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListStreamConsumers {
    /// Which stream.
    pub stream: StreamRef,
    /// When that stream was created, to tell it from another of the same name; whole seconds count.
    pub stream_created: Option<Millis>,
    /// Go on after a page.
    pub next_token: Option<String>,
    /// At most so many, 1 to 10 000; more than 100 counts as 100. Default 100.
    pub max_results: Option<u32>,
}

/// A page of consumers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStreamConsumersReply {
    /// The consumers, by name.
    pub consumers: Vec<ConsumerDescription>,
    /// Present when there are more.
    pub next_token: Option<String>,
}

impl Model {
    /// Registers a consumer, which may subscribe when it is ACTIVE.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown stream, `ResourceInUseException` when the name is taken or the stream is
    /// CREATING or DELETING, `LimitExceededException` for the 21st consumer of a stream and for the 6th that is CREATING,
    /// `ValidationException` for a bad name.
    pub fn register_stream_consumer(
        &mut self,
        now: Millis,
        request: &RegisterStreamConsumer,
    ) -> Result<ConsumerDescription, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::RegisterConsumer, Some(&request.stream))?;
        check_text(&request.name, "consumerName")?;
        let (stream_name, stream) = self.find(&request.stream)?;
        self.check_room(stream_name, stream, &request.name)?;
        let (stream_name, stream_arn) = (stream_name.to_owned(), stream.arn.clone());
        let due = self.due_from(now);
        let birth = Birth::after(stream.consumers.births.get(&request.name).copied(), now);
        let consumer = Consumer::new(&stream_arn, &request.name, birth, due);
        // As it is now: without a delay it is ACTIVE before this returns, and AWS says CREATING all the same.
        let description = consumer.describe(&request.name, &stream_arn);
        if let Some(stream) = self.streams.get_mut(&stream_name) {
            stream.consumers.births.insert(request.name.clone(), birth);
            stream.consumers.by_name.insert(request.name.clone(), consumer);
        }
        self.schedule(due);
        Ok(description)
    }

    /// Removes a consumer; its subscriptions end now, its name is free after the delay.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when there is none, `InvalidArgumentException` and `ValidationException` for a reference
    /// that is incomplete or ill formed.
    pub fn deregister_stream_consumer(&mut self, now: Millis, consumer: &ConsumerRef) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DeregisterConsumer, None)?;
        let key = consumer.resolve()?;
        self.find_consumer(key)?;
        let due = self.due_from(now);
        let found = self.streams.get_mut(key.stream).and_then(|stream| stream.consumers.by_name.get_mut(key.name));
        match found {
            // Asking twice does not put it off.
            Some(Consumer { phase: ConsumerPhase::Deleting { .. }, .. }) | None => return Ok(()),
            Some(consumer) => consumer.phase = ConsumerPhase::Deleting { due },
        }
        self.schedule(due);
        Ok(())
    }

    /// One consumer.
    ///
    /// # Errors
    /// Those of [`deregister_stream_consumer`](Self::deregister_stream_consumer).
    pub fn describe_stream_consumer(
        &mut self,
        now: Millis,
        consumer: &ConsumerRef,
    ) -> Result<ConsumerDescription, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::DescribeConsumer, None)?;
        let key = consumer.resolve()?;
        let (stream, consumer) = self.find_consumer(key)?;
        Ok(consumer.describe(key.name, &stream.arn))
    }

    /// A page of a stream's consumers, in the order of their names.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for an unknown stream, `ExpiredNextTokenException` for an old token,
    /// `InvalidArgumentException` for one that is not ours or that comes with a creation time, `ValidationException` for a
    /// limit out of range.
    pub fn list_stream_consumers(
        &mut self,
        now: Millis,
        request: &ListStreamConsumers,
    ) -> Result<ListStreamConsumersReply, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::ListConsumers, Some(&request.stream))?;
        let limit = request.max_results.unwrap_or(MOST_PER_PAGE);
        KinesisError::check_limit("maxResults", limit, 10_000)?;
        let (name, stream) = self.find(&request.stream)?;
        if request.stream_created.is_some_and(|created| created.seconds() != stream.created.seconds()) {
            return Err(self.no_such_stream(name));
        }
        let after = match &request.next_token {
            Some(_) if request.stream_created.is_some() => {
                return Err(KinesisError::invalid_argument(
                    "NextToken and StreamCreationTimestamp cannot be provided together.",
                ));
            }
            Some(token) => Some(self.open_consumer_page(now, name, stream, token)?),
            None => None,
        };
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit.min(MOST_PER_PAGE)).unwrap_or(usize::MAX);
        let mut rest = stream.consumers.by_name.range::<str, _>((start, Bound::Unbounded));
        let page = rest.by_ref().take(limit);
        let consumers: Vec<_> = page.map(|(name, consumer)| consumer.describe(name, &stream.arn)).collect();
        let next_token = rest.next().and_then(|_| consumers.last()).map(|last| {
            let fields = format!("{name}/{}/{}/{}", stream.created.get(), last.name, now.get());
            token::seal(self.seed, TokenKind::ConsumerPage, &fields)
        });
        Ok(ListStreamConsumersReply { consumers, next_token })
    }

    /// The consumer of a request, in whatever status, with its stream.
    pub(crate) fn find_consumer(&self, key: ConsumerKey<'_>) -> Result<(&Stream, &Consumer), KinesisError> {
        let stream = self.streams.get(key.stream).ok_or_else(|| self.no_such_stream(key.stream))?;
        stream
            .consumers
            .by_name
            .get(key.name)
            .filter(|consumer| key.created_second.is_none() || key.created_second == consumer.second())
            .map(|consumer| (stream, consumer))
            .ok_or_else(|| self.no_such_consumer(key.stream, key.name))
    }

    pub(crate) fn no_such_consumer(&self, stream: &str, name: &str) -> KinesisError {
        KinesisError::new(
            ErrorKind::ResourceNotFound,
            format!("Consumer {name} under stream {stream}, account {} not found.", self.settings.account),
        )
    }

    fn check_room(&self, stream_name: &str, stream: &Stream, name: &str) -> Result<(), KinesisError> {
        let account = &self.settings.account;
        let status = stream.status();
        if matches!(status, StreamStatus::Creating | StreamStatus::Deleting) {
            let message =
                format!("Stream {stream_name} under account {account} not ACTIVE, instead in state {}", status.name());
            return Err(KinesisError::new(ErrorKind::ResourceInUse, message));
        }
        if stream.consumers.by_name.contains_key(name) {
            let message = format!("Consumer {name} under stream {stream_name}, account {account} already exists.");
            return Err(KinesisError::new(ErrorKind::ResourceInUse, message));
        }
        if stream.consumers.count() >= MOST_CONSUMERS || stream.consumers.creating() >= MOST_CREATING {
            let message = format!(
                "This request would exceed the limit of {MOST_CONSUMERS} consumers, {MOST_CREATING} of them CREATING, of stream {stream_name} under account {account}."
            );
            return Err(KinesisError::new(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }

    /// The name after which the page of a token starts.
    fn open_consumer_page(
        &self,
        now: Millis,
        name: &str,
        stream: &Stream,
        token: &str,
    ) -> Result<String, KinesisError> {
        let invalid = || KinesisError::invalid_argument("NextToken is not valid.");
        let fields = token::open(self.seed, TokenKind::ConsumerPage, token).ok_or_else(invalid)?;
        let fields: Vec<_> = fields.split('/').collect();
        let [of, created, after, issued] = fields[..] else { return Err(invalid()) };
        let issued = issued.parse().map(Millis::new).map_err(|_| invalid())?;
        if now.since(issued) >= whole_millis(self.settings.iterator_life) {
            return Err(KinesisError::new(ErrorKind::ExpiredNextToken, "NextToken has expired."));
        }
        if of != name || created.parse() != Ok(stream.created.get()) {
            return Err(invalid());
        }
        Ok(after.to_owned())
    }
}

/// Of one stream (AWS; 50 with the on-demand advantage, which is not modelled).
const MOST_CONSUMERS: usize = 20;
/// Of one stream at the same time.
const MOST_CREATING: usize = 5;
/// More than that is never returned at once, whatever was asked for.
const MOST_PER_PAGE: u32 = 100;
