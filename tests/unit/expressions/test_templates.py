from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.domain.errors import ExpressionError
from chalicelib.domain.expressions import CONDUCTOR, MappingScope, compile_expression, compile_template

from .support import NOW, render, scope_of


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("{{ $input.n }}", 3),
        ("{{$input.n}}", 3),
        (" {{ $input.n }}", " 3"),
        ("{{ $input.n }}{{ $input.n }}", "33"),
        ("n={{ $input.n }}, f={{ 1.5 }}, big={{ 1e22 }}", "n=3, f=1.5, big=1e22"),
        ("{{ true }}-{{ null }}-{{ [1, {a: null}] }}", 'true--[1,{"a":null}]'),
        ('{{ {"a": {"b": 1}} }}', {"a": {"b": 1}}),
        ('{{ {"a": {"b": 1}}}}', {"a": {"b": 1}}),
        ("{{ '}}' }}", "}}"),
        ('{{ "{{" }}', "{{"),
        ("}} { stray", "}} { stray"),
        ("{{ $input.list }}", [1, 2]),
        (
            {"a": ["{{ $input.n }}", {"b": "{{ $input.n + 1 }}"}], "{{ $input.n }}": 1},
            {"a": [3, {"b": 4}], "{{ $input.n }}": 1},
        ),
        (r"\{{ $input.n }}", "{{ $input.n }}"),
        (r"\\{{ $input.n }}", r"\3"),
        (r"\\\{{ $input.n }}", r"\{{ $input.n }}"),
        (r"C:\dir\file {{ $input.n }}", r"C:\dir\file 3"),
        (r"\{{{{ $input.n }}", "{{3"),
        ([], []),
        (None, None),
        (1.0, 1.0),
    ],
)
def test_templates_render_to_their_value(template, value):
    rendered = render(template, input={"n": 3, "list": [1, 2]})

    assert rendered == value
    assert type(rendered) is type(value)


def test_member_order_is_kept():
    rendered = render({"z": "{{ 1 }}", "a": 2, "m": "{{ 3 }}"})

    assert list(rendered) == ["z", "a", "m"]


def test_parts_without_expressions_are_returned_uncopied():
    value: dict[str, Any] = {"constant": {"deep": [1, 2]}, "other": "{{ 1 }}"}

    template = compile_template(value)

    assert not template.is_constant
    assert render(value)["constant"] is value["constant"]
    assert compile_template(value["constant"]).render(scope_of()) is value["constant"]


@pytest.mark.parametrize(
    ("template", "constant"), [("x", True), (r"\{{", True), ([{"a": 1}], True), ("{{ 1 }}", False)]
)
def test_a_template_knows_whether_it_is_constant(template, constant):
    assert compile_template(template).is_constant is constant


def test_a_template_names_its_roots_and_the_nodes_it_reads():
    template = compile_template(
        ["{{ $node.a.x }} {{ $input.n }}", {"k": "{{ $node['b-c'].y ?? $node[\"d\"] }}"}, "{{ $node[$item.id] }}"]
    )

    assert template.names == {"$node", "$input", "$item"}
    assert template.node_references == {"a", "b-c", "d"}


def test_conductor_expressions_have_their_own_delimiters_and_bare_roots():
    template = compile_template(
        {"x": "${workflow.input.n}", "y": "a ${upper(task_1.output['k'])}", "z": "{{ 1 }}"}, CONDUCTOR
    )
    scope = MappingScope({"workflow": {"input": {"n": 1}}, "task_1": {"output": {"k": "v"}}}, NOW, "seed")

    assert template.render(scope) == {"x": 1, "y": "a V", "z": "{{ 1 }}"}
    assert template.names == {"workflow", "task_1"}


def test_braces_inside_a_conductor_expression_do_not_end_it():
    template = compile_template("${ {a: {b: workflow.n}} }", CONDUCTOR)

    assert template.render(MappingScope({"workflow": {"n": 1}}, NOW, "seed")) == {"a": {"b": 1}}


