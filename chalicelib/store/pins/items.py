"""The pins table: partitions by owner, by pin, and by workflow id.

<workspace>#<user>#pin / <id>                 a pin
<workspace>#<user>#board / <id>               a pinboard
<workspace>#<user>#webhook / <id>             that the user has the webhook
#pin#<id> / pointer                           whose pin it is
#board#<id> / pointer                         whose pinboard it is
#webhook#<id> / pointer                       which pin and workflow id the webhook is for
#pin#<id>#data / <workflow id>                the newest version of its data
#pin#<id>#data#<workflow id> / <place>        the versions before, at as many places as are kept
#pin#<id>#block / <id>                        a block
#pin#<id>#dataset / <id>                      a dataset
#pin#<id>#webhook / <id>                      a webhook

No workspace's id is empty, so no partition of an owner looks like one of a pin.
"""

from __future__ import annotations

import zlib
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.domain.listing import DUE_SHARDS
from chalicelib.store.attributes import Item, OptionalTextAttribute, OptionalTimeAttribute
from chalicelib.store.table import RawItem, Table, bounded, part, whole

POINTER = "pointer"
DUE = "due"
_LONGEST_WORKFLOW_ID = 800


class PinItem(Item):
    """What is due has `due_shard` and `due_at`; `revision` counts changes where there are any."""

    partition = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)
    due_shard = OptionalTextAttribute()
    due_at = OptionalTimeAttribute()


def pins_table(client: Any, name: str) -> Table:
    return Table(client, name, "partition", "name")


def pins_of(workspace_id: str, user_id: str) -> str:
    return f"{part(workspace_id)}#{part(user_id)}#pin"


def boards_of(workspace_id: str, user_id: str) -> str:
    return f"{part(workspace_id)}#{part(user_id)}#board"


def webhooks_of_user(workspace_id: str, user_id: str) -> str:
    return f"{part(workspace_id)}#{part(user_id)}#webhook"


def pointer_to_pin(pin_id: str) -> str:
    return f"#pin#{part(pin_id)}"


def pointer_to_board(board_id: str) -> str:
    return f"#board#{part(board_id)}"


def pointer_to_webhook(webhook_id: str) -> str:
    return f"#webhook#{part(webhook_id)}"


def data_of(pin_id: str) -> str:
    return f"#pin#{part(pin_id)}#data"


def versions_of(pin_id: str, workflow_id: str) -> str:
    return f"#pin#{part(pin_id)}#data#{part(bounded(workflow_id, _LONGEST_WORKFLOW_ID))}"


def blocks_of(pin_id: str) -> str:
    return f"#pin#{part(pin_id)}#block"


def datasets_of(pin_id: str) -> str:
    return f"#pin#{part(pin_id)}#dataset"


def webhooks_of_pin(pin_id: str) -> str:
    return f"#pin#{part(pin_id)}#webhook"


def shard_of(pin_id: str, workflow_id: str = "") -> str:
    # Not `hash`, which differs from process to process.
    return str(zlib.crc32(f"{pin_id}/{workflow_id}".encode()) % DUE_SHARDS)


def owner_and_kind(raw: RawItem) -> tuple[str, str, str]:
    """Of a pin's item its workspace, its user and `pin`; of a version's an empty text, the pin's id and `data`."""
    first, second, *rest = raw["partition"]["S"].split("#")
    if not first:
        return "", whole(rest[0]), rest[1]
    return whole(first), whole(second), rest[0]
