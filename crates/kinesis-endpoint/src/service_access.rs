//! Region, endpoint and credentials of one service, turned into the SDK's shared configuration.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::{Credentials, EndpointUrl, Region};

/// How long one attempt of a call may take before it is given up and tried again. The longest answer, 10 MiB of
/// records, takes 5 s at a shard's 2 MB/s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where one service is and who calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccess {
    /// The region, for signing and, without an endpoint, for finding the service.
    pub region: Region,
    /// The endpoint; `None` is the region's own.
    pub endpoint: Option<EndpointUrl>,
    /// Who calls.
    pub credentials: Credentials,
}

impl ServiceAccess {
    /// The SDK's shared configuration, with the one HTTPS client of this workspace in it.
    ///
    /// With a loopback endpoint and [`Credentials::Default`] the chain is: environment, then a fixed placeholder. So a
    /// program on embedded endpoints needs no credentials, and none are looked for where the look-up could leave the
    /// machine (a profile may name a role, a login or an instance).
    ///
    /// # Cancellation
    /// Safe: nothing is kept.
    pub async fn sdk_config(&self) -> SdkConfig {
        self.sdk_config_with_sts(None).await
    }

    /// The same, with the service that gives out roles at an endpoint of its own.
    async fn sdk_config_with_sts(&self, sts: Option<&str>) -> SdkConfig {
        let mut loader = self.loader();
        if let Some(provider) = self.credentials_provider(&self.credentials, sts).await {
            loader = loader.credentials_provider(provider);
        }
        if let Some(endpoint) = &self.endpoint {
            loader = loader.endpoint_url(endpoint.as_str());
        }
        loader.load().await
    }

    /// The parts of the configuration that credentials look-ups share with the service itself.
    fn loader(&self) -> ConfigLoader {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .region(aws_config::Region::new(self.region.as_str().to_owned()))
    }

    /// The provider behind a description; `None` leaves the SDK's own default chain in place.
    async fn credentials_provider(
        &self,
        credentials: &Credentials,
        sts: Option<&str>,
    ) -> Option<SharedCredentialsProvider> {
        match credentials {
            Credentials::Default => self.loopback_chain(),
            Credentials::Basic { access_key_id, secret_access_key, session_token } => {
                Some(fixed(access_key_id, secret_access_key, session_token.clone(), "basic"))
            }
            Credentials::AssumeRole { role_arn, session_name, external_id, base } => {
                let mut loader = self.loader();
                if let Some(provider) = Box::pin(self.credentials_provider(base, sts)).await {
                    loader = loader.credentials_provider(provider);
                }
                if let Some(url) = sts {
                    loader = loader.endpoint_url(url);
                }
                let base_config = loader.load().await;
                let mut role = AssumeRoleProvider::builder(role_arn).session_name(session_name).configure(&base_config);
                if let Some(id) = external_id {
                    role = role.external_id(id);
                }
                Some(SharedCredentialsProvider::new(role.build().await))
            }
        }
    }

    fn loopback_chain(&self) -> Option<SharedCredentialsProvider> {
        self.endpoint.as_ref().filter(|endpoint| endpoint.is_loopback())?;
        let placeholder = fixed("loopback", "loopback", None, "loopback");
        let chain = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
            .or_else("Loopback", placeholder);
        Some(SharedCredentialsProvider::new(chain))
    }
}

fn fixed(key: &str, secret: &str, token: Option<String>, name: &'static str) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(aws_credential_types::Credentials::new(key, secret, token, None, name))
}

#[cfg(test)]
mod tests;
