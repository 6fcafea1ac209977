//! What the input streams of an application said about records on which the program fails, and what cannot go together: pure.
//!
//! Promises: no letter goes to a stream that the application reads, in whatever order its input streams are built.

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
    /// Adds the policy of an input stream that reads `stream`.
    ///
    /// # Errors
    /// [`ConfigError::DeadLettersToThemselves`]; nothing is added then.
    pub(crate) fn add(&mut self, stream: &str, policy: &OnFailedRecord) -> Result<(), ConfigError> {
        let stated = Stated { stream: stream.to_owned(), policy: policy.clone() };
        for before in &self.0 {
            before.check_no_letters_to(&stated)?;
            stated.check_no_letters_to(before)?;
        }
        stated.check_no_letters_to(&stated)?;
        self.0.push(stated);
        Ok(())
    }
}

impl Stated {
    fn check_no_letters_to(&self, read: &Self) -> Result<(), ConfigError> {
        match self.policy.letter_stream() {
            Some(letters) if letters == read.stream => {
                Err(ConfigError::DeadLettersToThemselves { stream: read.stream.clone() })
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letters::policy::DeadLetterTarget;

    fn to_stream(name: &str) -> OnFailedRecord {
        OnFailedRecord::DeadLetter(DeadLetterTarget::Stream(name.to_owned()))
    }

    #[track_caller]
    fn refused(policies: &mut Policies, stream: &str, policy: &OnFailedRecord, parts: &[&str]) {
        let text = policies.add(stream, policy).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?} in: {text}");
    }

    #[test]
    fn no_stream_that_is_read_gets_letters_in_whatever_order_input_streams_are_added() {
        let mut policies = Policies::default();
        refused(&mut policies, "orders", &to_stream("orders"), &["stream 'orders', which is being read"]);
        policies.add("orders", &to_stream("letters")).unwrap();
        refused(&mut policies, "clicks", &to_stream("orders"), &["stream 'orders', which is being read"]);
        refused(&mut policies, "letters", &OnFailedRecord::Stop, &["stream 'letters', which is being read"]);
        // What was refused left nothing behind.
        policies.add("clicks", &to_stream("letters")).unwrap();
        policies.add("payments", &OnFailedRecord::Skip).unwrap();
    }
}