@pytest.mark.parametrize("text", ["$input.n > 2", "{{ $input.n > 2 }}", "  {{ $input.n > 2 }} \n", " $input.n > 2 "])
def test_a_condition_may_leave_the_delimiters_out(text):
    assert compile_expression(text).render(scope_of(input={"n": 3})) is True


def test_a_condition_is_one_expression():
    with pytest.raises(ExpressionError, match="text after the expression"):
        compile_expression("{{ 1 }} and {{ 2 }}")


def test_a_condition_in_conductor_style_may_leave_the_delimiters_out():
    template = compile_expression("workflow.n == 1", CONDUCTOR)

    assert template.render(MappingScope({"workflow": {"n": 1}}, NOW, "seed")) is True


class Outputs(Mapping[str, Any]):
    """Outputs that are fetched when they are read."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.stored = stored
        self.fetched: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.fetched.append(key)
        return self.stored[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def test_only_the_outputs_that_an_expression_reads_are_fetched():
    outputs = Outputs({"a": {"x": 1}, "b": {"x": 2}})

    assert render("{{ $node.a.x }} {{ $node.missing.x }}", node=outputs) == "1 "
    assert outputs.fetched == ["a", "missing"]


def test_a_lazy_mapping_as_a_whole_becomes_an_object():
    outputs = Outputs({"a": {"x": 1}, "b": Outputs({"c": 2})})

    assert render("{{ $node }}", node=outputs) == {"a": {"x": 1}, "b": {"c": 2}}
    assert render("{{ [$node.b] }}", node=outputs) == [{"c": 2}]


def test_a_callable_root_is_called_once_and_only_when_it_is_read():
    calls: list[str] = []

    def fetch(name: str) -> str:
        calls.append(name)
        return name

    rendered = render(["{{ $a }}", "{{ $a }}"], a=lambda: fetch("a"), b=lambda: fetch("b"))

    assert rendered == ["a", "a"]
    assert calls == ["a"]


def test_an_unknown_root_is_an_error():
    with pytest.raises(ExpressionError, match=r"There is nothing called \$inptu here"):
        render("{{ $inptu.x }}", input={})


def test_a_value_that_is_not_json_is_an_error():
    with pytest.raises(ExpressionError, match="datetime is not a JSON value"):
        render("{{ $input.at }}", input={"at": NOW})


@pytest.mark.parametrize(
    ("template", "path", "position"),
    [
        ("{{ 1 + }}", "", 7),
        ({"a": [{"b c": "x {{ foo }}"}]}, 'a[0]["b c"]', 5),
        ({"url": {"base": "{{ 1"}}, "url.base", 2),
        (["ok", "{{ 'x }}"], "[1]", 3),
    ],
)
def test_a_compile_error_names_the_string_and_the_position(template, path, position):
    with pytest.raises(ExpressionError) as caught:
        compile_template(template)

    assert caught.value.facts == {"path": path, "position": position}
    assert str(caught.value).startswith(path)


def test_an_error_while_rendering_names_the_string_and_the_position():
    template = compile_template({"a": ["n: {{ 1 + (2 < $input.s) }}"]})

    with pytest.raises(ExpressionError) as caught:
        template.render(scope_of(input={"s": "x"}))

    assert caught.value.facts == {"path": "a[0]", "position": 13}
    assert str(caught.value) == (
        "a[0]: number < string cannot be compared, at position 13 of `n: {{ 1 + (2 < $input.s) }}`."
    )


def test_now_uuid_and_random_are_the_same_on_every_render():
    template = ["{{ now() }}", "{{ uuid() }}", "{{ uuid() }}", "{{ random() }}"]

    first, again = render(template), render(template)

    assert first == again
    assert first[0] == "2026-11-03T10:30:00.000Z"
    assert first[1] != first[2]
    assert 0 <= first[3] < 1


def test_another_seed_draws_other_values():
    template = compile_template("{{ uuid() }}")

    assert template.render(scope_of(seed="a")) != template.render(scope_of(seed="b"))
