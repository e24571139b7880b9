"""Runs of flows whose hooks, filters, transforms and routers are scripts, in the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.flows import script_program
from chalicelib.domain.flows.flows import FlowError
from chalicelib.domain.javascript import DESCRIBE_LIMITS
from chalicelib.domain.run import RunStatus
from chalicelib.sandbox.runner import ProcessRunner
from tests.flows.flow_house import FLOW, FlowHouse, answer, generator, into, lookup, numbered

SCRIPT = "5" * 24


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ProcessRunner]:
    runner = ProcessRunner(replace(DESCRIBE_LIMITS, cpu_seconds=1.0))
    yield runner
    runner.close()


@pytest.fixture
def house(sandbox: ProcessRunner) -> FlowHouse:
    house = FlowHouse()
    house.js = sandbox
    house.export("e1")
    house.import_("i1")
    house.api.routes = {"/items": numbered(3), "/sink": lambda asked: {"id": f"new-{asked.body['id']}"}}
    return house


def hook(function: str) -> dict[str, Any]:
    return {"_scriptId": SCRIPT, "function": function}


def by_script(function: str) -> dict[str, Any]:
    """A filter or a transform."""
    return {"type": "script", "script": hook(function)}


def told(errors: list[FlowError]) -> list[tuple[str, str, str, str]]:
    return [(each.source, each.code, each.message, each.trace_key) for each in errors]


def seen(house: FlowHouse, **options: Any) -> None:
    """A script whose `look` sends what it is given, in the place of records, as the page."""
    house.script(SCRIPT, "function look(options) { return { data: [{ id: 1, options }] }; }")
    house.export("e1", hooks={"preSavePage": hook("look")}, **options)


# -- preSavePage ------------------------------------------------------------------------------------------------------


def test_pre_save_page_makes_the_page_that_enters_the_flow(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        "function save(options) { return { data: options.data.slice(1).map((d) => ({ id: d.id * 10 })) }; }",
    )
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/sink") == [{"id": 20}, {"id": 30}]
    assert house.counts(run) == {"g0": (2, 0, 0, 1), "s0": (2, 0, 0, 1), "": (4, 0, 0, 2)}


def test_a_hook_is_told_where_it_is_called(house: FlowHouse) -> None:
    seen(house, type="delta", delta={}, settings={"size": "L"})
    house.flow(_exportId="e1", _importId="i1", _integrationId="n1", settings={"region": "north"})

    run = house.go()

    (sent,) = house.api.bodies("/sink")
    options = sent["options"]
    assert options.pop("data") == numbered(3)
    assert options.pop("settings")["flow"] == {"region": "north"}
    assert options.pop("job")["_id"] == run.id
    assert options.pop("currentExportDateTime") > options.pop("lastExportDateTime")
    assert options == {
        "_exportId": "e1",
        "_connectionId": "c1",
        "_flowId": FLOW,
        "_integrationId": "n1",
        "errors": [],
        "retryData": {},
        "files": [],
        "pageIndex": 0,
        "testMode": False,
        "sandbox": False,
    }


def test_each_page_of_an_answer_is_saved_by_itself(house: FlowHouse) -> None:
    house.script(
        SCRIPT, "function save({ data, pageIndex }) { return { data: [{ id: data.map((d) => d.id), pageIndex }] }; }"
    )
    house.export("e1", pageSize=2, hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert house.api.bodies("/sink") == [{"id": [1, 2], "pageIndex": 0}, {"id": [3], "pageIndex": 1}]
    assert house.api.paths().count("GET /items") == 1


@pytest.mark.parametrize("size", [2, 3])
def test_abort_ends_the_export_after_its_page(house: FlowHouse, size: int) -> None:
    house.script(SCRIPT, "const save = ({ data, pageIndex }) => ({ data, abort: pageIndex === 1 });")
    house.api.routes["/items"] = lambda asked: numbered(3)
    house.export("e1", pageSize=size, hooks={"preSavePage": hook("save")}, http={"paging": {"method": "skip"}})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert len(house.api.bodies("/sink")) == (3 if size == 2 else 6)
    assert house.counts(run)["g0"][3] == 2


def test_a_pre_save_page_that_throws_fails_the_generator(house: FlowHouse) -> None:
    house.script(SCRIPT, "function save(options) {\n  return options.data[0].owner.name;\n}")
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.FAILED
    message = "cannot read property 'name' of undefined (line 2)"
    assert told(house.errors_of("e1")) == [("pre_save_page_hook", "TypeError", message, "")]
    assert house.api.bodies("/sink") == []


@pytest.mark.parametrize("returned", ["undefined", "options.data", "({ data: 'many' })", "({ data: [null] })"])
def test_a_pre_save_page_that_returns_no_page_fails_the_generator(house: FlowHouse, returned: str) -> None:
    house.script(SCRIPT, f"function save(options) {{ return {returned}; }}")
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.FAILED
    assert [each.code for each in house.errors_of("e1")] == ["invalid_hook_response"]


def test_pre_save_page_sees_the_errors_of_its_page_and_may_word_them(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function save({ data, errors, retryData }) {
          return { data, errors: errors.filter((e) => retryData[e.retryDataKey].traceKey !== "1")
            .map((e) => ({ ...e, message: `no. ${retryData[e.retryDataKey].data.id}` })) };
        }
        function shape({ record }) { if (record.id < 3) throw new Error("small"); return record; }""",
    )
    house.export("e1", hooks={"preSavePage": hook("save")}, transform=by_script("shape"))
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": 3}]
    assert told(house.errors_of("e1")) == [("transformation", "Error", "no. 2", "2")]
    assert house.counts(run)["g0"] == (1, 1, 0, 1)


