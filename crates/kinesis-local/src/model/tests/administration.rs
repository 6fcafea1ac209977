//! Modes, tags, record sizes, monitoring and limits: one documented behaviour per test.

use std::collections::BTreeMap;

use super::*;

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn add(model: &mut Model, tags: BTreeMap<String, String>) -> Result<(), KinesisError> {
    model.add_tags(T0, &AddTags { stream: "words".into(), tags })
}

fn keys(model: &mut Model) -> Vec<String> {
    let reply = model.list_tags(T0, &ListTags { stream: "words".into(), ..ListTags::default() }).unwrap();
    reply.tags.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn on_demand_streams_start_with_four_shards() {
    let mut model = with_stream(1);
    model.create_stream(T0, &CreateStream::on_demand("elastic")).unwrap();
    let summary = model.describe_stream_summary(T0, &"elastic".into()).unwrap();
    assert_eq!((summary.open_shards, summary.mode), (4, StreamMode::OnDemand));
}

#[test]
fn a_change_of_mode_keeps_the_shards_and_takes_effect_with_active() {
    let mut model = Model::new(Settings { status_delay: Duration::from_millis(20), ..Settings::default() }, 7);
    model.create_stream(T0, &CreateStream::provisioned("words", 3)).unwrap();
    let request = UpdateStreamMode { stream: "words".into(), mode: StreamMode::OnDemand };
    model.update_stream_mode(at(100), &request).unwrap();
    let mut mode = |now| {
        let summary = model.describe_stream_summary(now, &"words".into()).unwrap();
        (summary.mode, summary.status, summary.open_shards)
    };
    assert_eq!(mode(at(119)), (StreamMode::Provisioned, StreamStatus::Updating, 3));
    assert_eq!(mode(at(120)), (StreamMode::OnDemand, StreamStatus::Active, 3));
}

#[test]
fn tags_are_added_replaced_listed_in_pages_and_removed() {
    let mut model = with_stream(1);
    add(&mut model, tags(&[("b", "1"), ("a", "1"), ("c", "")])).unwrap();
    add(&mut model, tags(&[("b", "2")])).unwrap();
    let mut page = ListTags { stream: "words".into(), limit: Some(2), exclusive_start: None };
    let first = model.list_tags(T0, &page).unwrap();
    assert_eq!((first.tags, first.has_more), (vec![("a".into(), "1".into()), ("b".into(), "2".into())], true));
    page.exclusive_start = Some("b".into());
    let second = model.list_tags(T0, &page).unwrap();
    assert_eq!((second.tags, second.has_more), (vec![("c".into(), String::new())], false));
    let remove = RemoveTags { stream: "words".into(), keys: vec!["a".into(), "never there".into()] };
    model.remove_tags(T0, &remove).unwrap();
    assert_eq!(keys(&mut model), ["b", "c"]);
}

#[test]
fn a_stream_has_fifty_tags_at_most() {
    let mut model = with_stream(1);
    let numbered = |numbers: std::ops::Range<u32>| numbers.map(|n| (n.to_string(), String::new())).collect();
    add(&mut model, numbered(0..50)).unwrap();
    add(&mut model, numbered(10..20)).unwrap();
    let refused = add(&mut model, numbered(49..51)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidArgument);
    assert!(refused.message.ends_with("a given stream cannot have more than 50 tags associated with it."));
    assert_eq!(keys(&mut model).len(), 50);
}

#[test]
fn tags_of_wrong_length_or_characters_are_refused_at_creation_too() {
    let mut model = with_stream(1);
    for (key, value, kind) in [
        (String::new(), String::new(), ErrorKind::Validation),
        ("k".repeat(129), String::new(), ErrorKind::Validation),
        ("k".to_owned(), "v".repeat(257), ErrorKind::Validation),
        ("k!".to_owned(), String::new(), ErrorKind::InvalidArgument),
        ("k".to_owned(), "a;b".to_owned(), ErrorKind::InvalidArgument),
    ] {
        let tags = BTreeMap::from([(key, value)]);
        assert_eq!(add(&mut model, tags.clone()).unwrap_err().kind, kind, "{tags:?}");
        let create = CreateStream { tags, ..CreateStream::provisioned("tagged", 1) };
        assert_eq!(model.create_stream(T0, &create).unwrap_err().kind, kind);
    }
    assert_eq!(add(&mut model, BTreeMap::new()).unwrap_err().kind, ErrorKind::Validation);
    add(&mut model, BTreeMap::from([("ü0 _.:/=+-%@".into(), "v".repeat(256)), ("k".repeat(128), String::new())]))
        .unwrap();
    assert_eq!(keys(&mut model).len(), 2);
}

#[test]
fn lists_and_removals_of_tags_check_their_members() {
    let mut model = with_stream(1);
    for (limit, start) in
        [(Some(0), None), (Some(51), None), (None, Some(String::new())), (None, Some("k".repeat(129)))]
    {
        let page = ListTags { stream: "words".into(), limit, exclusive_start: start };
        assert_eq!(model.list_tags(T0, &page).unwrap_err().kind, ErrorKind::Validation, "{page:?}");
    }
    for keys in [vec![], vec!["k".to_owned(); 51], vec![String::new()]] {
        let remove = RemoveTags { stream: "words".into(), keys };
        assert_eq!(model.remove_tags(T0, &remove).unwrap_err().kind, ErrorKind::Validation);
    }
    let gone = RemoveTags { stream: "gone".into(), keys: vec!["k".into()] };
    assert_eq!(model.remove_tags(T0, &gone).unwrap_err().kind, ErrorKind::ResourceNotFound);
}

#[test]
fn a_larger_record_size_lets_larger_records_in() {
    let mut model = with_stream(1);
    let entry = PutEntry::new("k", None, Payload::from_bytes(&vec![0; (1 << 20) + 1])).unwrap();
    let request = PutRecord { stream: "words".into(), entry };
    assert_eq!(model.put_record(T0, request.clone()).unwrap_err().kind, ErrorKind::Validation);
    let mut update = |kib| model.update_max_record_size(T0, &UpdateMaxRecordSize { stream: "words".into(), kib });
    for kib in [1_023, 10_241] {
        assert_eq!(update(kib).unwrap_err().kind, ErrorKind::Validation);
    }
    update(10_240).unwrap();
    model.put_record(T0, request).unwrap();
    let create = CreateStream { max_record_size_kib: Some(2_048), ..CreateStream::provisioned("large", 1) };
    model.create_stream(T0, &create).unwrap();
    assert_eq!(model.describe_stream_summary(T0, &"large".into()).unwrap().max_record_size, 2 << 20);
}

#[test]
fn metrics_are_switched_on_and_off() {
    let mut model = with_stream(1);
    let metrics = |names: &[&str]| {
        names.iter().fold(ShardMetrics::default(), |all, name| all.and(ShardMetrics::named(name).unwrap()))
    };
    let request = |metrics| ChangeMonitoring { stream: "words".into(), metrics };
    let on = model.enable_monitoring(T0, &request(metrics(&["ALL"]))).unwrap();
    assert_eq!((on.current, on.desired), (ShardMetrics::default(), metrics(&["ALL"])));
    let off = model.disable_monitoring(T0, &request(metrics(&["IncomingBytes"]))).unwrap();
    assert_eq!(off.current, metrics(&["ALL"]));
    assert_eq!(off.desired.names().count(), 6);
    assert_eq!(model.describe_stream_summary(T0, &"words".into()).unwrap().metrics, off.desired);
}

#[test]
fn the_account_counts_open_shards_and_on_demand_streams() {
    let mut model = with_stream(3);
    model.create_stream(T0, &CreateStream::on_demand("elastic")).unwrap();
    split(&mut model, T0, 0, 1 << 100).unwrap();
    let limits = model.describe_limits(T0).unwrap();
    assert_eq!((limits.open_shards, limits.on_demand_streams, limits.shard_limit), (8, 1, 20_000));
}
