"""Where components, sources and accounts are in the definitions table, beside what `definition_items` lists.

<workspace>#component / <id>                 a component without its code
<workspace>#component#<id> / files           its code, as given and as compiled
<workspace>#component-key / <key>#<time>#<id>      that the component has the key
<workspace>#script / <name>#<time>#<id>      that the component is the script of this name
<workspace>#source / <id>                    a source
<workspace>#source#<id> / state              what it carries from one invocation to the next
<workspace>#slug#<owner> / <slug>            which of the owner's sources has the slug
#source-endpoint#<key> / pointer             whose HTTP prop has the key
<workspace>#account / <id>                   an account
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.ids import epoch_ms
from chalicelib.store.definition_items import short
from chalicelib.store.table import part

FILES = "files"
STATE = "state"
_TIME_DIGITS = 15


def components_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#component"


def files_of(workspace_id: str, component_id: str) -> str:
    return f"{part(workspace_id)}#component#{short(component_id)}"


def component_keys_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#component-key"


def scripts_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#script"


def entry(name: str, at: datetime, id_: str) -> str:
    """Sorts by time among the entries of its name."""
    return f"{begin_of(name)}{epoch_ms(at):0{_TIME_DIGITS}}#{id_}"


def begin_of(name: str) -> str:
    return f"{short(name)}#"


def sources_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#source"


def state_of(workspace_id: str, source_id: str) -> str:
    return f"{part(workspace_id)}#source#{short(source_id)}"


def slugs_of(workspace_id: str, owner_id: str) -> str:
    return f"{part(workspace_id)}#slug#{short(owner_id)}"


def endpoint_pointer(key: str) -> str:
    """No workspace's id is empty, so no workspace's partition looks like this."""
    return f"#source-endpoint#{short(key)}"


def accounts_of(workspace_id: str) -> str:
    return f"{part(workspace_id)}#account"


def components_owner(workspace_id: str) -> str:
    """Of blobs: they are kept as long as their component."""
    return f"components/{part(workspace_id)}"


def sources_owner(workspace_id: str) -> str:
    return f"sources/{part(workspace_id)}"


def outbox_owner(source_id: str) -> str:
    """Of blobs that nobody needs once the outbox was sent: they expire with those of runs."""
    return f"runs/{part(source_id)}"