def test_records_that_pre_save_page_keeps_out_can_be_tried_again(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function save({ data, errors }) {
          const bad = data.filter((d) => d.id === 2);
          return { data: data.filter((d) => d.id !== 2), errors, newErrorsAndRetryData: bad.map((retryData) => (
            { retryData, errors: [{ code: "odd", message: "even" }, { message: "and more" }] })) };
        }""",
    )
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")
    run = house.go()
    first, second = sorted(house.errors_of("e1"), key=lambda each: each.code)
    assert (first.code, first.message, first.trace_key, first.is_retriable) == ("odd", "even", "2", True)
    assert (second.code, second.message, second.is_retriable) == ("script_error", "and more", False)
    assert house.counts(run)["g0"] == (2, 2, 0, 1)

    again = house.go(retry={"step": "e1", "errors": [first.id]})

    assert again.status is RunStatus.SUCCEEDED
    assert house.api.bodies("/sink") == [{"id": 1}, {"id": 3}, {"id": 2}]
    assert [each.id for each in house.errors_of("e1")] == [second.id]
    assert [each.id for each in house.errors_of("e1", resolved=True)] == [first.id]


def test_a_kept_out_record_that_has_no_room_in_a_page_is_tried_again_in_the_next(
    house: FlowHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.script(
        SCRIPT,
        """const save = ({ data, errors }) => ({ data: [], errors, newErrorsAndRetryData: data.map((retryData) => (
          { retryData, errors: [{ code: "odd", message: "kept out" }] })) });""",
    )
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    ids = [each.id for each in house.errors_of("e1")]
    # Two records have room in a page.
    monkeypatch.setattr("chalicelib.nodes.flows.export.MAX_PAGE_BYTES", 20)

    house.go(retry={"step": "e1", "errors": ids})

    assert sorted(each["id"] for each in house.api.bodies("/sink")) == [1, 2, 3]
    assert house.errors_of("e1") == []


def test_a_page_that_grew_too_large_fails_the_generator(house: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.nodes.flows.export.MAX_PAGE_BYTES", 1_000)
    house.script(SCRIPT, "const save = () => ({ data: [{ text: 'x'.repeat(2000) }] });")
    house.export("e1", hooks={"preSavePage": hook("save")})
    house.flow(_exportId="e1", _importId="i1")

    assert house.go().status is RunStatus.FAILED
    assert [each.code for each in house.errors_of("e1")] == ["page_too_large"]


# -- filters and transforms -------------------------------------------------------------------------------------------


def test_filter_and_transform_of_an_export_may_be_scripts(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function shape(options) { return { id: options.record.id + 1 }; }
        function keep({ record }) { if (record.id === 4) throw new RangeError("four"); return record.id > 2; }""",
    )
    house.export("e1", transform=by_script("shape"), filter=by_script("keep"))
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": 3}]
    assert house.counts(run)["g0"] == (1, 1, 1, 1)
    assert told(house.errors_of("e1")) == [("output_filter", "RangeError", "four (line 2)", "3")]


