"""`postman`: what an installation says of its own API (OpenAPI 3), as a collection for Postman."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from chalicelib.cli.arguments import Parser
from chalicelib.cli.exits import ApiError, CommandError
from chalicelib.cli.profiles import write_atomically
from chalicelib.cli.session import Session


def add(_: str, parser: Parser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="the collection's file")
    parser.leaf(postman)


def postman(session: Session) -> None:
    from chalicelib.api.document.postman import collection

    try:
        document: Any = session.client.get("/openapi.json").body
    except ApiError as error:
        if error.status != 404:
            raise
        raise CommandError("this server does not describe itself at /openapi.json") from error
    if not isinstance(document, dict) or "paths" not in document:
        raise CommandError("the server's answer is not one of this API; is the address right?")
    made = collection({**document, "servers": [{"url": session.target.url}]})
    write_atomically(session.asked.out, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    session.out.note(f"written to {session.asked.out}; its variable 'key' wants an API key")
