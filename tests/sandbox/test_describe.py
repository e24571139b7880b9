"""What a component says of itself: forms of modules, props, and errors with their place."""

# ruff: noqa: E501 - lines of JavaScript are as long as they are

from __future__ import annotations

import pytest

from chalicelib.domain.javascript import Bundle, CodeError
from tests.sandbox.house import House

INTAKE = """
module.exports = {
  key: "acme-intake", name: "Intake", version: "0.0.3",
  props: { hook: { type: "$.interface.http", customResponse: true }, store: "$.service.db" },
  async run(event) {
    const seen = this.store.get("seen") ?? 0;
    this.store.set("seen", seen + 1);
    this.hook.respond({ status: "202", headers: { "x-count": String(seen + 1) }, body: { ok: true } });
    this.$emit(event.body, { summary: `${event.method} ${event.path}`, ts: Date.now() });
  },
};
"""
NEW_ITEM = """
import { axios } from "@pipedream/platform";
const app = { type: "app", app: "acme",
  propDefinitions: { feed: { type: "string", label: "Feed", description: "Feed to read" } },
  methods: { base() { return "https://api.acme.example"; },
    async list($, feed) {
      return axios($, { url: `${this.base()}/${feed}`, headers: { authorization: `Bearer ${this.$auth.api_key}` } });
    } } };
const common = {
  props: { app, db: "$.service.db", timer: { type: "$.interface.timer", default: { intervalSeconds: 60 * 15 } } },
  methods: { emitAll(items) {
    for (const i of items) this.$emit(i, { id: i.id, summary: i.title, ts: Date.parse(i.at) });
  } } };
export default { ...common, key: "acme-new-item", name: "New Item", description: "Emit new item", version: "0.1.0",
  type: "source", dedupe: "unique",
  props: { ...common.props, feed: { propDefinition: [app, "feed"], optional: true, default: "news" } },
  hooks: { async deploy() { this.emitAll((await this.app.list(this, this.feed)).slice(-25)); },
    async activate() { this.db.set("on", true); }, async deactivate() { this.db.set("on", false); } },
  async run() { this.emitAll(await this.app.list(this, this.feed)); } };
"""


def test_a_commonjs_component_with_shorthand_props_is_described(js: House) -> None:
    found = js.describe(INTAKE)

    assert (found.kind, found.key, found.name, found.version, found.type) == (
        "component", "acme-intake", "Intake", "0.0.3", "source",
    )  # fmt: skip
    assert found.configurable_props == (
        {"name": "hook", "type": "$.interface.http", "customResponse": True},
        {"name": "store", "type": "$.service.db"},
    )
    assert found.has == {"run"}


def test_a_module_with_an_app_and_spread_common_parts_is_described(js: House) -> None:
    found = js.describe(NEW_ITEM)

    assert found.dedupe == "unique"
    assert found.configurable_props == (
        {"name": "app", "type": "app", "app": "acme"},
        {"name": "db", "type": "$.service.db"},
        {"name": "timer", "type": "$.interface.timer", "default": {"intervalSeconds": 900}},
        {
            "name": "feed", "type": "string", "label": "Feed", "description": "Feed to read",
            "optional": True, "default": "news",
        },
    )  # fmt: skip
    assert found.has == {"run", "deploy", "activate", "deactivate", "methods"}
    assert found.missing_modules == ()


def test_the_order_of_props_is_that_of_their_definition_whatever_their_members_order(js: House) -> None:
    found = js.describe(
        """const a = { zeta: "string", alpha: { type: "integer" } };
        export default { props: { last: "boolean", ...a, zeta: { type: "string", label: "Z" } } }"""
    )

    assert [prop["name"] for prop in found.configurable_props] == ["last", "zeta", "alpha"]


def test_options_are_kept_as_lists_and_announced_as_functions(js: House) -> None:
    found = js.describe(
        """export default { props: {
          fixed: { type: "string", options: ["a", { label: "B", value: "b" }] },
          remote: { type: "string[]", async options({ page }) { return [] }, validate() {}, reloadProps: true, min: 1 },
        } }"""
    )

    assert found.configurable_props == (
        {"name": "fixed", "type": "string", "options": ["a", {"label": "B", "value": "b"}]},
        {"name": "remote", "type": "string[]", "remoteOptions": True, "reloadProps": True, "min": 1},
    )


