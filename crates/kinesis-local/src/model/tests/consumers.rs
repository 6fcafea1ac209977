//! Registered consumers: one documented behaviour per test.

use super::*;

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/words";

fn request(name: &str) -> RegisterStreamConsumer {
    RegisterStreamConsumer { stream: "words".into(), name: name.to_owned() }
}

/// A model with the default delay of 20 ms and an ACTIVE stream.
fn with_delay() -> Model {
    let mut model = Model::new(Settings::default(), 7);
    model.create_stream(T0.minus(Duration::from_secs(1)), &CreateStream::provisioned("words", 1)).unwrap();
    model.advance(T0);
    model
}

fn status(model: &mut Model, now: Millis, name: &str) -> Result<ConsumerStatus, ErrorKind> {
    let described = model.describe_stream_consumer(now, &ConsumerRef::by_name(ARN, name));
    described.map(|consumer| consumer.status).map_err(|error| error.kind)
}

#[test]
fn a_consumer_is_creating_until_its_delay_has_passed_and_its_arn_ends_in_the_second_of_its_registration() {
    let mut model = with_delay();
    let consumer = model.register_stream_consumer(at(7), &request("counter")).unwrap();
    assert_eq!(consumer.arn, format!("{ARN}/consumer/counter:1700000000"));
    assert_eq!((consumer.status, consumer.stream_arn.as_str()), (ConsumerStatus::Creating, ARN));
    assert_eq!(model.next_due(), Some(at(27)));
    assert_eq!(status(&mut model, at(26), "counter"), Ok(ConsumerStatus::Creating));
    assert_eq!(status(&mut model, at(27), "counter"), Ok(ConsumerStatus::Active));
    let by_arn = model.describe_stream_consumer(at(27), &ConsumerRef::by_arn(&consumer.arn)).unwrap();
    assert_eq!((by_arn.name.as_str(), by_arn.created), ("counter", at(7)));
}

#[test]
fn a_name_is_taken_until_its_consumer_is_gone() {
    let mut model = with_delay();
    let arn = model.register_stream_consumer(T0, &request("counter")).unwrap().arn;
    let taken = |model: &mut Model, now| model.register_stream_consumer(now, &request("counter")).unwrap_err().kind;
    assert_eq!(taken(&mut model, at(100)), ErrorKind::ResourceInUse);
    model.deregister_stream_consumer(at(100), &ConsumerRef::by_arn(&arn)).unwrap();
    assert_eq!(status(&mut model, at(119), "counter"), Ok(ConsumerStatus::Deleting));
    // Asked again, it is not put off.
    model.deregister_stream_consumer(at(119), &ConsumerRef::by_name(ARN, "counter")).unwrap();
    assert_eq!(taken(&mut model, at(119)), ErrorKind::ResourceInUse);
    assert_eq!(status(&mut model, at(120), "counter"), Err(ErrorKind::ResourceNotFound));
    let again = model.register_stream_consumer(at(5_000), &request("counter")).unwrap();
    let old = model.describe_stream_consumer(at(5_000), &ConsumerRef::by_arn(&arn)).unwrap_err();
    assert_eq!((again.arn == arn, old.kind), (false, ErrorKind::ResourceNotFound));
}

#[test]
fn regression_a_consumer_registered_again_within_a_second_is_found_by_its_arn() {
    let mut model = with_delay();
    let first = model.register_stream_consumer(T0, &request("counter")).unwrap().arn;
    model.deregister_stream_consumer(at(100), &ConsumerRef::by_arn(&first)).unwrap();
    assert_eq!(status(&mut model, at(120), "counter"), Err(ErrorKind::ResourceNotFound));
    let second = model.register_stream_consumer(at(120), &request("counter")).unwrap().arn;
    let described = model.describe_stream_consumer(at(130), &ConsumerRef::by_arn(&second)).unwrap();
    assert_eq!((described.arn == second, second == first), (true, false));
}

