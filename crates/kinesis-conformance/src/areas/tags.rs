//! Tags of streams, by the stream's own operations and by the general ones.

use std::collections::BTreeMap;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal};
use crate::refusal::{NOT_FOUND, VALIDATION, refused};
use crate::stage::Stage;

list_checks!("tags",
    tags_are_added_and_listed: "AddTagsToStream adds tags that ListTagsForStream returns.",
    a_tag_is_overwritten: "AddTagsToStream with a key that is there replaces its value.",
    tags_are_removed: "RemoveTagsFromStream removes the tags with these keys and no others.",
    tags_are_listed_page_by_page: "ListTagsForStream with Limit and ExclusiveStartTagKey returns all tags, page by page.",
    tags_may_be_given_at_creation: "CreateStream with tags makes a stream that has them.",
    more_than_fifty_tags_are_refused: "A 51st tag is refused.",
    a_tag_key_of_129_characters_is_a_validation_error: "A tag key of 129 characters is a ValidationException.",
    a_tag_value_of_257_characters_is_a_validation_error: "A tag value of 257 characters is a ValidationException.",
    tags_of_an_unknown_stream_are_not_found: "Tags of a stream that does not exist are a ResourceNotFoundException.",
    tags_by_resource_and_by_stream_are_the_same: "TagResource, UntagResource and ListTagsForResource see the stream's tags.",
    tags_accept_the_arn: "The tag operations of streams accept the ARN instead of the name.",
);

type Tags = BTreeMap<String, String>;

async fn listed(stage: &Stage, name: &str) -> Result<Tags, Mismatch> {
    let reply = stage.kinesis().list_tags_for_stream().stream_name(name).send().await?;
    Ok(reply.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn add(stage: &Stage, name: &str, pairs: &[(&str, &str)]) -> Verdict {
    let mut request = stage.kinesis().add_tags_to_stream().stream_name(name);
    for (key, value) in pairs {
        request = request.tags(*key, *value);
    }
    request.send().await?;
    Ok(())
}

async fn tags_are_added_and_listed(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    equal("tags of a new stream", &listed(stage, &stream.name).await?, &Tags::new())?;
    let pairs = [("team", "words"), ("stage", "")];
    add(stage, &stream.name, &pairs).await?;
    equal("tags", &listed(stage, &stream.name).await?, &tags(&pairs))
}

async fn a_tag_is_overwritten(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    add(stage, &stream.name, &[("team", "old")]).await?;
    add(stage, &stream.name, &[("team", "new")]).await?;
    equal("tags", &listed(stage, &stream.name).await?, &tags(&[("team", "new")]))
}

async fn tags_are_removed(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    add(stage, &stream.name, &[("a", "1"), ("b", "2"), ("c", "3")]).await?;
    stage.kinesis().remove_tags_from_stream().stream_name(&stream.name).tag_keys("a").tag_keys("c").send().await?;
    equal("tags", &listed(stage, &stream.name).await?, &tags(&[("b", "2")]))
}

async fn tags_are_listed_page_by_page(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    add(stage, &stream.name, &[("a", "1"), ("b", "2"), ("c", "3")]).await?;
    let mut keys = Vec::new();
    loop {
        let request = stage.kinesis().list_tags_for_stream().stream_name(&stream.name).limit(2);
        let reply = request.set_exclusive_start_tag_key(keys.last().cloned()).send().await?;
        ensure!(!reply.tags.is_empty() && reply.tags.len() <= 2, "a page of {} tags", reply.tags.len());
        keys.extend(reply.tags.into_iter().map(|tag| tag.key));
        ensure!(keys.len() <= 3, "the pages go on after {keys:?}");
        if !reply.has_more_tags {
            break;
        }
    }
    equal("keys", &keys, &["a", "b", "c"].map(str::to_owned).to_vec())
}

async fn tags_may_be_given_at_creation(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    stage.kinesis().create_stream().stream_name(&name).shard_count(1).tags("team", "words").send().await?;
    crate::TestStream::new(stage.kinesis().clone(), name.clone()).until_active().await?;
    equal("tags", &listed(stage, &name).await?, &tags(&[("team", "words")]))
}

async fn more_than_fifty_tags_are_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    for ten in 0..5 {
        let keys: Vec<_> = (0..10).map(|n| format!("key-{ten}-{n}")).collect();
        let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), "value")).collect();
        add(stage, &stream.name, &pairs).await?;
    }
    let more = stage.kinesis().add_tags_to_stream().stream_name(&stream.name).tags("one more", "value").send().await;
    refused(more, &["InvalidArgumentException", "LimitExceededException", "ValidationException"]).map(|_| ())
}

async fn a_tag_key_of_129_characters_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().add_tags_to_stream().stream_name(&stream.name).tags("k".repeat(129), "value");
    refused(call.send().await, VALIDATION).map(|_| ())
}

async fn a_tag_value_of_257_characters_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().add_tags_to_stream().stream_name(&stream.name).tags("key", "v".repeat(257));
    refused(call.send().await, VALIDATION).map(|_| ())
}

async fn tags_of_an_unknown_stream_are_not_found(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    refused(stage.kinesis().list_tags_for_stream().stream_name(&name).send().await, NOT_FOUND)?;
    let add = stage.kinesis().add_tags_to_stream().stream_name(&name).tags("key", "value");
    refused(add.send().await, NOT_FOUND).map(|_| ())
}

async fn tags_by_resource_and_by_stream_are_the_same(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    stage.kinesis().tag_resource().resource_arn(&arn).tags("a", "1").tags("b", "2").send().await?;
    equal("tags", &listed(stage, &stream.name).await?, &tags(&[("a", "1"), ("b", "2")]))?;
    stage.kinesis().untag_resource().resource_arn(&arn).tag_keys("a").send().await?;
    let reply = stage.kinesis().list_tags_for_resource().resource_arn(&arn).send().await?;
    let left: Tags =
        reply.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
    equal("tags", &left, &tags(&[("b", "2")]))
}

async fn tags_accept_the_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    stage.kinesis().add_tags_to_stream().stream_arn(&arn).tags("a", "1").send().await?;
    let reply = stage.kinesis().list_tags_for_stream().stream_arn(&arn).send().await?;
    equal("number of tags", &reply.tags.len(), &1)?;
    stage.kinesis().remove_tags_from_stream().stream_arn(&arn).tag_keys("a").send().await?;
    equal("tags", &listed(stage, &stream.name).await?, &Tags::new())
}
