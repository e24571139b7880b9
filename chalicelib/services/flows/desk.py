"""Where one export or import is worked on: its rules, its connection, and what templates may see around a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import InvalidError, ResourceNotFoundError
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.http import Answer, Connection, FlowHttpError, RequestSpec, as_object, as_text, pairs
from chalicelib.domain.handlebars import Escape
from chalicelib.domain.json import Json
from chalicelib.domain.records.errors import RecordError
from chalicelib.domain.records.paths import MISSING
from chalicelib.domain.records.surroundings import Surroundings, template_context
from chalicelib.domain.records.trace_keys import trace_key
from chalicelib.domain.times import iso_ms
from chalicelib.services.flows.connections import Connections
from chalicelib.services.flows.http import FlowHttp
from chalicelib.services.flows.ports import ResourceStore
from chalicelib.services.flows.rules import RuleBook, Rules
from chalicelib.services.ports import Clock

if TYPE_CHECKING:
    from chalicelib.services.flows.scripts import FlowScripts

CALL_SECONDS = 30.0
_LEAST_SECONDS = 1.0
_EPOCH = "1970-01-01T00:00:00.000Z"


Log = Callable[[str, str], None]
"""Takes a level and a text."""


class OutOfTimeError(Exception):
    """No time is left for another request."""


class RunOverError(OutOfTimeError):
    """The run was ended, paused or taken over by another worker."""


def unheard(level: str, text: str) -> None:
    """Where nobody reads what scripts say."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a run gives to templates: the window of its deltas, rendered, and whose settings count. Without a job it is
    a call by hand."""

    workspace_id: str
    last_export: str = _EPOCH
    current_export: str = _EPOCH
    job: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    """By scope: `flow`, `integration`."""
    integration_id: str | None = None
    is_test: bool = False
    page_index: int = 0
    log: Log = unheard
    """For what scripts say."""
    is_over: Callable[[], bool] = bool
    """Whether the run was ended, paused or taken over since: its next request is not made then."""


@dataclass(frozen=True, slots=True)
class FlowDesks:
    """Opens desks. Thread-safe."""

    resources: ResourceStore
    connections: Connections
    http: FlowHttp
    clock: Clock
    scripts: FlowScripts
    book: RuleBook = field(default_factory=RuleBook)

    def open(self, kind: ResourceKind, resource_id: str, facts: RunFacts, until: datetime) -> Desk:
        """Raises FlowHttpError with the source `resource` or `connection` for what is gone or cannot be used."""
        try:
            resource = self.resources.get(facts.workspace_id, kind, resource_id)
        except ResourceNotFoundError as error:
            message = f"The {kind.value} {resource_id} does not exist."
            raise FlowHttpError("resource", "resource_not_found", message) from error
        return self.open_known(resource, facts, until)

    def open_known(self, resource: Resource, facts: RunFacts, until: datetime) -> Desk:
        """A resource at hand. Raises like `open`."""
        try:
            rules = self.book.of(resource)
        except InvalidError as error:
            raise FlowHttpError("resource", "invalid_resource", error.message) from error
        return self.of_rules(rules, facts, until)

    def of_rules(self, rules: Rules, facts: RunFacts, until: datetime) -> Desk:
        """Raises FlowHttpError with the source `connection`."""
        connection = None if rules.connection_id is None else self._connection(facts.workspace_id, rules.connection_id)
        return Desk(rules, connection, facts, self.http, self.scripts, self.clock, until)

    def _connection(self, workspace_id: str, connection_id: str) -> Connection:
        try:
            connection = self.connections.open(workspace_id, connection_id)
        except ResourceNotFoundError as error:
            message = f"The connection {connection_id} does not exist."
            raise FlowHttpError("connection", "connection_not_found", message) from error
        except InvalidError as error:
            raise FlowHttpError("connection", "invalid_connection", error.message) from error
        if connection.offline:
            raise FlowHttpError("connection", "connection_offline", f"The connection {connection_id} is offline.")
        return connection


@dataclass(frozen=True, slots=True)
class Desk:
    """One export or import in one run, until a time. Thread-safe."""

    rules: Rules
    connection: Connection | None
    facts: RunFacts
    http: FlowHttp
    scripts: FlowScripts
    clock: Clock
    until: datetime
    _around: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        around = Surroundings(self._settings(), self._context(), self._render, self._dynamic_lookup)
        # Once for all records: what it is made of does not change while the desk stands.
        object.__setattr__(self, "_around", around)

    @property
    def seconds_left(self) -> float:
        return (self.until - self.clock.now()).total_seconds()

    def surroundings(self, is_new: bool | None = None) -> Surroundings:
        """For the rules of one record."""
        return self._around if is_new is None else replace(self._around, is_new=is_new)

    def context(self, record: Json, members: Mapping[str, Json] | None = None) -> Mapping[str, Json]:
        """What the templates of a request about this record see, with further members; None for no record."""
        surroundings = self.surroundings()
        context = dict(template_context(record, surroundings))
        if record is None:
            # Absent and not null: strict templates tell the two apart.
            del context["record"], context["data"]
        context["lookup"] = _Lookups(self, record)  # type: ignore[assignment]
        return {**context, **(members or {})}

    def text(self, template: str, context: Mapping[str, Json], escape: Escape = Escape.NONE) -> str:
        """Raises FlowHttpError."""
        try:
            return self.http.templates.render(template, context, escape=escape, lookups=self._tables(context))
        except InvalidError as error:
            raise FlowHttpError("resource", "invalid_template", error.message) from error

    def request(self, spec: RequestSpec, context: Mapping[str, Json], key: str | None) -> Answer:
        """Raises FlowHttpError, RecordError for a lookup in one of the templates, OutOfTimeError."""
        if self.connection is None:
            raise FlowHttpError("connection", "connection_missing", "There is no connection to make the request with.")
        left = self.seconds_left
        if left < _LEAST_SECONDS:
            raise OutOfTimeError
        # Asked last: it may read the run, and only for a request that would be made.
        if self.facts.is_over():
            raise RunOverError
        spec = replace(spec, lookups=self._tables(context))
        about, seconds = (self.rules.kind.value, self.rules.id), min(left, CALL_SECONDS)
        return self.http.request(self.connection, spec, context, idempotency_key=key, seconds=seconds, about=about)

    def trace_key(self, record: Json, template: str | None = None) -> str:
        return trace_key(template or self.rules.trace_template, record, self.surroundings())

    def lookup_value(self, name: str, record: Json) -> Json:
        """What a lookup of this resource finds for the record; None for nothing. Raises RecordError, FlowHttpError."""
        found = self.rules.mapping.lookups.value(name, MISSING, record, self.surroundings())
        return None if found is MISSING else found

    def _settings(self) -> Mapping[str, Json]:
        settings: dict[str, Json] = {**self.facts.settings, self.rules.kind.value: dict(self.rules.settings)}
        if self.connection is not None:
            settings["connection"] = dict(self.connection.settings)
        return settings

    def _context(self) -> Mapping[str, Json]:
        context: dict[str, Json] = {
            "lastExportDateTime": self.facts.last_export,
            "currentExportDateTime": self.facts.current_export,
            self.rules.kind.value: self.rules.template_members,
        }
        if self.facts.job:
            context["job"] = dict(self.facts.job)
        if self.connection is not None:
            context["connection"] = self.connection.template_members
        return context

    def _render(self, template: str, context: Mapping[str, Json]) -> str:
        return self.http.templates.render(template, context, lookups=self._tables(context))

    def _tables(self, context: Mapping[str, Json]) -> Callable[[str, Json], Json]:
        """For `{{lookup "table" key}}`: the resource's lookups, by a key that the template names."""

        def value(name: str, key: Json) -> Json:
            found = self.rules.mapping.lookups.value(name, key, context.get("record"), self.surroundings())
            return None if found is MISSING else found

        return value

    def _dynamic_lookup(self, name: str, record: Json) -> Json:
        """A failure that may pass stays one: the record is tried again, lookups and all."""
        lookup = self._lookup_document(name)
        headers = pairs(self.rules.http.get("headers")) if lookup.get("useImportHeaders") is True else ()
        body = lookup.get("body")
        spec = RequestSpec(
            method=as_text(lookup.get("method")) or "GET",
            relative_uri=as_text(lookup.get("relativeURI")),
            body=body if isinstance(body, str) and body else None,
            headers=headers,
        )
        try:
            # Without a key: lookups read, and under the key of the record several would look like repetitions of one.
            return self.request(spec, template_context(record, self.surroundings()), None).body
        except FlowHttpError as error:
            if error.is_passing:
                raise
            raise RecordError("lookup", error.code, error.message) from error

    def _lookup_document(self, name: str) -> Mapping[str, Json]:
        for holder in (self.rules.document, self.rules.http):
            lookups = holder.get("lookups")
            for lookup in lookups if isinstance(lookups, list) else ():
                if as_object(lookup).get("name") == name:
                    return as_object(lookup)
        raise RecordError("lookup", "lookup_failed", f"There is no lookup called {name!r}.")


class _Lookups(Mapping[str, Any]):
    """`lookup` in a template: each is made when it is named."""

    def __init__(self, desk: Desk, record: Json) -> None:
        self._desk = desk
        self._record = record

    def __getitem__(self, name: str) -> Json:
        if name not in self._desk.rules.mapping.lookups:
            raise KeyError(name)
        return self._desk.lookup_value(name, self._record)

    def __iter__(self) -> Iterator[str]:
        # Whoever goes through all that there is would make all the lookups.
        return iter(())

    def __len__(self) -> int:
        return 0


def until(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=max(seconds, 0.0))


def rendered_time(render: Callable[[str, Mapping[str, Json]], str], at: datetime, date_format: str) -> str:
    """A time as an export wants it: by the tokens of its `dateFormat`, else ISO 8601 with milliseconds."""
    if not date_format:
        return iso_ms(at)
    return render("{{dateFormat format at}}", {"format": date_format, "at": iso_ms(at)})