def test_a_filter_has_to_say_yes_or_no(house: FlowHouse) -> None:
    house.script(SCRIPT, "const keep = ({ record }) => (record.id === 2 ? 'perhaps' : true);")
    house.import_("i1", filter=by_script("keep"))
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert house.api.bodies("/sink") == [{"id": 1}, {"id": 3}]
    (error,) = house.errors_of("i1")
    assert (error.source, error.code, error.is_retriable) == ("import_filter", "invalid_hook_response", True)


def test_filter_and_transform_of_an_import_may_be_scripts(house: FlowHouse) -> None:
    house.script(
        SCRIPT, "const odd = ({ record }) => record.id % 2 === 1; const shape = ({ record }) => ({ id: -record.id });"
    )
    house.import_("i1", filter=by_script("odd"), transform=by_script("shape"))
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": -1}, {"id": -3}]
    assert house.counts(run)["s0"] == (2, 0, 1, 1)


def test_what_a_lookup_is_asked_and_finds_goes_through_scripts(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """const ask = ({ record }) => record.id !== 2;
        const shape = ({ record }) => ({ ...record, shaped: true });
        const some = ({ record }) => record.n !== 2;
        const save = ({ data, errors }) => {
          if (data[0].owner === "3") throw new Error("no thirds");
          return { data: data.map((d) => ({ ...d, of: data.length })), errors };
        };""",
    )
    rules = {"inputFilter": by_script("ask"), "transform": by_script("shape"), "filter": by_script("some")}
    house.export("l1", "/owners/{{record.id}}", isLookup=True, hooks={"preSavePage": hook("save")}, **rules)
    house.api.routes["/owners"] = lambda asked: [{"n": n, "owner": asked.path.split("/")[-1]} for n in (1, 2, 3)]
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[lookup("l1", ("data", "owners")), into("i1")])

    run = house.go()

    found = [{"n": n, "owner": "1", "shaped": True, "of": 2} for n in (1, 3)]
    assert house.api.bodies("/sink") == [{"id": 1, "owners": found}, {"id": 2}]
    assert told(house.errors_of("l1")) == [("pre_save_page_hook", "Error", "no thirds (line 5)", "3")]
    assert house.counts(run)["s0"] == (1, 1, 1, 1)


