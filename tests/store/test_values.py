"""JSON values of every kind and size, on every backend; spilling, on AWS."""

from __future__ import annotations

import json

import pytest

from chalicelib.domain.errors import BlobNotFoundError, TooLargeError
from chalicelib.domain.json import Json
from chalicelib.domain.run import Answer, Failure, Parent, Reset
from chalicelib.local.resources import Resources
from chalicelib.services.ports import RunFilter
from chalicelib.store.aws import AwsClients
from chalicelib.store.blobs import Blobs
from chalicelib.store.values import INLINE_BYTES, MAX_CHILDREN, MAX_INLINE_BYTES, Values, is_reference
from tests.store.actions import claim, finish, park
from tests.store.backends import Calls, Stores
from tests.store.samples import after, body, outcome, round_of, run, workflow

MEGABYTE = 1024 * 1024

VALUES: list[Json] = [
    None,
    True,
    0,
    -1,
    1.0,
    1,
    -0.0,
    0.1,
    5e-324,
    1.7976931348623157e308,
    2**53 + 1,
    2**64,
    -(10**39),
    12345678901234567890123456789,
    "",
    "blob:0:0",
    "\x00\x01\x7f",
    "äöü€😀\u2028",
    "\\u0000\"'/",
    [],
    {},
    [[], [[]], {}],
    {"": "", "a b": None, "ä": [1, 1.0, "1"], "nested": {"deeper": [True, False, None]}},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: json.dumps(value)[:30])
def test_a_value_comes_back_as_the_same_json(stores: Stores, value: Json) -> None:
    stores.runs.create(run(input=value))
    stores.runs.record("exec_1", outcome(output=value, input=value))
    stores.workflows.create(workflow(), body(source={"value": value}))

    assert json.dumps(stores.runs.get("exec_1").input) == json.dumps(value)
    (recorded,) = stores.runs.history("exec_1").outcomes
    assert json.dumps([recorded.output, recorded.input]) == json.dumps([value, value])
    assert json.dumps(stores.workflows.body("ws_a", "wf_1", "r1").source["value"]) == json.dumps(value)


@pytest.mark.parametrize("size", [0, 1, INLINE_BYTES - 2, INLINE_BYTES - 1, 390 * 1024, 2 * MEGABYTE, 6 * MEGABYTE])
def test_a_value_of_any_size_comes_back(stores: Stores, size: int) -> None:
    value = "é" * (size // 2) + "x" * (size % 2)
    stores.runs.create(run(input=value))
    claimed = stores.runs.claim("exec_1", now=after(0), lease_expires_at=after(60))
    first = stores.runs.record("exec_1", outcome(input=value, output=[value]), (outcome("a", output=value),))
    again = stores.runs.record("exec_1", outcome(output="late"))
    finish(stores, output={"value": value}, tail=(outcome("b", output=value),))

    assert claimed.input == value
    assert again == first
    found = stores.runs.get("exec_1")
    assert (found.input, found.output, found.tail[0].output) == (value, {"value": value}, value)
    assert {each.key: each.output for each in stores.runs.history("exec_1").outcomes} == {"fetch": [value], "a": value}


def test_a_large_definition_comes_back(stores: Stores) -> None:
    large = body(source={"text": "x" * MEGABYTE})

    stores.workflows.create(workflow(), large)
    stores.workflows.replace(workflow(revision=2), large)

    assert stores.workflows.body("ws_a", "wf_1", "r1") == large


def test_lists_do_not_fetch_spilled_values(on_aws: Stores, calls: Calls) -> None:
    on_aws.runs.create(run(input="x" * MEGABYTE))
    calls.take()

    on_aws.runs.page("ws_a", RunFilter(), offset=0, limit=5)

    assert calls.take() == ["Query", "Query"]


def test_equal_values_of_a_run_are_one_blob_and_those_of_another_are_not_shared(
    on_aws: Stores, aws: AwsClients, resources: Resources
) -> None:
    value = "x" * MEGABYTE
    on_aws.runs.create(run(input=value, output=value))
    on_aws.runs.create(run(id="exec_2", input=value))

    listed = aws.s3.list_objects_v2(Bucket=resources.bucket)["Contents"]

    assert sorted(each["Key"].rsplit("/", 1)[0] for each in listed) == ["runs/exec_1", "runs/exec_2"]


@pytest.fixture
def blobs(aws: AwsClients, resources: Resources) -> Blobs:
    return Blobs(aws, resources.bucket)


def test_values_spill_just_above_the_limit(blobs: Blobs) -> None:
    values = Values(blobs, inline_bytes=10)

    fits, spills = values.pack("o", "x" * 8), values.pack("o", "x" * 9)

    assert (is_reference(fits), is_reference(spills)) == (False, True)
    assert spills.endswith(":11")
    assert values.unpack("o", (fits, None, spills)) == ["x" * 8, None, "x" * 9]


def test_many_spilled_values_come_back_in_their_places(blobs: Blobs) -> None:
    values = Values(blobs, inline_bytes=0)
    texts = [values.pack("o", number % 20) for number in range(50)]

    assert values.unpack("o", texts) == [number % 20 for number in range(50)]


def test_a_text_that_looks_like_a_reference_is_not_one(blobs: Blobs) -> None:
    values = Values(blobs)

    packed = values.pack("o", "blob:" + "0" * 64 + ":5")

    assert not is_reference(packed)


def test_the_inline_limit_keeps_a_whole_item_within_dynamodbs(blobs: Blobs) -> None:
    Values(blobs, MAX_INLINE_BYTES)

    with pytest.raises(ValueError, match="not"):
        Values(blobs, MAX_INLINE_BYTES + 1)


def test_the_fullest_run_can_be_stored_and_changed(on_aws: Stores) -> None:
    text = "x" * (INLINE_BYTES - 200)
    fullest = run(
        input=text,
        output=text,
        failure=Failure("failed", text),
        tail=(outcome(output=text[:-200]),),
        rounds=(round_of("loop", 1, carry=text),),
        resets={text: Reset(1)},
        parent=Parent("exec_0", text),
        answers={f"loop.{number}/ask": Answer(after(1), "x" * 960) for number in range(71)},
        children=frozenset(f"exec_{number:0>34}" for number in range(MAX_CHILDREN)),
    )
    on_aws.runs.create(fullest)
    claim(on_aws)

    park(on_aws, tail=fullest.tail, rounds=fullest.rounds, signals=0)

    found = on_aws.runs.get("exec_1")
    assert (found.answers, found.children, found.tail) == (fullest.answers, fullest.children, fullest.tail)


def test_a_run_that_could_not_be_stored_is_refused(on_aws: Stores) -> None:
    with pytest.raises(TooLargeError):
        on_aws.runs.create(run(answers={f"{number}": Answer(after(1), "x" * 900) for number in range(100)}))
    with pytest.raises(TooLargeError):
        on_aws.runs.create(run(children=frozenset(map(str, range(MAX_CHILDREN + 1)))))
    with pytest.raises(TooLargeError):
        on_aws.runs.create(run(children=frozenset({"x" * 50})))


def test_a_missing_blob_is_an_error_of_its_own(blobs: Blobs) -> None:
    with pytest.raises(BlobNotFoundError):
        blobs.get("runs/exec_1", "0" * 64)


def test_a_blob_that_is_not_what_was_stored_is_refused(blobs: Blobs, aws: AwsClients, resources: Resources) -> None:
    sha256 = blobs.put("o", b"content")
    aws.s3.put_object(Bucket=resources.bucket, Key=f"o/{sha256}", Body=b"other")

    with pytest.raises(BlobNotFoundError):
        blobs.get("o", sha256)
