//! Making the lease table in DynamoDB, and waiting until it can be used.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, TableStatus, Tag,
};
use kinesis_endpoint::{ServiceError, ServiceErrorKind};

use crate::lease::dynamo_item::LEASE_KEY;
use crate::lease::table_options::{DeletionProtection, PointInTimeRecovery, TableOptions};

/// How long a new table may take to become active; the KCL waits as long.
const ACTIVE_WITHIN: Duration = Duration::from_secs(600);
/// The first pause between two looks at a table that is being created, and the longest one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A table that is to be used.
#[derive(Debug)]
pub(crate) struct DynamoTable<'a> {
    pub(crate) client: &'a Client,
    pub(crate) name: &'a str,
    pub(crate) options: &'a TableOptions,
}

/// Whether a table can be used.
enum TableState {
    Usable,
    NotYet,
    Missing,
}

impl DynamoTable<'_> {
    /// Makes the table if it is missing, and waits until it can be used. Options that can be changed later are applied to a
    /// table that exists, too.
    ///
    /// # Cancellation
    /// Safe: every step can be done again.
    pub(crate) async fn prepare(&self) -> Result<(), ServiceError> {
        self.make().await?;
        match self.options.recovery {
            PointInTimeRecovery::AsItIs => Ok(()),
            PointInTimeRecovery::On => self.switch_recovery_on().await,
        }
    }

    async fn make(&self) -> Result<(), ServiceError> {
        let deadline = tokio::time::Instant::now() + ACTIVE_WITHIN;
        let mut pause = FIRST_PAUSE;
        let mut hindrance = None;
        loop {
            match self.state().await? {
                TableState::Usable => return Ok(()),
                TableState::Missing => hindrance = self.create().await?,
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

    async fn state(&self) -> Result<TableState, ServiceError> {
        match self.client.describe_table().table_name(self.name).send().await {
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
    async fn create(&self) -> Result<Option<ServiceError>, ServiceError> {
        const CALL: &str = "CreateTable";
        let unbuildable = |e: BuildError| ServiceError::invalid_response(CALL, self.subject(), e.to_string());
        let key = KeySchemaElement::builder().attribute_name(LEASE_KEY).key_type(KeyType::Hash);
        let attribute = AttributeDefinition::builder().attribute_name(LEASE_KEY).attribute_type(ScalarAttributeType::S);
        let mut request = self
            .client
            .create_table()
            .table_name(self.name)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key.build().map_err(unbuildable)?)
            .attribute_definitions(attribute.build().map_err(unbuildable)?);
        if self.options.protection == DeletionProtection::On {
            request = request.deletion_protection_enabled(true);
        }
        for (key, value) in &self.options.tags {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(unbuildable)?);
        }
        match request.send().await {
            Ok(_) => Ok(None),
            Err(error) => match ServiceError::from_sdk(CALL, self.subject(), error) {
                error if error.kind == ServiceErrorKind::InUse => Ok(None),
                error if error.kind == ServiceErrorKind::Throttled => Ok(Some(error)),
                error => Err(error),
            },
        }
    }

    /// It is asked first: who may not change it need not, when it is on already.
    async fn switch_recovery_on(&self) -> Result<(), ServiceError> {
        const ASK: &str = "DescribeContinuousBackups";
        const CHANGE: &str = "UpdateContinuousBackups";
        let answer = self.client.describe_continuous_backups().table_name(self.name).send().await;
        let answer = answer.map_err(|e| ServiceError::from_sdk(ASK, self.subject(), e))?;
        let recovery =
            answer.continuous_backups_description.and_then(|backups| backups.point_in_time_recovery_description);
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
        if status == Some(PointInTimeRecoveryStatus::Enabled) {
            return Ok(());
        }
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
        let on = on.map_err(|e| ServiceError::invalid_response(CHANGE, self.subject(), e.to_string()))?;
        let request =
            self.client.update_continuous_backups().table_name(self.name).point_in_time_recovery_specification(on);
        request.send().await.map(|_| ()).map_err(|e| ServiceError::from_sdk(CHANGE, self.subject(), e))
    }

    fn subject(&self) -> String {
        format!("lease table '{}'", self.name)
    }
}
