"""Profiles: what a user and a workspace are called, and what the workspace has used today.

Nobody has to set a name: without one it follows from the id. Quotas are shown beside what was used and not enforced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from chalicelib.domain.errors import InvalidError
from chalicelib.domain.identity import Principal
from chalicelib.domain.profiles import UserProfile, WorkspaceProfile
from chalicelib.domain.usage import Usage
from chalicelib.services.events.ports import ProfileStore, UsageStore
from chalicelib.services.ports import Clock

# Reserved by RFC 2606: mail to a name that nobody chose reaches nobody.
_NO_MAIL_DOMAIN = "penstock.invalid"
_LONGEST = 255
_SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")


@dataclass(frozen=True, slots=True)
class Quotas:
    """For a day."""

    invocations: int
    compute_ms: int
    credits: int


@dataclass(frozen=True, slots=True)
class WorkspaceView:
    profile: WorkspaceProfile
    used: Usage
    quotas: Quotas


@dataclass(frozen=True, slots=True)
class UserView:
    profile: UserProfile
    workspace: WorkspaceView


class Profiles:
    def __init__(self, store: ProfileStore, usage: UsageStore, clock: Clock, quotas: Quotas) -> None:
        self._store = store
        self._usage = usage
        self._clock = clock
        self._quotas = quotas

    def user(self, principal: Principal) -> UserView:
        return UserView(self.user_profile(principal.user_id), self.workspace(principal))

    def workspace(self, principal: Principal) -> WorkspaceView:
        """The caller's own, with what it has used since midnight UTC."""
        workspace_id = principal.workspace_id
        used = self._usage.of(workspace_id, self._clock.now().strftime("%Y-%m-%d"))
        return WorkspaceView(self.workspace_profile(workspace_id), used, self._quotas)

    def user_profile(self, user_id: str) -> UserProfile:
        stored = self._store.user(user_id)
        if stored is not None:
            return stored
        name = user_id.removeprefix("user_")
        return UserProfile(user_id, name, f"{name}@{_NO_MAIL_DOMAIN}")

    def workspace_profile(self, workspace_id: str) -> WorkspaceProfile:
        stored = self._store.workspace(workspace_id)
        if stored is not None:
            return stored
        name = workspace_id.removeprefix("ws_")
        return WorkspaceProfile(workspace_id, name, name.lower(), f"{name}@{_NO_MAIL_DOMAIN}")

    def name_user(self, user_id: str, username: str | None = None, email: str | None = None) -> UserProfile:
        """Sets what is not None. Raises InvalidError."""
        profile = known = self.user_profile(user_id)
        if username is not None:
            profile = replace(profile, username=_text(username, "username"))
        if email is not None:
            profile = replace(profile, email=_email(email))
        if profile != known:
            self._store.put_user(profile)
        return profile

    def name_workspace(
        self, workspace_id: str, name: str | None = None, orgname: str | None = None, email: str | None = None
    ) -> WorkspaceProfile:
        """Sets what is not None. Raises InvalidError."""
        profile = known = self.workspace_profile(workspace_id)
        if name is not None:
            profile = replace(profile, name=_text(name, "name"))
        if orgname is not None:
            if _SHORT_NAME.fullmatch(orgname) is None:
                raise InvalidError("the orgname must be lower-case letters, digits, '.', '_' and '-'", field="orgname")
            profile = replace(profile, orgname=orgname)
        if email is not None:
            profile = replace(profile, email=_email(email))
        if profile != known:
            self._store.put_workspace(profile)
        return profile


def _text(text: str, name: str) -> str:
    if not 0 < len(text.strip()) <= _LONGEST or not text.isprintable():
        raise InvalidError(f"the {name} must have 1 to {_LONGEST} printable characters", field=name)
    return text.strip()


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text) is None:
        raise InvalidError("the email is not an address", field="email")
    return text
