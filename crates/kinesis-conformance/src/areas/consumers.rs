//! Registered consumers.

use aws_sdk_kinesis::operation::describe_stream_consumer::DescribeStreamConsumerError;
use aws_sdk_kinesis::types::ConsumerStatus;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{ensure, equal, present};
use crate::pace::Pace;
use crate::refusal::{IN_USE, NOT_FOUND, VALIDATION, refused};
use crate::stage::Stage;
use crate::subscription::TestConsumer;

list_checks!("consumers",
    a_registered_consumer_becomes_active: "RegisterStreamConsumer returns a consumer that becomes ACTIVE.",
    a_new_consumer_is_creating_in_the_reply: "The reply to RegisterStreamConsumer has the status CREATING.",
    a_consumer_arn_names_stream_consumer_and_creation_time:
        "A consumer's ARN is the stream's followed by /consumer/NAME:SECONDS.",
    a_consumer_name_that_is_taken_is_in_use: "Registering a consumer name twice on a stream is a ResourceInUseException.",
    a_consumer_name_with_a_space_is_a_validation_error: "A consumer name with a space in it is a ValidationException.",
    a_consumer_of_an_unknown_stream_is_not_found: "Registering on a stream that does not exist is a ResourceNotFoundException.",
    a_consumer_is_described_by_its_arn: "DescribeStreamConsumer by consumer ARN says name, status, stream and creation time.",
    a_consumer_is_described_by_stream_and_name: "DescribeStreamConsumer by stream ARN and consumer name says the same.",
    an_unknown_consumer_is_not_found: "Describing a consumer that does not exist is a ResourceNotFoundException.",
    consumers_are_listed_page_by_page: "ListStreamConsumers with MaxResults returns pages whose NextToken leads to the rest.",
    a_deregistered_consumer_is_gone_after_a_while: "A deregistered consumer is DELETING at most for a while, and then gone.",
    a_consumer_is_deregistered_by_stream_and_name: "DeregisterStreamConsumer accepts stream ARN and name.",
    deregistering_an_unknown_consumer_is_not_found: "Deregistering a consumer that does not exist is a ResourceNotFoundException.",
    the_summary_counts_consumers: "DescribeStreamSummary has the number of registered consumers.",
    a_stream_with_consumers_is_deleted_only_by_force:
        "DeleteStream of a stream with consumers is a ResourceInUseException unless EnforceConsumerDeletion is set.",
    the_same_name_is_free_on_another_stream: "A consumer name may be used on two streams.",
);

async fn a_registered_consumer_becomes_active(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    TestConsumer::register(stage, &stream, "reader").await.map(|_| ())
}

async fn a_new_consumer_is_creating_in_the_reply(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let register = stage.kinesis().register_stream_consumer().stream_arn(stream.arn().await?).consumer_name("reader");
    let consumer = present("Consumer", register.send().await?.consumer)?;
    equal("ConsumerName", &consumer.consumer_name.as_str(), &"reader")?;
    equal("ConsumerStatus", &consumer.consumer_status, &ConsumerStatus::Creating)
}

async fn a_consumer_arn_names_stream_consumer_and_creation_time(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let reply = stage.kinesis().describe_stream_consumer().consumer_arn(&consumer.arn).send().await?;
    let created = present("ConsumerDescription", reply.consumer_description)?.consumer_creation_timestamp.secs();
    equal("ConsumerARN", &consumer.arn, &format!("{}/consumer/reader:{created}", consumer.stream_arn))
}

async fn a_consumer_name_that_is_taken_is_in_use(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let again = stage.kinesis().register_stream_consumer().stream_arn(&consumer.stream_arn).consumer_name("reader");
    refused(again.send().await, IN_USE).map(|_| ())
}

async fn a_consumer_name_with_a_space_is_a_validation_error(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().register_stream_consumer().stream_arn(stream.arn().await?).consumer_name("not a name");
    refused(call.send().await, VALIDATION).map(|_| ())
}

async fn a_consumer_of_an_unknown_stream_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?.replace(&stream.name, &stage.stream_name());
    let call = stage.kinesis().register_stream_consumer().stream_arn(arn).consumer_name("reader");
    refused(call.send().await, NOT_FOUND).map(|_| ())
}

