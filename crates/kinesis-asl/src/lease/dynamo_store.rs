//! The lease table in DynamoDB, through the AWS SDK. SDK types and errors stop here and in the two pure files beside it.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::ReturnValue;
use aws_sdk_dynamodb::{Client, config};
use kinesis_endpoint::{ServiceAccess, ServiceError, ServiceErrorKind};

use crate::lease::dynamo_item::{self, LEASE_KEY, Row};
use crate::lease::dynamo_table::DynamoTable;
use crate::lease::dynamo_update;
use crate::lease::lease::{Lease, LeaseChange};
use crate::lease::store::{Created, LeaseStore, Listing, Updated};
use crate::lease::table_options::TableOptions;
use crate::shard::ShardId;

/// Attempts of one call, a short pause apart: who calls has a longer patience of its own, and knows what the lease allows.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A call gets at least this long, however short the failover time.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(500);

/// The lease table in DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoLeaseStore {
    client: Client,
    table: String,
    options: TableOptions,
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
        Self { client: Client::from_conf(config), table: table.to_owned(), options: TableOptions::default() }
    }

    /// The same table with options for its creation.
    #[must_use]
    pub fn with_options(self, options: TableOptions) -> Self {
        Self { options, ..self }
    }

    fn subject(&self) -> String {
        format!("lease table '{}'", self.table)
    }
}

#[async_trait]
impl LeaseStore for DynamoLeaseStore {
    async fn prepare(&self) -> Result<(), ServiceError> {
        DynamoTable { client: &self.client, name: &self.table, options: &self.options }.prepare().await
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

    async fn delete(&self, lease: &Lease) -> Result<Updated, ServiceError> {
        let demand = dynamo_update::deletion(lease);
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key(LEASE_KEY, dynamo_item::string(lease.shard.as_str()))
            .condition_expression(demand.condition)
            .set_expression_attribute_names(Some(demand.names))
            .set_expression_attribute_values(Some(demand.values));
        match request.send().await {
            Ok(_) => Ok(Updated::Committed(None)),
            Err(error) => match ServiceError::from_sdk("DeleteItem", self.subject(), error) {
                error if error.kind == ServiceErrorKind::ConditionFailed => Ok(Updated::Mismatch),
                error => Err(error),
            },
        }
    }
}
