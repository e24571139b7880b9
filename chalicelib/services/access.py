"""The only way from a principal and an id to a resource.

Scope first, then the workspace: what belongs to another workspace, is being deleted, is our own, or has an id that
nothing could have is refused exactly like what does not exist.
"""

from __future__ import annotations

import re
from enum import StrEnum

from chalicelib.domain.errors import (
    ForbiddenError,
    HookNotFoundError,
    RunNotFoundError,
    WorkflowNotFoundError,
)
from chalicelib.domain.identity import Principal
from chalicelib.domain.workflow import INTERNAL_IDS, Hook, Workflow, WorkflowStatus, is_source
from chalicelib.services.ports import HookStore, WorkflowStore

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class Scope(StrEnum):
    """What a key may be allowed to do; the members of `domain.identity.SCOPES`."""

    READ_WORKFLOWS = "workflows:read"
    WRITE_WORKFLOWS = "workflows:write"
    READ_RUNS = "executions:read"
    WRITE_RUNS = "executions:write"
    READ_HOOKS = "webhooks:read"
    WRITE_HOOKS = "webhooks:write"
    READ_EVENTS = "events:read"
    WRITE_EVENTS = "events:write"
    READ_SCHEDULES = "schedules:read"
    WRITE_SCHEDULES = "schedules:write"
    READ_SOURCES = "sources:read"
    WRITE_SOURCES = "sources:write"
    READ_ACCOUNTS = "accounts:read"
    WRITE_ACCOUNTS = "accounts:write"
    READ_PINS = "pins:read"
    WRITE_PINS = "pins:write"
    DELETE_PINS = "pins:delete"
    READ_PIN_DATA = "workflow_data:read"
    WRITE_PIN_DATA = "workflow_data:write"
    READ_INSTALLATION = "installation:read"


def require(principal: Principal, scope: Scope) -> None:
    """Raises ForbiddenError if the principal's key was not given the scope."""
    if not principal.may(scope):
        raise ForbiddenError(scope=scope.value)


def is_id(text: str) -> bool:
    """Whether `text` could be an id of any dialect; anything else is not worth asking a store for."""
    return _ID.fullmatch(text) is not None


class Access:
    def __init__(self, workflows: WorkflowStore, hooks: HookStore) -> None:
        self._workflows = workflows
        self._hooks = hooks

    def workflow(self, principal: Principal, workflow_id: str, scope: Scope, dialect: str | None = None) -> Workflow:
        """One of this dialect, if one is named: what another API made, its own API shows and changes. Raises
        ForbiddenError, WorkflowNotFoundError."""
        workflow = self.workflow_or_remains(principal, workflow_id, scope, dialect)
        if workflow.status is WorkflowStatus.DELETING:
            raise WorkflowNotFoundError(workflow_id=workflow_id)
        return workflow

    def workflow_or_remains(
        self, principal: Principal, workflow_id: str, scope: Scope, dialect: str | None = None
    ) -> Workflow:
        """Like `workflow`, but also one whose deletion was begun and not finished."""
        require(principal, scope)
        if not is_id(workflow_id) or workflow_id in INTERNAL_IDS or is_source(workflow_id):
            raise WorkflowNotFoundError(workflow_id=workflow_id)
        workflow = self._workflows.get(principal.workspace_id, workflow_id)
        if dialect is not None and workflow.dialect != dialect:
            raise WorkflowNotFoundError(workflow_id=workflow_id)
        return workflow

    def hook(self, principal: Principal, hook_id: str, scope: Scope) -> Hook:
        """Raises ForbiddenError, HookNotFoundError."""
        require(principal, scope)
        hook = self.any_hook(hook_id)
        if hook.workspace_id != principal.workspace_id:
            raise HookNotFoundError(hook_id=hook_id)
        return hook

    def any_hook(self, hook_id: str) -> Hook:
        """The hook whoever owns it, for callers that prove themselves by its token. Raises HookNotFoundError."""
        if not is_id(hook_id):
            raise HookNotFoundError(hook_id=hook_id)
        return self._hooks.find(hook_id)

    def run_id(self, principal: Principal, run_id: str, scope: Scope) -> str:
        """`run_id`, if the principal may ask for runs; whose it is, `Runs` checks with the run at hand.

        Raises ForbiddenError, RunNotFoundError.
        """
        require(principal, scope)
        if not is_id(run_id):
            raise RunNotFoundError(run_id=run_id)
        return run_id