def test_records_are_transformed_in_calls_of_a_bounded_size(house: FlowHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.services.flows.hooks.CALL_BYTES", 20)
    house.script(SCRIPT, "let calls = 0; const shape = ({ record }) => ({ id: record.id, n: ++calls });")
    house.export("e1", transform=by_script("shape"))
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert house.api.bodies("/sink") == [{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 1}]


# -- hooks of imports -------------------------------------------------------------------------------------------------


def test_pre_map_says_what_becomes_of_each_record(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function pre({ data }) {
          const bad = { code: "odd", message: "is odd", source: "" };
          const said = [{ data: { id: 10 } }, { errors: [bad, bad] }, {}];
          return data.map((d) => said[d.id - 1] ?? { data: d, errors: [bad] });
        }""",
    )
    house.api.routes["/items"] = numbered(4)
    house.import_("i1", hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": 10}, {"id": 4}]
    assert house.counts(run)["s0"] == (2, 3, 1, 1)
    errors = house.errors_of("i1")
    assert {told([each])[0][:3] for each in errors} == {("pre_map_hook", "odd", "is odd")}
    assert sorted((each.trace_key, each.is_retriable) for each in errors) == [("2", False), ("2", True), ("4", False)]


def test_a_record_that_pre_map_refused_is_tried_again_as_it_came(house: FlowHouse) -> None:
    house.script(SCRIPT, "const pre = ({ data }) => data.map((d) => (d.id === 2 ? { errors: 'no' } : { data: d }));")
    house.import_("i1", hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")
    house.go()
    (error,) = house.errors_of("i1")
    house.script(SCRIPT, "const pre = ({ data }) => data.map((d) => ({ data: { id: `${d.id}!` } }));")

    run = house.go(retry={"step": "i1", "errors": [error.id]})

    assert house.api.bodies("/sink") == [{"id": 1}, {"id": 3}, {"id": "2!"}]
    assert house.counts(run) == {"s0": (1, 0, 0, 1), "": (1, 0, 0, 1)}
    assert house.errors_of("i1") == []


@pytest.mark.parametrize("name", ["preMap", "postMap", "postSubmit", "postResponseMap"])
@pytest.mark.parametrize(
    ("returned", "code"),
    [("[]", "invalid_hook_response"), ("undefined", "invalid_hook_response"), ("nothing.at.all", "ReferenceError")],
)
def test_a_hook_that_fails_fails_its_page_and_no_other(house: FlowHouse, name: str, returned: str, code: str) -> None:
    house.script(
        SCRIPT,
        f"""function hook(options) {{
          const records = options.postResponseMapData ?? options.postMapData ?? options.data;
          if (records[0].id === 1) return {returned};
          return options.postResponseMapData ?? options.responseData ?? records.map((data) => ({{ data }}));
        }}""",
    )
    house.export("e1", pageSize=2)
    hooks: dict[str, Any] = {"hooks": {name: hook("hook")}}
    house.import_("i1", **({} if name == "postResponseMap" else hooks))
    processor = into("i1", **(hooks if name == "postResponseMap" else {}))
    house.import_("i2", "/after")
    house.api.routes["/after"] = {}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[processor, into("i2")])

    run = house.go()

    source = {
        "preMap": "pre_map_hook",
        "postMap": "post_map_hook",
        "postSubmit": "post_submit_hook",
        "postResponseMap": "post_response_map_hook",
    }[name]
    assert run.status is RunStatus.SUCCEEDED
    errors = house.errors_of("i1")
    assert [(each.source, each.code, each.trace_key, each.is_retriable) for each in errors] == [
        (source, code, "1", True),
        (source, code, "2", True),
    ]
    assert house.counts(run)["s0"] == (1, 2, 0, 2)
    assert [each["id"] for each in house.api.bodies("/after")] == [3]


def test_post_map_sees_records_before_and_after_their_mapping(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """const post = ({ preMapData, postMapData }) => postMapData.map((d, i) => (
          preMapData[i].id === 2 ? {} : { data: { ...d, was: preMapData[i].id } }));""",
    )
    mapped = [{"generate": "id", "dataType": "string", "extract": "no. {{record.id}}"}]
    house.import_("i1", mappings=mapped, hooks={"postMap": hook("post")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [{"id": "no. 1", "was": 1}, {"id": "no. 3", "was": 3}]
    assert house.counts(run)["s0"] == (2, 0, 1, 1)


def test_post_submit_words_errors_mends_them_and_finds_others(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function post({ preMapData, postMapData, responseData }) {
          return responseData.map((r, i) => {
            if (postMapData[i].id === 1) return { ...r, errors: [{ code: "late", message: r._json.id }] };
            if (postMapData[i].id === 2) return { ...r, statusCode: 200, errors: [], _json: { id: "mended" } };
            return { ...r, errors: r.errors.map((e) => ({ ...e, message: `${e.code} of ${preMapData[i].id}` })) };
          });
        }""",
    )
    house.api.routes["/sink"] = lambda asked: {"id": "new"} if asked.body["id"] == 1 else answer(422, {"error": "used"})
    house.import_("i1", hooks={"postSubmit": hook("post")})
    house.import_("i2", "/after")
    house.api.routes["/after"] = {}
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[into("i1", ("_json.id", "made")), into("i2")])

    run = house.go()

    assert house.counts(run)["s0"] == (1, 2, 0, 1)
    assert told(house.errors_of("i1")) == [
        ("post_submit_hook", "late", "new", "1"),
        ("application", "422", "422 of 3", "3"),
    ]
    assert [each.request_key[-8:] for each in house.errors_of("i1")] == ["", "422-POST"]
    assert house.api.bodies("/after") == [{"id": 2, "made": "mended"}]