FORMS = {
    "cjs with __esModule": "exports.__esModule = true; exports.default = { name: 'N' }",
    "comments and strings with export": "// export default 1\nconst s = 'import x from y'; module.exports = { name: 'N' }",
    "define": "import { defineSource } from '@pipedream/types'; export default defineSource({ name: 'N' })",
    "dynamic import is no form": "const later = () => import('axios'); module.exports = { name: 'N' }",
    "export as": "const name = { name: 'N' }; export { name as default }",
    "expression": "const common = { name: 'x' }; export default { ...common, name: `${'N'}` }",
    "hashbang": "#!/usr/bin/env node\nexport default { name: 'N' }",
    "byte order mark": "\ufeffexport default { name: 'N' }",
    "identifier": "const it = { name: 'N' }; export default it",
    "duplicate keys": "export default { name: 'M', name: 'N' }",
    "modern": """class A { #x = 'N'; static { A.made = 1 } get x() { return this.#x } }
      const { x: name } = new A(); const r = /(?<year>\\d+)(?<=x)/u; const big = 10n ** 20n;
      async function* walk() { for await (const a of [1]) yield a }
      export default { name: name ?? 'M', version: null?.deep.er, async *run() { yield* walk() } }""",
}


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_of_module_loads(js: House, form: str) -> None:
    assert js.describe(FORMS[form]).name == "N"


def test_files_import_each_other_with_and_without_extensions_and_in_cycles(js: House) -> None:
    found = js.describe(
        {
            "a/sources/new/new.mjs": """
              import app, { helper } from "../../app.mjs";
              import common from "../common/common";
              import data from "./data.json" with { type: "json" };
              import * as all from "../common/more.js";
              export default { ...common, name: helper(data.name) + all.one(), props: { app } }""",
            "a/app.mjs": """import { shown } from "./sources/common/more.js";
              export function helper(x) { return shown(x) }
              export default { type: "app", app: "acme" }""",
            "a/sources/common/common.mjs": 'export default { version: "1", ...(await_ => ({}))() }',
            "a/sources/common/more.js": """import { helper } from "../../app.mjs";
              export const one = () => typeof helper; export const shown = (x) => `<${x}>`""",
            "a/sources/new/data.json": '{"name": "N"}',
        }
    )

    assert (found.name, found.version) == ("<N>function", "1")


def test_typescript_loads_with_what_erases_and_with_enums(js: House) -> None:
    found = js.describe(
        {
            "source.ts": """import { defineSource, type JSONValue } from "@pipedream/types";
              import rss from "../app/rss.app";
              import type { Item } from "./types";
              enum Kind { First = "f", Second = "s" }
              interface Shape<T> { list: T[] }
              abstract class Base { constructor(protected readonly kind: Kind) {} }
              const one = { name: "N" as string } satisfies { name: string };
              const listed = <T,>(x: T): T[] => [x]!;
              export default defineSource({ ...one, version: Kind.Second, key: listed<string>("k")[0], props: { rss },
                async run(this: any, event: Shape<Item>): Promise<void> { const x = <any>event; this.$emit(x as JSONValue) },
              });""",
            "../app/rss.app.ts": 'export default { type: "app", app: "rss" } as const',
        }
    )

    assert (found.name, found.version, found.key) == ("N", "s", "k")
    assert found.configurable_props == ({"name": "rss", "type": "app", "app": "rss"},)


def test_unknown_packages_are_listed_and_do_not_keep_a_component_from_being_described(js: House) -> None:
    found = js.describe(
        """import Vendor, { Client, constants } from "vendor-sdk@1.2.3";
        import * as pg from "pg";
        const fs = require("fs");
        class Mine extends Client { }
        const made = new Vendor({ a: `${constants.X}` });
        export default { name: "N", description: String(made.connect().then ?? "d"), props: { x: made.prop } }"""
    )

    assert found.name == "N"
    assert found.missing_modules == ("pg", "vendor-sdk")
    assert found.configurable_props == ({"name": "x", "type": "any"},)


def test_an_app_that_is_a_package_of_its_own_is_an_app_prop_nonetheless(js: House) -> None:
    found = js.describe(
        """import acme from "@pipedream/acme";
        export default { props: { acme, item: { propDefinition: [acme, "item"], label: "Item" } } }"""
    )

    assert found.configurable_props == (
        {"name": "acme", "type": "app", "app": "acme"},
        {"name": "item", "label": "Item"},
    )
    assert found.missing_modules == ("@pipedream/acme",)


def test_the_compiled_bundle_is_described_the_same(js: House) -> None:
    found = js.describe(NEW_ITEM)

    again = js.runner.describe(found.compiled)

    assert found.compiled.compiled
    assert (again.configurable_props, again.key) == (found.configurable_props, found.key)
    assert again.compiled == found.compiled


