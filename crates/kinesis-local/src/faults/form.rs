//! Rules as JSON, in the form that the module's page documents.
//!
//! Promises: what is written reads back as the same rule (durations in whole milliseconds); a member that is not known is
//! an error and not ignored, because a misspelt condition would otherwise hit every call.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::{Effect, Fault};
use super::rules::FaultStatus;
use super::when::When;
use crate::start_error::Service;

/// A rule as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultForm {
    #[serde(default)]
    service: ServiceForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(alias = "table", skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    effect: EffectForm,
    #[serde(default)]
    after: u64,
    #[serde(default = "each")]
    every: u64,
    #[serde(default = "all")]
    share: f64,
    #[serde(default)]
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

/// A rule with its counts as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct StatusForm {
    id: u64,
    seen: u64,
    hits: u64,
    fault: FaultForm,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ServiceForm {
    #[default]
    Kinesis,
    DynamoDb,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EffectForm {
    Throttle,
    CutBefore,
    CutAfter,
    Fail(FailForm),
    ServerError(u16),
    DelayMs(u64),
    DelayReplyMs(u64),
    PartialPutRecords(f64),
    CutStream(u64),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailForm {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default = "bad_request")]
    status: u16,
}

const fn each() -> u64 {
    1
}

const fn all() -> f64 {
    1.0
}

const fn bad_request() -> u16 {
    400
}

impl From<FaultForm> for Fault {
    fn from(form: FaultForm) -> Self {
        Self {
            service: match form.service {
                ServiceForm::Kinesis => Service::Kinesis,
                ServiceForm::DynamoDb => Service::DynamoDb,
            },
            operation: form.operation,
            resource: form.stream,
            shard: form.shard,
            effect: form.effect.into(),
            when: When { after: form.after, every: form.every, share: form.share, seed: form.seed, times: form.times },
        }
    }
}

impl From<Fault> for FaultForm {
    fn from(fault: Fault) -> Self {
        let When { after, every, share, seed, times } = fault.when;
        Self {
            service: match fault.service {
                Service::Kinesis => ServiceForm::Kinesis,
                Service::DynamoDb => ServiceForm::DynamoDb,
            },
            operation: fault.operation,
            stream: fault.resource,
            shard: fault.shard,
            effect: fault.effect.into(),
            after,
            every,
            share,
            seed,
            times,
        }
    }
}

impl From<FaultStatus> for StatusForm {
    fn from(status: FaultStatus) -> Self {
        Self { id: status.id.get(), seen: status.seen, hits: status.hits, fault: status.fault.into() }
    }
}

impl From<EffectForm> for Effect {
    fn from(form: EffectForm) -> Self {
        match form {
            EffectForm::Throttle => Self::Throttle,
            EffectForm::CutBefore => Self::CutBefore,
            EffectForm::CutAfter => Self::CutAfter,
            EffectForm::Fail(FailForm { error, message, status }) => Self::Fail { error, message, status },
            EffectForm::ServerError(status) => Self::ServerError { status },
            EffectForm::DelayMs(millis) => Self::Delay(Duration::from_millis(millis)),
            EffectForm::DelayReplyMs(millis) => Self::DelayReply(Duration::from_millis(millis)),
            EffectForm::PartialPutRecords(share) => Self::PartialPutRecords { share },
            EffectForm::CutStream(events) => Self::CutStream { events },
        }
    }
}

impl From<Effect> for EffectForm {
    fn from(effect: Effect) -> Self {
        let millis = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        match effect {
            Effect::Throttle => Self::Throttle,
            Effect::CutBefore => Self::CutBefore,
            Effect::CutAfter => Self::CutAfter,
            Effect::Fail { error, message, status } => Self::Fail(FailForm { error, message, status }),
            Effect::ServerError { status } => Self::ServerError(status),
            Effect::Delay(delay) => Self::DelayMs(millis(delay)),
            Effect::DelayReply(delay) => Self::DelayReplyMs(millis(delay)),
            Effect::PartialPutRecords { share } => Self::PartialPutRecords(share),
            Effect::CutStream { events } => Self::CutStream(events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Fault, serde_json::Error> {
        serde_json::from_str::<FaultForm>(json).map(Fault::from)
    }

    #[test]
    fn every_effect_and_condition_comes_back_as_the_same_rule() {
        let effects = [
            Effect::Throttle,
            Effect::CutBefore,
            Effect::CutAfter,
            Effect::fail("X"),
            Effect::Fail { error: "X".into(), message: Some("m".into()), status: 413 },
            Effect::ServerError { status: 503 },
            Effect::Delay(Duration::from_millis(7)),
            Effect::DelayReply(Duration::from_millis(8)),
            Effect::PartialPutRecords { share: 0.25 },
            Effect::CutStream { events: 3 },
        ];
        for effect in effects {
            let plain = Fault::kinesis(effect);
            let full = plain.clone().operation("O").stream("s").shard("i").after(1).every(2).share(0.5, 9).times(4);
            for fault in [plain, full.clone(), Fault { service: Service::DynamoDb, ..full }] {
                let json = serde_json::to_string(&FaultForm::from(fault.clone())).unwrap();
                assert_eq!(read(&json).unwrap(), fault, "{json}");
            }
        }
    }

    #[test]
    fn a_rule_needs_no_more_than_its_effect() {
        assert_eq!(read(r#"{"effect":"throttle"}"#).unwrap(), Fault::kinesis(Effect::Throttle));
        let lost = read(r#"{"service":"dynamodb","table":"leases","effect":"cut_after","times":2}"#).unwrap();
        assert_eq!(lost, Fault::dynamodb(Effect::CutAfter).table("leases").times(2));
        assert_eq!(read(r#"{"effect":{"fail":{"error":"X"}}}"#).unwrap(), Fault::kinesis(Effect::fail("X")));
    }

    #[test]
    fn misspelt_members_and_effects_are_errors_that_name_them() {
        for (json, named) in [
            (r#"{"effect":"throttle","opration":"x"}"#, "opration"),
            (r#"{"effect":"explode"}"#, "explode"),
            (r#"{"effect":{"fail":{"error":"X","code":1}}}"#, "code"),
            (r#"{"operation":"PutRecord"}"#, "effect"),
            (r#"{"effect":"throttle","times":-1}"#, "-1"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
