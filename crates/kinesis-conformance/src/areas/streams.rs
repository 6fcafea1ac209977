//! Creating, describing and deleting streams.

use aws_sdk_kinesis::operation::describe_stream::DescribeStreamError;
use aws_sdk_kinesis::types::{EncryptionType, StreamMode, StreamModeDetails, StreamStatus};

use crate::check::{Verdict, list_checks};
use crate::mismatch::{ensure, equal, present};
use crate::pace::Pace;
use crate::refusal::{IN_USE, NOT_FOUND, VALIDATION, WRONG_VALUE, refused};
use crate::stage::Stage;

list_checks!("streams",
    a_created_stream_becomes_active_with_the_shards_asked_for:
        "A created stream becomes ACTIVE with as many open shards as were asked for.",
    creating_a_stream_that_exists_is_refused_as_in_use:
        "Creating a stream whose name is taken is a ResourceInUseException that begins with the stream's name.",
    a_stream_name_with_a_space_is_a_validation_error:
        "A stream name with a character outside [a-zA-Z0-9_.-] is a ValidationException.",
    a_stream_name_of_129_characters_is_a_validation_error:
        "A stream name of more than 128 characters is a ValidationException.",
    a_stream_of_zero_shards_is_a_validation_error: "A shard count of 0 is a ValidationException.",
    a_stream_of_a_negative_number_of_shards_is_a_validation_error: "A negative shard count is a ValidationException.",
    describing_an_unknown_stream_is_not_found_and_names_it:
        "Describing a stream that does not exist is a ResourceNotFoundException that begins with \"Stream\" and its name.",
    the_summary_of_an_unknown_stream_is_not_found:
        "DescribeStreamSummary of a stream that does not exist is a ResourceNotFoundException.",
    deleting_an_unknown_stream_is_not_found: "Deleting a stream that does not exist is a ResourceNotFoundException.",
    a_deleted_stream_is_gone_after_a_while:
        "A deleted stream is DELETING at most for a while, and then a ResourceNotFoundException.",
    a_stream_created_again_under_its_name_is_empty:
        "A stream that was deleted and created again under the same name has no record of the old one.",
    a_new_stream_keeps_records_for_24_hours_and_is_not_encrypted:
        "A new stream has a retention of 24 hours, encryption NONE, no consumers and a creation time.",
    an_arn_names_region_account_and_stream:
        "A stream's ARN has the form arn:aws:kinesis:REGION:12 DIGITS:stream/NAME.",
    describe_stream_and_its_summary_agree: "DescribeStream and DescribeStreamSummary say the same of a stream.",
    describe_stream_pages_by_limit_and_exclusive_start:
        "DescribeStream returns at most Limit shards after ExclusiveStartShardId, and HasMoreShards says whether that is all.",
    a_stream_is_described_by_its_arn: "DescribeStream and DescribeStreamSummary accept the ARN instead of the name.",
    a_stream_is_deleted_by_its_arn: "DeleteStream accepts the ARN instead of the name.",
    neither_name_nor_arn_is_refused: "A description of no stream in particular is refused as a wrong value.",
    a_name_and_an_arn_of_two_streams_are_refused:
        "A name and an ARN that belong to different streams are refused as a wrong value.",
    a_new_stream_is_provisioned_unless_said_otherwise: "A stream created without a mode has the mode PROVISIONED.",
    an_on_demand_stream_starts_with_four_shards: "A stream created in the mode ON_DEMAND has 4 shards without a shard count.",
    a_stream_changes_its_mode_and_back:
        "UpdateStreamMode takes a stream from PROVISIONED to ON_DEMAND, by ARN, and the summary shows it.",
);

async fn a_created_stream_becomes_active_with_the_shards_asked_for(stage: &Stage) -> Verdict {
    let summary = stage.stream(3).await?.until_active().await?;
    equal("OpenShardCount", &summary.open_shard_count, &3)
}

async fn creating_a_stream_that_exists_is_refused_as_in_use(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let again = stage.kinesis().create_stream().stream_name(&stream.name).shard_count(1).send().await;
    refused(again, IN_USE)?.begins(&format!("Stream {}", stream.name)).map(|_| ())
}

async fn a_stream_name_with_a_space_is_a_validation_error(stage: &Stage) -> Verdict {
    // An endpoint that takes it must not keep it.
    stage.delete_afterwards("not a name");
    let call = stage.kinesis().create_stream().stream_name("not a name").shard_count(1).send().await;
    refused(call, VALIDATION)?.begins("1 validation error detected: Value 'not a name' at 'streamName'").map(|_| ())
}

