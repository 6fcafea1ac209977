//! How both sides reach the endpoint: the same configuration of the SDK.

use aws_sdk_kinesis::Client;
use kinesis_asl::Credentials;
use kinesis_endpoint::{EndpointUrl, Region, ServiceAccess};

use crate::Failure;
use crate::endpoint::Endpoint;

#[derive(Clone)]
pub struct Clients {
    pub kinesis: Client,
    pub kinesis_url: String,
    pub dynamodb_url: String,
}

impl Clients {
    pub async fn of(endpoint: &Endpoint) -> Result<Self, Failure> {
        let access = ServiceAccess {
            region: Region::default_local(),
            endpoint: Some(EndpointUrl::parse(&endpoint.kinesis)?),
            credentials: Credentials::basic("any", "any"),
        };
        Ok(Self {
            kinesis: Client::new(&Box::pin(access.sdk_config()).await),
            kinesis_url: endpoint.kinesis.clone(),
            dynamodb_url: endpoint.dynamodb.clone(),
        })
    }
}
