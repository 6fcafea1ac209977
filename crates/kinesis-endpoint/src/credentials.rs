//! A description of credentials. Real providers are built from it when the application starts; no secret is ever shown.

use std::fmt;

use crate::EndpointError;

/// Which credentials to use. `Debug` shows no secret.
///
/// Source of the three forms: Spark's `SparkAWSCredentials` (default, basic, STS).
///
/// ```
/// use kinesis_endpoint::Credentials;
/// let basic = Credentials::basic("AKID", "very secret");
/// assert!(!format!("{basic:?}").contains("very secret"));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// The SDK's default chain: environment, profile files, container, instance.
    #[default]
    Default,
    /// A fixed key pair.
    Basic {
        /// The access key id.
        access_key_id: String,
        /// The secret access key.
        secret_access_key: String,
        /// The session token of temporary keys.
        session_token: Option<String>,
    },
    /// A role that is assumed through STS, renewed by itself, starting from the credentials in `base`.
    AssumeRole {
        /// The role's ARN.
        role_arn: String,
        /// The session's name.
        session_name: String,
        /// The external id, when the role asks for one.
        external_id: Option<String>,
        /// The long-lived credentials that may assume the role.
        base: Box<Self>,
    },
}

impl Credentials {
    /// A fixed key pair without a session token.
    #[must_use]
    pub fn basic(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self::Basic {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// The key pair of the process environment, see [`Credentials::from_vars`].
    ///
    /// # Errors
    /// [`EndpointError::HalfKeyPair`].
    pub fn from_env() -> Result<Self, EndpointError> {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// `AWS_ACCESS_KEY_ID` with `AWS_SECRET_ACCESS_KEY`, or with the old `AWS_SECRET_KEY`, which the SDK's own chain
    /// does not read; [`Credentials::Default`] when none is set. An empty value counts as not set.
    ///
    /// # Errors
    /// [`EndpointError::HalfKeyPair`] when only one half is set: the chain would pass over it and use other credentials.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, EndpointError> {
        let var = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let secret = var("AWS_SECRET_ACCESS_KEY").or_else(|| var("AWS_SECRET_KEY"));
        match (var("AWS_ACCESS_KEY_ID"), secret) {
            (Some(access_key_id), Some(secret_access_key)) => {
                Ok(Self::Basic { access_key_id, secret_access_key, session_token: var("AWS_SESSION_TOKEN") })
            }
            (Some(_), None) => {
                Err(EndpointError::HalfKeyPair { set: "AWS_ACCESS_KEY_ID", missing: "AWS_SECRET_ACCESS_KEY" })
            }
            (None, Some(_)) => {
                Err(EndpointError::HalfKeyPair { set: "AWS_SECRET_ACCESS_KEY", missing: "AWS_ACCESS_KEY_ID" })
            }
            (None, None) => Ok(Self::Default),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Basic { access_key_id, .. } => {
                f.debug_struct("Basic").field("access_key_id", access_key_id).finish_non_exhaustive()
            }
            Self::AssumeRole { role_arn, session_name, base, .. } => f
                .debug_struct("AssumeRole")
                .field("role_arn", role_arn)
                .field("session_name", session_name)
                .field("base", base)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(vars: &[(&str, &str)]) -> Result<Credentials, EndpointError> {
        Credentials::from_vars(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn the_old_name_of_the_secret_is_read_too_and_the_new_one_wins() {
        assert_eq!(from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_KEY", "old")]), Ok(Credentials::basic("a", "old")));
        assert_eq!(
            from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_KEY", "old"), ("AWS_SECRET_ACCESS_KEY", "new")]),
            Ok(Credentials::basic("a", "new"))
        );
    }

    #[test]
    fn half_a_key_pair_is_refused_and_none_means_the_default_chain() {
        assert!(from(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "")]).is_err());
        assert!(from(&[("AWS_SECRET_KEY", "s")]).is_err());
        assert_eq!(from(&[]), Ok(Credentials::Default));
    }

    #[test]
    fn debug_output_holds_no_secret_and_no_token() {
        let base = Credentials::Basic {
            access_key_id: "AKID".into(),
            secret_access_key: "hidden".into(),
            session_token: Some("hidden".into()),
        };
        let role = Credentials::AssumeRole {
            role_arn: "arn:aws:iam::1:role/r".into(),
            session_name: "s".into(),
            external_id: Some("hidden".into()),
            base: Box::new(base),
        };
        assert!(!format!("{role:?}").contains("hidden"));
    }
}