def test_hooks_see_children_where_a_record_stands_for_many(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """const pre = ({ data }) => data.map((d) => (d.n === 2 ? {} : { data: { n: d.n * 10 } }));
        const post = ({ responseData }) => responseData.map((r) => ({ ...r, _json: { id: r._json.id, seen: true } }));
        const all = ({ postResponseMapData, responseData, oneToMany, pathToMany }) =>
          postResponseMapData.map((d, i) => (
            { ...d, told: responseData[i].map((r) => r.ignored), oneToMany, pathToMany }));""",
    )
    house.api.routes["/items"] = [{"id": 1, "lines": [{"n": 1}, {"n": 2}, {"n": 3}]}, {"id": 2, "lines": []}]
    house.api.routes["/sink"] = lambda asked: {"id": f"new-{asked.body['n']}"}
    hooks = {"preMap": hook("pre"), "postSubmit": hook("post")}
    house.import_("i1", oneToMany=True, pathToMany="lines", hooks=hooks)
    house.import_("i2", "/after")
    house.api.routes["/after"] = {}
    processor = into("i1", ("_json.id", "made"), hooks={"postResponseMap": hook("all")})
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[processor, into("i2")])

    house.go()

    assert house.api.bodies("/sink") == [{"n": 10}, {"n": 30}]
    many = {"oneToMany": True, "pathToMany": "lines"}
    lines = [{"n": 1, "made": "new-10"}, {"n": 2}, {"n": 3, "made": "new-30"}]
    assert house.api.bodies("/after") == [
        {"id": 1, "lines": lines, "told": [False, True, False], **many},
        {"id": 2, "lines": [], "told": [], **many},
    ]


