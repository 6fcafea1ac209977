//! Who calls: the forms of credentials as the SDK uses them. A server on loopback stands for STS and for Kinesis.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use axum::Router;
use axum::http::HeaderMap;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const HOUR: Duration = Duration::from_secs(3_600);
/// Shorter than the time before its end at which the SDK renews a session.
const NEARLY_OVER: Duration = Duration::from_secs(5);

/// A request: who signed it, and its body.
type Request = (String, String);

/// Gives out sessions `SESSION1`, `SESSION2` and so on, each for so long, and knows one empty list of streams.
struct Service {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    server: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the end of a session is a time of the wall clock, by which the SDK goes"
)]
fn session(number: usize, lasts: Duration) -> String {
    let end = DateTime::from(SystemTime::now() + lasts).fmt(Format::DateTime).expect("a date");
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>SESSION{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>{end}</Expiration></Credentials></AssumeRoleResult>\
         </AssumeRoleResponse>"
    )
}

/// The access key id in the signature of a request.
fn signer(headers: &HeaderMap) -> String {
    let signature = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let after = signature.split_once("Credential=").map_or("nobody", |(_, after)| after);
    after.split('/').next().unwrap_or_default().to_owned()
}

impl Service {
    async fn start(sessions_last: Duration) -> Self {
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let noted = Arc::clone(&requests);
        let router = Router::new().fallback(async move |headers: HeaderMap, body: String| {
            let mut noted = noted.lock().expect("not poisoned");
            noted.push((signer(&headers), body));
            let sessions = noted.iter().filter(|(_, body)| body.contains("AssumeRole")).count();
            let is_sts = noted.last().is_some_and(|(_, body)| body.contains("AssumeRole"));
            if is_sts {
                session(sessions, sessions_last)
            } else {
                r#"{"StreamNames":[],"HasMoreStreams":false}"#.to_owned()
            }
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Self { url, requests, server }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("not poisoned").clone()
    }

    /// Who has signed the requests to Kinesis, in order.
    fn callers(&self) -> Vec<String> {
        let kinesis = self.requests().into_iter().filter(|(_, body)| !body.contains("AssumeRole"));
        kinesis.map(|(signer, _)| signer).collect()
    }

    fn access(&self, credentials: Credentials) -> ServiceAccess {
        access(EndpointUrl::parse(&self.url).ok(), credentials)
    }

    async fn config(&self, credentials: Credentials) -> SdkConfig {
        self.access(credentials).sdk_config_with_sts(Some(&self.url)).await
    }
}

fn access(endpoint: Option<EndpointUrl>, credentials: Credentials) -> ServiceAccess {
    ServiceAccess { region: Region::default_local(), endpoint, credentials }
}

fn role(external_id: Option<&str>, base: Credentials) -> Credentials {
    Credentials::AssumeRole {
        role_arn: ROLE.to_owned(),
        session_name: "word-count".to_owned(),
        external_id: external_id.map(str::to_owned),
        base: Box::new(base),
    }
}

async fn keys_of(config: &SdkConfig) -> aws_credential_types::Credentials {
    config.credentials_provider().expect("a provider").provide_credentials().await.expect("keys")
}

#[tokio::test]
async fn a_loopback_endpoint_needs_no_credentials_and_looks_nowhere_for_them_t310() {
    let config = access(EndpointUrl::parse("http://127.0.0.1:1").ok(), Credentials::default()).sdk_config().await;
    keys_of(&config).await;
    assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
}

#[tokio::test]
async fn the_default_is_the_chain_of_the_sdk_t310() {
    let config = access(None, Credentials::default()).sdk_config().await;
    let chain = format!("{:?}", config.credentials_provider().expect("a provider"));
    for link in ["Environment", "Profile", "WebIdentityToken", "EcsContainer", "Ec2InstanceMetadata"] {
        assert!(chain.contains(link), "{link} is not in {chain}");
    }
}

#[tokio::test]
async fn given_keys_are_used_as_they_are_t311() {
    let keys = keys_of(&access(None, Credentials::basic("AKID", "secret")).sdk_config().await).await;
    assert_eq!((keys.access_key_id(), keys.secret_access_key()), ("AKID", "secret"));
}

#[tokio::test]
async fn a_role_is_assumed_with_or_without_an_external_id_by_the_default_chain_or_given_keys_t312() {
    for (external_id, base, signed_by) in [
        (None, Credentials::Default, None),
        (Some("id-of-ours"), Credentials::Default, None),
        (None, Credentials::basic("AKID", "secret"), Some("AKID")),
        (Some("id-of-ours"), Credentials::basic("AKID", "secret"), Some("AKID")),
        (None, role(Some("id-of-ours"), Credentials::basic("AKID", "secret")), Some("SESSION1")),
    ] {
        let sts = Service::start(HOUR).await;
        let keys = keys_of(&sts.config(role(external_id, base)).await).await;
        assert!(keys.access_key_id().starts_with("SESSION") && keys.session_token() == Some("token"), "{keys:?}");
        let (signer, body) = sts.requests().pop().expect("a request");
        assert!(signed_by.is_none_or(|wanted| signer == wanted), "{signer}");
        for part in ["Action=AssumeRole", "RoleArn=arn%3Aaws%3Aiam", "RoleSessionName=word-count"] {
            assert!(body.contains(part), "{part} is not in {body}");
        }
        assert_eq!(body.contains("ExternalId=id-of-ours"), external_id.is_some(), "{body}");
    }
}

#[tokio::test]
async fn a_session_that_is_nearly_over_is_renewed_before_the_next_call_and_no_call_fails() {
    let service = Service::start(NEARLY_OVER).await;
    let kinesis = aws_sdk_kinesis::Client::new(&service.config(role(None, Credentials::basic("AKID", "secret"))).await);
    for _ in 0..3 {
        kinesis.list_streams().send().await.expect("listed");
    }
    assert_eq!(service.callers(), ["SESSION1", "SESSION2", "SESSION3"]);
}

#[tokio::test]
async fn a_session_that_lasts_is_used_for_many_calls() {
    let service = Service::start(HOUR).await;
    let kinesis = aws_sdk_kinesis::Client::new(&service.config(role(None, Credentials::basic("AKID", "secret"))).await);
    for _ in 0..3 {
        kinesis.list_streams().send().await.expect("listed");
    }
    assert_eq!(service.callers(), ["SESSION1"; 3]);
}
