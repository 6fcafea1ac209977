"""What boto3 and the AWS command line see of a Kinesis endpoint.

Arguments: endpoint URL, region, path of the program aws. Prints one line per check (area, name, "ok" or how it differs,
with tabs in between) and, at the end, how many there were. Needs no credentials that mean anything on loopback.
"""

import json
import os
import subprocess
import sys
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, REGION, AWS = sys.argv[1:4]
FIRST = "shardId-000000000000"
TOP = 2**128 - 1

kinesis = boto3.client(
    "kinesis",
    endpoint_url=ENDPOINT,
    region_name=REGION,
    config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
)
RUN = uuid.uuid4().hex[:8]
made = []
checks = []


def check(area):
    """Registers a function as a check of that area."""

    def register(function):
        checks.append((area, function))
        return function

    return register


def equal(what, seen, wanted):
    assert seen == wanted, f"{what}: expected {wanted!r}, saw {seen!r}"


def refused(code, call, **arguments):
    """That the call fails with this error type and status 400; the message."""
    try:
        call(**arguments)
    except ClientError as error:
        equal("error type", error.response["Error"]["Code"], code)
        equal("status", error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
        return error.response["Error"]["Message"]
    raise AssertionError(f"{code} is expected, but the call succeeded")


def until(what, look, limit=90):
    """Looks until there is something."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {limit} s for {what}")


def new_name():
    name = f"second-client-{RUN}-{len(made)}"
    made.append(name)
    return name


def active(name):
    def look():
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return summary if summary["StreamStatus"] == "ACTIVE" else None

    return until("a stream to become ACTIVE", look)


def stream(shards=1):
    name = new_name()
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    active(name)
    return name


def put(name, data, point=None):
    more = {} if point is None else {"ExplicitHashKey": str(point)}
    return kinesis.put_record(StreamName=name, PartitionKey="key", Data=data, **more)


def iterator(name, kind="TRIM_HORIZON", shard=FIRST, **more):
    reply = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)
    return reply["ShardIterator"]


def read(place, wanted):
    """Reads on until so many records were read."""
    seen = []

    def look():
        nonlocal place
        reply = kinesis.get_records(ShardIterator=place)
        seen.extend(reply["Records"])
        place = reply.get("NextShardIterator", place)
        return seen if len(seen) >= wanted else None

    return until(f"{wanted} records", look)


def consumer(name):
    arn = active(name)["StreamARN"]
    registered = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]

    def look():
        reply = kinesis.describe_stream_consumer(ConsumerARN=registered["ConsumerARN"])
        return registered if reply["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE" else None

    return until("a consumer to become ACTIVE", look)


def subscribe(registered, position, shard=FIRST):
    """Subscribes; a subscription that is too young to be replaced is waited for."""

    def look():
        try:
            return kinesis.subscribe_to_shard(
                ConsumerARN=registered["ConsumerARN"], ShardId=shard, StartingPosition=position
            )["EventStream"]
        except kinesis.exceptions.ResourceInUseException:
            return None

    return until("a subscription to be accepted", look, 20)


def events(subscription, wanted):
    """The events until so many records came."""
    seen = []
    for event in subscription:
        seen.append(event["SubscribeToShardEvent"])
        if sum(len(event["Records"]) for event in seen) >= wanted:
            return seen
    raise AssertionError(f"the subscription ended before {wanted} records")


@check("streams")
def a_stream_becomes_active_and_the_waiter_sees_it():
    name = new_name()
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    equal("open shards", active(name)["OpenShardCount"], 2)


@check("streams")
def a_deleted_stream_is_gone_and_the_waiter_sees_it():
    name = stream()
    kinesis.delete_stream(StreamName=name)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


@check("streams")
def times_of_a_stream_are_dates_near_now():
    created = active(stream())["StreamCreationTimestamp"]
    assert abs(created.timestamp() - time.time()) < 300, f"created {created}"


@check("streams")
def streams_are_paged_by_the_paginator():
    names = {stream(), stream()}
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1}))
    seen = [name for page in pages for name in page["StreamNames"]]
    assert names <= set(seen) and len(seen) == len(set(seen)), f"{names} are not all and once in {seen}"
    assert len(pages) >= 2, f"{len(pages)} page"


@check("errors")
def an_unknown_stream_is_resource_not_found_by_exception_class():
    try:
        kinesis.describe_stream(StreamName=new_name())
    except kinesis.exceptions.ResourceNotFoundException as error:
        assert error.response["Error"]["Message"].startswith("Stream "), error
    else:
        raise AssertionError("the call succeeded")


@check("errors")
def a_taken_name_is_resource_in_use():
    refused("ResourceInUseException", kinesis.create_stream, StreamName=stream(), ShardCount=1)


@check("errors")
def a_bad_name_is_a_validation_exception():
    message = refused("ValidationException", kinesis.create_stream, StreamName="not a name", ShardCount=1)
    assert message.startswith("1 validation error detected"), message


@check("errors")
def an_iterator_of_nobody_is_an_invalid_argument():
    refused("InvalidArgumentException", kinesis.get_records, ShardIterator="bm90IGFuIGl0ZXJhdG9y")


@check("errors")
def a_split_outside_the_shard_is_an_invalid_argument():
    name = stream(2)
    refused(
        "InvalidArgumentException",
        kinesis.split_shard,
        StreamName=name,
        ShardToSplit=FIRST,
        NewStartingHashKey=str(TOP - 5),
    )


@check("errors")
def too_many_records_are_a_validation_exception():
    records = [{"Data": b"x", "PartitionKey": "key"}] * 501
    refused("ValidationException", kinesis.put_records, StreamName=stream(), Records=records)


@check("shards")
def shards_are_paged_by_token():
    reply = kinesis.list_shards(StreamName=stream(5), MaxResults=2)
    ids, pages = [shard["ShardId"] for shard in reply["Shards"]], 1
    while "NextToken" in reply:
        reply = kinesis.list_shards(NextToken=reply["NextToken"], MaxResults=2)
        ids += [shard["ShardId"] for shard in reply["Shards"]]
        pages += 1
    equal("ids", ids, [f"shardId-{n:012}" for n in range(5)])
    equal("pages", pages, 3)


@check("errors")
def the_paginator_of_shards_is_refused_as_by_aws():
    """boto3's paginator sends the name beside the token, which AWS refuses (botocore issue 2009)."""
    pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream(3), PaginationConfig={"PageSize": 1})
    message = refused("InvalidArgumentException", lambda: list(pages))
    assert message.startswith("NextToken and StreamName cannot be provided together"), message


