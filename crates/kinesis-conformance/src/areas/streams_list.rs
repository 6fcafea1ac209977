//! ListStreams and its pages. Other streams may be there, also between the ones of the check.

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{VALIDATION, refused};
use crate::stage::Stage;

list_checks!("streams",
    list_streams_is_sorted_and_has_the_new_stream: "ListStreams names every stream, in the order of the names.",
    list_streams_starts_after_a_name: "ListStreams with ExclusiveStartStreamName begins after that name.",
    list_streams_pages_by_token: "ListStreams with Limit returns pages whose NextToken leads to the rest, without repetition.",
    list_streams_has_a_summary_of_each_stream: "ListStreams has StreamSummaries with name, ARN, status, mode and creation time.",
    list_streams_by_zero_is_a_validation_error: "ListStreams with Limit 0 is a ValidationException.",
    list_streams_by_10_001_is_a_validation_error: "ListStreams with Limit 10001 is a ValidationException.",
);

/// All names, page by page, and how many pages that were.
async fn names(stage: &Stage, limit: Option<i32>) -> Result<(Vec<String>, u32), Mismatch> {
    let (mut names, mut pages) = (Vec::new(), 0);
    let mut request = stage.kinesis().list_streams().set_limit(limit);
    loop {
        let reply = request.send().await?;
        let page = reply.stream_names;
        if let Some(limit) = limit {
            ensure!(i32::try_from(page.len()).is_ok_and(|length| length <= limit), "a page of {} names", page.len());
        }
        equal("HasMoreStreams beside NextToken", &reply.next_token.is_some(), &reply.has_more_streams)?;
        names.extend(page);
        pages += 1;
        match reply.next_token {
            Some(token) => request = stage.kinesis().list_streams().set_limit(limit).next_token(token),
            None => return Ok((names, pages)),
        }
    }
}

async fn list_streams_is_sorted_and_has_the_new_stream(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let (names, _) = names(stage, None).await?;
    ensure!(names.contains(&stream.name), "the new stream is not in the list");
    ensure!(names.is_sorted(), "the names are not in order: {names:?}");
    Ok(())
}

async fn list_streams_starts_after_a_name(stage: &Stage) -> Verdict {
    let (one, two) = (stage.stream(1).await?, stage.stream(1).await?);
    let (low, high) = if one.name < two.name { (one, two) } else { (two, one) };
    let reply = stage.kinesis().list_streams().exclusive_start_stream_name(&low.name).send().await?;
    ensure!(reply.stream_names.iter().all(|name| *name > low.name), "a name at or before the start");
    ensure!(reply.stream_names.contains(&high.name) || reply.has_more_streams, "a later stream is missing");
    Ok(())
}

async fn list_streams_pages_by_token(stage: &Stage) -> Verdict {
    let (one, two) = (stage.stream(1).await?, stage.stream(1).await?);
    let (names, pages) = names(stage, Some(1)).await?;
    ensure!(pages >= 2, "{} streams came in one page of 1", names.len());
    ensure!(names.contains(&one.name) && names.contains(&two.name), "a stream is on no page");
    ensure!(names.windows(2).all(|pair| pair.first() < pair.last()), "names repeat or are out of order");
    Ok(())
}

async fn list_streams_has_a_summary_of_each_stream(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let description = stream.summary().await?;
    let mut request = stage.kinesis().list_streams();
    loop {
        let reply = request.send().await?;
        let found = reply.stream_summaries().iter().find(|summary| summary.stream_name == stream.name);
        if let Some(summary) = found {
            equal("StreamARN", &summary.stream_arn, &description.stream_arn)?;
            equal("StreamStatus", &summary.stream_status, &description.stream_status)?;
            equal("StreamModeDetails", &summary.stream_mode_details, &description.stream_mode_details)?;
            let created = Some(description.stream_creation_timestamp);
            return equal("StreamCreationTimestamp", &summary.stream_creation_timestamp, &created);
        }
        let token = present("a summary of the new stream", reply.next_token)?;
        request = stage.kinesis().list_streams().next_token(token);
    }
}

async fn list_streams_by_zero_is_a_validation_error(stage: &Stage) -> Verdict {
    refused(stage.kinesis().list_streams().limit(0).send().await, VALIDATION).map(|_| ())
}

async fn list_streams_by_10_001_is_a_validation_error(stage: &Stage) -> Verdict {
    refused(stage.kinesis().list_streams().limit(10_001).send().await, VALIDATION).map(|_| ())
}
