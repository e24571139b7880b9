"""What a file may declare beside its definition: schedules that start it, and who hears of its events.

A schedule is known by its name among those of its workflow, a subscription by address and channel: whoever makes them
again finds them. Taken away is only what the lock says was made for the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from chalicelib.cli.client import Client, segment
from chalicelib.cli.definitions.differences import Change, is_same
from chalicelib.cli.definitions.places import Path
from chalicelib.domain.json import Json

SCHEDULE_DEFAULTS: Mapping[str, Json] = {
    "cron": None,
    "interval_seconds": None,
    "timezone": "UTC",
    "input": {},
    "enabled": True,
    "overlap": "allow",
    "catch_up": "none",
    "catch_up_limit": 100,
}
MEMBERS = ("schedules", "subscriptions")
_TYPES: Mapping[str, tuple[type, str]] = {
    "timezone": (str, "a text"),
    "input": (dict, "an object"),
    "enabled": (bool, "true or false"),
    "catch_up_limit": (int, "a whole number"),
}
_CHOICES = {"overlap": ("allow", "skip", "queue"), "catch_up": ("none", "last", "all")}
_PAGE = 100


def complaints(document: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    for name, check in zip(MEMBERS, (_schedule, _subscription), strict=True):
        declared = document.get(name, [])
        if not isinstance(declared, list):
            yield (name,), "has to be an array"
            continue
        seen: set[tuple[str, ...]] = set()
        for index, each in enumerate(declared):
            if not isinstance(each, dict):
                yield (name, index), "has to be an object"
                continue
            yield from (((name, index, *path), message) for path, message in check(each))
            identity = _schedule_name(each) if name == "schedules" else _subscription_key(each)
            if identity in seen:
                yield (name, index), "is there twice"
            seen.add(identity)


def _schedule(members: dict[str, Json]) -> Iterator[tuple[Path, str]]:
    name = members.get("name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 255 or name != name.strip():
        yield ("name",), "has to be a text of 1 to 255 characters; it tells schedules apart"
    for member, value in members.items():
        if member not in SCHEDULE_DEFAULTS and member != "name":
            yield (member,), "there is no such member"
        elif member in _CHOICES and value not in _CHOICES[member]:
            yield (member,), f"has to be {', '.join(_CHOICES[member])}"
        elif member in _TYPES:
            type_, words = _TYPES[member]
            if not isinstance(value, type_) or (isinstance(value, bool) and type_ is not bool):
                yield (member,), f"has to be {words}"
    yield from _timing(members)


def _timing(members: dict[str, Json]) -> Iterator[tuple[Path, str]]:
    # What understands cron expressions is loaded where there are any.
    from chalicelib.domain.cron import cron_timing, interval_timing
    from chalicelib.domain.errors import InvalidError

    cron, seconds, zone = (members.get(name) for name in ("cron", "interval_seconds", "timezone"))
    if (cron is None) == (seconds is None):
        yield (), "has to have either cron or interval_seconds"
        return
    zone = zone if isinstance(zone, str) else "UTC"
    try:
        if cron is not None:
            if not isinstance(cron, str):
                raise InvalidError("has to be a text", field="cron")
            cron_timing(cron, zone)
        elif isinstance(seconds, bool) or not isinstance(seconds, int):
            raise InvalidError("has to be a whole number", field="interval_seconds")
        else:
            interval_timing(seconds, zone)
    except InvalidError as error:
        yield (error.field or "cron",), str(error.facts.get("reason") or error.message)


def _subscription(members: dict[str, Json]) -> Iterator[tuple[Path, str]]:
    url = members.get("url")
    if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        yield ("url",), "has to be an address such as https://example.org/in"
    if not isinstance(members.get("channel", ""), str):
        yield ("channel",), "has to be a text"
    for member in members.keys() - {"url", "channel"}:
        yield (member,), "there is no such member"


def _schedule_name(members: Mapping[str, Any]) -> tuple[str, ...]:
    return (str(members.get("name")),)


def _subscription_key(members: Mapping[str, Any]) -> tuple[str, ...]:
    return str(members.get("url")), str(members.get("channel") or "")


@dataclass(frozen=True, slots=True)
class Op:
    """A change beside a workflow, and how to make it: given the workflow's id."""

    change: Change
    perform: Callable[[str], object]


