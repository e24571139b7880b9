"""What every successful reply of this dialect looks like, and how its lists are paged."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.api.common.call import Call, Reply
from chalicelib.api.common.parsing import positive_int
from chalicelib.domain.json import Json

DEFAULT_LIMIT = 20
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Paging:
    page: int
    limit: int

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.limit


def paging(call: Call) -> Paging:
    """Raises InvalidError for what is no positive whole number; a limit above the highest is lowered to it."""
    page = positive_int(call, "page", 1)
    return Paging(page, min(positive_int(call, "limit", DEFAULT_LIMIT), MAX_LIMIT))


def success(members: dict[str, Json], status: int = 200) -> Reply:
    return Reply(status, {"success": True, "data": members})
