// Checks of the console's modules that need no browser: node checks.mjs <directory of the modules>
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const modules = pathToFileURL(`${process.argv[2]}/`);
const element = () => ({ getContext: () => ({}), setAttribute() {} });
globalThis.document = { createElement: element, createElementNS: element, hidden: false };
Object.defineProperty(globalThis, "navigator", { value: { languages: ["en-US", "de-AT"] } });
const { layout } = await import(new URL("core/layout.js", modules));
const { pathOf } = await import(new URL("core/graph.js", modules));
const { addTexts, ago, duration, setLanguage, t, word } = await import(new URL("core/i18n.js", modules));
const { poll, whenStale } = await import(new URL("core/api.js", modules));
const { errorText } = await import(new URL("core/widgets.js", modules));

const graph = (ids, edges, bodies = {}) => ({
  nodes: ids.map((id) => ({ id, name: id, type: "noop", ...(bodies[id] ? { bodies: bodies[id] } : {}) })),
  edges: edges.map(([source, target, port]) => ({ source, target, ...(port ? { port } : {}) })),
});
const INNER = graph(["a", "b"], [["a", "b"]]);
const GRAPHS = {
  nothing: graph([], []),
  single: graph(["x"], []),
  diamond: graph(["s", "l", "r", "e"], [["s", "l", "true"], ["s", "r", "false"], ["l", "e"], ["r", "e"]]),
  long: graph(["s", "m", "n", "e"], [["s", "m"], ["m", "n"], ["n", "e"], ["s", "e"]]),
  apart: graph(["a", "b", "c"], [["a", "b"]]),
  nested: graph(["s", "each", "e"], [["s", "each"], ["each", "e"]], { each: { body: graph(["f"], [], { f: { north: INNER, south: INNER } }) } }),
  cycle: graph(["a", "b"], [["a", "b"], ["b", "a"]]),
  wide: graph(["s", ...Array.from({ length: 30 }, (_, i) => `n${i}`)], Array.from({ length: 30 }, (_, i) => ["s", `n${i}`])),
};

const within = (inner, outer) => inner.x >= outer.x && inner.y >= outer.y && inner.x + inner.width <= outer.x + outer.width && inner.y + inner.height <= outer.y + outer.height;
const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const outer = (path) => path.slice(0, path.lastIndexOf("/") + 1);

