//! The endpoint that is checked.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How much the concurrency checks write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// So many requests by each writer.
    Requests(u32),
    /// As many as go, for so long.
    For(Duration),
}

/// An endpoint, reached through the real SDK without retries. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Subject {
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: Option<aws_sdk_dynamodb::Client>,
    pub(crate) region: String,
    pub(crate) run: String,
    pub(crate) names: Arc<AtomicU32>,
    pub(crate) load: Load,
}

impl Subject {
    /// Kinesis of a region: at that URL, or AWS's own without one. A loopback endpoint gets placeholder credentials unless
    /// the environment has some; anything else asks the SDK's default chain.
    pub async fn kinesis(endpoint: Option<&str>, region: &str) -> Self {
        let config = config(endpoint, region).await;
        let kinesis = aws_sdk_kinesis::Client::new(&config);
        // Runs at the same time against one account do not meet.
        let run = uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect();
        Self {
            kinesis,
            dynamodb: None,
            region: region.to_owned(),
            run,
            names: Arc::default(),
            load: Load::Requests(25),
        }
    }

    /// The DynamoDB that belongs to it: at that URL, or AWS's own without one. Without this call, the checks of the area
    /// `dynamodb` cannot be put to it.
    #[must_use]
    pub async fn with_dynamodb(mut self, endpoint: Option<&str>) -> Self {
        let config = config(endpoint, &self.region).await;
        self.dynamodb = Some(aws_sdk_dynamodb::Client::new(&config));
        self
    }

    /// How much the concurrency checks write. Default 25 requests by each writer.
    #[must_use]
    pub fn with_load(mut self, load: Load) -> Self {
        self.load = load;
        self
    }

    /// Whether the checks of this area can be put to it: DynamoDB may have been left out.
    #[must_use]
    pub fn has(&self, area: &str) -> bool {
        area != "dynamodb" || self.dynamodb.is_some()
    }
}

async fn config(endpoint: Option<&str>, region: &str) -> aws_config::SdkConfig {
    // A client with TLS reads the system's certificates, which takes longer than most checks.
    let http = match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") => Builder::new().build_http(),
        _ => Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    };
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        // A check that asserts an error must see the first one; and a check retries by itself where a limit is no matter.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build());
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
        if is_loopback(endpoint) && std::env::var_os("AWS_ACCESS_KEY_ID").is_none() {
            loader = loader.credentials_provider(Credentials::new("local", "local", None, None, "loopback"));
        }
    }
    loader.load().await
}

fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.split("://").nth(1).unwrap_or_default();
    host.starts_with("127.0.0.1") || host.starts_with("localhost") || host.starts_with("[::1]")
}

/// Long enough for 10 MiB of records from a slow stand-in.
const ATTEMPT: Duration = Duration::from_secs(60);