async fn a_consumer_is_described_by_its_arn(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let reply = stage.kinesis().describe_stream_consumer().consumer_arn(&consumer.arn).send().await?;
    let description = present("ConsumerDescription", reply.consumer_description)?;
    equal("ConsumerName", &description.consumer_name, &consumer.name)?;
    equal("ConsumerStatus", &description.consumer_status, &ConsumerStatus::Active)?;
    equal("StreamARN", &description.stream_arn, &consumer.stream_arn)?;
    ensure!(description.consumer_creation_timestamp.secs() > 1_384_000_000, "ConsumerCreationTimestamp is absent");
    Ok(())
}

async fn a_consumer_is_described_by_stream_and_name(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let request = stage.kinesis().describe_stream_consumer().stream_arn(&consumer.stream_arn);
    let reply = request.consumer_name("reader").send().await?;
    equal("ConsumerARN", &present("ConsumerDescription", reply.consumer_description)?.consumer_arn, &consumer.arn)
}

async fn an_unknown_consumer_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().describe_stream_consumer().stream_arn(stream.arn().await?).consumer_name("nobody");
    refused(call.send().await, NOT_FOUND).map(|_| ())
}

async fn consumers_are_listed_page_by_page(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let arn = stream.arn().await?;
    for name in ["one", "two", "three"] {
        TestConsumer::register(stage, &stream, name).await?;
    }
    let mut names = Vec::new();
    let mut request = stage.kinesis().list_stream_consumers().stream_arn(&arn).max_results(2);
    loop {
        let reply = request.send().await?;
        ensure!(reply.consumers().len() <= 2, "a page of {} consumers", reply.consumers().len());
        names.extend(reply.consumers().iter().map(|consumer| consumer.consumer_name.clone()));
        let Some(token) = reply.next_token else { break };
        request = stage.kinesis().list_stream_consumers().stream_arn(&arn).max_results(2).next_token(token);
    }
    names.sort();
    equal("names", &names, &["one", "three", "two"].map(str::to_owned).to_vec())
}

async fn until_gone(stage: &Stage, arn: &str) -> Verdict {
    let mut pace = Pace::for_the("a deregistered consumer to be gone");
    loop {
        match stage.kinesis().describe_stream_consumer().consumer_arn(arn).send().await {
            Ok(reply) => {
                let status = present("ConsumerDescription", reply.consumer_description)?.consumer_status;
                equal("status of a deregistered consumer", &status, &ConsumerStatus::Deleting)?;
            }
            Err(error)
                if matches!(
                    error.as_service_error(),
                    Some(DescribeStreamConsumerError::ResourceNotFoundException(_))
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        pace.pause().await?;
    }
}

async fn a_deregistered_consumer_is_gone_after_a_while(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    stage.kinesis().deregister_stream_consumer().consumer_arn(&consumer.arn).send().await?;
    until_gone(stage, &consumer.arn).await
}

async fn a_consumer_is_deregistered_by_stream_and_name(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let consumer = TestConsumer::register(stage, &stream, "reader").await?;
    let call = stage.kinesis().deregister_stream_consumer().stream_arn(&consumer.stream_arn).consumer_name("reader");
    call.send().await?;
    until_gone(stage, &consumer.arn).await
}

async fn deregistering_an_unknown_consumer_is_not_found(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let call = stage.kinesis().deregister_stream_consumer().stream_arn(stream.arn().await?).consumer_name("nobody");
    refused(call.send().await, NOT_FOUND).map(|_| ())
}

async fn the_summary_counts_consumers(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    TestConsumer::register(stage, &stream, "one").await?;
    TestConsumer::register(stage, &stream, "two").await?;
    equal("ConsumerCount", &stream.summary().await?.consumer_count, &Some(2))
}

async fn a_stream_with_consumers_is_deleted_only_by_force(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    TestConsumer::register(stage, &stream, "reader").await?;
    refused(stage.kinesis().delete_stream().stream_name(&stream.name).send().await, IN_USE)?;
    stage.kinesis().delete_stream().stream_name(&stream.name).enforce_consumer_deletion(true).send().await?;
    Ok(())
}

async fn the_same_name_is_free_on_another_stream(stage: &Stage) -> Verdict {
    let (one, two) = (stage.stream(1).await?, stage.stream(1).await?);
    let one = TestConsumer::register(stage, &one, "reader").await?;
    let two = TestConsumer::register(stage, &two, "reader").await?;
    ensure!(one.arn != two.arn, "two consumers have one ARN");
    Ok(())
}
