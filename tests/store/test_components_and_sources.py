"""Components, sources, their states, and accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.accounts import Account
from chalicelib.domain.components import Component, ComponentFiles
from chalicelib.domain.dedupe import Memory, Strategy
from chalicelib.domain.errors import (
    AccountNotFoundError,
    AlreadyExistsError,
    ComponentNotFoundError,
    InvalidError,
    SourceNotFoundError,
    StaleWriteError,
    TooLargeError,
)
from chalicelib.domain.events import Cause, Emission, Emitter, EmitterKind, Event, EventId, EventQuery
from chalicelib.domain.javascript import Bundle, CodeFailure
from chalicelib.domain.source_state import Done, Outbox, Pending, SourceState
from chalicelib.domain.sources import HttpPlace, Source
from chalicelib.store.aws import AwsClients
from chalicelib.store.vault import KmsVault
from tests.store.backends import Stores
from tests.store.samples import after


def component(id_: str = "sc_1", **members: Any) -> Component:
    return Component(id_, "ws_a", "user_1", "Name", "1.0.0", "0" * 64, after(0), after(0), **members)


def files(code: str = "export default {}") -> ComponentFiles:
    return ComponentFiles(code, Bundle("a/b.mjs", {"a/b.mjs": code, "a/ü.mjs": "x" * 40_000}, compiled=True))


FULL = component(
    key="acme-new",
    description="Ü",
    type="source",
    dedupe=Strategy.GREATEST,
    configurable_props=({"name": "z", "type": "string", "default": "d" * 40_000}, {"name": "a", "type": "app"}),
    has=frozenset({"run", "deploy"}),
    missing_modules=("x",),
    component_url="https://a.example/b.mjs",
)


def source(id_: str = "dc_1", **members: Any) -> Source:
    return Source(id_, "ws_a", "user_1", "sc_1", "Name", "name", after(0), after(0), **members)


@pytest.mark.parametrize(
    "wanted", [component(), FULL, component(script="t/n", kind="function")], ids=["plain", "full", "script"]
)
def test_a_component_is_read_as_it_was_created(stores: Stores, wanted: Component) -> None:
    stores.components.create(wanted, files())

    assert stores.components.get("ws_a", "sc_1") == wanted
    assert stores.components.files("ws_a", "sc_1") == files()
    with pytest.raises(ComponentNotFoundError):
        stores.components.get("ws_b", "sc_1")
    with pytest.raises(ComponentNotFoundError):
        stores.components.files("ws_b", "sc_1")


def test_a_components_id_is_taken_once(stores: Stores) -> None:
    stores.components.create(component(), files("first"))

    with pytest.raises(AlreadyExistsError):
        stores.components.create(component(key="k"), files("second"))
    assert stores.components.files("ws_a", "sc_1").code == "first"


def test_the_latest_with_a_key_is_found_and_scripts_are_apart(stores: Stores) -> None:
    for number, key in ((1, "k"), (3, "k"), (2, "k"), (4, "k2"), (5, None)):
        made = replace(component(f"sc_{number}"), key=key, created_at=after(number))
        stores.components.create(made, files())
    stores.components.create(replace(component("sc_9", script="k"), created_at=after(9)), files())

    assert stores.components.latest("ws_a", "k").id == "sc_3"
    assert stores.components.script("ws_a", "k").id == "sc_9"
    assert [each.id for each in stores.components.list("ws_a")] == ["sc_5", "sc_4", "sc_3", "sc_2", "sc_1"]
    assert [each.id for each in stores.components.scripts("ws_a")] == ["sc_9"]
    for key in ("k3", "", "x" * 3000):
        with pytest.raises(ComponentNotFoundError):
            stores.components.latest("ws_a", key)


FULL_SOURCE = source(
    props={"a": 1, "long": "x" * 40_000},
    active=False,
    endpoints={"http": HttpPlace("enabc", "https://x.example/h/enabc")},
    of_workspace=True,
    deleting=True,
    revision=4,
)


@pytest.mark.parametrize("wanted", [source(), FULL_SOURCE], ids=["plain", "full"])
def test_a_source_is_read_as_it_was_created(stores: Stores, wanted: Source) -> None:
    stores.sources.create(wanted)

    assert stores.sources.get("ws_a", "dc_1") == wanted
    assert stores.sources.list("ws_a") == (wanted,)
    with pytest.raises(AlreadyExistsError):
        stores.sources.create(wanted)
    with pytest.raises(SourceNotFoundError):
        stores.sources.get("ws_b", "dc_1")


def test_a_source_is_changed_over_the_revision_before(stores: Stores) -> None:
    stores.sources.create(source())
    stores.sources.replace(replace(source(), name="New", revision=2))

    with pytest.raises(StaleWriteError):
        stores.sources.replace(replace(source(), revision=2))
    assert stores.sources.get("ws_a", "dc_1").name == "New"
    stores.sources.delete("ws_a", "dc_1")
    with pytest.raises(SourceNotFoundError):
        stores.sources.replace(replace(source(), revision=3))


def test_a_source_is_found_by_the_keys_that_it_has(stores: Stores) -> None:
    stores.sources.create(FULL_SOURCE)
    moved = replace(FULL_SOURCE, endpoints={"http": HttpPlace("ennew", "u")}, revision=5)

    assert stores.sources.find("enabc") == FULL_SOURCE
    stores.sources.replace(moved)

    assert stores.sources.find("ennew") == moved
    stores.sources.delete("ws_a", "dc_1")
    for key in ("enabc", "ennew", "nothing"):
        with pytest.raises(SourceNotFoundError):
            stores.sources.find(key)


def test_a_slug_is_one_sources_own(stores: Stores) -> None:
    claim = stores.sources.claim_slug

    assert claim("ws_a", "user_1", "s", "dc_1", after(1)) == ("dc_1", after(1))
    assert claim("ws_a", "user_1", "s", "dc_2", after(2)) == ("dc_1", after(1))
    assert claim("ws_a", "user_2", "s", "dc_2", after(2)) == ("dc_2", after(2))
    assert claim("ws_a", "user_1", "s", "dc_2", after(3), instead_of="dc_1") == ("dc_2", after(3))
    stores.sources.release_slug("ws_a", "user_1", "s", "dc_1")
    assert claim("ws_a", "user_1", "s", "dc_3", after(4)) == ("dc_2", after(3))
    stores.sources.release_slug("ws_a", "user_1", "s", "dc_2")
    assert claim("ws_a", "user_1", "s", "dc_3", after(5)) == ("dc_3", after(5))


STATE = SourceState(
    "ws_a",
    "dc_1",
    1,
    {"ü": [1, 1.0, None], "n": 10**30},
    Memory(("a", "1"), 7.5, "z"),
    Outbox(
        after(1),
        (
            Pending("", {"big": "x" * 40_000}, "e1", EventId(5, 0), "sum", {"k": 1}, 7),
            Pending("$errors", None, "e2"),
        ),
        Cause("wf_1", "", "1-0", 2),
    ),
    (Done("r1", 2), Done("r2", 0, CodeFailure("TypeError", "x"))),
    EventId(5, 0),
    EventId(4, 3),
)


def test_a_state_is_stored_over_the_version_before(stores: Stores) -> None:
    states = stores.source_states
    assert states.get("ws_a", "dc_1") == SourceState("ws_a", "dc_1")

    states.put(STATE)
    assert states.get("ws_a", "dc_1") == STATE
    with pytest.raises(StaleWriteError):
        states.put(STATE)
    states.put(STATE.emptied())
    assert states.get("ws_a", "dc_1") == replace(STATE, version=2, outbox=None)

    states.delete("ws_a", "dc_1")
    with pytest.raises(StaleWriteError):
        states.put(replace(STATE, version=3))
    assert states.get("ws_a", "dc_1").version == 0


def test_an_account_is_its_workspaces_own(stores: Stores) -> None:
    account = Account("apn_1", "ws_a", "user_1", "Acme #1", "acme", after(0), after(0), ("a", "b"), "sealed")
    stores.accounts.create(account)

    assert stores.accounts.get("ws_a", "apn_1") == account
    with pytest.raises(AccountNotFoundError):
        stores.accounts.get("ws_b", "apn_1")
    with pytest.raises(AlreadyExistsError):
        stores.accounts.create(account)
    stores.accounts.replace(replace(account, name="New", revision=2))
    with pytest.raises(StaleWriteError):
        stores.accounts.replace(replace(account, revision=2))
    assert [each.name for each in stores.accounts.list("ws_a")] == ["New"]
    stores.accounts.delete("ws_a", "apn_1")
    with pytest.raises(AccountNotFoundError):
        stores.accounts.replace(replace(account, revision=3))


def test_an_event_is_put_under_its_own_id_once(stores: Stores) -> None:
    emitter = Emitter("ws_a", EmitterKind.SOURCE, "dc_1")

    def event(number: int, payload: str) -> Event:
        return Event(EventId(1_793_611_800_000, number), Emission(emitter, "", payload, f"emit_{payload}"), after(0))

    assert stores.events.put(event(1, "b"), due_at=after(60))
    assert stores.events.put(event(0, "a"), due_at=None)
    assert stores.events.put(event(1, "b"), due_at=None)
    assert not stores.events.put(event(1, "c"), due_at=None)

    page = stores.events.page(emitter, "", EventQuery())
    assert [each.emission.payload for each in page.items] == ["b", "a"]
    assert page.items[0] == event(1, "b")
    due = [entry.place.id.seq for shard in range(8) for entry in stores.events.due(shard, after(61), 10)]
    assert due == [1]


def test_what_is_sealed_for_one_account_cannot_be_opened_for_another(aws: AwsClients) -> None:
    key = aws.kms.create_key()["KeyMetadata"]["KeyId"]
    vault = KmsVault(aws, key)
    context = {"workspace": "ws_a", "account": "apn_1"}

    sealed = vault.seal(b'{"api_key": "k"}', context)

    assert vault.open(sealed, context) == b'{"api_key": "k"}'
    assert "api_key" not in sealed
    with pytest.raises(InvalidError):
        vault.open(sealed, {**context, "account": "apn_2"})
    with pytest.raises(InvalidError):
        vault.open("no base64!", context)
    with pytest.raises(TooLargeError):
        vault.seal(b"x" * 4097, context)
    with pytest.raises(InvalidError, match="no accounts"):
        KmsVault(aws, None).seal(b"x", context)
