"""What the tests of this door share: a depot's connection, exports and imports, and short ways to flows of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.gateway import Answer
from tests.api.world import World

CONNECTION: dict[str, Any] = {
    "name": "Depot API",
    "type": "http",
    "http": {
        "baseURI": "https://depot.example/api",
        "mediaType": "json",
        "auth": {
            "type": "token",
            "token": {"token": "dp-7719", "location": "header", "headerName": "Authorization", "scheme": "Bearer"},
        },
        "ping": {"relativeURI": "/me", "method": "GET"},
    },
}
EXPORT: dict[str, Any] = {
    "name": "Changed parcels",
    "adaptorType": "HTTPExport",
    "type": "delta",
    "pageSize": 50,
    "delta": {"dateFormat": "YYYY-MM-DDTHH:mm:ss[Z]", "lagOffset": 60000},
    "http": {
        "method": "GET",
        "relativeURI": "/parcels?since={{lastExportDateTime}}&page={{export.http.paging.page}}",
        "paging": {"method": "page", "page": 1, "maxPagePath": "meta.pages"},
        "response": {"resourcePath": "parcels"},
    },
}
IMPORT: dict[str, Any] = {
    "name": "Push parcels",
    "adaptorType": "HTTPImport",
    "http": {"method": ["POST"], "relativeURI": ["/shipments"], "body": [None]},
}
LISTENER: dict[str, Any] = {
    "name": "Parcel events",
    "type": "webhook",
    "webhook": {"verify": "token", "token": "open-sesame", "path": "secret"},
}


class Depot:
    """A world with a connection. `call` is `World.call`; what is made has to be made."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connection_id = self.made("connections", CONNECTION)["_id"]

    def call(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        return self.world.call(method, f"/v1{path}", body, **how)

    def made(self, kind: str, body: Any, **how: Any) -> Any:
        answer = self.call("POST", f"/{kind}", body, **how)
        assert answer.status == 201, answer.text
        # Ids sort by time, and the clock of a test stands still.
        self.world.clock.advance(1)
        return answer.json

    def connection(self, **members: Any) -> Any:
        return self.made("connections", {**CONNECTION, **members})

    def export(self, **members: Any) -> Any:
        return self.made("exports", {**EXPORT, "_connectionId": self.connection_id, **members})

    def lookup(self, **members: Any) -> Any:
        http = {"method": "GET", "relativeURI": "/owners/{{record.ownerId}}"}
        body = {"name": "Parcel owner", "adaptorType": "HTTPExport", "isLookup": True, "http": http}
        return self.made("exports", {**body, "_connectionId": self.connection_id, **members})

    def import_(self, **members: Any) -> Any:
        return self.made("imports", {**IMPORT, "_connectionId": self.connection_id, **members})

    def flow(self, **members: Any) -> Any:
        """With a generator and a processor, unless told otherwise."""
        body: dict[str, Any] = {"name": "Parcels to shop"}
        if "pageGenerators" not in members:
            body["pageGenerators"] = [{"_exportId": self.export()["_id"]}]
        if "pageProcessors" not in members:
            body["pageProcessors"] = [{"type": "import", "_importId": self.import_()["_id"]}]
        return self.made("flows", {**body, **members})


@pytest.fixture
def depot(world: World) -> Depot:
    return Depot(world)


def codes(answer: Answer) -> list[tuple[str | None, str]]:
    """Field and code of every error."""
    return [(each.get("field"), each["code"]) for each in answer.json["errors"]]
