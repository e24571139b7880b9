"""Examples of the document, taken from the tour and kept beside what they are examples of.

`python -m tests.api.document.examples` writes them anew, after a change of what is sent or answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.api import watch
from tests.api.document import claims, tour

API = Path(__file__).parents[3] / "chalicelib" / "api"
DOORS: Mapping[str, str] = {
    "exeoflow": "exeoflow",
    "inbound": "exeoflow",
    "pipedream": "pipedream",
    "pindown": "pindown",
    "pindowndata": "pindown",
    "twinit": "twinit",
    "celigo": "celigo",
}
"""Where the examples of a description are kept, by its name."""

MOST_CHARACTERS = 4_000


def made() -> dict[str, dict[str, Any]]:
    """By door, by operation: the first exchange of the tour that went well and is short enough."""
    found: dict[str, dict[str, Any]] = {door: {} for door in sorted({*DOORS.values()})}
    described = {(method, path): operation for method, path, operation in claims.operations()}
    for exchange in tour.exchanges():
        operation = described.get((exchange.method, exchange.resource.replace("+}", "}")))
        if operation is None or exchange.status >= 400 or len(exchange.text) + len(exchange.body) > MOST_CHARACTERS:
            continue
        name, _, id_ = whose(operation, exchange).partition("_")
        if name in DOORS:
            known = found[DOORS[name]].get(id_)
            example = example_of(operation, exchange)
            if known is None or ("body" not in known and "body" in example):
                found[DOORS[name]][id_] = example
    return found


def whose(operation: Mapping[str, Any], exchange: watch.Exchange) -> str:
    """The operation's id; of two dialects' at one address, that of the one that answered."""
    ids = operation.get("x-operation-ids", [operation["operationId"]])
    return str(ids[0] if len(ids) == 1 or '"success":true' in exchange.text else ids[1])


def example_of(operation: Mapping[str, Any], exchange: watch.Exchange) -> dict[str, Any]:
    query = dict(parse_qsl(urlsplit(exchange.target).query, keep_blank_values=True))
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    named = {
        name: headers[name.lower()]
        for name in sorted(claims.parameters(operation, "header"))
        if name.lower() in headers
    }
    known = claims.parameters(operation, "query")
    example: dict[str, Any] = {
        "path": {name: unquote(value) for name, value in exchange.params.items()},
        "query": {name: value for name, value in query.items() if name in known},
        "header": named,
    }
    example = {name: values for name, values in example.items() if values}
    if "application/json" in operation.get("requestBody", {}).get("content", {}) and exchange.body:
        example["body"] = json.loads(exchange.body)
    example["status"] = exchange.status
    reply = operation["responses"].get(str(exchange.status), {})
    if "application/json" in watch.resolved(reply).get("content", {}):
        example["reply"] = json.loads(exchange.text)
    return example


def main() -> None:
    for door, examples in made().items():
        path = API / door / "examples.json"
        if not path.parent.is_dir():
            continue
        lines = [
            f"{json.dumps(id_)}: {json.dumps(example, ensure_ascii=False)}" for id_, example in sorted(examples.items())
        ]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
