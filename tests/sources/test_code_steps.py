"""Code in steps of workflows, scripts, and the accounts that they use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.errors import AccountNotFoundError, ComponentNotFoundError, InvalidError
from chalicelib.domain.events import ERRORS
from chalicelib.domain.graph import Edge, Graph, Node, RetryPolicy
from chalicelib.domain.json import Json
from chalicelib.domain.run import Run, RunStatus
from chalicelib.nodes.code import CodeNodes
from chalicelib.services.sources.accounts import Accounts
from chalicelib.services.sources.code_steps import CodeSteps
from chalicelib.services.sources.scripts import Scripts
from tests.fakes import SeededEntropy
from tests.flows.house import OWNER, WORKSPACE, chain
from tests.flows.source_house import SourceHouse
from tests.source_fakes import LabelVault, MemoryAccountStore

STRANGER = replace(OWNER, workspace_id="ws_2")


@pytest.fixture
def house(house: SourceHouse) -> SourceHouse:
    steps = CodeSteps(house.components, house._js, house.sender, lambda _, id_: house._account(id_)[1])
    nodes = CodeNodes(lambda: steps, lambda: house.events)
    house.performer._handlers |= {**nodes.handlers(), "script_execution": nodes.script}
    return house


def code(text: str, id_: str = "code", **members: Any) -> Node:
    config = {"code": text, **members.pop("config", {})}
    return Node(id_, "code", config=config, **members)


def ran(house: SourceHouse, *nodes: Node, input: Json = None) -> Run:  # noqa: A002 - the run's word
    run_id = house.start(chain(*nodes), input)
    house.work()
    return house.run(run_id)


def test_a_function_gets_input_outputs_and_run_and_returns_a_value(house: SourceHouse) -> None:
    first = code("export default async ({ input }) => ({ sum: input.a + input.b });", "first")
    second = code(
        "export default ({ input, nodes, run }) => [input.sum, nodes.first.sum * 2, run.trigger, run.workflow.id];",
        "second",
    )

    run = ran(house, first, second, input={"a": 1, "b": 2})

    assert (run.status, run.output) == (RunStatus.SUCCEEDED, [3, 6, "manual", "wf_1"])


def test_a_component_gets_steps_exports_by_name_and_uses_its_account(house: SourceHouse) -> None:
    house.secrets["apn_1234567"] = ("acme", {"api_key": "k"})
    first = code(
        "export default defineComponent({ props: { acme: { type: 'app', app: 'acme' }, n: 'integer' },"
        " async run({ steps, $ }) { $.export('key', this.acme.$auth.api_key);"
        " return steps.trigger.event.x + this.n; } });",
        "first",
        config={"props": {"n": 2, "acme": {"authProvisionId": "apn_1234567"}}},
    )
    second = code(
        "export default defineComponent({ run({ steps }) { return [steps.first.key, steps.first.$return_value]; } });",
        "b",
    )

    run = ran(house, first, second, input={"x": 1})

    assert run.output == ["k", 3]


def test_what_a_step_emits_is_its_workflows_event(house: SourceHouse) -> None:
    sends = "$.send.emit({ raw_event: { a: 1 } }); $.send.emit({ b: 2 }, 'ch');"
    text = f"export default defineComponent({{ run({{ $ }}) {{ {sends} }} }});"

    ran(house, code(text))

    found = [(event.emission.channel, event.emission.payload) for event in house.events_of()]
    assert found[:2] == [("", {"raw_event": {"a": 1}}), ("ch", {"b": 2})]


def test_an_early_end_takes_no_way_on(house: SourceHouse) -> None:
    first = code("export default ({ $ }) => $.flow.exit('enough');", "first")

    run = ran(house, first, code("export default () => 'never';", "second"))

    assert (run.status, [outcome.node_id for outcome in house.runs.history(run.id).outcomes]) == (
        RunStatus.SUCCEEDED,
        ["first"],
    )


@pytest.mark.parametrize(
    ("text", "type_", "message"),
    [
        ("export default () => { throw new TypeError('no'); };", "TypeError", "no"),
        ("export default () => {", "SyntaxError", "component could not be loaded"),
        ("export default () => { const a = {}; a.a = a; return a; };", "TypeError", ""),
    ],
)
def test_code_that_fails_fails_its_step(house: SourceHouse, text: str, type_: str, message: str) -> None:
    run = ran(house, code(text))

    assert run.failure is not None
    assert run.status is RunStatus.FAILED
    assert (run.failure.type, message in run.failure.message) == (type_, True)
    errors: list[Any] = [event.emission.payload for event in house.events_of(stream=ERRORS)]
    assert errors[0]["error"]["code"] == type_


def test_a_failed_attempt_is_repeated_where_the_node_says_so(house: SourceHouse) -> None:
    text = "export default ({ run }) => { if (run.attempt < 2) throw new Error('again'); return run.attempt; };"

    run = ran(house, code(text, retry=RetryPolicy(max_attempts=3, delay_seconds=0.5, jitter=0)))

    assert run.output == 2


def test_logs_are_the_steps_logs(house: SourceHouse) -> None:
    run = ran(house, code("export default () => { console.log('hello', { a: 1 }); console.warn('hm'); };"))

    (outcome,) = house.runs.history(run.id).outcomes
    assert [(line.level, line.message.split()[0]) for line in outcome.logs] == [("info", "hello"), ("warning", "hm")]


def script(**params: Json) -> Graph:
    given: dict[str, Json] = {"_userType": "jobs", "_scriptName": "sum", **params}
    return Graph((Node("s", "script_execution", config={"params": given}),), tuple[Edge, ...]())


def test_a_script_is_found_by_its_name_and_the_newest_counts(house: SourceHouse) -> None:
    scripts = Scripts(house.components)
    scripts.create(OWNER, "jobs", "sum", "module.exports = async ({ input }) => 'old';")
    house.clock.advance(1)
    made = scripts.create(OWNER, "jobs", "sum", "module.exports = async ({ input }) => ({ sum: input.a + input.b });")

    run_id = house.start(script(a=1, b=2))
    house.work()

    assert house.run(run_id).output == {"sum": 3}
    assert scripts.list(OWNER) == (made,)
    assert scripts.get(OWNER, "jobs", "sum")[1].endswith("+ input.b });")
    assert (scripts.list(OWNER, "other"), scripts.list(STRANGER)) == ((), ())
    assert house.components.list(OWNER) == ()
    with pytest.raises(ComponentNotFoundError):
        scripts.get(OWNER, "jobs", "other")
    with pytest.raises(InvalidError, match="component could not be loaded"):
        scripts.create(OWNER, "jobs", "bad", "export default {")


def test_a_script_that_is_not_there_fails_its_step(house: SourceHouse) -> None:
    run_id = house.start(script())
    house.work()

    failure = house.run(run_id).failure
    assert failure is not None
    assert failure.type == "script_not_found"


def test_credentials_are_shown_to_nobody_and_bound_to_their_account(house: SourceHouse) -> None:
    store = MemoryAccountStore()
    service = Accounts(store, LabelVault(), house.clock, SeededEntropy())
    account = service.create(OWNER, "Acme #1", "acme", {"api_key": "s3cret", "host": "h"})

    assert account.id.startswith("apn_")
    assert account.fields == ("api_key", "host")
    assert "s3cret" not in repr(account)
    assert service.credentials(WORKSPACE, account.id) == {"api_key": "s3cret", "host": "h"}
    assert (service.app_of(OWNER, account.id), service.list(OWNER, "other")) == ("acme", ())
    changed = service.update(OWNER, account.id, name="New", credentials={"token": "t"})
    assert (service.list(OWNER), service.credentials(WORKSPACE, account.id)) == ((changed,), {"token": "t"})

    other = service.create(OWNER, "Other", "acme", {"api_key": "o"})
    store.replace(replace(other, sealed=changed.sealed, revision=2))
    with pytest.raises(InvalidError):
        service.credentials(WORKSPACE, other.id)
    with pytest.raises(AccountNotFoundError):
        service.get(STRANGER, account.id)
    service.delete(OWNER, account.id)
    with pytest.raises(AccountNotFoundError):
        service.credentials(WORKSPACE, account.id)
    with pytest.raises(InvalidError):
        service.create(OWNER, "x", "acme", {})
