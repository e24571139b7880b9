"""Templates that cannot be read are refused with the document that holds them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.domain.flows.checks import problems_of
from chalicelib.domain.flows.flows import ResourceKind

CONNECTION = "6b02a8403494953f84a56500"
EXPORT: dict[str, Any] = {"name": "e", "_connectionId": CONNECTION, "adaptorType": "HTTPExport"}
IMPORT: dict[str, Any] = {"name": "i", "_connectionId": CONNECTION, "adaptorType": "HTTPImport"}


@pytest.mark.parametrize(
    ("kind", "document", "field"),
    [
        (
            ResourceKind.EXPORT,
            {**EXPORT, "http": {"method": "GET", "relativeURI": "/x?since={{at}"}},
            "http.relativeURI",
        ),
        (
            ResourceKind.EXPORT,
            {
                **EXPORT,
                "http": {"method": "GET", "relativeURI": "/x", "headers": [{"name": "A", "value": "{{#if a}}b"}]},
            },
            "http.headers[0].value",
        ),
        (
            ResourceKind.EXPORT,
            {**EXPORT, "traceKeyTemplate": "{{id", "http": {"method": "GET", "relativeURI": "/x"}},
            "traceKeyTemplate",
        ),
        (
            ResourceKind.IMPORT,
            {**IMPORT, "http": {"method": ["POST"], "relativeURI": ["/x"], "body": ["{{#each a}}"]}},
            "http.body[0]",
        ),
        (
            ResourceKind.CONNECTION,
            {"name": "c", "type": "http", "http": {"baseURI": "https://{{host", "mediaType": "json"}},
            "http.baseURI",
        ),
    ],
)
def test_a_template_that_cannot_be_read_is_a_problem(kind: ResourceKind, document: dict[str, Any], field: str) -> None:
    (problem,) = problems_of(kind, document)

    assert (problem.field, problem.code) == (field, "invalid_field")
    assert "is not a valid template" in problem.message


def test_a_template_with_a_helper_that_does_not_exist_is_stored() -> None:
    document = {**EXPORT, "http": {"method": "GET", "relativeURI": "/x/{{nobody record.id}}"}}

    assert problems_of(ResourceKind.EXPORT, document) == ()
