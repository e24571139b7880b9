"""The configuration of a source: what callers may give for each prop, what is kept of it, and what the code sees."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from chalicelib.domain.components import APP, HTTP, TIMER, Component, Prop, takes_value
from chalicelib.domain.cron import check, cron_timing, interval_timing
from chalicelib.domain.errors import InvalidError, TooLargeError
from chalicelib.domain.json import Json, encode
from chalicelib.domain.masking import MASK
from chalicelib.domain.schedules import Timing
from chalicelib.domain.sources import Source

DEFAULT_INTERVAL_SECONDS = 900
SHORTEST_INTERVAL_SECONDS = 15
MAX_VALUE_BYTES = 64 * 1024
_ACCOUNT = "authProvisionId"
_ACCOUNT_ID = re.compile(r"apn_[A-Za-z0-9]{6,12}")
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,30}\s*", re.ASCII)
_INTERVAL_NAMES = ("intervalSeconds", "interval_seconds")

Props = Mapping[str, Json]


def configure(component: Component, given: Props, kept: Props | None = None) -> dict[str, Json]:
    """What is stored of `given`, over what is `kept` of before; defaults included. Raises InvalidError whose field is
    `configured_props.<name>`."""
    known = {str(prop["name"]): prop for prop in component.configurable_props}
    stored: dict[str, Json] = {}
    for name, prop in known.items():
        if not takes_value(prop):
            continue
        if (value := _configured(name, prop, given.get(name), (kept or {}).get(name))) is not None:
            stored[name] = value
    for name in given.keys() - known.keys():
        if "additionalProps" not in component.has:
            raise _invalid(name, "is no prop of the component")
        if given[name] is not None:
            stored[name] = _bounded(name, given[name])
    if "additionalProps" in component.has:
        stored = {**{name: value for name, value in (kept or {}).items() if name not in known}, **stored}
    return stored


def timers(component: Component, props: Props) -> dict[str, Timing]:
    """By name of the prop."""
    return {str(prop["name"]): _timing(props.get(str(prop["name"]))) for prop in component.props_of(TIMER)}


def accounts(component: Component, props: Props) -> dict[str, str]:
    """Ids of accounts by name of the prop that wants one and has it."""
    found: dict[str, str] = {}
    for prop in component.props_of(APP):
        value = props.get(str(prop["name"]))
        if isinstance(value, Mapping) and isinstance(value.get(_ACCOUNT), str):
            found[str(prop["name"])] = str(value[_ACCOUNT])
    return found


def http_names(component: Component) -> tuple[str, ...]:
    return tuple(str(prop["name"]) for prop in component.props_of(HTTP))


def for_code(component: Component, props: Props) -> dict[str, Json]:
    """The values that the code finds; a value that was chosen by its label comes without, unless it asked for it."""
    known = {str(prop["name"]): prop for prop in component.configurable_props}
    found: dict[str, Json] = {}
    for name, value in props.items():
        prop = known.get(name, {})
        if prop.get("type") == TIMER and isinstance(value, Mapping):
            found[name] = {"intervalSeconds": value.get("interval_seconds"), "cron": value.get("cron")}
        elif prop.get("type") != APP:
            found[name] = value if prop.get("withLabel") is True else _plain(value)
    return found


def shown(component: Component | None, source: Source) -> dict[str, Json]:
    """As answers have it: addresses of HTTP props in, secrets masked. Without its component, everything is secret."""
    addresses: dict[str, Json] = {name: {"endpoint_url": place.url} for name, place in source.endpoints.items()}
    if component is None:
        return addresses
    found: dict[str, Json] = {}
    for prop in component.configurable_props:
        name = str(prop["name"])
        if name in addresses:
            found[name] = addresses[name]
        elif name in source.props:
            is_secret = prop.get("secret") is True or prop.get("type") == "secret"
            found[name] = MASK if is_secret else source.props[name]
    return {**found, **{name: value for name, value in source.props.items() if name not in found}}


def timer_event(timing: Timing, epoch_seconds: int) -> dict[str, Json]:
    """What `run` gets when a timer fires."""
    if timing.interval_seconds is not None:
        return {"timestamp": epoch_seconds, "interval_seconds": timing.interval_seconds}
    event: dict[str, Json] = {"timestamp": epoch_seconds, "cron": timing.expression}
    return event if timing.timezone == "UTC" else {**event, "timezone": timing.timezone}


def _configured(name: str, prop: Prop, given: Json, kept: Json) -> Json:
    is_secret = prop.get("secret") is True or prop.get("type") == "secret"
    if is_secret and given == MASK and kept is not None:
        given = None  # what an answer showed comes back
    if prop.get("type") == TIMER:
        return _timer(name, prop, given, kept)
    if given is None:
        given = kept
    if given is not None:
        return _bounded(name, _typed(name, prop, given))
    if prop.get("default") is not None:
        return prop["default"]
    if prop.get("optional") is True or prop.get("type") == APP or prop.get("hidden") is True:
        return None
    if prop.get("type") in (None, "any"):
        return None
    raise InvalidError(f"configured_props.{name} is required", field=f"configured_props.{name}")


# -- timers -----------------------------------------------------------------------------------------------------------


def _timer(name: str, prop: Prop, given: Json, kept: Json) -> Json:
    fixed = prop.get("static")
    if isinstance(fixed, Mapping):
        return _own_timer(fixed)
    if given is not None:
        return _given_timer(name, given)
    if kept is not None:
        return kept
    default = prop.get("default")
    return _own_timer(default if isinstance(default, Mapping) else prop)


def _own_timer(wanted: Mapping[str, Json]) -> Json:
    """What the component itself asks for. What it asks for in vain is as if it had not."""
    try:
        return _given_timer("timer", dict(wanted))
    except InvalidError:
        return {"cron": None, "interval_seconds": DEFAULT_INTERVAL_SECONDS}


def _given_timer(name: str, given: Json) -> Json:
    if not isinstance(given, Mapping):
        raise _invalid(name, "is to be an object with intervalSeconds or cron")
    interval = next((given[each] for each in _INTERVAL_NAMES if given.get(each) is not None), None)
    cron, zone = given.get("cron"), given.get("timezone")
    if zone is not None and not isinstance(zone, str):
        raise _invalid(name, "has a timezone that is no text")
    if (interval is None) is (cron is None):
        raise _invalid(name, "is to have either intervalSeconds or cron")
    try:
        found: dict[str, Json] = _interval(name, interval) if cron is None else _cron(name, cron, zone)
    except InvalidError as error:
        if error.field is not None and error.field.startswith("configured_props."):
            raise
        raise _invalid(name, f"cannot be used: {error.message}") from error
    return {**found, "timezone": zone} if zone else found


def _interval(name: str, given: Json) -> dict[str, Json]:
    seconds = _integer(name, given)
    if seconds < SHORTEST_INTERVAL_SECONDS:
        raise _invalid(name, f"is to have an interval of at least {SHORTEST_INTERVAL_SECONDS} seconds")
    check(interval_timing(seconds))
    return {"cron": None, "interval_seconds": seconds}


def _cron(name: str, given: Json, zone: str | None) -> dict[str, Json]:
    if not isinstance(given, str):
        raise _invalid(name, "has a cron expression that is no text")
    cron_timing(given, zone or "UTC")
    return {"cron": given, "interval_seconds": None}


def _timing(stored: Json) -> Timing:
    value = stored if isinstance(stored, Mapping) else {}
    zone = str(value.get("timezone") or "UTC")
    if isinstance(value.get("cron"), str):
        return cron_timing(str(value["cron"]), zone)
    seconds = value.get("interval_seconds")
    return interval_timing(seconds if isinstance(seconds, int) else DEFAULT_INTERVAL_SECONDS)


# -- values -----------------------------------------------------------------------------------------------------------


def _typed(name: str, prop: Prop, given: Json) -> Json:
    if _is_labelled(given):
        labelled = cast("dict[str, Json]", given)
        return {**labelled, "value": _typed(name, prop, labelled["value"])}
    type_ = str(prop.get("type") or "any")
    if type_.endswith("[]"):
        return _list(name, prop, type_.removesuffix("[]"), given)
    match type_:
        case "app":
            return _app(name, given)
        case "integer":
            return _in_range(name, prop, _integer(name, given))
        case "number" if isinstance(given, bool) or not isinstance(given, int | float):
            raise _invalid(name, "is to be a number")
        case "boolean":
            return _boolean(name, given)
        case "string" | "secret" if not isinstance(given, str):
            raise _invalid(name, "is to be a text")
        case "object" if not isinstance(given, Mapping):
            raise _invalid(name, "is to be an object")
        case "array" if not isinstance(given, list):
            raise _invalid(name, "is to be a list")
    return given


def _list(name: str, prop: Prop, type_: str, given: Json) -> Json:
    if not isinstance(given, list):
        raise _invalid(name, "is to be a list")
    return [_typed(name, {**prop, "type": type_}, each) for each in given]


def _app(name: str, given: Json) -> Json:
    if isinstance(given, Mapping) and set(given) == {_ACCOUNT}:
        account = given[_ACCOUNT]
        if isinstance(account, str) and _ACCOUNT_ID.fullmatch(account):
            return dict(given)
    raise _invalid(name, f'is to be {{"{_ACCOUNT}": "apn_…"}}, the id of an account')


def _integer(name: str, given: Json) -> int:
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        return int(given)
    # From 2**53 on a double stands for several whole numbers.
    if isinstance(given, float) and given.is_integer() and abs(given) < 2**53:
        return int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise _invalid(name, "is to be a whole number")
    return given


def _in_range(name: str, prop: Prop, value: int) -> int:
    for bound, is_beyond in (("min", int.__lt__), ("max", int.__gt__)):
        limit = prop.get(bound)
        if isinstance(limit, int) and not isinstance(limit, bool) and is_beyond(value, limit):
            raise _invalid(name, f"is to be {'at least' if bound == 'min' else 'at most'} {limit}")
    return value


def _boolean(name: str, given: Json) -> bool:
    if isinstance(given, bool):
        return given
    if given in ("true", "false"):
        return given == "true"
    raise _invalid(name, "is to be true or false")


def _bounded(name: str, value: Json) -> Json:
    if len(encode(value)) > MAX_VALUE_BYTES:
        where = f"configured_props.{name}"
        raise TooLargeError(f"{where} is larger than {MAX_VALUE_BYTES} bytes", field=where, limit=MAX_VALUE_BYTES)
    return value


def _is_labelled(value: Json) -> bool:
    return isinstance(value, Mapping) and set(value) == {"label", "value"}


def _plain(value: Json) -> Json:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return cast("dict[str, Json]", value)["value"] if _is_labelled(value) else value


def _invalid(name: str, rule: str) -> InvalidError:
    return InvalidError(f"configured_props.{name} {rule}", field=f"configured_props.{name}")
