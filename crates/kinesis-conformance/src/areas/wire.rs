//! What goes over the wire: headers, statuses, error bodies, and CBOR.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_kinesis::config::http::{HttpRequest, HttpResponse};
use aws_sdk_kinesis::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::{BoxError, SdkError};
use aws_sdk_kinesis::operation::RequestId;
use aws_sdk_kinesis::operation::describe_limits::DescribeLimitsError;
use aws_smithy_types::body::SdkBody;
use ciborium::Value;

use crate::check::{Verdict, list_checks};
use crate::mismatch::{Mismatch, ensure, equal, present};
use crate::refusal::{NOT_FOUND, VALIDATION, refused};
use crate::stage::Stage;

list_checks!("wire",
    an_unknown_operation_is_refused_with_its_type: "An operation that does not exist is an UnknownOperationException or an AccessDeniedException, with status 400.",
    a_body_that_is_no_json_is_a_serialization_exception: "A body that is no JSON is a SerializationException with status 400.",
    a_member_of_the_wrong_type_is_a_serialization_exception: "A number where a text belongs is a SerializationException.",
    a_member_that_is_missing_is_a_validation_error_that_names_it:
        "A missing member is a ValidationException: 1 validation error detected: Value null at 'member'.",
    a_member_that_does_not_exist_is_ignored: "A member that the operation does not have is ignored.",
    errors_of_the_caller_have_status_400: "Errors that the caller can mend have the HTTP status 400.",
    every_answer_has_a_request_id: "Replies and errors have an x-amzn-requestid header.",
    json_answers_are_of_the_type_json_1_1: "A JSON reply has the content type application/x-amz-json-1.1.",
    an_operation_without_a_result_has_an_empty_body: "CreateStream answers with an empty body.",
    a_cbor_request_has_a_cbor_answer: "A request of the type application/x-amz-cbor-1.1 is answered in CBOR.",
    a_cbor_request_has_cbor_errors: "An error of a CBOR request is CBOR with __type and message.",
    data_is_bytes_in_cbor: "Data of a record is a byte string in CBOR, both ways.",
);

/// What an endpoint answered, whatever it was.
struct Raw {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Raw {
    fn of(response: &HttpResponse) -> Self {
        let headers = response.headers().iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let body = response.body().bytes().unwrap_or_default().to_vec();
        Self { status: response.status().as_u16(), headers: headers.collect(), body }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn cbor(&self) -> Result<Vec<(Value, Value)>, Mismatch> {
        equal("content type", &self.header("content-type"), &Some(CBOR))?;
        let value: Value = ciborium::from_reader(self.body.as_slice())
            .map_err(|error| Mismatch::new(format!("the answer is no CBOR: {error}")))?;
        value.into_map().map_err(|_| Mismatch::new("the answer is no CBOR map"))
    }
}

const JSON: &str = "application/x-amz-json-1.1";
const CBOR: &str = "application/x-amz-cbor-1.1";

/// Sends a body of any kind for an operation of any name, signed as the SDK signs.
async fn send(stage: &Stage, operation: &str, kind: &'static str, body: Vec<u8>) -> Result<Raw, Mismatch> {
    let target = format!("Kinesis_20131202.{operation}");
    let change = move |request: &mut HttpRequest| {
        let length = body.len().to_string();
        let headers = request.headers_mut();
        headers.insert("x-amz-target", target.clone());
        headers.insert("content-type", kind);
        headers.insert("content-length", length);
        *request.body_mut() = SdkBody::from(body.clone());
    };
    // DescribeLimits takes nothing and its reply has no member that must be there, so any answer gets through.
    let seen = Arc::new(Mutex::new(None));
    let interceptor = Watch { seen: Arc::clone(&seen) };
    let call = stage.kinesis().describe_limits().customize().mutate_request(change).interceptor(interceptor);
    let outcome: Result<_, SdkError<DescribeLimitsError, HttpResponse>> = call.send().await;
    let raw = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match raw {
        Some(raw) => Ok(raw),
        None => Err(outcome.err().map_or_else(|| Mismatch::new("no answer was seen"), Mismatch::from)),
    }
}

/// Keeps what came over the wire, whatever the SDK made of it.
#[derive(Debug)]
struct Watch {
    seen: Arc<Mutex<Option<Raw>>>,
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, self.text())
    }
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Raw::of(context.response()));
        Ok(())
    }
}

async fn an_unknown_operation_is_refused_with_its_type(stage: &Stage) -> Verdict {
    let raw = send(stage, "MakeCoffee", JSON, b"{}".to_vec()).await?;
    equal("status", &raw.status, &400)?;
    // The service's own answer, and that of the gate before it; both have been reported.
    let text = raw.text();
    ensure!(
        ["UnknownOperationException", "AccessDeniedException"].iter().any(|own| text.contains(own)),
        "the answer is {text}"
    );
    Ok(())
}

async fn a_body_that_is_no_json_is_a_serialization_exception(stage: &Stage) -> Verdict {
    let raw = send(stage, "ListStreams", JSON, b"{\"Limit\": ".to_vec()).await?;
    equal("status", &raw.status, &400)?;
    ensure!(raw.text().contains("SerializationException"), "the answer is {}", raw.text());
    Ok(())
}

