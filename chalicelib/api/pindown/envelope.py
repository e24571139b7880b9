"""What every successful reply of this dialect looks like. Some have a sentence, some a timestamp: each as its page
prints it, in its order, because clients compare whole bodies."""

from __future__ import annotations

from chalicelib.api.common.call import Reply
from chalicelib.domain.json import Json


def success(*, status: int = 200, **members: Json) -> Reply:
    return Reply(status, {"success": True, **members})