async fn a_stream_name_of_129_characters_is_a_validation_error(stage: &Stage) -> Verdict {
    let name = "n".repeat(129);
    stage.delete_afterwards(&name);
    let call = stage.kinesis().create_stream().stream_name(name).shard_count(1).send().await;
    refused(call, VALIDATION)?.begins("1 validation error detected").map(|_| ())
}

async fn a_stream_of_zero_shards_is_a_validation_error(stage: &Stage) -> Verdict {
    let call = stage.kinesis().create_stream().stream_name(stage.stream_name()).shard_count(0).send().await;
    refused(call, VALIDATION)?.begins("1 validation error detected: Value '0' at 'shardCount'").map(|_| ())
}

async fn a_stream_of_a_negative_number_of_shards_is_a_validation_error(stage: &Stage) -> Verdict {
    let call = stage.kinesis().create_stream().stream_name(stage.stream_name()).shard_count(-1).send().await;
    refused(call, VALIDATION).map(|_| ())
}

async fn describing_an_unknown_stream_is_not_found_and_names_it(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    let call = stage.kinesis().describe_stream().stream_name(&name).send().await;
    refused(call, NOT_FOUND)?.begins(&format!("Stream {name} under account "))?.mentions("not found").map(|_| ())
}

async fn the_summary_of_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let call = stage.kinesis().describe_stream_summary().stream_name(stage.stream_name()).send().await;
    refused(call, NOT_FOUND).map(|_| ())
}

async fn deleting_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let call = stage.kinesis().delete_stream().stream_name(stage.stream_name()).send().await;
    refused(call, NOT_FOUND).map(|_| ())
}

async fn a_deleted_stream_is_gone_after_a_while(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stage.kinesis().delete_stream().stream_name(&stream.name).send().await?;
    until_gone(stage, &stream.name).await
}

async fn until_gone(stage: &Stage, name: &str) -> Verdict {
    let mut pace = Pace::for_the("a deleted stream to be gone");
    loop {
        match stage.kinesis().describe_stream().stream_name(name).send().await {
            Ok(reply) => {
                let description = present("StreamDescription", reply.stream_description)?;
                equal("status of a deleted stream", &description.stream_status, &StreamStatus::Deleting)?;
            }
            Err(error)
                if matches!(error.as_service_error(), Some(DescribeStreamError::ResourceNotFoundException(_))) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        pace.pause().await?;
    }
}

async fn a_stream_created_again_under_its_name_is_empty(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stream.put("key", "old").await?;
    stage.kinesis().delete_stream().stream_name(&stream.name).send().await?;
    until_gone(stage, &stream.name).await?;
    stage.kinesis().create_stream().stream_name(&stream.name).shard_count(1).send().await?;
    stream.until_active().await?;
    stream.put("key", "new").await?;
    let records = stream.read_shard(&stream.first_shard().await?, 1).await?;
    equal("records", &crate::stream::texts(&records), &vec!["new".to_owned()])
}

async fn a_new_stream_keeps_records_for_24_hours_and_is_not_encrypted(stage: &Stage) -> Verdict {
    let summary = stage.stream(1).await?.summary().await?;
    equal("RetentionPeriodHours", &summary.retention_period_hours, &24)?;
    equal("EncryptionType", &summary.encryption_type, &Some(EncryptionType::None))?;
    equal("ConsumerCount", &summary.consumer_count, &Some(0))?;
    // Any time after the service was opened to the public; zero would be an absent member.
    ensure!(summary.stream_creation_timestamp.secs() > 1_384_000_000, "StreamCreationTimestamp is absent or nonsense");
    Ok(())
}

async fn an_arn_names_region_account_and_stream(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    let fields: Vec<_> = arn.split(':').collect();
    let [_, partition, service, region, account, resource] = fields.as_slice() else {
        return Err(crate::Mismatch::new(format!("{arn} does not have six fields")));
    };
    ensure!(partition.starts_with("aws") && *service == "kinesis", "{arn} does not begin with arn:aws:kinesis");
    equal("region", region, &stage.region())?;
    ensure!(account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()), "{account} is not an account");
    equal("resource", &(*resource).to_owned(), &format!("stream/{}", stream.name))
}

