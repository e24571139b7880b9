"""Values that steps without effect pass on, and double: bounded where they arise, and carried only while they are
small together."""

from __future__ import annotations

import random
from itertools import pairwise

from chalicelib.domain.engine import MAX_OUTPUT_WEIGHT
from chalicelib.domain.graph import Edge, Graph, Node, OnError
from chalicelib.domain.json import Json, encode
from chalicelib.domain.recorded import MAX_UNRECORDED_WEIGHT
from chalicelib.domain.run import RunStatus, StepStatus
from tests.timing import assert_cheap
from tests.unit.driver import Driver, Receiver, a_run, graph


def doubling(layers: int, **last: object) -> Graph:
    """Pairs of steps that both pass on what came in, each pair joined by a step that passes on both."""
    nodes = [Node("start", "noop")]
    edges = []
    for layer in range(layers):
        pair, joined = [f"n{layer:02}a", f"n{layer:02}b"], f"n{layer:02}"
        edges += [Edge(nodes[-1].id, each) for each in pair] + [Edge(each, joined) for each in pair]
        nodes += [Node(each, "noop") for each in (*pair, joined)]
    nodes[-1] = Node(nodes[-1].id, "noop", **last)  # type: ignore[arg-type]
    return Graph(tuple(nodes), tuple(edges))


def meshed(layers: int) -> Graph:
    """Each layer's three steps come after two of the layer before, whose outputs they pass on together."""
    ids = [[f"n{layer:02}_{i}" for i in range(3)] for layer in range(layers)]
    edges = [
        Edge(source, after[i])
        for before, after in pairwise(ids)
        for i in range(3)
        for source in (before[i], before[(i + 1) % 3])
    ]
    return Graph(tuple(Node(each, "noop") for layer in ids for each in layer), tuple(edges))


def passing(count: int, size: int) -> Driver:
    """Steps that pass a large input on, one after the other, and then an effect."""
    nodes = [Node(f"n{i:02}", "noop") for i in range(count)]
    call = Node("call", "http_request", config={"url": "http://receiver.example/"})
    chain = [*nodes, call]
    edges = [(before.id, after.id) for before, after in pairwise(chain)]
    return Driver(graph(chain, *edges), a_run(input={"text": "x" * size}))


def test_a_step_that_doubles_without_end_fails_the_run() -> None:
    driver = Driver(doubling(40), a_run(input={"text": "x" * 1000}))

    verdict = driver.go()

    assert verdict is not None
    assert verdict.failure is not None
    assert (verdict.status, verdict.failure.type) == (RunStatus.FAILED, "too_large")


def test_a_mesh_of_steps_that_pass_everything_on_is_stopped_early() -> None:
    def run() -> None:
        verdict = Driver(meshed(60)).go()
        assert verdict is not None
        assert verdict.failure is not None
        assert verdict.failure.type == "too_large"

    assert_cheap(2, run)


def test_what_is_kept_of_such_a_run_is_small() -> None:
    driver = Driver(doubling(40), a_run(input={"text": "x" * 1000}))
    driver.go()

    carried = driver.execution.take_unrecorded()

    assert sum(len(encode(each.output)) for each in carried) <= 2 * MAX_UNRECORDED_WEIGHT
    assert carried[-1].status is StepStatus.FAILED


def test_who_computes_it_again_fails_at_the_same_step() -> None:
    driver = Driver(doubling(40), a_run(input={"text": "x" * 1000}))
    first = driver.go()
    driver.resume()

    again = driver.go()

    assert first is not None
    assert again is not None
    assert again.failure == first.failure


def test_a_step_that_survives_failures_survives_this_one() -> None:
    size = MAX_OUTPUT_WEIGHT // 2

    verdict = Driver(doubling(1, on_error=OnError.CONTINUE), a_run(input={"text": "x" * size})).go()

    assert verdict is not None
    assert verdict.status is RunStatus.SUCCEEDED
    assert isinstance(verdict.output, dict)
    assert isinstance(verdict.output["error"], dict)
    assert verdict.output["error"]["type"] == "too_large"


def test_a_map_whose_outputs_are_too_large_together_fails() -> None:
    body = graph([Node("copy", "transform", config={"values": {"all": "{{ $input.text }}"}})])
    spread = Node("m", "map", config={"items": list(range(30))}, bodies={"body": body})
    driver = Driver(graph([spread]), a_run(input={"text": "x" * 1_000_000}))

    verdict = driver.go()

    assert verdict is not None
    assert verdict.failure is not None
    assert (verdict.failure.type, verdict.failure.node_id) == ("too_large", "m")
    assert f"{MAX_OUTPUT_WEIGHT:,} characters" in verdict.failure.message


def test_several_outputs_that_are_too_large_together_fail_whom_they_reach() -> None:
    size = MAX_OUTPUT_WEIGHT // 2
    sources = [Node(f"s{i}", "noop") for i in range(3)]
    driver = Driver(
        graph([*sources, Node("end", "noop")], *((each.id, "end") for each in sources)),
        a_run(input={"text": "x" * size}),
    )

    verdict = driver.go()

    assert verdict is not None
    assert verdict.failure is not None
    assert (verdict.failure.type, verdict.failure.node_id) == ("too_large", "end")


def test_a_large_value_that_many_steps_pass_on_is_recorded_a_few_times_at_most() -> None:
    driver = passing(20, size=1_000_000)
    driver.go()

    kept = [each for each in driver.outcomes if each.node_id != "call"]

    assert len(kept) == 20
    assert sum(not each.left_out for each in kept) == MAX_UNRECORDED_WEIGHT // 1_000_000 - 1
    assert all(each.output is None for each in kept if each.left_out)


def test_a_run_goes_on_over_what_was_left_out() -> None:
    nodes = [Node(f"n{i:02}", "noop") for i in range(20)]
    asking: dict[str, Json] = {"url": "http://receiver.example/", "body": "{{ $node.n19.n }}"}
    calls = [Node(f"call{i}", "http_request", config=asking) for i in (1, 2)]
    chain = [*nodes, *calls]
    edges = [(before.id, after.id) for before, after in pairwise(chain)]
    receiver = Receiver()
    driver = Driver(graph(chain, *edges), a_run(input={"text": "x" * 1_000_000, "n": 7}), receiver)
    while not driver.outcomes:
        driver.step()
    driver.restart()

    verdict = driver.go()

    assert verdict is not None
    assert verdict.status is RunStatus.SUCCEEDED
    assert [request.body for request in receiver.requests] == [b"7", b"7"]


def test_small_values_are_all_carried() -> None:
    driver = passing(20, size=random.Random(1).randrange(100))
    driver.go()

    assert not any(each.left_out for each in driver.outcomes)


def test_a_loop_that_nests_its_output_in_every_round_is_stopped() -> None:
    body = graph([Node("a", "noop"), Node("b", "transform"), Node("end", "noop")], ("a", "end"), ("b", "end"))
    loop = Node("loop", "loop", config={"while": "true", "max_iterations": 5000}, bodies={"body": body})

    verdict = Driver(graph([loop])).go()

    assert verdict is not None
    assert verdict.failure is not None
    assert verdict.failure.type == "too_large"
