"""The operator's commands over an in-memory key store."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from chalicelib import operator
from chalicelib.services.identity import Identity
from chalicelib.services.profiles import Profiles, Quotas
from tests.event_fakes import MemoryProfileStore, MemoryUsageStore
from tests.fakes import FixedClock, MemoryKeyStore, SeededEntropy


class Shell:
    def __init__(self) -> None:
        self.identity = Identity(MemoryKeyStore(), FixedClock(), SeededEntropy())
        self.profiles = Profiles(MemoryProfileStore(), MemoryUsageStore(), FixedClock(), Quotas(1, 1, 1))
        self.out = io.StringIO()
        self.err = io.StringIO()

    def __call__(self, *arguments: str) -> int:
        self.out, self.err = io.StringIO(), io.StringIO()
        return operator.main(arguments, lambda: self, self.out, self.err)  # type: ignore[arg-type, return-value]

    def rows(self, *arguments: str) -> Any:
        assert self("--json", *arguments) == 0
        return json.loads(self.out.getvalue())


@pytest.fixture
def shell() -> Shell:
    return Shell()


def test_a_workspace_comes_with_a_key_that_works(shell: Shell) -> None:
    (made,) = shell.rows("create-workspace", "--name", "ci", "--scope", "workflows:read")

    principal = shell.identity.authenticate(made["secret"])

    assert (principal.workspace_id, principal.user_id) == (made["workspace"], made["user"])
    assert principal.scopes == {"workflows:read"}
    assert made["name"] == "ci"


def test_users_and_keys_are_added_listed_and_revoked(shell: Shell) -> None:
    (first,) = shell.rows("create-workspace")
    (second,) = shell.rows("create-user", first["workspace"])
    (third,) = shell.rows("create-key", first["workspace"], second["user"], "--name", "extra")

    (revoked,) = shell.rows("revoke-key", first["workspace"], third["key"])

    assert revoked["revoked_at"]
    listed = shell.rows("list-keys", first["workspace"])
    assert {row["key"] for row in listed} == {first["key"], second["key"], third["key"]}
    assert all("secret" not in row for row in listed)


def test_users_and_workspaces_are_named_bit_by_bit(shell: Shell) -> None:
    (made,) = shell.rows("create-workspace")
    user_id, workspace_id = made["user"], made["workspace"]
    shell.rows("name-user", workspace_id, user_id, "--username", "rkalinin")
    (user,) = shell.rows("name-user", workspace_id, user_id, "--email", "r.kalinin@example.org")
    shell.rows("name-workspace", workspace_id, "--name", "Northwind Ops", "--orgname", "northwind-ops")
    (workspace,) = shell.rows("name-workspace", workspace_id, "--email", "ops@example.org")

    assert user == {"user": user_id, "username": "rkalinin", "email": "r.kalinin@example.org"}
    assert list(workspace.values()) == [workspace_id, "Northwind Ops", "northwind-ops", "ops@example.org"]
    assert shell.rows("name-user", workspace_id, user_id) == [user]


@pytest.mark.parametrize(
    "arguments",
    [
        ("name-user", "{workspace}", "{user}", "--email", "nobody"),
        ("name-user", "{workspace}", "{user}", "--username", " "),
        ("name-workspace", "{workspace}", "--orgname", "Northwind Ops"),
    ],
)
def test_what_cannot_be_a_name_is_refused_and_not_kept(shell: Shell, arguments: tuple[str, ...]) -> None:
    (made,) = shell.rows("create-workspace")
    command = [argument.format(**made) for argument in arguments]

    assert shell(*command) == 1
    assert shell.err.getvalue()

    (shown,) = shell.rows(*command[:-2])
    assert command[-1] not in shown.values()


def test_tables_show_the_secret_once(shell: Shell) -> None:
    shell("create-workspace")
    created = shell.out.getvalue()
    workspace = created.split("workspace:")[1].split()[0]
    secret = created.split("secret:")[1].split()[0]
    shell("create-user", workspace)

    assert shell("list-keys", workspace) == 0

    assert secret not in shell.out.getvalue()
    assert shell.out.getvalue().splitlines()[0].split()[:3] == ["workspace", "user", "key"]


def test_an_empty_list_says_so(shell: Shell) -> None:
    assert shell("list-keys", "ws_unknown") == 0
    assert shell.out.getvalue() == "none\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("create-user", "ws_unknown"),
        ("create-key", "ws_unknown", "user_x"),
        ("revoke-key", "ws_unknown", "key_x"),
        ("name-workspace", "ws_unknown", "--name", "x"),
        ("name-user", "ws_unknown", "user_x", "--username", "x"),
    ],
)
def test_what_does_not_exist_is_refused_with_exit_code_one(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell(*arguments) == 1
    assert "does not exist" in shell.err.getvalue()
    assert shell.out.getvalue() == ""


@pytest.mark.parametrize(
    "arguments", [(), ("destroy",), ("create-user",), ("create-workspace", "--scope", "everything")]
)
def test_wrong_usage_is_refused_with_exit_code_two(shell: Shell, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        shell(*arguments)

    assert stopped.value.code == 2
