//! Where a service is and who asks: region, endpoint URL and credentials of an AWS call.
//!
//! The one place that builds the HTTPS client and the SDK's shared configuration, so that the consumer
//! (`kinesis-asl`) and the producer (`kinesis-producer`), which never depend on each other, reach AWS in the same way.
//!
//! | module | holds |
//! |---|---|
//! | [`Region`] | the name of a region, checked |
//! | [`EndpointUrl`] | an endpoint's URL, and the region that its host names |
//! | [`Credentials`] | a description of credentials that never shows a secret |
//! | [`ServiceAccess`] | the three together, turned into the SDK's configuration |
//! | [`ServiceError`] | what went wrong with a call, and what to do about it |
//!
//! ```
//! use kinesis_endpoint::{EndpointUrl, Region};
//!
//! let endpoint = EndpointUrl::parse("https://kinesis.eu-central-1.amazonaws.com")?;
//! assert_eq!(endpoint.region(), Some(Region::parse("eu-central-1")?));
//! assert!(Region::parse("eu-centrall-1").is_err());
//! # Ok::<(), kinesis_endpoint::EndpointError>(())
//! ```
//!
//! A loopback endpoint is never paired with a credentials look-up that could leave the machine: see
//! [`ServiceAccess::sdk_config`].

mod credentials;
mod endpoint_url;
mod error;
mod region;
mod service_access;
mod service_error;

pub use credentials::Credentials;
pub use endpoint_url::EndpointUrl;
pub use error::EndpointError;
pub use region::Region;
pub use service_access::ServiceAccess;
pub use service_error::{ServiceError, ServiceErrorKind};