def test_requests_keep_their_records_and_keys_whatever_a_hook_leaves_out(house: FlowHouse) -> None:
    house.script(SCRIPT, "const pre = ({ data }) => data.map((d) => (d.id === 1 || d.id > 4 ? {} : { data: d }));")
    house.api.routes["/items"] = numbered(5)
    house.api.routes["/sink"] = {}
    house.import_("i1", http={"batchSize": 2}, hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert house.api.bodies("/sink") == [[{"id": 2}], [{"id": 3}, {"id": 4}]]
    keys = [asked.headers["Idempotency-Key"].rpartition("/")[2] for asked in house.api.seen if asked.path == "/sink"]
    assert keys == ["0", "2"]
    assert house.counts(run)["s0"] == (3, 0, 2, 1)


def test_a_mapping_that_asks_for_a_lookup_goes_between_the_hooks(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """const pre = ({ data }) => data.map((d) => ({ data: { ...d, code: `c${d.id}` } }));
        const post = ({ postMapData }) => postMapData.map((data) => ({ data }));""",
    )
    lookups = [{"name": "byCode", "relativeURI": "/codes/{{record.code}}", "method": "GET", "extract": "name"}]
    mapped = [{"generate": "name", "dataType": "string", "extract": "$.code", "lookupName": "byCode"}]
    busy = [answer(503), answer(503)]
    house.api.routes["/codes"] = lambda asked: (
        busy.pop() if busy and asked.path.endswith("2") else {"name": f"name of {asked.path[7:]}"}
    )
    house.api.routes["/sink"] = {}
    house.import_("i1", mappings=mapped, lookups=lookups, hooks={"preMap": hook("pre"), "postMap": hook("post")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert house.errors_of("i1") == []
    assert house.api.bodies("/sink") == [{"name": f"name of c{n}"} for n in (1, 2, 3)]


# -- postResponseMap --------------------------------------------------------------------------------------------------


def test_post_response_map_sees_all_of_a_page_and_what_came_back(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """function merge({ postResponseMapData, responseData, _importId, oneToMany }) {
          const told = (r) => [r.statusCode, r.ignored, r.errors.length, r.id];
          return postResponseMapData.map((d, i) => ({ ...d, _importId, oneToMany, told: told(responseData[i]) }));
        }""",
    )
    house.api.routes["/sink"] = lambda asked: {"id": "n1"} if asked.body["id"] == 1 else answer(422, {"error": "used"})
    rules = ["notequals", ["extract", "id"], 3]
    house.import_("i1", filter={"type": "expression", "expression": {"version": "1", "rules": rules}})
    house.import_("i2", "/after")
    house.api.routes["/after"] = {}
    processor = into("i1", ("id", "made"), proceedOnFailure=True, hooks={"postResponseMap": hook("merge")})
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[processor, into("i2")])

    run = house.go()

    same = {"_importId": "i1", "oneToMany": False}
    assert house.api.bodies("/after") == [
        {"id": 1, "made": "n1", "told": [200, False, 0, "n1"], **same},
        {"id": 2, "told": [422, False, 1, None], **same},
        {"id": 3, "told": [200, True, 0, None], **same},
    ]
    assert house.counts(run)["s0"] == (1, 1, 1, 1)


def test_post_response_map_of_a_lookup_sees_what_was_found(house: FlowHouse) -> None:
    house.script(
        SCRIPT,
        """const first = ({ postResponseMapData, responseData, _exportId }) => postResponseMapData.map((d, i) => (
          { ...d, of: _exportId, name: responseData[i].data[0].name }));""",
    )
    house.export("l1", "/owners/{{record.id}}", isLookup=True)
    house.api.routes["/owners"] = lambda asked: [{"name": f"Owner {asked.path[8:]}"}]
    processor = lookup("l1", hooks={"postResponseMap": hook("first")})
    house.flow(pageGenerators=[generator("e1")], pageProcessors=[processor, into("i1")])

    house.go()

    assert house.api.bodies("/sink") == [{"id": n, "of": "l1", "name": f"Owner {n}"} for n in (1, 2, 3)]


# -- routers ----------------------------------------------------------------------------------------------------------


def routed(house: FlowHouse, content: str, to: str) -> None:
    house.script(SCRIPT, content)
    house.import_("i2", "/other")
    house.api.routes["/other"] = {}
    branches = [{"name": "ours", "pageProcessors": [into("i1")]}, {"name": "theirs", "pageProcessors": [into("i2")]}]
    router = {"id": "r", "routeRecordsUsing": "script", "script": hook("route"), "routeRecordsTo": to}
    house.flow(pageGenerators=[generator("e1")], routers=[{**router, "branches": branches}])


def test_a_script_chooses_branches_by_index_or_name(house: FlowHouse) -> None:
    routed(house, "const route = ({ record }) => [[0], ['theirs', 0], []][record.id - 1];", "all_matching_branches")

    run = house.go()

    assert (house.api.bodies("/sink"), house.api.bodies("/other")) == ([{"id": 1}, {"id": 2}], [{"id": 2}])
    assert house.counts(run)["g0"] == (3, 0, 1, 1)


def test_of_several_branches_the_first_is_taken_where_one_is_to_be(house: FlowHouse) -> None:
    routed(house, "const route = ({ record }) => [1, 0];", "first_matching_branch")

    house.go()

    assert (house.api.bodies("/sink"), house.api.bodies("/other")) == ([], numbered(3))


def test_a_record_that_a_router_cannot_place_fails_and_can_be_tried_again(house: FlowHouse) -> None:
    routed(
        house,
        "function route({ record: { id } }) { if (id === 1) throw new Error('lost'); return [id === 2 ? 7 : 0]; }",
        "first_matching_branch",
    )
    house.go()
    errors = house.errors_of("e1")
    assert told(errors) == [
        ("input_filter", "Error", "lost (line 1)", "1"),
        ("input_filter", "invalid_hook_response", "The router has no branch 7.", "2"),
    ]
    house.script(SCRIPT, "const route = () => [1];")

    house.go(retry={"step": "e1", "errors": [each.id for each in errors]})

    assert (house.api.bodies("/sink"), house.api.bodies("/other")) == ([{"id": 3}], [{"id": 1}, {"id": 2}])


# -- what cannot be called --------------------------------------------------------------------------------------------


def test_a_script_or_function_that_is_not_there_is_named(house: FlowHouse) -> None:
    house.script(SCRIPT, "const some = 1;")
    house.import_("i1", hooks={"preMap": hook("some")})
    house.import_("i2", "/other", hooks={"preMap": {"_scriptId": "6" * 24, "function": "f"}})
    house.flow(
        pageGenerators=[generator("e1")],
        pageProcessors=[into("i1", proceedOnFailure=True), into("i2", proceedOnFailure=True)],
    )

    house.go()

    missing = ("pre_map_hook", "function_not_found", f"The script {SCRIPT} has no function 'some'.")
    unknown = ("pre_map_hook", "script_not_found", f"The script {'6' * 24} does not exist.")
    assert {each[:3] for each in told(house.errors_of("i1"))} == {missing}
    assert {each[:3] for each in told(house.errors_of("i2"))} == {unknown}


@pytest.mark.parametrize(
    "content",
    [
        "export function pre({ data }) { return data.map((d) => ({ data: d })); }",
        "import dayjs from 'dayjs';\n"
        "const pre = ({ data }) => data.map((d) => ({ data: { id: dayjs(0).unix() + d.id } }));",
        "exports.pre = async ({ data }) => data.map((d) => ({ data: d }));",
        "module.exports = { pre: ({ data }) => data.map((d) => ({ data: d })) };",
        "var total = 0;\n"
        "function pre({ data }) { for (i = 0; i < 3; i++) total += i; return data.map((d) => ({ data: d })); }",
    ],
)
def test_functions_are_found_however_a_script_is_written(house: FlowHouse, content: str) -> None:
    house.script(SCRIPT, content)
    house.import_("i1", hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")

    house.go()

    assert house.errors_of("i1") == []
    assert house.api.bodies("/sink") == numbered(3)


LIMITS = {
    "a loop": ("for (;;);", "CpuLimitExceeded"),
    "memory": ("const all = []; for (;;) all.push(new Array(1e6).fill(1.5));", "MemoryLimitExceeded"),
    "output": ("return [{ data: 'x'.repeat(5e6) }];", "ValueTooLargeError"),
    "waiting": ("return new Promise(() => {});", "DeadlockError"),
    "network": ("return fetch('https://depot.example/');", "FetchLimitExceeded"),
    "a bent runtime": (
        "JSON.stringify = () => '[]'; Array.prototype.push = () => 0; return [];",
        "invalid_hook_response",
    ),
    "no JSON": ("const a = {}; a.a = a; return [{ data: a }];", "TypeError"),
}


@pytest.mark.parametrize("limit", sorted(LIMITS))
def test_limits_of_the_sandbox_are_errors_of_the_page(
    house: FlowHouse, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, name = LIMITS[limit]
    if limit == "a loop":
        monkeypatch.setattr(script_program, "CPU_SECONDS", 0.5)
    house.script(SCRIPT, f"async function pre(options) {{ {code} }}")
    house.api.routes["/items"] = numbered(1)
    house.import_("i1", hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    assert run.status is RunStatus.SUCCEEDED
    assert [(each.source, each.code) for each in house.errors_of("i1")] == [("pre_map_hook", name)]


def test_what_a_script_logs_is_logged_with_the_step(house: FlowHouse) -> None:
    house.script(
        SCRIPT, "const pre = ({ data }) => { console.warn('so many:', data.length); return data.map(() => ({})); };"
    )
    house.import_("i1", hooks={"preMap": hook("pre")})
    house.flow(_exportId="e1", _importId="i1")

    run = house.go()

    outcomes, _ = house.runs.steps(run.id, after=None, limit=100)
    lines = [(line.level, line.message) for outcome in outcomes for line in outcome.logs]
    assert lines == [("warning", "so many: 3")]