#[test]
fn a_stream_has_at_most_twenty_consumers_and_five_that_are_creating() {
    let mut model = with_delay();
    for n in 0..20 {
        let now = at(n * 5);
        model.register_stream_consumer(now, &request(&format!("c{n}"))).unwrap();
    }
    assert_eq!(model.register_stream_consumer(at(500), &request("more")).unwrap_err().kind, ErrorKind::LimitExceeded);
    let mut model = with_delay();
    for n in 0..5 {
        model.register_stream_consumer(T0, &request(&format!("c{n}"))).unwrap();
    }
    assert_eq!(model.register_stream_consumer(T0, &request("c5")).unwrap_err().kind, ErrorKind::LimitExceeded);
    assert!(model.register_stream_consumer(at(20), &request("c5")).is_ok());
}

#[test]
fn a_bad_name_an_unknown_stream_and_one_that_is_creating_are_refused() {
    let mut model = with_delay();
    assert_eq!(model.register_stream_consumer(T0, &request("a/b")).unwrap_err().kind, ErrorKind::Validation);
    let unknown = RegisterStreamConsumer { stream: "nope".into(), name: "c".into() };
    assert_eq!(model.register_stream_consumer(T0, &unknown).unwrap_err().kind, ErrorKind::ResourceNotFound);
    model.create_stream(T0, &CreateStream::provisioned("new", 1)).unwrap();
    let new = RegisterStreamConsumer { stream: "new".into(), name: "c".into() };
    assert_eq!(model.register_stream_consumer(T0, &new).unwrap_err().kind, ErrorKind::ResourceInUse);
    assert!(model.register_stream_consumer(at(20), &new).is_ok());
}

#[test]
fn pages_of_consumers_join_to_the_whole_list_by_name() {
    let mut model = with_stream(1);
    for name in ["e", "b", "a", "d", "c"] {
        model.register_stream_consumer(T0, &request(name)).unwrap();
    }
    let mut request = ListStreamConsumers { stream: "words".into(), max_results: Some(2), ..Default::default() };
    let mut names = Vec::new();
    loop {
        let page = model.list_stream_consumers(at(1), &request).unwrap();
        names.extend(page.consumers.into_iter().map(|consumer| consumer.name));
        let Some(token) = page.next_token else { break };
        request.next_token = Some(token);
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let late = model.list_stream_consumers(at(300_001), &request).unwrap_err();
    assert_eq!(late.kind, ErrorKind::ExpiredNextToken);
    request.next_token = Some("AAAA".into());
    assert_eq!(model.list_stream_consumers(at(1), &request).unwrap_err().kind, ErrorKind::InvalidArgument);
}

#[test]
fn a_creation_time_tells_streams_of_one_name_apart() {
    let mut model = with_stream(1);
    let mut request = ListStreamConsumers { stream: "words".into(), stream_created: Some(T0), ..Default::default() };
    assert_eq!(model.list_stream_consumers(T0, &request).unwrap().consumers, []);
    request.stream_created = Some(at(1_000));
    assert_eq!(model.list_stream_consumers(T0, &request).unwrap_err().kind, ErrorKind::ResourceNotFound);
}

#[test]
fn a_stream_with_consumers_is_deleted_only_by_force() {
    let mut model = with_delay();
    model.register_stream_consumer(T0, &request("counter")).unwrap();
    assert_eq!(model.describe_stream_summary(T0, &"words".into()).unwrap().consumers, 1);
    assert_eq!(model.delete_stream(at(100), &"words".into()).unwrap_err().kind, ErrorKind::ResourceInUse);
    model.delete_stream_and_consumers(at(100), &"words".into()).unwrap();
    assert_eq!(status(&mut model, at(100), "counter"), Ok(ConsumerStatus::Deleting));
    assert_eq!(status(&mut model, at(120), "counter"), Err(ErrorKind::ResourceNotFound));
    assert!(model.list_streams(at(120), &ListStreams::default()).unwrap().streams.is_empty());
}
