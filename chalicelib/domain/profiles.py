"""What users and workspaces are called. Neither is needed for anything but to be shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserProfile:
    user_id: str
    username: str
    email: str


@dataclass(frozen=True, slots=True)
class WorkspaceProfile:
    """`orgname` is the short name, such as `northwind-ops`."""

    workspace_id: str
    name: str
    orgname: str
    email: str
