//! The lease table in DynamoDB, through the AWS SDK. SDK types and errors stop here and in the two pure files beside it.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ReturnValue, ScalarAttributeType, TableStatus,
};
use aws_sdk_dynamodb::{Client, config};
use kinesis_endpoint::{ServiceAccess, ServiceError, ServiceErrorKind};

use crate::lease::dynamo_item::{self, LEASE_KEY, Row};
use crate::lease::dynamo_update;
use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::shard::ShardId;

/// How long a new table may take to become active; the KCL waits as long.
const ACTIVE_WITHIN: Duration = Duration::from_secs(600);
/// The first pause between two looks at a table that is being created, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts of one call, a short pause apart: who calls has a longer patience of its own, and knows what the lease allows.
const ATTEMPTS: u32 = 3;
/// A call gets at least this long, however short the failover time.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(500);

/// The lease table in DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoLeaseStore {
    client: Client,
    table: String,
}

/// Whether a table can be used.
enum TableState {
    Usable,
    NotYet,
    Missing,
}

impl DynamoLeaseStore {
    /// A client for one table. Nothing is sent yet. A call that hangs is tried again in time for a renewal: after a
    /// sixth of the failover time, three times within a half of it.
    ///
    /// # Cancellation
    /// Safe: nothing is kept.
    pub async fn connect(access: &ServiceAccess, table: &str, failover: Duration) -> Self {
        let shared = access.sdk_config().await;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout((failover / 6).max(SHORTEST_ATTEMPT))
            .operation_attempt_timeout((failover / 6).max(SHORTEST_ATTEMPT))
            .operation_timeout((failover / 2).max(SHORTEST_ATTEMPT))
            .build();
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE);
        let config = config::Builder::from(&shared).timeout_config(timeouts).retry_config(retries).build();
        Self { client: Client::from_conf(config), table: table.to_owned() }
    }

    fn subject(&self) -> String {
        format!("lease table '{}'", self.table)
    }

    async fn state(&self) -> Result<TableState, ServiceError> {
        match self.client.describe_table().table_name(&self.table).send().await {
            Ok(answer) => match answer.table.and_then(|table| table.table_status) {
                Some(TableStatus::Active | TableStatus::Updating) => Ok(TableState::Usable),
                _ => Ok(TableState::NotYet),
            },
            Err(error) => match ServiceError::from_sdk("DescribeTable", self.subject(), error) {
                error if error.kind == ServiceErrorKind::NotFound => Ok(TableState::Missing),
                error => Err(error),
            },
        }
    }

    /// Creates the table; that somebody else is doing the same is no error. `Some` is what hinders it for the moment.
    async fn create_table(&self) -> Result<Option<ServiceError>, ServiceError> {
        const CALL: &str = "CreateTable";
        let unbuildable = |e: aws_sdk_dynamodb::error::BuildError| {
            ServiceError::invalid_response(CALL, self.subject(), e.to_string())
        };
        let key = KeySchemaElement::builder().attribute_name(LEASE_KEY).key_type(KeyType::Hash);
        let attribute = AttributeDefinition::builder().attribute_name(LEASE_KEY).attribute_type(ScalarAttributeType::S);
        let request = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key.build().map_err(unbuildable)?)
            .attribute_definitions(attribute.build().map_err(unbuildable)?);
        match request.send().await {
            Ok(_) => Ok(None),
            Err(error) => match ServiceError::from_sdk(CALL, self.subject(), error) {
                error if error.kind == ServiceErrorKind::InUse => Ok(None),
                error if error.kind == ServiceErrorKind::Throttled => Ok(Some(error)),
                error => Err(error),
            },
        }
    }
}

#[async_trait]
impl LeaseStore for DynamoLeaseStore {
    async fn prepare(&self) -> Result<(), ServiceError> {
        let deadline = tokio::time::Instant::now() + ACTIVE_WITHIN;
        let mut pause = FIRST_PAUSE;
        let mut hindrance = None;
        loop {
            match self.state().await? {
                TableState::Usable => return Ok(()),
                TableState::Missing => hindrance = self.create_table().await?,
                TableState::NotYet => {}
            }
            if tokio::time::Instant::now() > deadline {
                let why = format!("not active after {} s", ACTIVE_WITHIN.as_secs());
                let timeout = || ServiceError::invalid_response("CreateTable", self.subject(), why);
                return Err(hindrance.unwrap_or_else(timeout));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn list(&self) -> Result<Listing, ServiceError> {
        let mut listing = Listing::default();
        let mut start = None;
        loop {
            let request = self.client.scan().table_name(&self.table).set_exclusive_start_key(start.take());
            let page = request.send().await.map_err(|e| ServiceError::from_sdk("Scan", self.subject(), e))?;
            for item in page.items() {
                match dynamo_item::read(item) {
                    Row::Lease(lease) => listing.leases.push(*lease),
                    Row::Other => {}
                    Row::Unreadable { key, why } => listing.unreadable.push((key, why)),
                }
            }
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => start = Some(key),
                _ => return Ok(listing),
            }
        }
    }

    async fn get(&self, shard: &ShardId) -> Result<Option<Lease>, ServiceError> {
        let key = dynamo_item::string(shard.as_str());
        let request = self.client.get_item().table_name(&self.table).key(LEASE_KEY, key).consistent_read(true);
        let answer = request.send().await.map_err(|e| ServiceError::from_sdk("GetItem", self.subject(), e))?;
        match answer.item.as_ref().map(dynamo_item::read) {
            Some(Row::Lease(lease)) => Ok(Some(*lease)),
            None | Some(Row::Other) => Ok(None),
            Some(Row::Unreadable { key, why }) => {
                Err(ServiceError::invalid_response("GetItem", format!("lease '{key}' of {}", self.subject()), why))
            }
        }
    }

    async fn create(&self, lease: &Lease) -> Result<Created, ServiceError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(dynamo_item::new_item(lease)))
            .condition_expression("attribute_not_exists(#leaseKey)")
            .expression_attribute_names("#leaseKey", LEASE_KEY);
        match request.send().await {
            Ok(_) => Ok(Created::New),
            Err(error) => match ServiceError::from_sdk("PutItem", self.subject(), error) {
                error if error.kind == ServiceErrorKind::ConditionFailed => Ok(Created::Exists),
                error => Err(error),
            },
        }
    }

    async fn update(&self, change: &LeaseChange) -> Result<Updated, ServiceError> {
        let Some(update) = dynamo_update::update(change) else { return Ok(Updated::Committed(None)) };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(LEASE_KEY, dynamo_item::string(change.shard().as_str()))
            .update_expression(update.effect())
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            // Costs no read capacity, and is how an owner learns that its lease is asked for.
            .return_values(ReturnValue::AllNew);
        match request.send().await {
            Ok(answer) => {
                Ok(Updated::Committed(answer.attributes.as_ref().and_then(|item| match dynamo_item::read(item) {
                    Row::Lease(lease) => Some(lease),
                    Row::Other | Row::Unreadable { .. } => None,
                })))
            }
            Err(error) => match ServiceError::from_sdk("UpdateItem", self.subject(), error) {
                error if error.kind == ServiceErrorKind::ConditionFailed => Ok(Updated::Mismatch),
                error => Err(error),
            },
        }
    }
}