async fn a_member_of_the_wrong_type_is_a_serialization_exception(stage: &Stage) -> Verdict {
    let raw = send(stage, "DescribeStream", JSON, br#"{"StreamName": 12}"#.to_vec()).await?;
    equal("status", &raw.status, &400)?;
    ensure!(raw.text().contains("SerializationException"), "the answer is {}", raw.text());
    Ok(())
}

async fn a_member_that_is_missing_is_a_validation_error_that_names_it(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let body = format!(r#"{{"StreamName": "{}", "Data": "AAAA"}}"#, stream.name).into_bytes();
    let text = send(stage, "PutRecord", JSON, body).await?.text();
    ensure!(text.contains("ValidationException"), "the answer is {text}");
    ensure!(text.contains("1 validation error detected: Value null at 'partitionKey'"), "the answer is {text}");
    Ok(())
}

async fn a_member_that_does_not_exist_is_ignored(stage: &Stage) -> Verdict {
    let raw = send(stage, "ListStreams", JSON, br#"{"Coffee": "black"}"#.to_vec()).await?;
    equal("status", &raw.status, &200)
}

async fn errors_of_the_caller_have_status_400(stage: &Stage) -> Verdict {
    let unknown = stage.kinesis().describe_stream().stream_name(stage.stream_name()).send().await;
    equal("status", &refused(unknown, NOT_FOUND)?.status, &400)?;
    let wrong = stage.kinesis().list_streams().limit(0).send().await;
    equal("status", &refused(wrong, VALIDATION)?.status, &400)
}

async fn every_answer_has_a_request_id(stage: &Stage) -> Verdict {
    let reply = stage.kinesis().list_streams().send().await?;
    ensure!(reply.request_id().is_some_and(|id| !id.is_empty()), "a reply has no request id");
    let error = stage.kinesis().describe_stream().stream_name(stage.stream_name()).send().await;
    let id = error.err().and_then(|error| error.request_id().map(str::to_owned));
    present("the request id of an error", id).map(|_| ())
}

async fn json_answers_are_of_the_type_json_1_1(stage: &Stage) -> Verdict {
    let raw = send(stage, "ListStreams", JSON, b"{}".to_vec()).await?;
    equal("content type", &raw.header("content-type"), &Some(JSON))
}

async fn an_operation_without_a_result_has_an_empty_body(stage: &Stage) -> Verdict {
    let body = format!(r#"{{"StreamName": "{}", "ShardCount": 1}}"#, stage.stream_name()).into_bytes();
    let raw = send(stage, "CreateStream", JSON, body).await?;
    equal("status", &raw.status, &200)?;
    equal("body", &raw.text().as_str(), &"")
}

fn cbor(members: Vec<(&str, Value)>) -> Result<Vec<u8>, Mismatch> {
    let map = Value::Map(members.into_iter().map(|(name, value)| (Value::Text(name.to_owned()), value)).collect());
    let mut bytes = Vec::new();
    ciborium::into_writer(&map, &mut bytes).map_err(|error| Mismatch::new(error.to_string()))?;
    Ok(bytes)
}

fn member<'a>(map: &'a [(Value, Value)], name: &str) -> Result<&'a Value, Mismatch> {
    let found = map.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value);
    present(format_args!("{name} in the CBOR answer"), found)
}

fn text(map: &[(Value, Value)], name: &str) -> Result<String, Mismatch> {
    present(format_args!("a text in {name}"), member(map, name)?.as_text().map(str::to_owned))
}

async fn a_cbor_request_has_a_cbor_answer(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let body = cbor(vec![("StreamName", Value::Text(stream.name.clone()))])?;
    let answer = send(stage, "DescribeStreamSummary", CBOR, body).await?.cbor()?;
    let summary = member(&answer, "StreamDescriptionSummary")?;
    let summary = present("a map", summary.as_map())?;
    equal("StreamName", &text(summary, "StreamName")?, &stream.name)
}

async fn a_cbor_request_has_cbor_errors(stage: &Stage) -> Verdict {
    let body = cbor(vec![("StreamName", Value::Text(stage.stream_name()))])?;
    let raw = send(stage, "DescribeStream", CBOR, body).await?;
    equal("status", &raw.status, &400)?;
    let answer = raw.cbor()?;
    ensure!(text(&answer, "__type")?.ends_with("ResourceNotFoundException"), "__type is {:?}", text(&answer, "__type"));
    text(&answer, "message").map(|_| ())
}

async fn data_is_bytes_in_cbor(stage: &Stage) -> Verdict {
    let stream = stage.stream(1).await?;
    let data = vec![0, 159, 146, 150];
    let name = Value::Text(stream.name.clone());
    let put = vec![("StreamName", name), ("PartitionKey", "key".into()), ("Data", Value::Bytes(data.clone()))];
    let answer = send(stage, "PutRecord", CBOR, cbor(put)?).await?.cbor()?;
    let records = stream.read_shard(&text(&answer, "ShardId")?, 1).await?;
    equal("data through JSON", &present("a record", records.first())?.data.as_ref(), &data.as_slice())?;
    let kind = aws_sdk_kinesis::types::ShardIteratorType::TrimHorizon;
    let iterator = stream.iterator(&text(&answer, "ShardId")?, kind).await?;
    let answer = send(stage, "GetRecords", CBOR, cbor(vec![("ShardIterator", Value::Text(iterator))])?).await?;
    let answer = answer.cbor()?;
    let records = present("an array", member(&answer, "Records")?.as_array())?;
    let record = present("a record", records.first().and_then(Value::as_map))?;
    equal("data through CBOR", &member(record, "Data")?.as_bytes(), &Some(&data))
}
