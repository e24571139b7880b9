"""What the documentation's examples leave open: edges, wrong types, and refused arguments."""

import re

import pytest

from .support import evaluate, refused


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("split('abc', '')", ["a", "b", "c"]),
        ("split('', ',')", [""]),
        ("join([], ',')", ""),
        ("join([null, {a: 1}])", ',{"a":1}'),
        ("substring('abc', -2)", "bc"),
        ("substring('abc', 2, 1)", ""),
        ("padStart('long', 2)", "long"),
        ("padStart('x', 6, 'abc')", "abcabx"),
        ("repeat('', 5)", ""),
        ("reverse([1, 2])", [2, 1]),
        ("lower(12)", "12"),
        ("matches('abc', 'abc')", True),
        ("matches('abc', 'a*b*c*')", True),
        ("matches('aba', 'ab*ba')", False),
        ("matches('abc', 'ab')", False),
        ("matches('a.c', 'a?c')", False),
        ("matches('', '*')", True),
        ("indexOf('banana', 'nan')", 2),
        ("indexOf([[1]], [1])", 0),
        ("round(-2.5)", -3),
        ("round(1e20)", 10**20),
        ("round(1.005, 2)", 1.01),
        ("round(7, 2)", 7),
        ("floor(1e20)", 10**20),
        ("min([])", None),
        ("max(1, 2.5)", 2.5),
        ("sum([])", 0),
        ("avg([])", None),
        ("avg([1, 2])", 1.5),
        ("toNumber('1e3')", 1000.0),
        ("toNumber('+7')", 7),
        ("toNumber(true)", 1),
        ("toNumber('1_000', null)", None),
        ("toNumber('NaN', -1)", -1),
        ("toNumber('1e999', -1)", -1),
        ("toNumber(null, 0)", 0),
        ("formatNumber(-1234567)", "-1,234,567"),
        ("formatNumber(9999999999999999999999999999999999999999)", ",".join(["9", *["999"] * 13])),
        ("formatNumber(0.5, 0)", "1"),
        ("formatNumber(1e20, 2)", "100,000,000,000,000,000,000.00"),
        ("first([])", None),
        ("last('')", None),
        ("slice([1, 2, 3], -2)", [2, 3]),
        ("flatten([1, [2, [3, [4]]]], 2)", [1, 2, 3, [4]]),
        ("flatten([1], 10)", [1]),
        ("range(0)", []),
        ("range(5, 2)", []),
        ("chunk([], 3)", []),
        ("chunk([1], 999999999999999999999999999999)", [[1]]),
        ("unique([{a: 1, b: 2}, {b: 2.0, a: 1}, true, 1])", [{"a": 1, "b": 2}, True, 1]),
        ("unique([])", []),
        ("sort(['b', null, 'a'])", ["a", "b", None]),
        ("sort([2, null, 10], 'desc')", [10, 2, None]),
        ("sortBy([{k: 1, i: 1}, {k: 1, i: 2}, {i: 3}], 'k', 'desc')", [{"k": 1, "i": 1}, {"k": 1, "i": 2}, {"i": 3}]),
        ("pluck([{a: [{b: 1}]}, null, 3], 'a[0].b')", [1, None, None]),
        ("where([{a: 1}, {a: true}, {}], 'a', 1)", [{"a": 1}]),
        ("where([{a: 1}, {}], 'a', null)", [{}]),
        ("groupBy([{a: 1}, {a: '1'}, {}], 'a')", {"1": [{"a": 1}, {"a": "1"}], "": [{}]}),
        ("count([{a: 1}, {}], 'a')", 1),
        ("count([{a: 1}, {}], 'a', null)", 1),
        ("has(null, 'a')", False),
        ("pick({a: 1}, ['b', 1])", {}),
        ("get(null, 'a.b')", None),
        ("get([[1, 2]], '[0][-1]')", 2),
        ("get({a: null}, 'a', 'x')", "x"),
        ("fromJson('[1.0]')", [1.0]),
        ("toJson('a\"')", '"a\\""'),
        ("toJson(null)", "null"),
        ("urlEncode('ä/?')", "%C3%A4%2F%3F"),
        ("base64Decode('w6Q')", "ä"),
        ("base64Decode(base64Encode('ÿþ>?'))", "ÿþ>?"),
        ("base64Decode('w7_Dvj4_')", "ÿþ>?"),
        ("hmacSha256('abc', 'key', 'base64')", "nBluMtwBdfhvSxy4konWYZ3mvuaZ5MN45oMJ7Zehpqs="),
        ("toBoolean(' No ')", False),
        ("toBoolean([])", False),
        ("toString(1.50)", "1.5"),
        ("length(null)", 0),
        ("length({a: 1})", 1),
        ("isEmpty(0)", False),
        ("coalesce(null)", None),
        ("typeOf(null) + typeOf(1.5) + typeOf({})", "nullnumberobject"),
        ("addMonths('2024-02-29', -12)", "2023-02-28T00:00:00.000Z"),
        ("addMonths('2026-12-15', 1)", "2027-01-15T00:00:00.000Z"),
        ("addDays('2026-11-03T10:00:00+02:00', 0.5)", "2026-11-03T20:00:00.000Z"),
        ("diffSeconds('2026-11-03T00:00:01.5', '2026-11-03')", -1.5),
        ("toEpoch('2026-11-03T10:30:00Z')", 1793701800),
        ("fromEpoch(-1)", "1969-12-31T23:59:59.000Z"),
        (
            "formatDate(0, 'YY M D H:m:s SSS h A Z ZZ MMM ddd [YYYY]')",
            "70 1 1 0:0:0 000 12 AM +00:00 +0000 Jan Thu YYYY",
        ),
        ("formatDate('2026-07-01', 'HH Z', 'America/New_York')", "20 -04:00"),
        ("parseDate('2026', 'YYYY')", "2026-01-01T00:00:00.000Z"),
        ("parseDate('on 2026/02/03', '[on] YYYY/MM/DD')", "2026-02-03T00:00:00.000Z"),
    ],
)
def test_functions_at_their_edges(expression, value):
    result = evaluate(expression)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("upper(null)", "upper takes a string as argument 1, not null"),
        ("upper(true)", "not boolean"),
        ("join('a')", "an array as argument 1, not 'a'"),
        ("repeat('a', 1.5)", "a whole number as argument 2, not number"),
        ("repeat('a', true)", "a whole number"),
        ("repeat('a', -1)", "not negative"),
        ("replace('a', '', 'b')", "empty string"),
        ("padEnd('a', 5, '')", "empty string"),
        ("round(1, 16)", "0 to 15 decimals"),
        ("round(1e300)", "out of range"),
        ("ceil(1e300)", "out of range"),
        ("sum([1, '2'])", "sum takes numbers, not string"),
        ("max(1, true)", "max takes numbers, not boolean"),
        ("sum([1e308, 1e308])", "out of range"),
        ("toNumber('many')", "'many' is not a number"),
        ("toNumber(null)", "null is not a number"),
        ("formatNumber(1, 2, 'xxxxxxxxxxx')", "10 characters"),
        ("range(10001)", "at most 10000"),
        ("range(0, 99999999999999999999999999999999999999)", "at most 10000"),
        ("range(0, 1, 0)", "other than 0"),
        ("chunk([1], 0)", "at least 1"),
        ("sort([1, 'a'])", "not number, string"),
        ("sort([true])", "not boolean"),
        ("sort([1], 'up')", "asc"),
        ("fromEntries([1])", "fromEntries takes objects"),
        ("keys([1])", "an object as argument 1, not array"),
        ("get({}, repeat('a.', 600))", "at most 1000"),
        ("fromJson('{')", "fromJson: The JSON text is malformed"),
        ("fromJson('NaN')", "NaN"),
        ("urlDecode('%ff')", "UTF-8"),
        ("base64Decode('a')", "Base64"),
        ("base64Decode('/w==')", "Base64"),
        ("base64Decode('a b c d')", "Base64"),
        ("hmacSha256('a', 'k', 'raw')", "hex"),
        ("toBoolean('maybe')", "neither"),
        ("length(1)", "no length"),
        ("addDays('soon', 1)", "a date .* as argument 1, not 'soon'"),
        ("addDays(now(), 1e30)", "addDays is out of range"),
        ("addMonths(now(), 999999)", "out of range"),
        ("fromEpoch(1e300)", "out of range"),
        ("dateInZone('9999-12-31T23:59:59', 'Asia/Tokyo')", "out of range"),
        ("parseDate('03.11', 'DD.MM')", "needs YYYY"),
        ("parseDate('2026-13', 'YYYY-MM')", "is not a date"),
        ("parseDate('x', 'YYYY')", "does not fit"),
        ("parseDate('2026 2026', 'YYYY YYYY')", "cannot read YYYY"),
        ("parseDate('Nov 2026', 'MMM YYYY')", "cannot read MMM"),
        ("parseDate('yesterday')", "not an ISO 8601 date"),
        ("formatDate(now(), repeat('[', 101))", "100 characters"),
        ("today('Mars/Phobos')", "a time zone"),
        ("today('../../etc/passwd')", "a time zone"),
        ("today('America')", "a time zone"),
        ("today('localtime')", "a time zone"),
        ("today('')", "a time zone"),
    ],
)
def test_functions_refuse_what_they_cannot_do(expression, message):
    refused(expression, message)


def test_the_position_of_a_refusal_is_that_of_the_call():
    assert refused("1 + length(upper(null))", "upper").facts["position"] == 11


def test_uuid_has_the_form_of_version_4():
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", evaluate("uuid()"))


def test_functions_leave_their_arguments_as_they_were():
    value = {"list": [3, 1, 2], "object": {"a": 1}}

    evaluate(
        "[sort($input.list), reverse($input.list), concat($input.list, [1]), merge($input.object, {b: 1})]", input=value
    )

    assert value == {"list": [3, 1, 2], "object": {"a": 1}}
