"""Inbound webhooks: URLs that start a workflow.

A hook's token is shown when it is made and never again; only its SHA-256 is kept, and compared in constant time.
An API key is not a token.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.domain.errors import (
    HookNotFoundError,
    MethodNotAllowedError,
    UnauthenticatedError,
    WorkflowInactiveError,
    WorkflowNotFoundError,
)
from chalicelib.domain.identity import Principal, secret_hash
from chalicelib.domain.ids import ENTROPY_BYTES, mint
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run
from chalicelib.domain.workflow import Hook, Workflow, WorkflowStatus
from chalicelib.services.access import Access, Scope, require
from chalicelib.services.identity import random_token
from chalicelib.services.ports import Clock, Entropy, HookStore, WorkflowStore

if TYPE_CHECKING:
    from chalicelib.services.runs.runs import Runs


ANY_METHOD = "ANY"
"""Of hooks that a dialect keeps at addresses of its own. Nobody else sees them."""


@dataclass(frozen=True, slots=True)
class HookWithToken:
    """A hook, and its token if this call made one."""

    hook: Hook
    token: str | None


class Hooks:
    def __init__(
        self,
        access: Access,
        hooks: HookStore,
        workflows: WorkflowStore,
        runs: Runs,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._access = access
        self._hooks = hooks
        self._workflows = workflows
        self._runs = runs
        self._clock = clock
        self._entropy = entropy

    def create(self, workflow: Workflow, name: str, method: str, authenticated: bool) -> HookWithToken:
        token = self._new_token() if authenticated else None
        now = self._clock.now()
        hook = Hook(
            id=mint("wh_", now, self._entropy.bytes(ENTROPY_BYTES)),
            workspace_id=workflow.workspace_id,
            workflow_id=workflow.id,
            name=name,
            method=method,
            token_hash=None if token is None else secret_hash(token),
            created_at=now,
        )
        self._hooks.create(hook)
        return HookWithToken(hook, token)

    def open_to_all(self, workspace_id: str, workflow_id: str, hook_id: str, name: str) -> Hook:
        """A hook whose id is all that a caller needs to know. It may be made before its workflow is: what it is not
        stored for, it does not start."""
        hook = Hook(hook_id, workspace_id, workflow_id, name, ANY_METHOD, None, self._clock.now())
        self._hooks.create(hook)
        return hook

    def list(self, principal: Principal, workflow_id: str | None) -> tuple[Hook, ...]:
        """Newest first. Raises ForbiddenError."""
        require(principal, Scope.READ_HOOKS)
        found = self._hooks.list(principal.workspace_id, workflow_id)
        return tuple(hook for hook in found if hook.method != ANY_METHOD)

    def update(
        self, hook: Hook, name: str | None = None, method: str | None = None, authenticated: bool | None = None
    ) -> HookWithToken:
        """Sets what is not None. Turning authentication on makes a token; where it was on, the old one stays."""
        token = self._new_token() if authenticated and hook.token_hash is None else None
        token_hash = hook.token_hash if token is None else secret_hash(token)
        changed = replace(
            hook,
            name=hook.name if name is None else name,
            method=hook.method if method is None else method,
            token_hash=None if authenticated is False else token_hash,
        )
        self._hooks.replace(changed)
        return HookWithToken(changed, token)

    def delete(self, hook: Hook) -> None:
        self._hooks.delete(hook.workspace_id, hook.id)

    def open(self, hook_id: str, token: str | None) -> Hook:
        """The hook, for a caller that knows its token. Raises HookNotFoundError, UnauthenticatedError."""
        hook = self._access.any_hook(hook_id)
        if hook.token_hash is not None and not (token and hmac.compare_digest(secret_hash(token), hook.token_hash)):
            raise UnauthenticatedError
        return hook

    def ready(self, hook: Hook, method: str) -> Workflow:
        """The workflow that a call with this method starts.

        Raises MethodNotAllowedError, HookNotFoundError, WorkflowInactiveError.
        """
        if method != hook.method:
            raise MethodNotAllowedError(allow=hook.method)
        try:
            workflow = self._workflows.get(hook.workspace_id, hook.workflow_id)
        # A hook may be there before its workflow, and for a moment after it.
        except WorkflowNotFoundError as error:
            raise HookNotFoundError(hook_id=hook.id) from error
        if workflow.status is WorkflowStatus.DELETING:
            raise HookNotFoundError(hook_id=hook.id)
        if workflow.status is not WorkflowStatus.ACTIVE:
            raise WorkflowInactiveError(workflow_id=workflow.id)
        return workflow

    def start(self, workflow: Workflow, payload: Json, idempotency_key: str | None = None) -> Run:
        """Raises IdempotencyConflictError."""
        return self._runs.start(workflow, payload, trigger="webhook", idempotency_key=idempotency_key)

    def _new_token(self) -> str:
        return f"whsec_{random_token(self._entropy)}"