@check("shards")
def a_filter_lists_the_open_shards():
    name = stream()
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    active(name)
    shards = kinesis.list_shards(StreamName=name, ShardFilter={"Type": "AT_LATEST"})["Shards"]
    equal("open shards", sorted(shard["ShardId"][-1] for shard in shards), ["1", "2"])


@check("put")
def bytes_are_read_back():
    name, data = stream(), bytes(range(256))
    put(name, data)
    equal("data", read(iterator(name), 1)[0]["Data"], data)


@check("put")
def a_batch_is_answered_in_its_order():
    name = stream(2)
    points = [TOP, 0, TOP]
    records = [{"Data": b"x", "PartitionKey": "key", "ExplicitHashKey": str(point)} for point in points]
    reply = kinesis.put_records(StreamName=name, Records=records)
    equal("failed", reply["FailedRecordCount"], 0)
    equal("shards", [record["ShardId"][-1] for record in reply["Records"]], ["1", "0", "1"])


@check("read")
def sequence_numbers_increase():
    name = stream()
    put_numbers = [put(name, str(n))["SequenceNumber"] for n in range(5)]
    assert put_numbers == sorted(put_numbers, key=int), put_numbers
    equal("numbers", [record["SequenceNumber"] for record in read(iterator(name), 5)], put_numbers)


@check("read")
def a_limit_is_kept():
    name = stream()
    kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "key"}] * 5)
    reply = kinesis.get_records(ShardIterator=iterator(name), Limit=2)
    equal("records", len(reply["Records"]), 2)
    assert reply["MillisBehindLatest"] > 0, reply["MillisBehindLatest"]
    equal("the rest", len(read(reply["NextShardIterator"], 3)), 3)


@check("read")
def arrival_times_have_fractions_and_are_positions():
    name = stream()
    for n in range(5):
        put(name, str(n))
        time.sleep(0.03)
    records = read(iterator(name), 5)
    times = [record["ApproximateArrivalTimestamp"] for record in records]
    assert any(moment.microsecond for moment in times), times
    later = read(iterator(name, "AT_TIMESTAMP", Timestamp=times[3]), 2)
    equal("data", [record["Data"] for record in later], [b"3", b"4"])


@check("read")
def a_number_is_a_position():
    name = stream()
    numbers = [put(name, str(n))["SequenceNumber"] for n in range(3)]
    after = iterator(name, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[0])
    equal("data", [record["Data"] for record in read(after, 2)], [b"1", b"2"])


@check("read")
def a_split_shard_ends_with_its_children():
    name = stream()
    put(name, b"old")
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    active(name)
    place, data = iterator(name), []

    def look():
        nonlocal place
        reply = kinesis.get_records(ShardIterator=place)
        data.extend(record["Data"] for record in reply["Records"])
        place = reply.get("NextShardIterator")
        return reply if place is None else None

    end = until("the end of a shard", look, 20)
    equal("data", data, [b"old"])
    equal("children", sorted(child["ShardId"][-1] for child in end["ChildShards"]), ["1", "2"])


