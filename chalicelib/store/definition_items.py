"""The definitions table: partitions by workspace and kind.

<workspace>#workflow / <id>           a workflow
<workspace>#workflow#<id> / <ref>     one version of its graph
<workspace>#remembered / <id>         a workflow that is gone, for lists of its runs
<workspace>#hook / <id>               an inbound hook
#hook#<id> / pointer                  which workspace the hook is in
<workspace>#schedule / <id>           a schedule; of those that fire again, an index by due time
<workspace>#schedule#<target> / <id>  that the target has the schedule
<workspace>#endpoint / <id>           a webhook endpoint
<workspace>#subscription / =<emitter>#<channel>#<listener>    a subscription to one emitter
<workspace>#subscription / *<channel>#<glob>#<listener>       a subscription to many
<workspace>#listener#<id> / <name of a subscription>          that the listener has it
<workspace>#auto / <channel>#<listener>                       a subscription to each emitter to come
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.store.attributes import Item
from chalicelib.store.table import Table, bounded, part

POINTER = "pointer"

_LONGEST_PART = 100  # bytes: three of them, each tripled by escapes, fit the 1,024 of a range key


class DefinitionItem(Item):
    partition = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(range_key=True)


def definitions_table(client: Any, name: str) -> Table:
    return Table(client, name, "partition", "name")


def workflows_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#workflow"


def remembered_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#remembered"


def bodies_of(workspace_id: str, workflow_id: str) -> str:
    return f"{part(workspace_id)}#workflow#{part(workflow_id)}"


def hooks_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#hook"


def pointer_to(hook_id: str) -> str:
    """No workspace's id is empty, so no workspace's partition looks like this."""
    return f"#hook#{part(hook_id)}"


def endpoints_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#endpoint"


def subscriptions_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#subscription"


def listener_of(workspace_id: str, listener_id: str) -> str:
    return f"{part(workspace_id)}#listener#{short(listener_id)}"


def autos_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#auto"


def schedules_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#schedule"


def schedules_of_target(workspace_id: str, target_id: str) -> str:
    return f"{part(workspace_id)}#schedule#{part(target_id)}"


def short(text: str) -> str:
    """`part`, of a hash where the text is too long for several of them to fit a key."""
    return part(bounded(text, _LONGEST_PART))
