//! The settings of a consumer: plain values, checked in one place before anything is sent.

use std::time::Duration;

use kinesis_endpoint::{Credentials, EndpointUrl, Region, ServiceAccess};
use kpl_deagg::RangePolicy;

use crate::checkpoint::progress::CheckpointAfter;
use crate::consumer::retrieval::{OnExpired, ReadLimits, RereadRetry, Retrieval, SubscriptionTiming};
use crate::error::ConfigError;
use crate::lease::cleanup::LeaseCleanup;
use crate::lease::table_options::TableOptions;
use crate::limits::{CONSUMER_NAME_LENGTH, STREAM_NAME_LENGTH, TABLE_NAME_LENGTH};
use crate::position::InitialPosition;

/// Renewals, reads and the expiry of others all hang on the failover time; below this they would be late on a busy machine.
const SHORTEST_FAILOVER: Duration = Duration::from_secs(1);

/// What the keys of an application's lease table are: those of the KCL in its mode for one stream, or for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaseKeys {
    /// The names of the shards. All input streams of the application read one stream.
    #[default]
    OneStream,
    /// `account:stream:epoch:shardId`. Input streams of the application may read different streams.
    SeveralStreams,
}

/// Everything that the readers of one application and stream share.
#[derive(Debug, Clone, PartialEq)]
pub struct KinesisConfig {
    /// The name of the application, and of its lease table.
    pub application: String,
    /// The stream.
    pub stream: String,
    /// Where Kinesis is.
    pub kinesis: ServiceAccess,
    /// Where the lease table is.
    pub dynamodb: ServiceAccess,
    /// Where to begin without a checkpoint.
    pub initial_position: InitialPosition,
    /// Whether the application reads one stream or several.
    pub keys: LeaseKeys,
    /// How it is tuned.
    pub tuning: Tuning,
}

/// Settings with defaults that suit most applications.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Time between two checkpoints of a shard. Shorter means fewer repeats after a crash and more writes to the table.
    pub checkpoint_interval: Duration,
    /// What a record must have gone through before its position is checkpointed.
    pub checkpoint_after: CheckpointAfter,
    /// What becomes of user records of an aggregate that belong to another shard.
    pub range_policy: RangePolicy,
    /// After which time without a renewal others take a lease over. Default 10 s, the KCL's. Shorter finds crashes sooner and
    /// writes more often; it must be longer than the longest pause of the process or its network.
    pub failover: Duration,
    /// The most leases that this process holds. Default: no limit.
    pub max_leases: usize,
    /// Time between two reads of a shard in which nothing arrives. Default 500 ms, at least 200 ms: five reads a second are
    /// all that a shard allows to all of its readers together.
    pub idle_between_reads: Duration,
    /// How long Kinesis or DynamoDB may fail without a success before the application is stopped. Default 5 minutes.
    pub give_up_after: Duration,
    /// How records are fetched. Default [`Retrieval::Polling`].
    pub retrieval: Retrieval,
    /// How fast a shard is polled. Default [`ReadLimits::Service`].
    pub read_limits: ReadLimits,
    /// When a subscription of [`Retrieval::FanOut`] is replaced.
    pub subscription_timing: SubscriptionTiming,
    /// What to do when records have expired before they were read. Default [`OnExpired::Fail`].
    pub on_expired: OnExpired,
    /// How often and how long a call is tried that reads the records of an unfinished batch again. Default: three times, 100 ms and
    /// 200 ms apart, within the batch interval.
    pub reread: RereadRetry,
    /// After which time without a page, or a slice of one, a shard is named in the log, with the reason. Default 1 minute.
    pub stuck_after: Duration,
    /// What becomes of leases of shards that have ended. Default: they are deleted when the shards that follow have started.
    pub lease_cleanup: LeaseCleanup,
    /// How the lease table is made. Default: with nothing but the table itself.
    pub lease_table: TableOptions,
}

