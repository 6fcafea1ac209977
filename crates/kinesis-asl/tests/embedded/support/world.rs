//! The embedded endpoints with one stream, as a test sees them from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use kinesis_asl::Credentials;
use kinesis_asl::lease::dynamo_store::DynamoLeaseStore;
use kinesis_asl::lease::lease::Lease;
use kinesis_asl::lease::store::LeaseStore;
use kinesis_endpoint::{EndpointUrl, Region, ServiceAccess};
use kinesis_local::Local;
use kinesis_local::faults::Faults;
use kinesis_local::model::{Millis, Settings};

use super::producer::Putter;
use super::wait::eventually;

/// The stream of all tests.
pub(crate) const STREAM: &str = "words";
/// The application of all tests, and its lease table.
pub(crate) const APP: &str = "word-count";
/// How long others wait for a worker that does not renew; it bounds the calls of the table's client.
pub(crate) const FAILOVER: Duration = Duration::from_secs(10);

/// An item of the lease table, attribute by attribute.
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// Endpoints, the stream, and clients that know nothing of the code under test.
pub(crate) struct World {
    local: Local,
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) store: DynamoLeaseStore,
}

/// How the tests reach an endpoint.
pub(crate) fn access(url: &str) -> ServiceAccess {
    ServiceAccess {
        region: Region::default_local(),
        endpoint: Some(EndpointUrl::parse(url).unwrap()),
        credentials: Credentials::basic("any", "any"),
    }
}

impl World {
    /// Endpoints whose stream has so many shards and changes without delay.
    pub(crate) async fn start(shards: u32) -> Self {
        Self::with(shards, Settings::default()).await
    }

    /// The same, with settings of the test's own.
    pub(crate) async fn with(shards: u32, settings: Settings) -> Self {
        let settings = Settings { status_delay: Duration::ZERO, ..settings };
        let local = Local::builder().settings(settings).stream(STREAM, shards).start().await.unwrap();
        let dynamodb = access(local.dynamodb_url());
        Self {
            kinesis: aws_sdk_kinesis::Client::new(&Box::pin(access(local.kinesis_url()).sdk_config()).await),
            dynamodb: aws_sdk_dynamodb::Client::new(&Box::pin(dynamodb.sdk_config()).await),
            store: Box::pin(DynamoLeaseStore::connect(&dynamodb, APP, FAILOVER)).await,
            local,
        }
    }

    pub(crate) fn kinesis_url(&self) -> String {
        self.local.kinesis_url().to_owned()
    }

    pub(crate) fn dynamodb_url(&self) -> String {
        self.local.dynamodb_url().to_owned()
    }

    /// What goes wrong with calls, on purpose.
    pub(crate) fn faults(&self) -> &Faults {
        self.local.faults()
    }

    /// Lets so much time go by for the stream: records expire.
    pub(crate) fn passes(&self, time: Duration) {
        self.local.with_model(|model| {
            let now = model.advance(Millis::default());
            model.advance(Millis::new(now.get() + u64::try_from(time.as_millis()).unwrap()))
        });
    }

    /// What puts records into the stream.
    pub(crate) fn putter(&self) -> Putter {
        Putter::new(self.kinesis.clone())
    }

    /// The lease table, by shard.
    pub(crate) async fn leases(&self) -> BTreeMap<String, Lease> {
        let leases = self.store.list().await.unwrap().leases;
        leases.into_iter().map(|lease| (lease.shard.to_string(), lease)).collect()
    }

    /// How many unfinished shards each owner has.
    pub(crate) async fn shares(&self) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for lease in self.leases().await.into_values().filter(|lease| !lease.is_ended()) {
            let owner = lease.owner.map_or_else(|| "nobody".to_owned(), |owner| owner.to_string());
            *shares.entry(owner).or_default() += 1;
        }
        shares
    }

    /// Waits until the unfinished shards are shared like this, whoever the owners are.
    pub(crate) async fn settles_at(&self, wanted: &[usize]) -> BTreeMap<String, usize> {
        eventually(&format!("shares of {wanted:?}"), async || {
            let shares = self.shares().await;
            let mut counts: Vec<usize> = shares.values().copied().collect();
            counts.sort_unstable();
            if counts == wanted && !shares.contains_key("nobody") { Ok(shares) } else { Err(format!("{shares:?}")) }
        })
        .await
    }

    /// A row of the lease table as DynamoDB has it.
    pub(crate) async fn row(&self, key: &str) -> Option<Item> {
        let request = self.dynamodb.get_item().table_name(APP).key("leaseKey", AttributeValue::S(key.to_owned()));
        request.consistent_read(true).send().await.unwrap().item
    }

    /// Sets attributes of a row, as somebody else with access to the table could.
    pub(crate) async fn set(&self, key: &str, attributes: &[(&str, AttributeValue)]) {
        let mut request =
            self.dynamodb.update_item().table_name(APP).key("leaseKey", AttributeValue::S(key.to_owned()));
        let mut effects = Vec::new();
        for (number, (name, value)) in attributes.iter().enumerate() {
            effects.push(format!("#n{number} = :v{number}"));
            request = request
                .expression_attribute_names(format!("#n{number}"), *name)
                .expression_attribute_values(format!(":v{number}"), value.clone());
        }
        request.update_expression(format!("SET {}", effects.join(", "))).send().await.unwrap();
    }

    /// Removes an attribute of a row, as it is where a Java worker made the row.
    pub(crate) async fn unset(&self, key: &str, attribute: &str) {
        let request = self.dynamodb.update_item().table_name(APP).key("leaseKey", AttributeValue::S(key.to_owned()));
        let request = request.update_expression("REMOVE #n").expression_attribute_names("#n", attribute);
        request.send().await.unwrap();
    }

    /// Both endpoints are gone when this returns.
    pub(crate) async fn stop(self) {
        self.local.stop().await;
    }
}

/// The name of the shard with that number.
pub(crate) fn shard(number: u32) -> String {
    format!("shardId-{number:012}")
}
