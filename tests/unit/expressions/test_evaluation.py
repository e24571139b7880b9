import pytest

from .support import evaluate, refused

INPUT = {"n": 3, "f": 1.5, "s": "text", "list": [1, [2]], "o": {"a": None, "404": "gone"}, "nothing": None}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("10 - 3 - 2", 5),
        ("2 * 3 % 4", 2),
        ("-2 * -3", 6),
        ("- $input.n", -3),
        ("--3", 3),
        ("!!1", True),
        ("!0 == true", True),
        ("not 1 == 2 and true", True),
        ("not not true", True),
        ("1 < 2 == true", True),
        ("true || false && false", True),
        ("null ?? 0 || 5", 5),
        ("null ?? null ?? 2", 2),
        ("0 ?? 1", 0),
        ("false ? 1 : true ? 2 : 3", 2),
        ("(false ? 1 : 2) + 1", 3),
        ("true ? false ? 1 : 2 : 3", 2),
        ("1 or fail('not reached')", 1),
        ("0 and fail('not reached')", 0),
        ("1 ?? fail('not reached')", 1),
        ("true ? 1 : fail('not reached')", 1),
        ("'a' + 1 + 2", "a12"),
        ("1 + 2 + 'a'", "3a"),
        ("'a' + null + true + [1]", "atrue[1]"),
        ("6 / 3", 2),
        ("7.0 / 2", 3.5),
        ("-7 % 3", -1),
        ("7 % -3", 1),
        ("-7.5 % 2", -1.5),
        ("99999999999999999999 + 1", 10**20),
        ("1e3", 1000.0),
        ("'a' < 'b'", True),
        ("1 <= 1.0", True),
        ("'2' == 2", False),
        ("null == false", False),
        ("{} == []", False),
        ("[1, true] == [1, 1]", False),
        ("{a: 1, b: [2]} == {b: [2.0], a: 1}", True),
        ("{a: 1} != {a: 1, b: 2}", True),
        ("'1' in [1]", False),
        ("[1] in [[1]]", True),
        ("1 in null", False),
        ("'' in 'a'", True),
        ("$input.list[1][0]", 2),
        ("$input.list[-1]", [2]),
        ("$input.list[-3]", None),
        ("$input.list['0']", None),
        ("$input.list[1.0]", [2]),
        ("$input.list[true]", None),
        ("$input.list[null]", None),
        ("$input[[1]]", None),
        ("$input.o[404]", "gone"),
        ("$input.o[400 + 4]", "gone"),
        ("$input.o['a'].b.c[0]", None),
        ("$input.s[0]", "t"),
        ("$input.s.length", None),
        ("$input.n.__class__", None),
        ("$input.in.or.true", None),
        ("[1, 2][1]", 2),
        ("{a: {b: 1}}.a.b", 1),
        ("{true: 1, 'x y': 2}", {"true": 1, "x y": 2}),
        (r"'\u00e9\n\t\\\'\/' + '\ud83d\ude00'", "é\n\t\\'/😀"),
        ('"é" == "\\u00e9"', True),
        ("[\n  1,\n  2\n]", [1, 2]),
    ],
)
def test_expressions_evaluate(expression, value):
    result = evaluate(expression, input=INPUT)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "expression", ["null", "false", "0", "0.0", "''", "[]", "{}", "$input.missing", "$input.nothing"]
)
def test_empty_values_are_false(expression):
    assert evaluate(f"!({expression})", input=INPUT) is True


@pytest.mark.parametrize("expression", ["true", "1", "-0.5", "'0'", "'false'", "[0]", "{a: null}"])
def test_other_values_are_true(expression):
    assert evaluate(f"!({expression})") is False


@pytest.mark.parametrize(
    ("expression", "message", "position"),
    [
        ("", "expected a value, not the end", 0),
        ("1 +", "not the end", 3),
        ("1 2", "expected an operator or the end, not 2", 2),
        ("(1", r"expected \) and not the end", 2),
        ("[1,]", "expected a value", 3),
        ("{a 1}", "expected :", 3),
        ("{1: 2}", "member name", 1),
        ("{a: 1, 'a': 2}", "same member twice", 0),
        ("$input.", "member name after the dot", 7),
        ("$input.0", "member name after the dot", 7),
        ("$input.my-id", "unknown name id .*dash", 10),
        ("input.n", "unknown name input", 0),
        ("a ? b", "unknown name a", 0),
        ("1 ? 2", "expected : and not the end", 5),
        ("1 # 2", "'#' has no meaning", 2),
        ("$", "has no meaning", 0),
        ("1 = 2", "has no meaning", 2),
        ("and 1", "operator and", 0),
        ("'open", "not closed", 0),
        (r"'\x41'", "not an escape", 0),
        (r"'\ud800'", "lone surrogate", 0),
        ("1e999", "out of range", 0),
        ("1" * 41, "40 digits", 0),
        ("uper('a')", "no function uper", 0),
        ("UPPER('a')", "did you mean upper", 0),
        ("1 + upper()", "upper takes 1 argument, not 0", 4),
        ("replace('a')", "replace takes 3 arguments, not 1", 0),
        ("substring('a')", "substring takes 2 to 3 arguments, not 1", 0),
        ("coalesce()", "at least 1 argument", 0),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_the_position(expression, message, position):
    assert refused(expression, message).facts["position"] == position


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 < 'a'", "number < string"),
        ("null >= 1", "null >= number"),
        ("true < false", "boolean < boolean"),
        ("1 + true", r"number \+ boolean"),
        ("1 + null", r"number \+ null"),
        ("[1] + [2]", r"array \+ array"),
        ("'a' * 2", r"string \* number"),
        ("-'a'", "-string"),
        ("-true", "-boolean"),
        ("1 in 2", "number in number"),
        ("1 in 'a'", "number in string"),
        ("1 / 0", "division by zero"),
        ("1 % 0.0", "division by zero"),
        ("1e308 * 10", "out of range"),
        ("1e308 + 1e308", "out of range"),
        ("1 / 5e-324", "out of range"),
        ("9999999999999999999999999999999999999999 + 1", "out of range"),
        ("fail('no ' + 'luck')", "no luck"),
    ],
)
def test_what_has_no_value_is_refused(expression, message):
    refused(expression, message)
