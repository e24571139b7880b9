"""The flows table: what flows need beside their definitions and runs.

res#<workspace>#<kind> / <id>                         an export, import, connection or integration
job#<workspace>#<job> / -                             the figures of a job
job#<workspace>#<job> / <number>                      those of generators of which it has many
part#<workspace>#<job> / <place>                      what an unfinished step of a job has done already
open#<workspace>#<flow>#<step> / <error>              an open error
resolved#<workspace>#<flow>#<step> / <error>          a resolved one
counts#<workspace>#<flow> / <step>#<day>#<shard>      how many errors of a step are open
delta#<workspace>#<flow> / <export>                   up to when the export was exported
executed#<workspace> / <flow>                         when the flow last began to run
state#<workspace> / <key>                             a value of the free key-value store
state#<workspace>#<kind>#<resource> / <key>           a value that is kept with a resource or a flow
call#<workspace>#<connection> / <time>#<call>         a call of a connection that is being debugged
tags#<workspace> / -                                  the tags of a workspace's errors
audit#<workspace> / <time>#<entry>                    who changed what
audit#<workspace>#<kind>#<resource> / <time>#<entry>  the same once more, by what was changed

Ids of resources and errors and the times of entries sort by age. What names a partition is kept short, so that whatever
a caller asks for is a key that can be looked for.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.store.attributes import Item
from chalicelib.store.table import Table, bounded, part

JOB = "-"
_LONGEST_PART = 100
_LONGEST_PLACE = 512


class FlowItem(Item):
    hk = UnicodeAttribute(hash_key=True)
    rk = UnicodeAttribute(range_key=True)


def flows_table(client: Any, name: str) -> Table:
    return Table(client, name, "hk", "rk")


def resources_of(workspace_id: str, kind: str) -> str:
    return _joined("res", workspace_id, kind)


def job_key(workspace_id: str, job_id: str) -> str:
    return _joined("job", workspace_id, job_id)


def parts_of(workspace_id: str, job_id: str) -> str:
    return _joined("part", workspace_id, job_id)


def place_of(text: str) -> str:
    return bounded(text, _LONGEST_PLACE)


def errors_of(workspace_id: str, flow_id: str, step_id: str, *, resolved: bool) -> str:
    return _joined("resolved" if resolved else "open", workspace_id, flow_id, step_id)


def counts_of(workspace_id: str, flow_id: str) -> str:
    return _joined("counts", workspace_id, flow_id)


def range_of(*texts: str) -> str:
    """A range key of several texts, which cannot be taken for one of others."""
    return "#".join(part(bounded(text, _LONGEST_PART)) for text in texts)


def deltas_of(workspace_id: str, flow_id: str) -> str:
    return _joined("delta", workspace_id, flow_id)


def executed_of(workspace_id: str) -> str:
    return _joined("executed", workspace_id)


def states_of(workspace_id: str, owner: tuple[str, str] | None = None) -> str:
    """`owner` is the kind and the id of what they are kept with."""
    return _joined("state", workspace_id, *(owner or ()))


def calls_of(workspace_id: str, connection_id: str) -> str:
    return _joined("call", workspace_id, connection_id)


def tags_of(workspace_id: str) -> str:
    return _joined("tags", workspace_id)


def entries_of(workspace_id: str) -> str:
    return _joined("audit", workspace_id)


def entries_of_resource(workspace_id: str, kind: str, resource_id: str) -> str:
    return _joined("audit", workspace_id, kind, resource_id)


def is_new() -> Condition:
    """Guards an item against a second one of its key."""
    return FlowItem.hk.does_not_exist()


def is_there() -> Condition:
    """Guards against bringing back what is gone."""
    return FlowItem.hk.exists()


def _joined(kind: str, *texts: str) -> str:
    return f"{kind}#{range_of(*texts)}"
