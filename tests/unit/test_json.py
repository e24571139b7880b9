import gc
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import MalformedJsonError, TooLargeError
from chalicelib.domain.json import decode, encode, encode_text
from tests.timing import assert_cheap

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40) + 1, 10**40 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


def kinds(value: Any) -> Any:
    """The value with its kinds made visible, since 1 == 1.0 == True and 0.0 == -0.0."""
    if isinstance(value, dict):
        return {key: kinds(member) for key, member in value.items()}
    if isinstance(value, list):
        return [kinds(member) for member in value]
    return type(value).__name__, repr(value)


@settings(max_examples=150, deadline=None)
@given(values)
def test_whatever_is_encoded_decodes_to_the_same_value(value):
    assert kinds(decode(encode(value))) == kinds(value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text('[]{}":,\\udD8e0123456789.-+ntfNI', max_size=60).map(str.encode))
def test_arbitrary_bytes_decode_to_an_exact_round_trip_or_are_refused(raw):
    try:
        value = decode(raw)
    except MalformedJsonError:
        return
    assert kinds(decode(encode(value))) == kinds(value)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"1e22", 1e22),
        (b"-0.0", -0.0),
        (b"1.0", 1.0),
        (b"1", 1),
        (b"9" * 40, 10**40 - 1),
        (b"-" + b"9" * 40, 1 - 10**40),
        (b"18446744073709551616", 2**64),
        (b"1" * 41 + b".5", float("1" * 41)),
        (b"5e-324", 5e-324),
        (b"1e-400", 0.0),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\u0000"', "\0"),
        (b'"\\\\ud800"', "\\ud800"),
        (b" [true, false, null]\n", [True, False, None]),
        (b'{"":{"a":1},"b":{"a":2}}', {"": {"a": 1}, "b": {"a": 2}}),
        (b'["' + b"[" * 100 + b'\\"' + b"[" * 100 + b'"]', ["[" * 100 + '"' + "[" * 100]),
        (b'["\\\\",' + b"[]," * 100 + b"0]", ["\\", *[[]] * 100, 0]),
    ],
)
def test_valid_texts_decode_and_keep_their_kind(raw, value):
    assert kinds(decode(raw)) == kinds(value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "-Infinity"),
        (b"1e999", "out of range"),
        (b"-1e999", "out of range"),
        (b"1" * 310 + b".0", "out of range"),
        (b"1" * 41, "40 digits"),
        (b"[-" + b"1" * 100_000 + b"]", "40 digits"),
        (b'{"a":1,"b":2,"a":3}', "'a' twice"),
        (b'[{"x":{"a":1,"\\u0061":3}}]', "'a' twice"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'"\\ude00\\ud83d"', "surrogate"),
        (b"[" * 65 + b"]" * 65, "64 levels"),
        (b"[" * 100_000, "64 levels"),
        (b'{"a":' * 5000, "64 levels"),
        (b"01", "malformed"),
        (b"1.", "malformed"),
        (b"{'a':1}", "malformed"),
        (b'{"a":1,}', "line 1"),
        (b"[1] x", "malformed"),
        (b'"\n"', "malformed"),
    ],
)
def test_texts_that_break_a_rule_are_refused_with_the_rule(raw, message):
    with pytest.raises(MalformedJsonError, match=message):
        decode(raw)


def test_a_text_over_the_size_limit_is_refused_before_it_is_read():
    with pytest.raises(TooLargeError):
        decode(b"[" * 11, max_bytes=10)


def test_the_depth_limit_is_the_callers_choice():
    assert decode(b"[[1]]", max_depth=2) == [[1]]

    with pytest.raises(MalformedJsonError):
        decode(b"[[" + b"[]," * 3 + b"1]]", max_depth=2)


def test_a_duplicate_member_is_named_as_a_fact():
    with pytest.raises(MalformedJsonError) as caught:
        decode(b'{"key":1,"key":1}')

    assert caught.value.facts["key"] == "key"


def test_encoding_is_compact_and_leaves_unicode_readable():
    assert encode_text({"a": [1, 1.0, "é\n"], "b": None}) == '{"a":[1,1.0,"é\\n"],"b":null}'


@pytest.mark.parametrize("depth", [65, 5000])
def test_a_value_that_could_not_be_read_back_is_not_encoded(depth):
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]

    with pytest.raises(TooLargeError):
        encode(value)


def test_a_lone_surrogate_is_not_encoded():
    with pytest.raises(MalformedJsonError):
        encode(["\ud800"])


def test_a_large_text_leaves_the_collector_running():
    decode(b"[" + b"[]," * 50_000 + b"0]")

    assert gc.isenabled()


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 500_000,
        b"[" + (b"[" * 63 + b"]" * 63 + b",") * 4000 + b"0]",
        b"[" + b"[]," * 170_000 + b"0]",
        b"9" * 500_000,
        b'"' + b"\\" * 500_000 + b'"',
        b'{"a":' * 100_000,
        b'"' * 500_000,
        b"[" + b"1e5," * 125_000 + b"0]",
    ],
    ids=lambda raw: repr(raw[:8]),
)
def test_hostile_texts_cost_no_more_than_their_length(raw):
    def read():
        with suppress(MalformedJsonError):
            decode(raw)

    assert_cheap(1, read)


def test_zero_keeps_its_sign():
    assert math.copysign(1, decode(b"-0.0")) == -1  # type: ignore[arg-type]
