//! IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod.

use crate::check::{Verdict, list_checks};
use crate::mismatch::equal;
use crate::refusal::{INVALID, NOT_FOUND, WRONG_VALUE, refused};
use crate::stage::Stage;
use crate::stream::TestStream;

list_checks!("retention",
    retention_is_increased: "IncreaseStreamRetentionPeriod makes the summary show the new hours.",
    retention_is_decreased: "DecreaseStreamRetentionPeriod makes the summary show the new hours.",
    an_increase_to_less_is_refused: "IncreaseStreamRetentionPeriod below the present one is an InvalidArgumentException.",
    a_decrease_to_more_is_refused: "DecreaseStreamRetentionPeriod above the present one is an InvalidArgumentException.",
    a_retention_below_24_hours_is_refused: "A retention of 23 hours is refused as a wrong value.",
    a_retention_above_8_760_hours_is_refused: "A retention of 8761 hours is refused as a wrong value.",
    a_retention_of_8_760_hours_is_accepted: "A retention of 8760 hours is accepted.",
    the_retention_of_an_unknown_stream_is_not_found: "A retention change of an unknown stream is a ResourceNotFoundException.",
    retention_is_changed_by_arn: "Both retention operations accept the ARN instead of the name.",
);

async fn increase(stage: &Stage, stream: &TestStream, hours: i32) -> Verdict {
    let call = stage.kinesis().increase_stream_retention_period().stream_name(&stream.name);
    call.retention_period_hours(hours).send().await?;
    equal("RetentionPeriodHours", &stream.until_active().await?.retention_period_hours, &hours)
}

async fn retention_is_increased(stage: &Stage) -> Verdict {
    increase(stage, &stage.stream(1).await?, 48).await
}

async fn retention_is_decreased(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    increase(stage, &stream, 48).await?;
    let call = stage.kinesis().decrease_stream_retention_period().stream_name(&stream.name);
    call.retention_period_hours(30).send().await?;
    equal("RetentionPeriodHours", &stream.until_active().await?.retention_period_hours, &30)
}

async fn an_increase_to_less_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    increase(stage, &stream, 48).await?;
    let call = stage.kinesis().increase_stream_retention_period().stream_name(&stream.name);
    refused(call.retention_period_hours(47).send().await, INVALID)?.begins("Requested retention period").map(|_| ())
}

async fn a_decrease_to_more_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().decrease_stream_retention_period().stream_name(&stream.name);
    refused(call.retention_period_hours(48).send().await, INVALID)?.begins("Requested retention period").map(|_| ())
}

async fn a_retention_below_24_hours_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().decrease_stream_retention_period().stream_name(&stream.name);
    refused(call.retention_period_hours(23).send().await, WRONG_VALUE).map(|_| ())
}

async fn a_retention_above_8_760_hours_is_refused(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().increase_stream_retention_period().stream_name(&stream.name);
    refused(call.retention_period_hours(8_761).send().await, WRONG_VALUE).map(|_| ())
}

async fn a_retention_of_8_760_hours_is_accepted(stage: &Stage) -> Verdict {
    increase(stage, &stage.stream(1).await?, 8_760).await
}

async fn the_retention_of_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let call = stage.kinesis().increase_stream_retention_period().stream_name(stage.stream_name());
    refused(call.retention_period_hours(48).send().await, NOT_FOUND).map(|_| ())
}

async fn retention_is_changed_by_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    let call = stage.kinesis().increase_stream_retention_period().stream_arn(&arn);
    call.retention_period_hours(48).send().await?;
    stream.until_active().await?;
    let call = stage.kinesis().decrease_stream_retention_period().stream_arn(&arn);
    call.retention_period_hours(24).send().await?;
    equal("RetentionPeriodHours", &stream.until_active().await?.retention_period_hours, &24)
}
