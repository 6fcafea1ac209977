//! The name of an AWS region. Checked by form, not against a list, so that a new region needs no release.

use std::fmt;

use crate::EndpointError;

/// Where regions begin, longest first: partition and area.
const AREAS: [&str; 18] = [
    "us-gov", "us-isob", "us-isof", "us-iso", "eu-isoe", "eusc-de", "us", "eu", "ap", "sa", "ca", "me", "af", "il",
    "mx", "cn", "sg", "nz",
];

/// The directions that follow.
const DIRECTIONS: [&str; 9] =
    ["north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest"];

/// The name of an AWS region, such as `us-east-1`.
///
/// ```
/// use kinesis_endpoint::Region;
/// assert_eq!(Region::parse("us-east-1")?.as_str(), "us-east-1");
/// assert!(Region::parse("us-esat-1").is_err());
/// # Ok::<(), kinesis_endpoint::EndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// Takes a region's name.
    ///
    /// # Errors
    /// [`EndpointError::UnknownRegion`] when the name has not the form area-direction-number.
    pub fn parse(name: &str) -> Result<Self, EndpointError> {
        let known = AREAS.iter().any(|area| {
            name.strip_prefix(area)
                .and_then(|rest| rest.strip_prefix('-'))
                .and_then(|rest| rest.split_once('-'))
                .is_some_and(|(direction, number)| DIRECTIONS.contains(&direction) && is_ordinal(number))
        });
        if known { Ok(Self(name.to_owned())) } else { Err(EndpointError::UnknownRegion(name.to_owned())) }
    }

    /// The region that a program on loopback uses when nothing names one: `us-east-1`, Spark's default.
    #[must_use]
    pub fn default_local() -> Self {
        Self("us-east-1".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_ordinal(text: &str) -> bool {
    !text.is_empty() && text.len() <= 2 && !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_region_names_of_every_partition_are_taken() {
        for name in [
            "us-east-1",
            "us-west-2",
            "ca-central-1",
            "ap-southeast-5",
            "ap-northeast-1",
            "me-south-1",
            "il-central-1",
            "mx-central-1",
            "cn-northwest-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eusc-de-east-1",
        ] {
            assert!(Region::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn misspelt_and_ill_formed_names_are_refused_with_the_name_in_the_message() {
        for name in [
            "",
            "us",
            "us-east",
            "us-east-",
            "us-east-0",
            "us-east-one",
            "US-EAST-1",
            "mars-east-1",
            "us-east-1 ",
            "us-esat-1",
        ] {
            let error = Region::parse(name).expect_err(name);
            assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
        }
    }
}
