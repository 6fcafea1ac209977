//! What the rules decide.

use super::*;

fn call<'a>(operation: &'a str, stream: &'a str, shards: &'a [Option<String>]) -> Call<'a> {
    Call { service: Service::Kinesis, operation, resource: Some(stream), shards }
}

fn decide(rules: &mut Rules, operation: &str) -> Outcome {
    rules.decide(&call(operation, "words", &[])).outcome
}

fn rules(faults: impl IntoIterator<Item = Fault>) -> Rules {
    let mut rules = Rules::default();
    for fault in faults {
        fault.check().unwrap();
        rules.add(fault);
    }
    rules
}

fn error(outcome: Outcome) -> (u16, String) {
    let Outcome::Refuse(refusal) = outcome else { panic!("{outcome:?}") };
    (refusal.status, refusal.error)
}

#[test]
fn a_rule_hits_only_calls_of_its_service_operation_stream_and_shard() {
    let shards = ["shardId-000000000000", "shardId-000000000001"].map(|id| Some(id.to_owned()));
    let rule = Fault::kinesis(Effect::CutBefore).operation("PutRecords").stream("words").shard("shardId-000000000001");
    let mut rules = rules([rule]);
    assert_eq!(rules.decide(&call("PutRecords", "words", &shards)).outcome, Outcome::CutBefore);
    let others = [
        call("PutRecord", "words", &shards),
        call("PutRecords", "other", &shards),
        call("PutRecords", "words", &shards[..1]),
        Call { service: Service::DynamoDb, ..call("PutRecords", "words", &shards) },
        Call { resource: None, ..call("PutRecords", "words", &shards) },
    ];
    for other in others {
        assert_eq!(rules.decide(&other), Verdict::PASS, "{other:?}");
    }
    assert_eq!((rules.list()[0].seen, rules.list()[0].hits), (1, 1));
}

#[test]
fn delays_add_up_and_the_first_other_effect_decides() {
    let after = |millis| Effect::Delay(Duration::from_millis(millis));
    let reply = Effect::DelayReply(Duration::from_millis(5));
    let effects = [after(10), after(20), reply, Effect::CutAfter, after(40), Effect::Throttle];
    let mut rules = rules(effects.map(Fault::kinesis));
    let verdict = rules.decide(&call("GetRecords", "words", &[]));
    assert_eq!(verdict.delay, Duration::from_millis(30));
    assert_eq!((verdict.outcome, verdict.delay_reply), (Outcome::CutAfter, Duration::from_millis(5)));
    assert_eq!(rules.list().iter().map(|rule| rule.hits).collect::<Vec<_>>(), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn a_spent_rule_makes_way_for_the_next() {
    let mut rules = rules([
        Fault::kinesis(Effect::CutBefore).times(1),
        Fault::kinesis(Effect::CutAfter).times(1),
        Fault::kinesis(Effect::Throttle).operation("ListShards"),
    ]);
    let outcomes = [(); 3].map(|()| decide(&mut rules, "GetRecords"));
    assert_eq!(outcomes, [Outcome::CutBefore, Outcome::CutAfter, Outcome::Pass]);
    assert_eq!(error(decide(&mut rules, "ListShards")), (400, "LimitExceededException".to_owned()));
}

#[test]
fn each_service_and_operation_is_throttled_and_fails_by_its_own_names() {
    let with = |effect: Effect, service, operation| {
        let mut rules = rules([Fault { service, ..Fault::kinesis(effect) }]);
        error(rules.decide(&Call { service, ..call(operation, "words", &[]) }).outcome)
    };
    let throughput = (400, "ProvisionedThroughputExceededException".to_owned());
    assert_eq!(with(Effect::Throttle, Service::Kinesis, "PutRecords"), throughput);
    assert_eq!(with(Effect::Throttle, Service::DynamoDb, "UpdateItem"), throughput);
    assert_eq!(with(Effect::Throttle, Service::DynamoDb, "CreateTable").1, "ThrottlingException");
    let error = |status| Effect::ServerError { status };
    assert_eq!(with(error(500), Service::Kinesis, "PutRecord"), (500, "InternalFailure".to_owned()));
    assert_eq!(with(error(500), Service::DynamoDb, "PutItem"), (500, "InternalServerError".to_owned()));
    assert_eq!(with(error(503), Service::Kinesis, "PutRecord"), (503, "ServiceUnavailable".to_owned()));
}

#[test]
fn what_must_be_known_is_what_the_rules_about_that_operation_ask_for() {
    let mut rules = rules([
        Fault::kinesis(Effect::Throttle).operation("GetRecords").shard("s"),
        Fault::kinesis(Effect::PartialPutRecords { share: 0.5 }),
    ]);
    assert_eq!(rules.wants(Service::Kinesis, "ListShards"), Wants::Nothing);
    assert_eq!(rules.wants(Service::Kinesis, "GetRecords"), Wants::Shards);
    assert_eq!(rules.wants(Service::Kinesis, "PutRecords"), Wants::Shards);
    rules.add(Fault::kinesis(Effect::Throttle).stream("words"));
    assert_eq!(rules.wants(Service::Kinesis, "ListShards"), Wants::Resource);
    assert_eq!(rules.wants(Service::DynamoDb, "ListShards"), Wants::Nothing);
}

#[test]
fn a_partial_batch_is_the_same_again_and_keeps_to_its_shard() {
    let fails = |seed, shard: Option<&str>| {
        let fault =
            Fault { shard: shard.map(str::to_owned), ..Fault::kinesis(Effect::PartialPutRecords { share: 0.5 }) };
        let mut rules = rules([fault.share(1.0, seed)]);
        let here = [Some("here".to_owned())];
        let Outcome::PartialPut(partial) = rules.decide(&call("PutRecords", "words", &here)).outcome else { panic!() };
        (0..100).filter(|place| partial.fails(*place, Some("here"))).collect::<Vec<_>>()
    };
    assert_eq!(fails(1, None), fails(1, Some("here")));
    assert_ne!(fails(1, None), fails(2, None));
    assert!((30..70).contains(&fails(1, None).len()));
    let elsewhere = PartialPut { share: 1.0, seed: 0, call: 0, shard: Some("here".to_owned()) };
    assert!(elsewhere.fails(0, Some("here")) && !elsewhere.fails(0, Some("there")) && !elsewhere.fails(0, None));
}

#[test]
fn rules_are_removed_by_their_ids_and_ids_are_not_used_again() {
    let mut rules = rules([Fault::kinesis(Effect::CutBefore), Fault::kinesis(Effect::CutAfter)]);
    let first = rules.list()[0].id;
    assert_eq!((rules.remove(first), rules.remove(first)), (1, 0));
    assert_eq!(decide(&mut rules, "PutRecord"), Outcome::CutAfter);
    assert_eq!(rules.clear(), 1);
    assert_eq!(rules.add(Fault::kinesis(Effect::CutBefore)).get(), 3);
}
