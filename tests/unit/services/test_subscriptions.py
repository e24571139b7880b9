"""Subscriptions: what may be named, what is the same, and what follows from others coming and going."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.domain.endpoints import Endpoint, Secret
from chalicelib.domain.errors import (
    EndpointNotFoundError,
    ForbiddenError,
    InvalidError,
    SourceNotFoundError,
    SubscriptionNotFoundError,
)
from chalicelib.domain.graph import Graph
from chalicelib.domain.identity import Principal
from chalicelib.domain.subscriptions import EVERYTHING, ListenerKind
from chalicelib.domain.workflow import Workflow, WorkflowBody, WorkflowStatus
from chalicelib.services.access import Access
from chalicelib.services.events.subscriptions import Subscriptions, no_sources
from tests import event_fakes
from tests.fakes import START, FixedClock, MemoryHookStore, MemoryWorkflowStore, SeededEntropy

CALLER = Principal("user_1", "ws_1", "key_1", frozenset({"*"}))
OTHER = Principal("user_2", "ws_2", "key_2", frozenset({"*"}))
GRAPH = Graph(())


def workflow(id_: str, workspace_id: str = "ws_1", revision: int = 1) -> Workflow:
    return Workflow(
        id=id_,
        workspace_id=workspace_id,
        name="",
        description="",
        status=WorkflowStatus.ACTIVE,
        version=1,
        body_ref="body_1",
        created_at=START,
        updated_at=START,
        revision=revision,
    )


class House:
    def __init__(self) -> None:
        self.store = event_fakes.MemorySubscriptionStore()
        self.endpoints = event_fakes.MemoryEndpointStore()
        self.workflows = MemoryWorkflowStore()
        self.clock = FixedClock()
        access = Access(self.workflows, MemoryHookStore())
        self.subscriptions = Subscriptions(
            self.store, self.endpoints, access, self.clock, SeededEntropy(), self.check_source
        )
        # Workflows have ids of every dialect's form.
        for id_ in ("wf_1", "p_abc123", "8f14e45f-ceea-4672-a8d2-1f3f9a6a0f11"):
            self.workflows.create(workflow(id_), WorkflowBody("body_1", id_, 1, {}, GRAPH))
        self.endpoints.create(
            Endpoint("wh_1", "ws_1", "user_1", "https://a.example", START, START, (Secret("whsec_"),))
        )

    def check_source(self, workspace_id: str, source_id: str) -> None:
        if (workspace_id, source_id) != ("ws_1", "dc_1"):
            no_sources(workspace_id, source_id)


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("emitter", ["wf_1", "p_abc123", "8f14e45f-ceea-4672-a8d2-1f3f9a6a0f11", "dc_1", "p_*", "dc_*"])
@pytest.mark.parametrize(
    ("listener", "kind"),
    [("wf_1", ListenerKind.WORKFLOW), ("dc_1", ListenerKind.SOURCE), ("wh_1", ListenerKind.WEBHOOK)],
)
def test_whatever_emits_may_be_heard_by_whatever_listens(
    house: House, emitter: str, listener: str, kind: ListenerKind
) -> None:
    made = house.subscriptions.create(CALLER, emitter, "", listener)

    assert (made.emitter, made.channel, made.listener_id, made.listener_kind) == (emitter, "", listener, kind)
    assert house.subscriptions.list(CALLER) == (made,)


def test_the_same_triple_is_the_same_subscription(house: House) -> None:
    first = house.subscriptions.create(CALLER, "wf_1", "", "wh_1")
    house.clock.advance(5)

    assert house.subscriptions.create(CALLER, "wf_1", "", "wh_1") == first
    assert house.subscriptions.create(CALLER, "wf_1", "other", "wh_1") != first
    assert len(house.subscriptions.list(CALLER)) == 2


def test_the_own_workspace_stands_for_everything(house: House) -> None:
    made = house.subscriptions.create(CALLER, "ws_1", "$errors", "wh_1")

    assert made.emitter == EVERYTHING
    with pytest.raises(SubscriptionNotFoundError):
        house.subscriptions.delete(CALLER, "*", "$errors", "wh_1")
    house.subscriptions.delete(CALLER, "ws_1", "$errors", "wh_1")
    assert house.subscriptions.list(CALLER) == ()


@pytest.mark.parametrize(
    ("emitter", "listener"), [("wf_1", "wh_1"), ("p_*", "wf_1"), ("dc_1", "dc_1"), ("ws_1", "wh_1")]
)
def test_of_another_workspace_there_is_nothing(house: House, emitter: str, listener: str) -> None:
    with pytest.raises((SourceNotFoundError, EndpointNotFoundError)):
        house.subscriptions.create(OTHER, emitter, "", listener)
    with pytest.raises((SourceNotFoundError, EndpointNotFoundError)):
        house.subscriptions.create_auto(OTHER, "$errors", listener)

    assert house.subscriptions.list(OTHER) == ()


def test_another_ones_subscription_cannot_be_deleted(house: House) -> None:
    house.subscriptions.create(CALLER, "p_*", "", "wh_1")
    house.subscriptions.create_auto(CALLER, "x", "wh_1")

    with pytest.raises(SubscriptionNotFoundError):
        house.subscriptions.delete(OTHER, "p_*", "", "wh_1")
    with pytest.raises(SubscriptionNotFoundError):
        house.subscriptions.delete_auto(OTHER, "x", "wh_1")


def test_reading_and_writing_are_scopes(house: House) -> None:
    reader = replace(CALLER, scopes=frozenset({"events:read"}))
    writer = replace(CALLER, scopes=frozenset({"events:write"}))

    for refused in (house.subscriptions.create, house.subscriptions.delete):
        with pytest.raises(ForbiddenError):
            refused(reader, "wf_1", "", "wh_1")
    for refused_auto in (house.subscriptions.create_auto, house.subscriptions.delete_auto):
        with pytest.raises(ForbiddenError):
            refused_auto(reader, "$errors", "wh_1")
    for unreadable in (house.subscriptions.list, house.subscriptions.list_auto):
        with pytest.raises(ForbiddenError):
            unreadable(writer)
    # Of workflows alone it needs no right.
    assert house.subscriptions.create(writer, "wf_1", "", "wf_1")


class TestAutoSubscriptions:
    def test_they_apply_to_what_is_created_from_now_on(self, house: House) -> None:
        house.subscriptions.create_auto(CALLER, "$errors", "wh_1")
        house.subscriptions.create_auto(CALLER, "parcels", "wf_1")

        house.subscriptions.changing(workflow("wf_2"), GRAPH)
        house.subscriptions.changing(workflow("wf_2"), GRAPH)
        house.subscriptions.changing(workflow("wf_1", revision=2), GRAPH)
        house.subscriptions.changing(workflow("wf_3", "ws_2"), GRAPH)
        house.subscriptions.created("ws_1", "dc_2")

        made = {(each.emitter, each.channel, each.listener_id) for each in house.subscriptions.list(CALLER)}
        assert made == {
            (emitter, channel, listener)
            for emitter in ("wf_2", "dc_2")
            for channel, listener in (("$errors", "wh_1"), ("parcels", "wf_1"))
        }
        assert house.subscriptions.list(OTHER) == ()

    def test_the_default_channel_has_none(self, house: House) -> None:
        with pytest.raises(InvalidError, match="event_name is required"):
            house.subscriptions.create_auto(CALLER, "", "wh_1")

    def test_the_same_one_is_there_once(self, house: House) -> None:
        first = house.subscriptions.create_auto(CALLER, "$errors", "wh_1")

        assert house.subscriptions.create_auto(CALLER, "$errors", "wh_1") == first
        assert house.subscriptions.list_auto(CALLER) == (first,)

    def test_without_it_nothing_more_is_subscribed(self, house: House) -> None:
        house.subscriptions.create_auto(CALLER, "$errors", "wh_1")
        house.subscriptions.delete_auto(CALLER, "$errors", "wh_1")

        house.subscriptions.changing(workflow("wf_2"), GRAPH)

        assert house.subscriptions.list(CALLER) == ()
        with pytest.raises(SubscriptionNotFoundError):
            house.subscriptions.delete_auto(CALLER, "$errors", "wh_1")


@pytest.mark.parametrize("role", ["emitter", "listener"])
def test_a_workflow_takes_its_subscriptions_along(house: House, role: str) -> None:
    triple = ("wf_1", "", "wh_1") if role == "emitter" else ("dc_1", "", "wf_1")
    house.subscriptions.create(CALLER, *triple)
    kept = house.subscriptions.create(CALLER, "p_abc123", "", "wh_1")
    house.subscriptions.create_auto(CALLER, "$errors", "wf_1")

    house.subscriptions.deleting(workflow("wf_1"))
    house.subscriptions.deleting(workflow("wf_1"))

    assert house.subscriptions.list(CALLER) == (kept,)
    assert house.subscriptions.list_auto(CALLER) == ()
