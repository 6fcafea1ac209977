//! Fresh embedded endpoints for the checks.
//!
//! Promises: what takes minutes by default takes a moment here, and the throughput of a shard is limited for the checks
//! that are about it. Nothing else is changed, so the same checks mean the same.

use std::time::Duration;

use kinesis_local::model::{Limits, Settings};
use kinesis_local::{Local, LocalBuilder, StartError};

use crate::subject::Subject;

/// Embedded endpoints, and the subject that they are.
#[derive(Debug)]
pub struct OwnEndpoints {
    local: Local,
    subject: Subject,
}

impl OwnEndpoints {
    /// Endpoints for the checks of an area.
    ///
    /// # Errors
    /// See [`LocalBuilder::start`].
    pub async fn start_for(area: &str) -> Result<Self, StartError> {
        let local = LocalBuilder::default().settings(settings(area)).start().await?;
        let subject = Subject::kinesis(Some(local.kinesis_url()), "us-east-1").await;
        let subject = subject.with_dynamodb(Some(local.dynamodb_url())).await;
        Ok(Self { local, subject })
    }

    /// What is checked.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Where the Kinesis endpoint answers.
    #[must_use]
    pub fn kinesis_url(&self) -> &str {
        self.local.kinesis_url()
    }

    /// Ends the endpoints.
    pub async fn stop(self) {
        self.local.stop().await;
    }
}

fn settings(area: &str) -> Settings {
    let usual = Settings {
        // Five seconds each by default; the resume checks would wait for little else.
        subscription_grace: Duration::from_secs(1),
        heartbeat_interval: Duration::from_millis(300),
        ..Settings::default()
    };
    match area {
        // Long enough that a call right after another still sees the status.
        "statuses" => Settings { status_delay: Duration::from_millis(500), ..usual },
        "limits" => Settings { limits: Limits::Aws, fan_out_limit: true, ..usual },
        "expiry" => Settings {
            iterator_life: Duration::from_millis(400),
            subscription_life: Duration::from_millis(1_500),
            ..usual
        },
        _ => usual,
    }
}

#[cfg(test)]
pub(crate) async fn assert_passes(area: &str, id: &str) {
    let check = crate::checks().find(|check| check.id == id).expect("a check of that name");
    let own = OwnEndpoints::start_for(area).await.expect("endpoints");
    if let Err(mismatch) = crate::run::one(check, own.subject()).await {
        panic!("{}\n{mismatch}", check.what);
    }
    own.stop().await;
}