def test_a_bare_function_is_described_as_one(js: House) -> None:
    assert js.describe("export default async ({ input }) => input").kind == "function"


def test_nothing_of_the_component_is_called(js: House) -> None:
    found = js.describe(
        """const no = () => { throw new Error("called") };
        export default { name: "N", run: no, hooks: { deploy: no }, methods: { no }, additionalProps: no,
          props: { a: { type: "string", options: no } } }"""
    )

    assert found.has == {"run", "deploy", "additionalProps", "methods"}


WRONG = {
    "syntax": ("export default {\n  name: 'x',\n  run( {}\n}", "component.js", 4),
    "syntax in commonjs": ("\nmodule.exports = { a: 1 b: 2 }", "component.js", 2),
    "early end of a function": ("module.exports = {};\n}); ({", "component.js", 2),
    "thrown while loading": ("const a = 1;\n\nthrow new TypeError('no');", "component.js", 3),
    "undefined member": ("const a = undefined;\nexport default { name: a.b }", "component.js", 2),
    "relative import": ("import a from './missing.mjs';\nexport default a", "component.js", 1),
    "unknown dedupe": ("export default { dedupe: 'sometimes' }", None, None),
    "no object": ("export default 42", None, None),
    "nothing exported by default": ("export const a = 1", None, None),
    "endless while loading": ("while (true) {}", None, None),
    "network while loading": (
        "await_();\nfunction await_() { return fetch('https://a.example').x.y }",
        "component.js",
        2,
    ),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_code_that_does_not_load_is_refused_with_its_place(js: House, case: str) -> None:
    code, file, line = WRONG[case]

    with pytest.raises(CodeError) as caught:
        js.describe(code)

    assert (caught.value.file, caught.value.line) == (file, line), caught.value.message


def test_an_error_in_an_imported_file_names_that_file(js: House) -> None:
    with pytest.raises(CodeError, match=r"boom \(lib/b\.mjs:3\)") as caught:
        js.describe(
            {
                "a.mjs": 'import { b } from "./lib/b.mjs";\nexport default { name: b() }',
                "lib/b.mjs": "export function b() {\n  // here\n  throw new Error('boom');\n}",
            }
        )

    assert "/work" not in caught.value.message


def test_bundles_have_bounds(js: House) -> None:
    with pytest.raises(CodeError, match="64 files"):
        js.runner.describe(Bundle("f0.js", {f"f{number}.js": "" for number in range(65)}))
    with pytest.raises(CodeError, match="larger"):
        js.describe("//" + "x" * 5_000_000)
    with pytest.raises(CodeError, match="entry"):
        js.runner.describe(Bundle("a.js", {"b.js": ""}))


def test_imports_of_files_that_are_not_there_are_found_without_running_anything(js: House) -> None:
    found = js.runner.missing_files(
        Bundle(
            "c/acme/sources/new/new.mjs",
            {
                "c/acme/sources/new/new.mjs": """import app from "../../acme.app.mjs"; import "./side.js";
                  import { a } from '../common/common'; export * from "./more.mjs"; import axios from "axios";
                  const later = () => import("./later.mjs"); const text = "from './no.mjs'"; // import x from "./nor.mjs"
                  throw new Error("never run")""",
                "c/acme/sources/new/more.mjs": "const x = require('./data.json'); module.exports = { require: y => y('./x') }",
            },
        )
    )

    assert [(one.specifier, one.candidates[0]) for one in found] == [
        ("../../acme.app.mjs", "c/acme/acme.app.mjs"),
        ("./side.js", "c/acme/sources/new/side.js"),
        ("../common/common", "c/acme/sources/common/common.mjs"),
        ("./later.mjs", "c/acme/sources/new/later.mjs"),
        ("./data.json", "c/acme/sources/new/data.json"),
    ]
    assert found[1].candidates == ("c/acme/sources/new/side.js", "c/acme/sources/new/side.ts")
    assert found[4].importer == "c/acme/sources/new/more.mjs"


def test_typescript_looks_for_typescript_first(js: House) -> None:
    (found,) = js.runner.missing_files(Bundle("a/b.ts", {"a/b.ts": 'import x from "../app/rss.app"; export default x'}))

    assert found.candidates[:2] == ("app/rss.app.ts", "app/rss.app.mjs")


def test_invalid_json_is_refused_with_its_file(js: House) -> None:
    with pytest.raises(CodeError, match=r"data\.json"):
        js.describe({"a.mjs": "import d from './data.json'; export default d", "data.json": "{"})
