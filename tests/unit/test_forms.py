from __future__ import annotations

import pytest

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.forms import check_form
from chalicelib.domain.json import Json

FORM: Json = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "color": {"enum": ["red", "blue", 1]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "ok": {"const": True},
    },
}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Ada"},
        {"name": "Ada", "age": 36, "color": "red", "tags": ["a"], "ok": True},
        {"name": "Ada", "age": 36.0, "color": 1},
    ],
)
def test_a_form_allows(value: Json) -> None:
    check_form(FORM, value)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("text", "answer"),
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "Adalbert"}, "name"),
        ({"name": 5}, "name"),
        ({"name": "Ada", "age": True}, "age"),
        ({"name": "Ada", "age": 1.5}, "age"),
        ({"name": "Ada", "age": 151}, "age"),
        ({"name": "Ada", "color": True}, "color"),
        ({"name": "Ada", "tags": ["a", 2]}, "tags[1]"),
        ({"name": "Ada", "tags": ["a", "b", "c"]}, "tags"),
        ({"name": "Ada", "ok": 1}, "ok"),
        ({"name": "Ada", "more": 1}, "more"),
    ],
)
def test_a_form_refuses_and_names_the_place(value: Json, field: str) -> None:
    with pytest.raises(InvalidError) as refused:
        check_form(FORM, value)

    assert refused.value.field == field


def test_no_form_allows_everything() -> None:
    check_form(None, {"any": ["thing"]})


@pytest.mark.parametrize("schema", ["enum", "const"])
@pytest.mark.parametrize(
    ("wanted", "value", "is_same"),
    [
        ([1], [True], False),
        ([1], [1.0], True),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1], [1, 1], False),
        ({"a": None}, {"b": None}, False),
        ([], {}, False),
    ],
)
def test_values_are_compared_as_json_however_deep(schema: str, wanted: Json, value: Json, is_same: bool) -> None:
    form: Json = {"enum": [wanted]} if schema == "enum" else {"const": wanted}
    if is_same:
        check_form(form, value)
        return
    with pytest.raises(InvalidError):
        check_form(form, value)
