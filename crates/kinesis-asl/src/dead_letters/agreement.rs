//! What the input streams of an application said about records on which the program fails, and what cannot go together: pure.
//!
//! Promises: no letter goes to a stream that the application reads, in whatever order its input streams are built; input streams
//! that share the shards of one stream have one policy, since a shard goes to any of them.

use crate::config::KinesisConfig;
use crate::dead_letters::policy::OnFailedRecord;
use crate::error::ConfigError;

/// The policies of an application's input streams.
#[derive(Debug, Default)]
pub(crate) struct Policies(Vec<Stated>);

/// What one input stream was built with.
#[derive(Debug)]
struct Stated {
    stream: String,
    policy: OnFailedRecord,
}

impl Policies {
    /// Adds the policy of an input stream.
    ///
    /// # Errors
    /// [`ConfigError::Disagreement`] and [`ConfigError::DeadLettersToThemselves`]; nothing is added then.
    pub(crate) fn add(&mut self, config: &KinesisConfig, policy: &OnFailedRecord) -> Result<(), ConfigError> {
        let stated = Stated { stream: config.stream.clone(), policy: policy.clone() };
        for before in &self.0 {
            if before.stream == stated.stream && !before.policy.agrees_with(policy) {
                return Err(ConfigError::Disagreement {
                    application: config.application.clone(),
                    stream: stated.stream,
                    field: "on_failed_record",
                    values: Some((format!("{:?}", before.policy), format!("{policy:?}"))),
                });
            }
            before.policy.check_no_letters_to(&stated.stream)?;
            policy.check_no_letters_to(&before.stream)?;
        }
        policy.check_no_letters_to(&stated.stream)?;
        self.0.push(stated);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dstream_core::BoxError;

    use super::*;
    use crate::config::{RawConfig, Tuning};
    use crate::dead_letters::letter::{DeadLetters, Letter};
    use crate::dead_letters::policy::DeadLetterTarget;

    struct Nowhere;

    #[async_trait::async_trait]
    impl DeadLetters for Nowhere {
        async fn put(&self, _: &Letter<'_>) -> Result<(), BoxError> {
            Ok(())
        }
    }

    fn reading(stream: &str) -> KinesisConfig {
        let raw =
            RawConfig { application: Some("shop".to_owned()), stream: Some(stream.to_owned()), ..RawConfig::default() };
        raw.parse(Tuning::new(std::time::Duration::from_secs(1))).unwrap()
    }

    fn to_stream(name: &str) -> OnFailedRecord {
        OnFailedRecord::DeadLetter(DeadLetterTarget::Stream(name.to_owned()))
    }

    #[track_caller]
    fn refused(policies: &mut Policies, stream: &str, policy: &OnFailedRecord, parts: &[&str]) {
        let text = policies.add(&reading(stream), policy).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in: {text}");
    }

    #[test]
    fn no_stream_that_is_read_gets_letters_in_whatever_order_input_streams_are_added() {
        let mut policies = Policies::default();
        refused(&mut policies, "orders", &to_stream("orders"), &["stream 'orders', which is being read"]);
        policies.add(&reading("orders"), &to_stream("letters")).unwrap();
        refused(&mut policies, "clicks", &to_stream("orders"), &["stream 'orders', which is being read"]);
        refused(&mut policies, "letters", &OnFailedRecord::Stop, &["stream 'letters', which is being read"]);
        // What was refused left nothing behind.
        policies.add(&reading("clicks"), &to_stream("letters")).unwrap();
        policies.add(&reading("payments"), &OnFailedRecord::Skip).unwrap();
    }

    #[test]
    fn input_streams_of_one_stream_have_one_policy_and_those_of_different_streams_their_own() {
        let file = |name: &str| OnFailedRecord::DeadLetter(DeadLetterTarget::File(name.into()));
        let custom = || OnFailedRecord::DeadLetter(DeadLetterTarget::Custom(Arc::new(Nowhere)));
        let kinds = || [OnFailedRecord::Stop, OnFailedRecord::Skip, file("a"), file("b"), to_stream("c"), custom()];
        for (one, first) in kinds().into_iter().enumerate() {
            for (other, second) in kinds().into_iter().enumerate() {
                let mut policies = Policies::default();
                policies.add(&reading("orders"), &first).unwrap();
                policies.add(&reading("clicks"), &second).unwrap();
                if one == other {
                    policies.add(&reading("orders"), &second).unwrap();
                    continue;
                }
                let both = format!("on_failed_record differs: {first:?} before, {second:?} here");
                let parts = ["application 'shop' on stream 'orders'", &both];
                refused(&mut policies, "orders", &second, &parts);
            }
        }
    }
}