class Beside:
    """Of one workspace. What is the workspace's own is read once, and only where something asks for it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def schedule_ops(self, id_: str, declared: Sequence[Any] | None, owned: Sequence[str]) -> Iterator[Op]:
        """`declared` None leaves schedules alone. An `id_` that is empty is a workflow that is not there yet."""
        if declared is None and not owned:
            return
        present = {each["name"]: each for each in self.schedules(id_)} if id_ else {}
        wanted = {each["name"]: {**SCHEDULE_DEFAULTS, **each} for each in declared or ()}
        for name, members in wanted.items():
            if name not in present:
                yield Op(Change("add", f"schedules[{name}]", new=_told(members)), self._creation(members))
                continue
            different = [member for member in SCHEDULE_DEFAULTS if not is_same(present[name][member], members[member])]
            if different:
                old, new = ({member: of[member] for member in different} for of in (present[name], members))
                change = Change("replace", f"schedules[{name}]", old, new)
                yield Op(change, self._amendment(present[name]["id"], _told(members)))
        for name in owned:
            if name not in wanted and name in present:
                yield Op(Change("remove", f"schedules[{name}]"), self._removal(present[name]["id"]))

    def subscription_ops(
        self, id_: str, declared: Sequence[Any] | None, owned: Sequence[Mapping[str, str]]
    ) -> Iterator[Op]:
        if declared is None and not owned:
            return
        wanted = [_subscription_key(each) for each in declared or ()]
        present = {key for key, _ in self.subscriptions(id_)} if id_ else set()
        for key in wanted:
            if key not in present:
                yield Op(Change("add", _told_subscription(key)), self._subscribing(*key))
        for each in owned:
            key = _subscription_key(each)
            if key not in wanted and key in present:
                yield Op(Change("remove", _told_subscription(key)), self._unsubscribing(*key))

    def schedules(self, id_: str) -> list[Any]:
        """Those that do not follow from the definition itself."""
        found: list[Any] = []
        page = 1
        while True:
            data = self._client.get("/v1/schedules", {"workflow_id": id_, "page": page, "limit": _PAGE}).data
            found += (each for each in data["schedules"] if not each["managed"])
            page += 1
            if page > data["pagination"]["pages"]:
                return found[::-1]

    def subscriptions(self, id_: str) -> list[tuple[tuple[str, ...], str]]:
        """Address and channel of what hears the workflow by its id, with the id of the receiver."""
        urls = {each["id"]: each["url"] for each in self._endpoints}
        heard = self._client.get("/v1/users/me/subscriptions").data
        return [
            ((urls[each["listener_id"]], each["event_name"]), each["listener_id"])
            for each in heard
            if each["emitter_id"] == id_ and each["listener_id"] in urls
        ]

    @cached_property
    def _endpoints(self) -> list[Any]:
        """Oldest first: of two with one address the first counts."""
        found: list[Any] = []
        after = None
        while True:
            body = self._client.get("/v1/users/me/webhooks", {"limit": _PAGE, "after": after}).body
            if not body["data"]:
                return found[::-1]
            found += body["data"]
            after = body["page_info"]["end_cursor"]

    def _creation(self, members: Mapping[str, Json]) -> Callable[[str], object]:
        return lambda id_: self._client.post("/v1/schedules", {"workflow_id": id_, **_told(members)})

    def _amendment(self, schedule_id: str, members: dict[str, Json]) -> Callable[[str], object]:
        return lambda _: self._client.put(f"/v1/schedules/{segment(schedule_id)}", members)

    def _removal(self, schedule_id: str) -> Callable[[str], object]:
        return lambda _: self._client.delete(f"/v1/schedules/{segment(schedule_id)}")

    def _subscribing(self, url: str, channel: str) -> Callable[[str], object]:
        def perform(id_: str) -> None:
            listener = next((each["id"] for each in self._endpoints if each["url"] == url), None)
            if listener is None:
                made = self._client.post("/v1/webhooks", {"url": url}).data
                self._endpoints.append(made)
                listener = made["id"]
            self._client.post("/v1/subscriptions", query=_triple(id_, channel, listener))

        return perform

    def _unsubscribing(self, url: str, channel: str) -> Callable[[str], object]:
        def perform(id_: str) -> None:
            for key, listener in self.subscriptions(id_):
                if key == (url, channel):
                    self._client.delete("/v1/subscriptions", _triple(id_, channel, listener))

        return perform


def _triple(emitter: str, channel: str, listener: str) -> dict[str, str | int | None]:
    return {"emitter_id": emitter, "event_name": channel or None, "listener_id": listener}


def _told(members: Mapping[str, Json]) -> dict[str, Json]:
    """What the API is told of a schedule."""
    return {name: value for name, value in members.items() if value is not None}


def _told_subscription(key: tuple[str, ...]) -> str:
    return f"subscriptions[{key[0]}{' ' + key[1] if key[1] else ''}]"


def declared_of(document: Mapping[str, Any]) -> tuple[list[Any] | None, list[Any] | None]:
    return document.get("schedules"), document.get("subscriptions")


def owned_of(document: Mapping[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
    """What the lock is to remember."""
    schedules, subscriptions = declared_of(document)
    keys = [_subscription_key(each) for each in subscriptions or ()]
    return (
        [str(each["name"]) for each in schedules or ()],
        [{"url": url, "channel": channel} for url, channel in keys],
    )
