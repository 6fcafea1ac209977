//! The URL of a service's endpoint: checked once, and able to tell which region its host names.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::{EndpointError, Region};

/// Host endings under which AWS serves its public and private endpoints.
const AWS_DOMAINS: [&str; 5] =
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu", ".api.amazonwebservices.com.cn"];

/// The URL of a service endpoint: `http` or `https`, a host, at most a port, no path.
///
/// ```
/// use kinesis_endpoint::EndpointUrl;
/// let local = EndpointUrl::parse("http://127.0.0.1:14567")?;
/// assert!(local.is_loopback());
/// assert_eq!(local.region(), None);
/// assert!(EndpointUrl::parse("kinesis.us-east-1.amazonaws.com").is_err(), "the scheme is missing");
/// # Ok::<(), kinesis_endpoint::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    text: String,
    url: Url,
}

impl EndpointUrl {
    /// Takes an endpoint's URL; a slash at its end is dropped.
    ///
    /// # Errors
    /// [`EndpointError::InvalidUrl`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let invalid = |why: &str| EndpointError::InvalidUrl { url: text.to_owned(), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("its scheme is neither http nor https"));
        }
        if url.host().is_none() {
            return Err(invalid("it has no host"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it goes on after the host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it carries a user name"));
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), url })
    }

    /// The URL as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
    }

    /// Whether the host is one of AWS's own.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        self.url.host_str().is_some_and(|host| AWS_DOMAINS.iter().any(|domain| host.ends_with(domain)))
    }

    /// The region that an AWS host names; `None` for every other host.
    #[must_use]
    pub fn region(&self) -> Option<Region> {
        let host = self.url.host_str().filter(|_| self.is_aws())?;
        host.split('.').find_map(|label| Region::parse(label).ok())
    }

    /// The region to use with this endpoint: the one given, else the one in the host.
    ///
    /// # Errors
    /// [`EndpointError::RegionMismatch`] when both exist and differ, [`EndpointError::NoRegion`] when neither does.
    pub fn resolve_region(&self, given: Option<&Region>) -> Result<Region, EndpointError> {
        match (self.region(), given) {
            (Some(own), Some(given)) if own != *given => Err(EndpointError::RegionMismatch {
                endpoint: self.text.clone(),
                in_endpoint: own.to_string(),
                given: given.to_string(),
            }),
            (_, Some(given)) => Ok(given.clone()),
            (Some(own), None) => Ok(own),
            (None, None) if self.is_loopback() => Ok(Region::default_local()),
            (None, None) => Err(EndpointError::NoRegion(self.text.clone())),
        }
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> EndpointUrl {
        EndpointUrl::parse(text).expect(text)
    }

    #[test]
    fn the_region_is_read_from_every_form_of_aws_host() {
        for (url, region) in [
            ("https://kinesis.us-east-1.amazonaws.com", "us-east-1"),
            ("https://kinesis-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("https://kinesis.eu-central-1.api.aws", "eu-central-1"),
            ("https://kinesis.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("https://vpce-0a1b-c2d3.kinesis.ap-south-1.vpce.amazonaws.com/", "ap-south-1"),
            ("https://111122223333.data-kinesis.sa-east-1.amazonaws.com", "sa-east-1"),
        ] {
            assert_eq!(endpoint(url).region().map(|r| r.to_string()).as_deref(), Some(region), "{url}");
        }
    }

    #[test]
    fn a_host_that_is_not_of_aws_names_no_region() {
        assert_eq!(endpoint("https://us-east-1.example.com").region(), None);
        assert_eq!(endpoint("http://localhost:4566").region(), None);
    }

    #[test]
    fn texts_that_are_no_endpoint_are_refused_with_the_text_in_the_message() {
        for text in [
            "",
            "kinesis",
            "kinesis.us-east-1.amazonaws.com",
            "ftp://h",
            "https://",
            "https://h/p",
            "https://h/?q",
            "https://u@h",
        ] {
            let error = EndpointUrl::parse(text).expect_err(text);
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn region_and_endpoint_that_disagree_are_refused_and_a_missing_one_is_filled_in() {
        let aws = endpoint("https://kinesis.us-east-1.amazonaws.com");
        let west = Region::parse("us-west-2").expect("a region");
        assert!(matches!(aws.resolve_region(Some(&west)), Err(EndpointError::RegionMismatch { .. })));
        assert_eq!(aws.resolve_region(None).map(|r| r.to_string()).as_deref(), Ok("us-east-1"));
        assert_eq!(endpoint("http://127.0.0.1:1").resolve_region(Some(&west)), Ok(west));
        assert_eq!(endpoint("http://[::1]:1").resolve_region(None), Ok(Region::default_local()));
        assert!(matches!(
            endpoint("https://kinesis.example.com").resolve_region(None),
            Err(EndpointError::NoRegion(_))
        ));
    }
}
