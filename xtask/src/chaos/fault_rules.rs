//! Faults as the endpoints take them: rules as JSON for what a step wants, and the way to set and to clear them.

use serde_json::{Value, json};

use crate::chaos::aws_call::Service;
use crate::chaos::disturbance::{Fault, FaultKind, Place};
use crate::chaos::random_steps::Dice;

/// The faults of the endpoints, which stand before both services.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    control: Service,
}

impl Faults {
    pub(crate) fn new(kinesis_url: &str) -> Result<Self, String> {
        Service::kinesis(kinesis_url).map(|control| Self { control })
    }

    pub(crate) fn set(&self, rules: &[Value]) -> Result<(), String> {
        rules.iter().try_for_each(|rule| self.control.control("POST", PATH, &rule.to_string()))
    }

    pub(crate) fn clear(&self) -> Result<(), String> {
        self.control.control("DELETE", PATH, "")
    }
}

const PATH: &str = "/_local/faults";

/// How many calls go wrong, in hundredths: from the first number, and below it and the second one together.
const SHARE: (u64, u64) = (30, 40);
/// The longest delay, in milliseconds, before a call and before its answer; the shortest is a tenth of it.
const LONGEST_DELAY: u64 = 1_500;

/// The rules of a fault, and the share of calls that it hits, in hundredths. Pure but for the dice.
pub(crate) fn rules(fault: Fault, dice: &mut Dice) -> (Vec<Value>, u64) {
    let share = SHARE.0.saturating_add(dice.below(SHARE.1));
    let services = match fault.at {
        Place::Both => vec!["kinesis", "dynamodb"],
        Place::Kinesis => vec!["kinesis"],
        Place::DynamoDb => vec!["dynamodb"],
    };
    let rules = services.iter().flat_map(|service| of_service(fault.kind, service, share, dice));
    (rules.collect(), share)
}

fn of_service(kind: FaultKind, service: &str, share: u64, dice: &mut Dice) -> Vec<Value> {
    let seed = dice.below(u64::from(u32::MAX));
    let mut delay = || LONGEST_DELAY / 10 + dice.below(LONGEST_DELAY - LONGEST_DELAY / 10);
    let rule = |effect: Value, hundredths: u64, seed: u64| json!({"service": service, "effect": effect, "share": as_share(hundredths), "seed": seed});
    match kind {
        FaultKind::Throttle => {
            // Its effect says which operation it is for.
            let partial =
                (service == "kinesis").then(|| rule(json!({"partial_put_records": 0.3}), share, seed.wrapping_add(1)));
            [rule(json!("throttle"), share, seed)].into_iter().chain(partial).collect()
        }
        FaultKind::Errors => vec![
            rule(json!({"server_error": 500}), share / 2, seed),
            rule(json!({"server_error": 503}), share / 2, seed.wrapping_add(1)),
        ],
        FaultKind::Delays => vec![
            rule(json!({"delay_ms": delay()}), share, seed),
            rule(json!({"delay_reply_ms": delay()}), share, seed.wrapping_add(1)),
        ],
        FaultKind::Cut => vec![rule(json!("cut_before"), share, seed)],
        FaultKind::Lost => vec![rule(json!("cut_after"), share, seed)],
    }
}

fn as_share(hundredths: u64) -> f64 {
    f64::from(u32::try_from(hundredths).unwrap_or(100)) / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: FaultKind, at: Place, seed: u64) -> Vec<Value> {
        rules(Fault { kind, at }, &mut Dice::new(seed)).0
    }

    #[test]
    fn a_fault_at_both_services_has_rules_for_both_and_the_same_seed_gives_the_same() {
        let both = of(FaultKind::Lost, Place::Both, 3);
        assert_eq!(both.iter().map(|rule| &rule["service"]).collect::<Vec<_>>(), ["kinesis", "dynamodb"]);
        assert_eq!(both, of(FaultKind::Lost, Place::Both, 3));
        assert_ne!(both, of(FaultKind::Lost, Place::Both, 4));
    }

    #[test]
    fn every_kind_hits_a_part_of_the_calls_and_never_all_of_them() {
        for kind in FaultKind::ALL {
            for rule in (0..50).flat_map(|seed| of(kind, Place::Both, seed)) {
                let share = rule["share"].as_f64().expect("a share");
                assert!((0.1..0.71).contains(&share), "{rule}");
            }
        }
    }
}
