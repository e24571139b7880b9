"""What watchers are shown of steps whose ids other bodies of the same workflow use as well."""

from __future__ import annotations

from chalicelib.domain.graph import Graph, Node, OnError
from chalicelib.domain.run import RunStatus
from chalicelib.services.runs.steps import Steps, StepView
from tests.flows.house import OWNER, House, call, chain


def shown(house: House, run_id: str) -> list[StepView]:
    steps = Steps(house.runs, house.programs, house.worker.performer)
    return [*steps.view(house.run(run_id)).steps, *steps.page(house.run(run_id), None, 500).steps]


def test_a_step_is_shown_by_the_name_and_type_it_has_in_its_own_body() -> None:
    house = House()
    one = Node("f", "fork", bodies={"one": Graph((Node("x", "noop", "Innen"),))})
    run_id = house.start(chain(one, Node("g", "fork", bodies={"two": Graph((call("x", name="Außen"),))})))
    house.work()

    names = {(view.key, view.node_name, view.node_type) for view in shown(house, run_id) if view.node_id == "x"}

    assert names == {("f.one/x", "Innen", "noop"), ("g.two/x", "Außen", "http_request")}


def test_steps_of_a_part_of_a_map_are_shown_and_judged_by_where_the_map_stands() -> None:
    house = House()
    # The same id below a map of the same id, where a failure would be survived.
    other = Node("m", "map", "Andere", config={"items": [1]}, bodies={"body": Graph((Node("x", "noop", "Anders"),))})
    body = Graph((Node("x", "fail", "Genau"),))
    spread = Node("m", "map", config={"items": "{{ range(0, 250) }}"}, bodies={"body": body}, on_error=OnError.CONTINUE)
    forks = (Node("f", "fork", bodies={"a": Graph((other,))}), Node("g", "fork", bodies={"b": Graph((spread,))}))
    run_id = house.start(chain(*forks))
    house.work()
    house.pass_time(60)
    child = next(id_ for id_ in sorted(house.run(run_id).children) if house.run(id_).status is RunStatus.FAILED)

    found = {(view.node_name, view.node_type) for view in shown(house, child) if view.node_id == "x"}
    retried = house.control.retry(OWNER, child)

    assert found == {("Genau", "fail")}
    assert "m.0/x" in retried.resets
