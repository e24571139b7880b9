import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.expressions import FUNCTIONS, Budget, compile_expression, compile_template
from chalicelib.domain.json import decode, encode
from tests.timing import assert_cheap

from .support import evaluate, refused, render, scope_of

LARGE = ["x" * 100] * 9_000


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 51 + "1" + ")" * 51,
        "[" * 51 + "]" * 51,
        "{a:" * 51 + "1" + "}" * 51,
        "!" * 51 + "1",
        "-" * 51 + "1",
        "not " * 51 + "1",
        "true ? 1 : " * 51 + "1",
        "abs(" * 51 + "1" + ")" * 51,
        "$a[" * 51 + "1" + "]" * 51,
        "(" * 4000,
        "1 || 1 && 1 == 1 < 1 + 1 * (" * 100,
        "-(" * 4000,
    ],
    ids=lambda text: text[:12],
)
def test_nesting_beyond_the_limit_is_refused(expression):
    refused(expression, "nested more than 50 levels")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(" * 49 + "1" + ")" * 49, 1),
        ("1" + " + 1" * 1999, 2000),
        ("1" + " && 1" * 1500, 1),
        ("$a" + ".b" * 4000, None),
        ("1 || 1 && 1 == 1 < 1 + 1 * (" * 6 + "1" + ")" * 6, 1),
        ("'" + "x" * 8000 + "'", "x" * 8000),
    ],
    ids=lambda value: str(value)[:12],
)
def test_length_alone_is_no_nesting(expression, value):
    assert evaluate(expression, a={}) == value


@pytest.mark.parametrize("text", ["1" + " " * 8192, "'" + "x" * 8192 + "'", "$" + "a" * 9000, "1+" * 5000 + "1"])
def test_a_longer_expression_is_refused(text):
    with pytest.raises(ExpressionError, match="8192 characters"):
        compile_expression(text)
    with pytest.raises(ExpressionError, match="8192 characters"):
        compile_template("{{" + text + "}}")


def test_text_around_expressions_may_be_longer():
    assert render("x" * 100_000 + "{{ 1 }}") == "x" * 100_000 + "1"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("repeat('x', 9000000)", "too large"),
        ("repeat(repeat('x', 5000), 5000)", "too large"),
        ("padStart('x', 999999999999999999999)", "too large"),
        ("join($large, repeat('y', 100000))", "too large"),
        ("replace(join($large), 'x', repeat('y', 1000))", "too large"),
        ("[" + ",".join(["$large"] * 20) + "]", "too large"),
        ("toJson([" + ",".join(["$large"] * 20) + "])", "too large"),
        ("'' + [" + ",".join(["$large"] * 20) + "]", "too large"),
        (" + ".join(["join($large)"] * 20), "too large"),
        ("split(join($large), '')", "too large"),
        ("unique([" + ",".join(["$large"] * 20) + "])", "too large"),
        ("fromJson('[' + repeat('[],', 900000) + '0]')", "too large"),
        ("flatten([" + ",".join(["$large"] * 20) + "])", "too many steps"),
        ("concat(" + ",".join(["$large"] * 20) + ")", "too many steps"),
        ("[" + ",".join(["$large"] * 12) + "] == [" + ",".join(["$copy"] * 12) + "]", "too many steps"),
        ("count(pluck($large, 'a.b.c.d.e.f.g.h.i.j.k.l'))", "too many steps"),
        (" + ".join(["length(sha256($text))"] * 200), "too many steps"),
    ],
    ids=lambda text: text[:20],
)
def test_a_small_expression_cannot_build_something_huge(expression, message):
    copy, text = ["x" * 100 for _ in LARGE], "x" * 2_000_000

    assert_cheap(1, lambda: refused(expression, message, large=LARGE, copy=copy, text=text))


def test_naming_a_large_input_many_times_is_refused():
    with pytest.raises(ExpressionError, match="too large"):
        render(["{{ $large }}"] * 20, large=LARGE)