impl Tuning {
    /// The defaults, with Spark's for the checkpoint interval: the batch interval.
    #[must_use]
    pub fn new(batch_interval: Duration) -> Self {
        Self {
            checkpoint_interval: batch_interval,
            checkpoint_after: CheckpointAfter::default(),
            range_policy: RangePolicy::KeepAll,
            failover: Duration::from_secs(10),
            max_leases: usize::MAX,
            idle_between_reads: Duration::from_millis(500),
            give_up_after: Duration::from_secs(300),
            retrieval: Retrieval::default(),
            read_limits: ReadLimits::default(),
            subscription_timing: SubscriptionTiming::default(),
            on_expired: OnExpired::default(),
            reread: RereadRetry::new(batch_interval),
            stuck_after: Duration::from_secs(60),
            lease_cleanup: LeaseCleanup::default(),
            lease_table: TableOptions::default(),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (field, value) in [
            ("checkpoint_interval", self.checkpoint_interval),
            ("idle_between_reads", self.idle_between_reads),
            ("give_up_after", self.give_up_after),
            ("stuck_after", self.stuck_after),
            ("retry_wait_time", self.reread.wait_time),
            ("subscription_timing.renew_after", self.subscription_timing.renew_after),
            ("subscription_timing.silence", self.subscription_timing.silence),
        ] {
            if value.is_zero() {
                return Err(ConfigError::InvalidDuration { field, value, rule: "more than zero" });
            }
        }
        if self.failover < SHORTEST_FAILOVER {
            let (field, value) = ("failover", self.failover);
            return Err(ConfigError::InvalidDuration { field, value, rule: "at least 1 s" });
        }
        if self.reread.max_attempts == 0 {
            return Err(ConfigError::InvalidCount { field: "retry_max_attempts", value: 0, rule: "at least 1" });
        }
        if let Retrieval::FanOut { consumer_name, .. } = &self.retrieval {
            let rule = "1 to 128 letters, digits, '_', '-' and '.'";
            check_name("retrieval's consumer_name", consumer_name, 1..=CONSUMER_NAME_LENGTH, rule)?;
        }
        Ok(())
    }
}

/// Settings as a user gives them, not yet checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawConfig {
    pub(crate) application: Option<String>,
    pub(crate) stream: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) dynamodb_endpoint: Option<String>,
    pub(crate) initial_position: InitialPosition,
    pub(crate) keys: LeaseKeys,
    pub(crate) kinesis_credentials: Option<Credentials>,
    pub(crate) dynamodb_credentials: Option<Credentials>,
}

impl RawConfig {
    /// Names of required values that are missing.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let required = [("stream_name", self.stream.is_none()), ("checkpoint_app_name", self.application.is_none())];
        required.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name).collect()
    }

    /// Checks everything that can be checked without a call.
    pub(crate) fn parse(self, tuning: Tuning) -> Result<KinesisConfig, ConfigError> {
        let names = self.missing();
        let (Some(application), Some(stream)) = (self.application, self.stream) else {
            return Err(ConfigError::Missing { names });
        };
        check_stream_name("stream_name", &stream)?;
        let rule = "3 to 255 letters, digits, '_', '-' and '.', as for a DynamoDB table";
        check_name("checkpoint_app_name", &application, TABLE_NAME_LENGTH, rule)?;
        tuning.check()?;
        let endpoint = parse_endpoint("endpoint_url", self.endpoint.as_deref())?;
        let given = self.region.as_deref().map(Region::parse).transpose();
        let given = given.map_err(|source| ConfigError::Endpoint { field: "region_name", source })?;
        let region = resolve("endpoint_url", endpoint.as_ref(), given.as_ref())?;
        let table_endpoint = parse_endpoint("dynamodb_endpoint_url", self.dynamodb_endpoint.as_deref())?;
        match (&endpoint, &table_endpoint) {
            (Some(endpoint), None) if !endpoint.is_aws() => {
                return Err(ConfigError::NoLeaseTableEndpoint { endpoint: endpoint.to_string() });
            }
            (_, table) => resolve("dynamodb_endpoint_url", table.as_ref(), Some(&region))?,
        };
        let credentials = self.kinesis_credentials.unwrap_or_default();
        let table_credentials = self.dynamodb_credentials.unwrap_or_else(|| credentials.clone());
        Ok(KinesisConfig {
            application,
            stream,
            kinesis: ServiceAccess { region: region.clone(), endpoint, credentials },
            dynamodb: ServiceAccess { region, endpoint: table_endpoint, credentials: table_credentials },
            initial_position: self.initial_position,
            keys: self.keys,
            tuning,
        })
    }
}

impl KinesisConfig {
    /// The first setting in which configurations of two input streams of an application differ, and may not. Different streams
    /// may have different initial positions.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let differences = [
            ("the Kinesis endpoint, region or credentials", self.kinesis != other.kinesis),
            ("the DynamoDB endpoint, region or credentials", self.dynamodb != other.dynamodb),
            ("multi_stream", self.keys != other.keys),
            ("the initial position", self.stream == other.stream && self.initial_position != other.initial_position),
            ("the checkpoint interval or another setting of its kind", self.tuning != other.tuning),
        ];
        differences.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }
}

fn parse_endpoint(field: &'static str, url: Option<&str>) -> Result<Option<EndpointUrl>, ConfigError> {
    url.map(EndpointUrl::parse).transpose().map_err(|source| ConfigError::Endpoint { field, source })
}

