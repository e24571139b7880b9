"""What is wrong with the documents of exports, imports, connections, integrations and scripts: all of it, at once.

References are judged by their form alone; whether what they name is there, the services know.
"""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.domain.flows.checks.connections import check_connection
from chalicelib.domain.flows.checks.exports import check_export
from chalicelib.domain.flows.checks.fields import Fields, distinct
from chalicelib.domain.flows.checks.imports import check_import
from chalicelib.domain.flows.checks.scripts import check_rules, check_script_document
from chalicelib.domain.flows.checks.templates import problems_of_templates
from chalicelib.domain.flows.flows import ResourceKind
from chalicelib.domain.flows.scripts import is_scripted
from chalicelib.domain.json import Json
from chalicelib.domain.records.filters import problems_of_filter
from chalicelib.domain.records.mappings import problems_of_mappings
from chalicelib.domain.records.problems import Problem, Problems
from chalicelib.domain.records.transforms import problems_of_transform


def problems_of(kind: ResourceKind, document: Mapping[str, Json]) -> tuple[Problem, ...]:
    problems = Problems()
    match kind:
        case ResourceKind.EXPORT:
            check_export(document, problems)
        case ResourceKind.IMPORT:
            check_import(document, problems)
        case ResourceKind.CONNECTION:
            check_connection(document, problems)
        case ResourceKind.INTEGRATION:
            Fields(document, problems).named()
        case ResourceKind.SCRIPT:
            check_script_document(document, problems)
    rules: list[Problem] = []
    if kind in (ResourceKind.EXPORT, ResourceKind.IMPORT):
        check_rules(document, problems)
        rules = _problems_of_rules(document)
    return distinct([*problems.found, *rules, *problems_of_templates(document)])


def _problems_of_rules(document: Mapping[str, Json]) -> list[Problem]:
    """Filters, transform, mappings and lookups; one that is absent or empty says nothing."""
    found = problems_of_mappings(dict(document))
    for name in ("filter", "inputFilter"):
        if document.get(name) and not is_scripted(document[name]):
            found += problems_of_filter(document[name], name)
    if document.get("transform") and not is_scripted(document["transform"]):
        found += problems_of_transform(document["transform"], "transform")
    return found
