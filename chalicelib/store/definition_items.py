"""The definitions table: partitions by workspace and kind.

<workspace>#workflow / <id>           a workflow
<workspace>#workflow#<id> / <ref>     one version of its graph
<workspace>#hook / <id>               an inbound hook
#hook#<id> / pointer                  which workspace the hook is in
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.store.attributes import Item
from chalicelib.store.table import Table

POINTER = "pointer"


class DefinitionItem(Item):
    partition = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)


def definitions_table(client: Any, name: str) -> Table:
    return Table(client, name, "partition", "name")


def workflows_of(workspace_id: str) -> str:
    return f"{_part(workspace_id)}#workflow"


def bodies_of(workspace_id: str, workflow_id: str) -> str:
    return f"{_part(workspace_id)}#workflow#{_part(workflow_id)}"


def hooks_of(workspace_id: str) -> str:
    return f"{_part(workspace_id)}#hook"


def pointer_to(hook_id: str) -> str:
    """No workspace's id is empty, so no workspace's partition looks like this."""
    return f"#hook#{_part(hook_id)}"


def _part(text: str) -> str:
    """`text` without the separator: an id that a caller made up cannot name somebody else's partition."""
    return text.replace("%", "%25").replace("#", "%23")