/// The region of an endpoint; with neither, Spark's default.
fn resolve(field: &'static str, endpoint: Option<&EndpointUrl>, given: Option<&Region>) -> Result<Region, ConfigError> {
    match endpoint {
        Some(endpoint) => endpoint.resolve_region(given).map_err(|source| ConfigError::Endpoint { field, source }),
        None => Ok(given.cloned().unwrap_or_else(Region::default_local)),
    }
}

pub(crate) fn check_stream_name(field: &'static str, value: &str) -> Result<(), ConfigError> {
    check_name(field, value, 1..=STREAM_NAME_LENGTH, "1 to 128 letters, digits, '_', '-' and '.'")
}

fn check_name(
    field: &'static str,
    value: &str,
    length: std::ops::RangeInclusive<usize>,
    rule: &'static str,
) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if length.contains(&value.len()) && value.chars().all(allowed) {
        Ok(())
    } else {
        Err(ConfigError::InvalidName { field, value: value.to_owned(), rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawConfig {
        RawConfig { application: Some("app".into()), stream: Some("words".into()), ..RawConfig::default() }
    }

    fn tuning() -> Tuning {
        Tuning::new(Duration::from_secs(2))
    }

    fn waits_no_time() -> Tuning {
        Tuning { reread: RereadRetry { wait_time: Duration::ZERO, ..tuning().reread }, ..tuning() }
    }

    fn tries_nothing() -> Tuning {
        Tuning { reread: RereadRetry { max_attempts: 0, ..tuning().reread }, ..tuning() }
    }

    fn message(raw: RawConfig) -> String {
        raw.parse(tuning()).expect_err("refused").to_string()
    }

    #[test]
    fn missing_values_are_all_named_at_once_t301_t302() {
        assert_eq!(
            message(RawConfig::default()),
            "no value provided for required parameters: stream_name, checkpoint_app_name"
        );
        assert_eq!(
            message(RawConfig { stream: None, ..raw() }),
            "no value provided for required parameter: stream_name"
        );
    }

    #[test]
    fn the_defaults_are_sparks_t304() {
        let config = raw().parse(tuning()).expect("valid");
        assert_eq!(config.kinesis.region.as_str(), "us-east-1");
        assert_eq!(config.initial_position, InitialPosition::Latest);
        assert_eq!(config.tuning.checkpoint_interval, Duration::from_secs(2));
        assert_eq!(config.dynamodb.credentials, Credentials::Default);
    }

    #[test]
    fn the_region_of_the_endpoint_is_used_for_the_table_too_p_12() {
        let endpoint = Some("https://kinesis.eu-west-1.amazonaws.com".to_owned());
        let config = RawConfig { endpoint, ..raw() }.parse(tuning()).expect("valid");
        assert_eq!(config.dynamodb.region.as_str(), "eu-west-1");
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_value_and_the_field() {
        let mismatch = RawConfig {
            endpoint: Some("https://kinesis.eu-west-1.amazonaws.com".into()),
            region: Some("us-east-1".into()),
            ..raw()
        };
        for (config, parts) in [
            (RawConfig { region: Some("mars".into()), ..raw() }, ["region_name", "'mars'"]),
            (RawConfig { endpoint: Some("kinesis".into()), ..raw() }, ["endpoint_url", "'kinesis'"]),
            (mismatch, ["eu-west-1", "us-east-1"]),
            (RawConfig { stream: Some("no spaces".into()), ..raw() }, ["stream_name", "'no spaces'"]),
            (RawConfig { stream: Some(String::new()), ..raw() }, ["stream_name", "''"]),
            (RawConfig { application: Some("ab".into()), ..raw() }, ["checkpoint_app_name", "'ab'"]),
            (
                RawConfig { endpoint: Some("http://127.0.0.1:1".into()), ..raw() },
                ["dynamodb_endpoint_url", "127.0.0.1:1"],
            ),
        ] {
            let message = message(config);
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }

    #[test]
    fn durations_of_zero_and_a_failover_time_below_a_second_are_refused() {
        for (field, tuning) in [
            ("checkpoint_interval", Tuning { checkpoint_interval: Duration::ZERO, ..tuning() }),
            ("idle_between_reads", Tuning { idle_between_reads: Duration::ZERO, ..tuning() }),
            ("give_up_after", Tuning { give_up_after: Duration::ZERO, ..tuning() }),
            ("retry_wait_time is 0ns", waits_no_time()),
            ("retry_max_attempts is 0", tries_nothing()),
            ("failover", Tuning { failover: Duration::from_millis(999), ..tuning() }),
        ] {
            let error = raw().parse(tuning).expect_err(field).to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
