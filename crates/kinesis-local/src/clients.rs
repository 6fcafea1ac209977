//! Ready-made SDK clients, with the feature `clients`.
//!
//! Promises: they reach these endpoints and nothing else, whatever the environment says; no time is spent on looking for
//! credentials or a region.

use aws_credential_types::Credentials;
use aws_smithy_http_client::Builder;

use crate::local::Local;

impl Local {
    /// A client of the Kinesis endpoint, with the SDK's defaults otherwise.
    #[must_use]
    pub fn kinesis_client(&self) -> aws_sdk_kinesis::Client {
        use aws_sdk_kinesis::config::{BehaviorVersion, Region};
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials())
            .http_client(Builder::new().build_http())
            .endpoint_url(self.kinesis_url())
            .build();
        aws_sdk_kinesis::Client::from_conf(config)
    }

    /// A client of the DynamoDB endpoint, with the SDK's defaults otherwise.
    #[must_use]
    pub fn dynamodb_client(&self) -> aws_sdk_dynamodb::Client {
        use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials())
            .http_client(Builder::new().build_http())
            .endpoint_url(self.dynamodb_url())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }
}

/// Any do.
fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "kinesis-local")
}

const REGION: &str = "us-east-1";