@check("reshard")
def shards_are_merged():
    name = stream(2)
    kinesis.merge_shards(StreamName=name, ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000001")
    active(name)
    child = kinesis.list_shards(StreamName=name)["Shards"][-1]
    equal("parents", (child["ParentShardId"][-1], child["AdjacentParentShardId"][-1]), ("0", "1"))


@check("reshard")
def the_shard_count_is_doubled():
    name = stream(2)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    equal("open shards", active(name)["OpenShardCount"], 4)


@check("reshard")
def retention_is_changed():
    name = stream()
    kinesis.increase_stream_retention_period(StreamName=name, RetentionPeriodHours=48)
    equal("hours", active(name)["RetentionPeriodHours"], 48)


@check("tags")
def tags_come_back():
    name = stream()
    kinesis.add_tags_to_stream(StreamName=name, Tags={"team": "words"})
    equal("tags", kinesis.list_tags_for_stream(StreamName=name)["Tags"], [{"Key": "team", "Value": "words"}])


@check("fan-out")
def consumers_are_listed():
    registered = consumer(stream())
    arn = registered["ConsumerARN"].split("/consumer/")[0]
    seen = kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    equal("names", [consumer["ConsumerName"] for consumer in seen], ["reader"])


@check("fan-out")
def a_subscription_delivers_old_and_new_records():
    name = stream()
    registered = consumer(name)
    put(name, b"old")
    subscription = subscribe(registered, {"Type": "TRIM_HORIZON"})
    equal("data", events(subscription, 1)[-1]["Records"][0]["Data"], b"old")
    put(name, b"new")
    equal("data", events(subscription, 1)[-1]["Records"][0]["Data"], b"new")
    subscription.close()


@check("fan-out")
def a_subscription_goes_on_from_its_continuation():
    name = stream()
    registered = consumer(name)
    put(name, b"one")
    subscription = subscribe(registered, {"Type": "TRIM_HORIZON"})
    place = events(subscription, 1)[-1]["ContinuationSequenceNumber"]
    subscription.close()
    put(name, b"two")
    resumed = subscribe(registered, {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": place})
    equal("data", events(resumed, 1)[-1]["Records"][0]["Data"], b"two")
    resumed.close()


@check("fan-out")
def a_subscription_to_a_split_shard_ends_with_the_children():
    name = stream()
    registered = consumer(name)
    kinesis.split_shard(StreamName=name, ShardToSplit=FIRST, NewStartingHashKey=str(2**127))
    active(name)
    last = [event["SubscribeToShardEvent"] for event in subscribe(registered, {"Type": "TRIM_HORIZON"})][-1]
    equal("children", sorted(child["ShardId"][-1] for child in last["ChildShards"]), ["1", "2"])


@check("fan-out")
def a_subscription_of_an_unknown_consumer_is_not_found():
    registered = consumer(stream())
    refused(
        "ResourceNotFoundException",
        kinesis.subscribe_to_shard,
        ConsumerARN=registered["ConsumerARN"].replace("/reader:", "/nobody:"),
        ShardId=FIRST,
        StartingPosition={"Type": "LATEST"},
    )


def aws(*arguments):
    """A call of the command line: exit code, standard output, standard error."""
    command = [AWS, "kinesis", *arguments, "--endpoint-url", ENDPOINT, "--region", REGION, "--output", "json"]
    environment = {**os.environ, "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


def aws_json(*arguments):
    code, out, err = aws(*arguments)
    assert code == 0, f"exit code {code}: {err.strip()}"
    return json.loads(out) if out.strip() else None


@check("aws cli")
def the_command_line_makes_and_describes_a_stream():
    name = new_name()
    aws_json("create-stream", "--stream-name", name, "--shard-count", "1")
    active(name)
    summary = aws_json("describe-stream-summary", "--stream-name", name)["StreamDescriptionSummary"]
    equal("status", summary["StreamStatus"], "ACTIVE")


@check("aws cli")
def the_command_line_puts_and_gets_a_record():
    name = stream()
    stored = aws_json("put-record", "--stream-name", name, "--partition-key", "key", "--data", "you are")
    place = aws_json("get-shard-iterator", "--stream-name", name, "--shard-id", FIRST, "--shard-iterator-type", "TRIM_HORIZON")
    record = aws_json("get-records", "--shard-iterator", place["ShardIterator"])["Records"][0]
    equal("number", record["SequenceNumber"], stored["SequenceNumber"])


@check("aws cli")
def the_command_line_pages_through_shards():
    page = aws_json("list-shards", "--stream-name", stream(3), "--no-paginate", "--max-results", "2")
    rest = aws_json("list-shards", "--no-paginate", "--next-token", page["NextToken"])
    equal("shards", [len(page["Shards"]), len(rest["Shards"])], [2, 1])


@check("aws cli")
def the_command_line_waits_for_a_stream():
    aws_json("wait", "stream-exists", "--stream-name", stream())


@check("aws cli")
def the_command_line_shows_errors_by_type():
    code, _, err = aws("describe-stream", "--stream-name", new_name())
    assert code != 0 and "ResourceNotFoundException" in err, f"exit code {code}: {err}"


def main():
    for area, function in checks:
        try:
            function()
            outcome = "ok"
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is how the endpoint differs
            text = str(error) or type(error).__name__
            outcome = " ".join(text.split())
        print(area, function.__name__, outcome, sep="\t", flush=True)
    for name in made:
        try:
            kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        except ClientError:
            pass  # Gone already, or never made.
    print(f"checks {len(checks)}")


main()