def test_the_budget_is_the_callers_choice():
    assert evaluate("1 + 1", Budget(steps=4)) == 2
    refused("1 + 1 + 1", "too many steps", Budget(steps=5))
    assert evaluate("'a' + 'b'", Budget(size=4)) == "ab"
    refused("'a' + 'b'", "too large", Budget(size=3))


def test_the_budget_covers_the_whole_template_and_every_render_anew():
    template = compile_template(["{{ 1 }}"] * 10)

    assert template.render(scope_of(), Budget(steps=20)) == [1] * 10
    assert template.render(scope_of(), Budget(steps=20)) == [1] * 10
    with pytest.raises(ExpressionError, match="too many steps"):
        template.render(scope_of(), Budget(steps=19))


def test_a_rendered_value_never_nests_deeper_than_can_be_stored():
    deep: list[Any] = []
    for _ in range(62):
        deep = [deep]

    assert decode(encode(render(["{{ $deep }}"], deep=deep))) == [deep]
    with pytest.raises(ExpressionError, match="64 levels"):
        render([["{{ $deep }}"]], deep=deep)


def test_a_template_nested_too_deeply_is_refused():
    value: Any = "{{ 1 }}"
    for _ in range(2000):
        value = {"a": value}

    with pytest.raises(ExpressionError, match="64 levels"):
        compile_template(value)


def test_endless_nesting_from_a_scope_is_an_expression_error():
    deep: list[Any] = []
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]

    for expression in (
        "$deep",
        "$deep == [$deep]",
        "toJson($deep)",
        "'' + $deep",
        "unique($deep)",
        "flatten($deep, 50)",
    ):
        try:
            evaluate(expression, deep=deep)
        except ExpressionError:
            pass


def test_many_expressions_in_one_text_cost_no_more_than_their_number():
    def compile_them():
        with pytest.raises(ExpressionError):
            compile_template("{{" * 100_000)
        assert compile_template(r"\{{" * 100_000).is_constant
        with pytest.raises(ExpressionError):
            compile_template("\\" * 100_000 + "{{ '")

    assert_cheap(1, compile_them)


ROOTS = ["$input", "$node", "$item", "$missing"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**39), 10**39)
    | st.integers(-3, 3)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "a.b", "2026-11-03", "UTC", "YYYY", "desc", "12"])
    | st.text(max_size=6)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
leaves = st.sampled_from([*ROOTS, "$input.a", "$item[0]", "$node.x.a", "null"]) | values.map(
    lambda value: encode(value).decode()
)


def compound(inner):
    pair = st.tuples(inner, inner)
    operators = st.sampled_from(
        ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "??", "||", "&&", "or", "and", "not in"]
    )
    return st.one_of(
        st.builds("({} {} {})".format, inner, operators, inner),
        st.builds("{}({})".format, st.sampled_from(sorted(FUNCTIONS)), st.lists(inner, max_size=3).map(", ".join)),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("{}{}".format, st.sampled_from(["!", "-", "not "]), inner),
        pair.map(", ".join).map("[{}]".format),
        inner.map("{{a: {}}}".format),
    )


expressions = st.recursive(leaves, compound, max_leaves=6)
FRAGMENTS = ["{{", "}}", "\\", "$input", ".a", "[0]", "(", ")", "'", '"', "1", " + ", "?", ":", "upper(", "{", "}", "é"]


@settings(max_examples=250, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(FRAGMENTS), max_size=20).map("".join))
def test_any_text_compiles_and_renders_or_is_an_expression_error(text):
    for compile_ in (compile_template, compile_expression):
        try:
            value = compile_(text).render(scope_of(input={"a": [1]}))
        except ExpressionError:
            continue
        assert decode(encode(value)) == value


@settings(max_examples=400, deadline=None)
@given(expressions, values, values)
def test_any_expression_over_any_scope_gives_json_or_an_expression_error(expression, value, other):
    scope = scope_of(input=value, item=other, node={"x": value})
    try:
        template = compile_expression(expression)
        result = template.render(scope)
    except ExpressionError:
        return
    assert decode(encode(result)) == result
    assert template.render(scope) == result
