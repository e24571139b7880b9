"""No template and no context makes a rendering hang, fill the memory, or fail in any way but one."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.handlebars import HELPERS, MAX_OUTPUT, MAX_TEMPLATE, Escape, TemplateError, compile_template

from .support import NOW, refused, render

WRITTEN = """
{{ {{{ {{{{ {{# {{^ {{/ {{~ {{! {{!-- --}} {{else}} {{& }} }}} }}}} ~}} if each with unless a.b ../ ./ this @index
@root | as [ ] ( ) = ' " \\ \\{{ 1 true null undefined . .. foo lookup {{a}} {{#if {{/if}} {{/each}}
"""
FRAGMENTS = st.sampled_from([*re.findall(r"\S+", WRITTEN), " ", "\n", "\t"])
VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=8,
)


def attempt(template: str, context: dict[str, Any]) -> None:
    try:
        for escape in Escape:
            compile_template(template).render(context, escape=escape, now=NOW, random="s")
    except TemplateError:
        pass


@given(
    st.lists(FRAGMENTS | st.text(max_size=3), max_size=15).map(" ".join) | st.lists(FRAGMENTS, max_size=15).map("".join)
)
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_renders_or_is_refused(template):
    attempt(template, {"a": {"b": [1, {"a": 2}]}, "foo": "x"})


@pytest.mark.parametrize("name", sorted(HELPERS))
@given(
    arguments=st.lists(st.sampled_from(["a", "b", "c", "'x'", "2", '"YYYY"', "(join a b)"]), max_size=5), values=VALUES
)
@settings(max_examples=25, deadline=None)
def test_whatever_a_helper_is_called_with_it_answers_or_refuses(name, arguments, values):
    context = {"a": values, "b": "2026-01-01", "c": [values]}
    written = " ".join(arguments)

    attempt(f"{{{{{name} {written}}}}}", context)
    attempt(f"{{{{#{name} {written}}}}}x{{{{else}}}}y{{{{/{name}}}}}", context)


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_template_without_mustaches_renders_to_itself(text):
    assert render(text) == text


@given(VALUES)
def test_a_serialized_value_reads_back(value):
    rendered = render(
        "{{#with (jsonParse (jsonSerialize w))}}{{eq (jsonSerialize v) (jsonSerialize ../w.v)}}{{/with}}",
        {"w": {"v": value}},
    )

    assert rendered == "true"


def test_a_long_list_is_gone_through():
    rendered = render("{{#each l}}{{this}},{{/each}}", {"l": list(range(100_000))})

    assert rendered.endswith("99998,99999,")


def test_a_rendering_ends_when_its_steps_are_used_up():
    error = refused(
        "{{#each l}}{{#each ../l}}{{/each}}{{/each}}", "takes more than .* steps", {"l": list(range(2_000))}
    )

    assert error.line == 1


def test_a_rendering_ends_when_its_result_is_too_large():
    context = {"l": list(range(100)), "s": "x" * 100_000}

    refused("{{#each l}}{{../s}}{{/each}}", "larger than", context)
    refused("{{#each l}}" + "y" * 60_000 + "{{/each}}", "larger than", context)
    assert MAX_OUTPUT == 5 * 1024 * 1024


@pytest.mark.parametrize(
    "template",
    [
        '{{#if (join (padLeft "" 90000) l)}}{{/if}}',
        '{{#if (replace (padLeft "" 90000) " " (padLeft "" 90000))}}{{/if}}',
        '{{#if (regexReplace (padLeft "" 90000) (padLeft "" 90000) " ")}}{{/if}}',
        "{{#each l}}{{#if (hash 'md5' 'hex' @root.long)}}{{/if}}{{/each}}",
        "{{#each l}}{{#if (jsonSerialize @root)}}{{/if}}{{/each}}",
        "{{#if " + "(jsonSerialize " * 40 + "'\"'" + ")" * 40 + "}}{{/if}}",
        "{{regexMatch long '(x+)+y'}}",
        "{{#each l}}{{regexMatch @root.short '(x*)*y'}}{{/each}}",
        "{{regexMatch long '.*.*.*.*y'}}",
    ],
)
def test_what_grows_without_reaching_the_result_is_bounded_too(template):
    refused(template, "too large|steps", {"l": list(range(5_000)), "long": "x" * 100_000, "short": "x" * 12})


def test_nesting_is_bounded():
    render("{{#if a}}" * 60 + "{{/if}}" * 60)
    refused("{{#if a}}" * 70 + "{{/if}}" * 70, "nested more than 64 levels")
    refused("{{uppercase " + "(uppercase " * 70 + "a" + ")" * 70 + "}}", "nested more than 64 levels")
    refused("{{#if a}}" * 5_000, "nested more than 64 levels")


def test_a_chain_of_branches_may_be_long_but_not_endless():
    chain = "{{#if a}}0" + "".join(f"{{{{else if (eq v {number})}}}}{number}" for number in range(1, 91)) + "{{/if}}"

    assert render(chain, {"v": 90}) == "90"
    refused("{{#if a}}" + "{{else if b}}" * 101 + "{{/if}}", "more than 100 branches")


def test_a_template_is_bounded():
    with pytest.raises(TemplateError, match="longer than"):
        compile_template("x" * (MAX_TEMPLATE + 1))


@pytest.mark.parametrize("escape", [Escape.URI, Escape.JSON])
def test_a_lone_surrogate_is_refused_where_it_would_be_encoded(escape):
    refused("{{a}}", "lone surrogate", {"a": "\ud800"}, escape=escape)
