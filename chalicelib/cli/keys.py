"""`keys`: the workspace's API keys. A key can make and end only what is within its own reach."""

from __future__ import annotations

from typing import Any

from chalicelib.cli.arguments import Parser
from chalicelib.cli.client import segment
from chalicelib.cli.exits import UsageError
from chalicelib.cli.session import Session, pages
from chalicelib.domain.identity import ALL_SCOPES, NAMESPACE_SCOPE, SCOPES, is_scope
from chalicelib.domain.json import Json


def add(_: str, parser: Parser) -> None:
    group = parser.group()
    group.leaf("list", list_, "keys that this key may see, newest first")
    creating = group.leaf("create", create, "a new key; its secret is shown this once")
    creating.add_argument("--name", required=True, help="what the key is for")
    creating.add_argument(
        "--scope",
        action="append",
        required=True,
        help="what the key may do, such as workflows:read, or * for everything; may be repeated",
    )
    group.leaf("revoke", revoke, "end a key").add_argument("key_id", metavar="KEY")


def list_(session: Session) -> None:
    found = pages(session, "/v1/keys", "keys", {})
    session.out.table(
        found, ("ID", "NAME", "USER", "SCOPES", "MADE", "REVOKED", "IN USE"), [_row(key) for key in found]
    )


def create(session: Session) -> None:
    unknown = [scope for scope in session.asked.scope if not is_scope(scope)]
    if unknown:
        known = ", ".join((ALL_SCOPES, *sorted(SCOPES), f"{NAMESPACE_SCOPE}NAME"))
        raise UsageError(f"'{unknown[0]}' is not a scope; there are {known}")
    scopes: list[Json] = [*session.asked.scope]
    made = session.client.post("/v1/keys", {"name": session.asked.name, "scopes": scopes}).data
    session.out.record(made, _fields(made) | {"secret": made["secret"]})
    session.out.note("the secret cannot be shown again")


def revoke(session: Session) -> None:
    ended = session.client.delete(f"/v1/keys/{segment(session.asked.key_id)}").data
    session.out.record(ended, _fields(ended))


def _row(key: Any) -> tuple[Any, ...]:
    return (*_fields(key).values(), key["current"])


def _fields(key: Any) -> dict[str, Any]:
    return {
        "key": key["id"],
        "name": key["name"],
        "user": key["user_id"],
        "scopes": " ".join(key["scopes"]),
        "made": key["created_at"],
        "revoked": key["revoked_at"],
    }
