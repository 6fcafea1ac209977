//! What can be wrong with a region, an endpoint or credentials. Every message names the value and the fix.

use thiserror::Error;

/// A setting that describes where a service is or who calls it does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The name has not the form of an AWS region.
    #[error("region name '{0}' is not valid: give a name such as us-east-1 or eu-central-1")]
    UnknownRegion(String),
    /// The text is no URL of a service.
    #[error(
        "endpoint '{url}' is not a URL of a service ({why}): give one such as https://kinesis.us-east-1.amazonaws.com"
    )]
    InvalidUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The host of the endpoint names one region, the setting another.
    #[error(
        "endpoint '{endpoint}' is in region {in_endpoint}, but the region given is {given}: make them agree or leave the region out"
    )]
    RegionMismatch {
        /// The endpoint's URL.
        endpoint: String,
        /// The region in the endpoint's host.
        in_endpoint: String,
        /// The region that was given beside it.
        given: String,
    },
    /// No region was given and the endpoint's host names none.
    #[error("could not resolve the region for endpoint '{0}': give the region name as well")]
    NoRegion(String),
    /// One half of a key pair is there and the other is not.
    #[error("{set} is set but {missing} is not: set both, or neither to use the default credentials chain")]
    HalfKeyPair {
        /// The variable or field that has a value.
        set: &'static str,
        /// The variable or field that has none.
        missing: &'static str,
    },
}
