"""Runs that write to pins: the node type `pin_data`, and workflows that mirror their own runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from chalicelib.domain.errors import UnavailableError
from tests.api.pindown.conftest import Pinned
from tests.api.pindown.test_webhooks import events


def run(pinned: Pinned, *nodes: Any, run_input: Any = None, **members: Any) -> Any:
    """A run of a chain of nodes, as far as it gets; what the other API shows of it."""
    world = pinned.world
    chain = [{"id": "start", "type": "trigger"}, *nodes]
    names = [node["id"] for node in chain]
    connections = [{"from": a, "to": b} for a, b in pairwise(names)]
    workflow_id = world.active_workflow(nodes=chain, connections=connections, **members)
    execution_id = world.execution(workflow_id, run_input)
    world.work()
    return world.call("GET", f"/v1/executions/{execution_id}").data


def node(pinned: Pinned, **config: Any) -> dict[str, Any]:
    return {"id": "tell", "type": "pin_data", "config": {"pin_id": pinned.pin_id, "workflow_id": "nightly", **config}}


class TestPinData:
    def test_a_step_pushes_to_a_pin_as_everybody_pushes(self, pinned: Pinned) -> None:
        pinned.webhook("workflow.completed")

        ended = run(
            pinned, node(pinned, data={"status": "completed", "rows": "{{$input.rows}}"}), run_input={"rows": 7}
        )

        assert ended["status"] == "success", ended
        assert ended["output"] == {"pin_id": pinned.pin_id, "workflow_id": "nightly", "version": 1}
        assert pinned.read().data == {"status": "completed", "rows": 7}
        assert events(pinned) == ["workflow.completed"]

    def test_without_data_it_pushes_what_comes_in_and_without_an_id_under_its_workflows(self, pinned: Pinned) -> None:
        step = {"id": "tell", "type": "pin_data", "config": {"pin_id": pinned.pin_id}}

        ended = run(pinned, step, run_input={"rows": 7})

        assert pinned.read(ended["output"]["workflow_id"]).data == {"rows": 7}

    @pytest.mark.parametrize(
        "config",
        [{"data": {}}, {"data": "text"}, {"pin_id": "p-unknown00000"}, {"workflow_id": "x" * 300, "data": {"a": 1}}],
    )
    def test_what_cannot_be_pushed_fails_the_step(self, pinned: Pinned, config: dict[str, Any]) -> None:
        ended = run(pinned, node(pinned, **{"data": {"a": 1}, **config}))

        assert ended["status"] == "failed"
        assert pinned.read().status == 404

    def test_another_workspaces_pin_is_out_of_reach_even_if_it_is_public(self, pinned: Pinned) -> None:
        theirs = pinned.new_pin(key=pinned.world.other_key, is_public=True)

        ended = run(pinned, node(pinned, pin_id=theirs, data={"a": 1}))

        assert ended["status"] == "failed"
        assert pinned.world.pin_half.data_store.all_of(theirs, 10**6) == {}


class TestMirror:
    def test_a_run_is_shown_from_its_beginning_to_its_end(self, pinned: Pinned) -> None:
        wait = {"id": "pause", "type": "wait", "config": {"seconds": 600}}
        mirror = {"pin_id": pinned.pin_id, "workflow_id": "nightly"}
        pinned.webhook("workflow.completed")

        begun = run(pinned, wait, mirror_to_pin=mirror)
        shown = pinned.read().data
        pinned.world.clock.advance(700)
        pinned.world.work()

        assert (begun["status"], shown["status"], shown["progress"], shown["run_id"]) == (
            "running",
            "running",
            0,
            begun["id"],
        )
        ended = pinned.read().data
        assert (ended["status"], ended["progress"], ended["run_status"]) == ("completed", 100, "succeeded")
        assert (ended["steps_total"], ended["steps_done"]) == (2, 2)
        assert ended["duration_ms"] >= 600_000
        assert events(pinned) == ["workflow.completed"]

    def test_a_failed_run_says_why(self, pinned: Pinned) -> None:
        fail = {"id": "no", "type": "fail", "config": {"message": "Bestand fehlt"}}

        run(pinned, fail, mirror_to_pin={"pin_id": pinned.pin_id, "workflow_id": "nightly"})

        shown = pinned.read().data
        assert (shown["status"], shown["error"]["message"]) == ("failed", "Bestand fehlt")

    def test_without_an_id_it_is_the_workflows_own(self, pinned: Pinned) -> None:
        ended = run(pinned, mirror_to_pin={"pin_id": pinned.pin_id})

        everything = pinned.world.call("GET", f"/api/workflow-data/{pinned.pin_id}").data
        assert list(everything) == [ended["workflow_id"]]

    def test_a_late_word_of_an_earlier_point_changes_nothing(self, pinned: Pinned) -> None:
        world = pinned.world
        first = run(pinned, mirror_to_pin={"pin_id": pinned.pin_id, "workflow_id": "nightly"})
        world.clock.advance(10)
        second = world.execution(first["workflow_id"])
        world.work()
        shown = pinned.read().data

        for run_id in (first["id"], second):
            world.pin_half.mirror.run_changed(world.run_store.get(run_id))

        assert (pinned.read().data, shown["run_id"]) == (shown, second)

    def test_a_pin_that_is_not_there_or_not_ours_hurts_no_run(self, pinned: Pinned) -> None:
        theirs = pinned.new_pin(key=pinned.world.other_key)

        for pin_id in ("p-unknown00000", theirs):
            assert run(pinned, mirror_to_pin={"pin_id": pin_id})["status"] == "success"

    def test_an_end_that_could_not_be_shown_is_shown_by_the_tick(
        self, pinned: Pinned, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = pinned.world

        def unavailable(*_: Any, **__: Any) -> Any:
            raise UnavailableError

        with monkeypatch.context() as broken:
            broken.setattr(world.pin_half.data_store, "replace", unavailable)
            with pytest.raises(UnavailableError):
                run(pinned, mirror_to_pin={"pin_id": pinned.pin_id, "workflow_id": "nightly"})
        assert pinned.read().status == 404
        world.clock.advance(120)
        (entry,) = [each for shard in range(8) for each in world.run_store.due(shard, world.clock.now(), 9)]

        world.work_on(entry.run_id)

        assert pinned.read().data["status"] == "completed"

    def test_the_setting_is_shown_changed_and_taken_away(self, pinned: Pinned) -> None:
        world = pinned.world
        mirror = {"pin_id": pinned.pin_id, "workflow_id": "nightly"}
        path = f"/v1/workflows/{world.workflow(mirror_to_pin=mirror)}"

        assert world.call("GET", path).data["mirror_to_pin"] == mirror
        assert "mirror_to_pin" not in world.call("PUT", path, {"mirror_to_pin": None}).data

    @pytest.mark.parametrize(
        "mirror", ["p-1", [], {}, {"pin_id": 7}, {"pin_id": ""}, {"pin_id": "p", "workflow_id": 1}]
    )
    def test_a_setting_that_says_nothing_sensible_is_refused(self, pinned: Pinned, mirror: Any) -> None:
        answer = pinned.world.call("POST", "/v1/workflows", {"name": "x", "mirror_to_pin": mirror})

        assert answer.status == 400, answer.text
