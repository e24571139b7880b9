"""The rules of exports and imports, compiled once for each revision of their documents."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.flows.documents import http_of
from chalicelib.domain.flows.flows import Resource, ResourceKind
from chalicelib.domain.flows.http import as_object, as_text
from chalicelib.domain.flows.scripts import RuleScripts, without_script
from chalicelib.domain.json import Json
from chalicelib.domain.records.filters import Filter, compile_filter
from chalicelib.domain.records.mappings import MappingRules
from chalicelib.domain.records.transforms import Transform, compile_transform

UNSAVED = "preview"
"""In the place of the id of what is not stored."""
_MOST_KEPT = 500


@dataclass(frozen=True, slots=True)
class Rules:
    """An export or import made ready. `filter` is an export's for what it brought, an import's for what it takes;
    `input_filter` a lookup's for what it is asked about. `path_to_many` is None where a record stands for itself."""

    id: str
    kind: ResourceKind
    document: Mapping[str, Json]
    connection_id: str | None
    http: Mapping[str, Json]
    transform: Transform
    filter: Filter
    input_filter: Filter
    mapping: MappingRules
    trace_template: str
    path_to_many: str | None
    scripts: RuleScripts

    @staticmethod
    def of(id_: str, kind: ResourceKind, document: Mapping[str, Json]) -> Rules:
        """Raises InvalidError for rules that cannot be compiled."""
        is_many = document.get("oneToMany") is True
        http = http_of(document)
        # Whoever reads on, such as the lookups, finds requests in `http`, whatever block they were written in.
        document = {**document, "http": http}
        return Rules(
            id=id_,
            kind=kind,
            document=document,
            connection_id=as_text(document.get("_connectionId")) or None,
            http=http,
            transform=compile_transform(without_script(document.get("transform"))),
            filter=compile_filter(without_script(document.get("filter"))),
            input_filter=compile_filter(without_script(document.get("inputFilter")), "inputFilter"),
            mapping=MappingRules.of(dict(document)),
            trace_template=as_text(document.get("traceKeyTemplate")),
            path_to_many=as_text(document.get("pathToMany")) if is_many else None,
            scripts=RuleScripts.of(document),
        )

    @property
    def settings(self) -> Mapping[str, Json]:
        return as_object(self.document.get("settings"))

    @property
    def template_members(self) -> dict[str, Json]:
        """What templates may name as `export` or `import`."""
        return {"_id": self.id, "name": self.document.get("name"), "settings": dict(self.settings)}


@dataclass(slots=True)
class RuleBook:
    """Thread-safe."""

    _kept: OrderedDict[tuple[str, str, int], Rules] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, resource: Resource) -> Rules:
        """Raises InvalidError."""
        name = (resource.workspace_id, resource.id, resource.revision)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        rules = Rules.of(resource.id, resource.kind, resource.document)
        with self._lock:
            self._kept[name] = rules
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return rules
