"""Users and workspaces as this dialect shows them: `u_…` and `o_…` with seven characters that follow from our ids.

They are shown, and taken where a caller names itself or its workspace; nothing is found by them. So it does not matter
that two of millions may look alike: a caller has one user and one workspace, and is never asked for another's.
"""

from __future__ import annotations

from chalicelib.domain.identity import Principal, short_user_id, short_workspace_id

shown_user = short_user_id
shown_workspace = short_workspace_id


def is_own_workspace(principal: Principal, text: str) -> bool:
    """Whether the caller means its workspace, by the id that it was shown or by ours."""
    return text in (shown_workspace(principal.workspace_id), principal.workspace_id)