const checks = {
  "nodes beside each other do not overlap, and those of bodies lie in their container"() {
    for (const [name, each] of Object.entries(GRAPHS)) for (const across of [true, false]) {
      const plan = layout(each, across);
      for (const one of plan.nodes) {
        assert.ok(within(one, { x: 0, y: 0, width: plan.width, height: plan.height }), `${name}: ${one.path} is outside`);
        for (const other of plan.nodes) if (one !== other && outer(one.path) === outer(other.path)) assert.ok(!overlap(one, other), `${name}: ${one.path} overlaps ${other.path}`);
        const container = plan.nodes.find(({ path }) => one.path.startsWith(`${path}.`) && one.depth === plan.nodes.find((each) => each.path === path).depth + 1);
        if (one.depth) assert.ok(within(one, container), `${name}: ${one.path} is outside of its container`);
      }
    }
  },
  "edges lead forwards, and past the nodes between"() {
    for (const across of [true, false]) {
      const plan = layout(GRAPHS.long, across);
      for (const { points } of plan.edges) {
        const along = points.map((point) => point[across ? 0 : 1]);
        assert.deepEqual(along, [...along].sort((a, b) => a - b));
      }
      const passing = plan.edges.find(({ edge }) => edge.source === "s" && edge.target === "e");
      for (const [x, y] of passing.points.slice(1, -1)) assert.ok(!plan.nodes.some((node) => x > node.x && x < node.x + node.width && y > node.y && y < node.y + node.height));
    }
  },
  "nodes come in an order in which they may run"() {
    const paths = layout(GRAPHS.nested, false).nodes.map(({ path }) => path);
    assert.deepEqual(paths, ["s", "each", "each.body/f", "each.body/f.north/a", "each.body/f.north/b", "each.body/f.south/a", "each.body/f.south/b", "e"]);
  },
  "a step's key leads to the node that is drawn"() {
    assert.equal(pathOf("fetch"), "fetch");
    assert.equal(pathOf("fetch@2"), "fetch");
    assert.equal(pathOf("each@1.3/fetch"), "each.body/fetch");
    assert.equal(pathOf("outer.2/inner.0/x"), "outer.body/inner.body/x");
    assert.equal(pathOf("sites.north/a%20b"), "sites.north/a b");
    assert.equal(pathOf("sites.1/a", (path) => path === "sites.1/a"), "sites.1/a");
    assert.equal(pathOf("a%2Fb"), "a/b");
  },
  "texts are found by their keys, counted, and filled in"() {
    addTexts({ x: { "": ["X", "IX"], n: { one: ["{n} thing", "{n} Ding"], other: ["{n} things", "{n} Dinge"] } } });
    setLanguage("en");
    assert.deepEqual([t("x"), t("x.n", { n: 1 }), t("x.n", { n: 1200 }), t("x.unknown"), word("x", "y")], ["X", "1 thing", "1,200 things", "x.unknown", "y"]);
    setLanguage("de");
    assert.deepEqual([t("x"), t("x.n", { n: 0 })], ["IX", "0 Dinge"]);
    assert.equal(t("x.n", { n: "<b>" }), "<b> Dinge");
  },
  "times are said in the units that matter"() {
    setLanguage("en");
    assert.deepEqual([null, 0, 999, 1500, 61_000, 3_700_000, 90_000_000].map(duration), ["–", "0 ms", "999 ms", "1.5 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    assert.deepEqual([ago(1_000_000, 1_000_000), ago(0, 59_000), ago(0, 7_200_000), ago(60_000, 0)], ["now", "59 seconds ago", "2 hours ago", "in 1 minute"]);
  },
  async "a poll ends when it is told to, says that the server fails and goes on, and stops at refusals"() {
    const { signal } = new AbortController();
    const fast = { fastest: 1, slowest: 2 };
    const told = [];
    whenStale((error) => told.push(error.message));
    let looks = 0;
    await poll(async () => {
      looks += 1;
      if (looks === 1) throw Object.assign(new Error("busy"), { status: 503 });
      return looks < 3 ? "same" : false;
    }, signal, fast);
    assert.equal(looks, 3);
    assert.deepEqual(told, ["busy"]);
    await assert.rejects(poll(async () => { throw Object.assign(new Error("no"), { status: 403 }); }, signal, fast), /no/);
    const leaving = new AbortController();
    const left = poll(async () => { leaving.abort(); return "same"; }, leaving.signal, fast);
    await assert.rejects(left, { name: "AbortError" });
  },
  "what goes wrong is said in our words, or in its own, and never not at all"() {
    addTexts({ error: { FORBIDDEN: ["Not allowed.", "Nicht erlaubt."], KNOWN: ["Known.", "Bekannt."], unknown: ["Oh.", "Oh."] } });
    setLanguage("en");
    const said = (members, message = "") => errorText(Object.assign(new Error(message), members));
    assert.equal(said({}, "a defect"), "a defect");
    assert.equal(said({}), "Oh.");
    assert.equal(said({ code: "KNOWN" }, "bekannt"), "Known.");
    assert.equal(said({ code: "HTTP_500", status: 500 }, "strange"), "strange");
    assert.equal(said({ code: "HTTP_403", status: 403 }, "forbidden"), "Not allowed.");
    assert.equal(said({ code: "HTTP_403", status: 403 }, "lacks 'pins:read'"), "Not allowed. (lacks 'pins:read')");
  },
};

let passed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    passed += 1;
  } catch (error) {
    console.error(`${name}:\n${error.stack}`);
  }
}
console.log(JSON.stringify({ passed, of: Object.keys(checks).length }));
process.exitCode = passed === Object.keys(checks).length ? 0 : 1;