async fn describe_stream_and_its_summary_agree(stage: &Stage) -> Verdict {
    let stream = stage.stream(2).await?;
    let summary = stream.summary().await?;
    let reply = stage.kinesis().describe_stream().stream_name(&stream.name).send().await?;
    let description = present("StreamDescription", reply.stream_description)?;
    equal("StreamName", &description.stream_name, &summary.stream_name)?;
    equal("StreamARN", &description.stream_arn, &summary.stream_arn)?;
    equal("StreamStatus", &description.stream_status, &summary.stream_status)?;
    equal("RetentionPeriodHours", &description.retention_period_hours, &summary.retention_period_hours)?;
    equal("StreamCreationTimestamp", &description.stream_creation_timestamp, &summary.stream_creation_timestamp)?;
    equal("number of shards", &description.shards.len(), &2)?;
    equal("OpenShardCount", &summary.open_shard_count, &2)
}

async fn describe_stream_pages_by_limit_and_exclusive_start(stage: &Stage) -> Verdict {
    let stream = stage.stream(3).await?;
    let mut seen = Vec::new();
    let mut more = true;
    while more {
        let request = stage.kinesis().describe_stream().stream_name(&stream.name).limit(2);
        let reply = request.set_exclusive_start_shard_id(seen.last().cloned()).send().await?;
        let page = present("StreamDescription", reply.stream_description)?;
        ensure!(!page.shards.is_empty() && page.shards.len() <= 2, "a page of {} shards", page.shards.len());
        seen.extend(page.shards.into_iter().map(|shard| shard.shard_id));
        ensure!(seen.len() <= 3, "the pages go on after {seen:?}");
        more = page.has_more_shards;
    }
    let all: Vec<_> = stream.shards().await?.into_iter().map(|shard| shard.shard_id).collect();
    equal("shards of all pages", &seen, &all)
}

async fn a_stream_is_described_by_its_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    let full = stage.kinesis().describe_stream().stream_arn(&arn).send().await?;
    equal("StreamName", &present("StreamDescription", full.stream_description)?.stream_name, &stream.name)?;
    let short = stage.kinesis().describe_stream_summary().stream_arn(&arn).send().await?;
    equal("StreamName", &present("Summary", short.stream_description_summary)?.stream_name, &stream.name)
}

async fn a_stream_is_deleted_by_its_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    stage.kinesis().delete_stream().stream_arn(stream.arn().await?).send().await?;
    until_gone(stage, &stream.name).await
}

async fn neither_name_nor_arn_is_refused(stage: &Stage) -> Verdict {
    refused(stage.kinesis().describe_stream_summary().send().await, WRONG_VALUE).map(|_| ())
}

async fn a_name_and_an_arn_of_two_streams_are_refused(stage: &Stage) -> Verdict {
    let (one, two) = (stage.stream(1).await?, stage.stream(1).await?);
    let call = stage.kinesis().describe_stream_summary().stream_name(&one.name).stream_arn(two.arn().await?);
    refused(call.send().await, WRONG_VALUE).map(|_| ())
}

async fn a_new_stream_is_provisioned_unless_said_otherwise(stage: &Stage) -> Verdict {
    let summary = stage.stream(1).await?.summary().await?;
    let mode = present("StreamModeDetails", summary.stream_mode_details)?.stream_mode;
    equal("StreamMode", &mode, &StreamMode::Provisioned)
}

async fn an_on_demand_stream_starts_with_four_shards(stage: &Stage) -> Verdict {
    let name = stage.stream_name();
    let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build()?;
    stage.kinesis().create_stream().stream_name(&name).stream_mode_details(mode).send().await?;
    let stream = crate::TestStream::new(stage.kinesis().clone(), name);
    let summary = stream.until_active().await?;
    equal("OpenShardCount", &summary.open_shard_count, &4)?;
    let mode = present("StreamModeDetails", summary.stream_mode_details)?.stream_mode;
    equal("StreamMode", &mode, &StreamMode::OnDemand)
}

async fn a_stream_changes_its_mode_and_back(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    for wanted in [StreamMode::OnDemand, StreamMode::Provisioned] {
        let mode = StreamModeDetails::builder().stream_mode(wanted.clone()).build()?;
        stage.kinesis().update_stream_mode().stream_arn(&arn).stream_mode_details(mode).send().await?;
        let summary = stream.until_active().await?;
        equal("StreamMode", &present("StreamModeDetails", summary.stream_mode_details)?.stream_mode, &wanted)?;
    }
    Ok(())
}
