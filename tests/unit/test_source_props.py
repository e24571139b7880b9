"""Configuring a source: what is accepted for each kind of prop, what is kept, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.components import Component
from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.json import Json
from chalicelib.domain.source_props import accounts, configure, for_code, shown, timer_event, timers
from chalicelib.domain.sources import HttpPlace, Source, slug
from tests.fakes import START


def component(has: frozenset[str] = frozenset(), **props: Any) -> Component:
    shown_props = tuple(
        {"name": name, **(prop if isinstance(prop, dict) else {"type": prop})} for name, prop in props.items()
    )
    return Component(
        "sc_1", "ws_1", "user_1", "Name", "1", "0" * 64, START, START, configurable_props=shown_props, has=has
    )


def configured(prop: Any, given: Json = None, kept: Json = None) -> Json:
    """What is stored of one prop."""
    return configure(component(x=prop), {} if given is None else {"x": given}, {"x": kept}).get("x")


TIMER = "$.interface.timer"


@pytest.mark.parametrize(
    ("prop", "given", "stored"),
    [
        (TIMER, {"intervalSeconds": 60}, {"cron": None, "interval_seconds": 60}),
        (TIMER, {"interval_seconds": "60"}, {"cron": None, "interval_seconds": 60}),
        (TIMER, {"cron": "0 12 * * 1"}, {"cron": "0 12 * * 1", "interval_seconds": None}),
        (
            TIMER,
            {"cron": "0 12 * * 1", "timezone": "Europe/Berlin"},
            {"cron": "0 12 * * 1", "interval_seconds": None, "timezone": "Europe/Berlin"},
        ),
        (TIMER, None, {"cron": None, "interval_seconds": 900}),
        ({"type": TIMER, "default": {"intervalSeconds": 30}}, None, {"cron": None, "interval_seconds": 30}),
        ({"type": TIMER, "default": {"cron": "0 0 * * *"}}, None, {"cron": "0 0 * * *", "interval_seconds": None}),
        ({"type": TIMER, "default": {}}, None, {"cron": None, "interval_seconds": 900}),
        ({"type": TIMER, "static": {"intervalSeconds": 20}}, {"cron": "bad"}, {"cron": None, "interval_seconds": 20}),
        ({"type": TIMER, "intervalSeconds": 40}, None, {"cron": None, "interval_seconds": 40}),
        ("integer", "5", 5),
        ("integer", 5.0, 5),
        ("integer[]", ["5", 6], [5, 6]),
        ("boolean", "true", True),
        ("string", {"label": "L", "value": "v"}, {"label": "L", "value": "v"}),
        ("integer", {"label": "L", "value": "5"}, {"label": "L", "value": 5}),
        ({"type": "string", "default": "d"}, None, "d"),
        ({"type": "string", "optional": True}, None, None),
        ("any", None, None),
        ("$.discord.channel", "c", "c"),
        ({"type": "app", "app": "acme"}, None, None),
        ("$.interface.http", {"endpoint_url": "x"}, None),
        ("$.service.db", {"a": 1}, None),
        ("alert", "x", None),
        ("number", 1.5, 1.5),
    ],
)
def test_a_value_is_stored_as_its_type_wants_it(prop: Any, given: Json, stored: Json) -> None:
    assert configured(prop, given) == stored


@pytest.mark.parametrize(
    ("prop", "given", "message"),
    [
        (TIMER, {"intervalSeconds": 14}, "at least 15"),
        (TIMER, {"intervalSeconds": True}, "whole number"),
        (TIMER, {"cron": "never"}, "cannot be used"),
        (TIMER, {"cron": 5}, "no text"),
        (TIMER, {"cron": "0 0 * * *", "timezone": "Mars/Base"}, "cannot be used"),
        (TIMER, {"cron": "0 0 * * *", "timezone": 1}, "timezone"),
        (TIMER, {"cron": "0 0 * * *", "intervalSeconds": 60}, "either"),
        (TIMER, {}, "either"),
        (TIMER, 60, "object"),
        ("string", None, "configured_props.x is required"),
        ("string", 5, "text"),
        ("integer", "5.5", "whole number"),
        ("integer", True, "whole number"),
        ({"type": "integer", "min": 3}, 2, "at least 3"),
        ({"type": "integer", "max": 3}, 4, "at most 3"),
        ("boolean", 1, "true or false"),
        ("object", [], "object"),
        ("string[]", "a", "list"),
        ("string[]", [1], "text"),
        ("number", "1", "number"),
        ("array", {}, "list"),
        ("app", {"authProvisionId": "x"}, "apn_"),
        ("app", {"api_key": "k"}, "apn_"),
    ],
)
def test_what_is_not_of_its_type_is_refused_by_name(prop: Any, given: Json, message: str) -> None:
    with pytest.raises(InvalidError, match=message) as refused:
        configured(prop, given)
    assert refused.value.field == "configured_props.x"


def test_a_value_may_have_64_kilobytes() -> None:
    with pytest.raises(TooLargeError):
        configured("string", "x" * 65_536)


def test_a_prop_that_the_component_lacks_is_refused_unless_it_makes_more_itself() -> None:
    with pytest.raises(InvalidError, match="no prop"):
        configure(component(), {"y": 1})
    assert configure(component(has=frozenset({"additionalProps"})), {"y": 1}) == {"y": 1}


def test_an_update_keeps_what_is_not_named_and_the_secret_that_was_shown_masked() -> None:
    wanted = component(a="string", s={"type": "string", "secret": True})

    assert configure(wanted, {"a": "new", "s": "***"}, {"a": "old", "s": "secret"}) == {"a": "new", "s": "secret"}
    assert configure(wanted, {}, {"a": "old", "s": "secret", "gone": 1}) == {"a": "old", "s": "secret"}


def test_answers_show_addresses_in_order_and_no_secrets() -> None:
    wanted = component(http="$.interface.http", s={"type": "string", "secret": True}, a="string", t=TIMER)
    props: dict[str, Json] = {"t": {"cron": None, "interval_seconds": 60}, "a": "x", "s": "secret"}
    places = {"http": HttpPlace("k", "https://e.example/h/k")}
    source = Source("dc_1", "ws_1", "user_1", "sc_1", "N", "n", START, START, props, endpoints=places)

    found = shown(wanted, source)

    assert found == {
        "http": {"endpoint_url": "https://e.example/h/k"},
        "s": "***",
        "a": "x",
        "t": {"cron": None, "interval_seconds": 60},
    }
    assert list(found) == ["http", "s", "a", "t"]
    assert shown(None, source) == {"http": {"endpoint_url": "https://e.example/h/k"}}


def test_the_code_sees_values_without_labels_and_no_accounts() -> None:
    wanted = component(a="string", w={"type": "string", "withLabel": True}, app={"type": "app", "app": "acme"}, t=TIMER)
    pair: dict[str, Json] = {"label": "L", "value": "v"}
    given: dict[str, Json] = {"a": pair, "w": pair, "app": {"authProvisionId": "apn_1234567"}}
    props = configure(wanted, given)

    assert for_code(wanted, props) == {"a": "v", "w": pair, "t": {"intervalSeconds": 900, "cron": None}}
    assert accounts(wanted, props) == {"app": "apn_1234567"}


def test_the_event_of_a_timer_says_what_it_is_set_to() -> None:
    wanted = component(a=TIMER, b=TIMER)
    cron: dict[str, Json] = {"cron": "0 0 * * *", "timezone": "Europe/Berlin"}
    found = timers(wanted, configure(wanted, {"a": {"intervalSeconds": 60}, "b": cron}))

    assert timer_event(found["a"], 5) == {"timestamp": 5, "interval_seconds": 60}
    assert timer_event(found["b"], 5) == {"timestamp": 5, "cron": "0 0 * * *", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("rss", "rss"),
        ("New Item in Feed", "new-item-in-feed"),
        ("Über—uns", "uber-uns"),
        ("你好", "source"),
        ("", "source"),
    ],
)
def test_slugs(name: str, wanted: str) -> None:
    assert slug(name) == wanted
