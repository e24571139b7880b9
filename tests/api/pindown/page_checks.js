"use strict";
// Checks of the page's script: node page_checks.js <page.js>. Runs it over a document of a few lines.

const assert = require("node:assert/strict");
const Pin = require(process.argv[2]);

class Element {
  constructor(name) {
    Object.assign(this, { name, children: [], attributes: {}, className: "", hidden: false, value: "", listeners: {} });
  }
  get textContent() { return this.children.map((child) => (child instanceof Element ? child.textContent : child)).join(""); }
  set textContent(text) { this.children = text === "" ? [] : [String(text)]; }
  set id(id) { this.attributes.id = id; }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  getAttribute(name) { return this.attributes[name] ?? null; }
  append(...children) { for (const child of children) { if (child instanceof Element) child.parent = this; this.children.push(child); } }
  replaceChildren(...children) { this.children = []; this.append(...children); }
  remove() { this.parent.children = this.parent.children.filter((child) => child !== this); }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  focus() { Element.focused = this; }
  find(name) {
    return this.children.flatMap((child) => (child instanceof Element ? [...(child.name === name ? [child] : []), ...child.find(name)] : []));
  }
}

function world(answers, { key = "", path = "/pins/p-1" } = {}) {
  const elements = new Map();
  const timers = [];
  const stored = new Map(key ? [["penstock-pin-key", key]] : []);
  const asked = [];
  const document = {
    visibilityState: "visible",
    getElementById: (id) => elements.get(id) || elements.set(id, new Element(id)).get(id),
    createElement: (name) => new Element(name),
    createElementNS: (_, name) => new Element(name),
    querySelectorAll: (name) => document.getElementById("workflows").find(name),
    addEventListener() {},
  };
  const window = {
    document,
    location: { pathname: path },
    sessionStorage: { getItem: (name) => stored.get(name) ?? null, setItem: (n, v) => stored.set(n, v), removeItem: (n) => stored.delete(n) },
    setInterval() {},
    clearTimeout() { timers.length = 0; },
    setTimeout(action, pause) { timers.push({ action, pause }); return timers.length; },
    async fetch(url, { headers }) {
      asked.push({ url, headers });
      const answer = answers.shift();
      if (!answer) throw new Error("no network");
      return { ok: answer.status === 200, status: answer.status, headers: new Map([["retry-after", answer.after]]), json: async () => answer.body };
    },
  };
  return { page: new Pin.Page(window), document, get: document.getElementById, timers, asked, stored };
}

function answered(...workflows) {
  const pin = { id: "p-1", metadata: { title: "Lager", description: "", tags: ["a"] } };
  return { status: 200, body: { data: { pin, workflows, total: workflows.length } } };
}

function workflow(id, version, fields, series = {}) {
  return { id, version, updated_at: "2026-11-02T09:30:00.000Z", fields: Object.entries(fields), fields_total: Object.keys(fields).length, series };
}

const checks = {
  "an address names the pin and what stands before the API"() {
    assert.deepEqual(Pin.placeOf("/pins/p-1"), { base: "", pinId: "p-1" });
    assert.deepEqual(Pin.placeOf("/api/pins/a%20b/"), { base: "/api", pinId: "a b" });
    assert.deepEqual(Pin.placeOf("/pins/%zz"), { base: "", pinId: "%zz" });
  },
  "with a key the API is asked by it, without one as anybody"() {
    const place = { base: "/x", pinId: "a/b" };
    assert.deepEqual(Pin.requestFor(place, "k", true), { url: "/x/api/pins/a%2Fb/overview?series=true", headers: { Authorization: "Bearer k" } });
    assert.deepEqual(Pin.requestFor(place, "", false), { url: "/x/api/public/pins/a%2Fb/overview", headers: {} });
  },
  "a status has a colour if it is one of the usual"() {
    const kind = (status) => Pin.statusOf([["status", status]])?.kind;
    assert.deepEqual(["completed", "FAILED", " running ", "pending", "odd", "", 7].map(kind), ["good", "bad", "busy", "idle", "other", undefined, undefined]);
    assert.equal(kind("constructor"), "other");
  },
  "progress is a share of a hundred"() {
    const of = (value) => Pin.progressOf([["progress", value]]);
    assert.deepEqual([40, "75%", " 12.5 ", -3, 250, "much", null, true, {}].map(of), [40, 75, 12.5, 0, 100, null, null, null, null]);
    assert.equal(Pin.progressOf([]), null);
  },
  "numbers are readable whatever their size"() {
    assert.deepEqual([-0, 1e15 - 1].map(Pin.format), ["0", "999,999,999,999,999"]);
    assert.deepEqual([1247, 23.5, 0, -0.5, 1e21, 1e-9, 123456.789].map(Pin.format), ["1,247", "23.5", "0", "-0.5", "1.000e+21", "1.000e-9", "123,456.79"]);
    assert.deepEqual([null, true, "", "x"].map(Pin.format), ["–", "yes", "(empty)", "x"]);
  },
  "a sparkline lies within its box, also where nothing changes"() {
    assert.equal(Pin.sparkline([[1, 5]], 100, 30), null);
    assert.equal(Pin.sparkline([[1, 0], [3, 10], [5, 5]], 100, 30).line, "M0 30L50 0L100 15");
    assert.equal(Pin.sparkline([[1, 5], [2, 5]], 100, 30).line, "M0 15L100 15");
    assert.ok(!/NaN|Infinity/.test(Pin.sparkline([[1, -1e300], [2, 1e300]], 100, 30).line));
  },
  "a sparkline is said in words"() {
    assert.equal(Pin.describe("cpu", [[1, 3], [2, 9], [3, 6]]), "cpu: up from 3 to 6 over 3 updates, lowest 3, highest 9");
  },
  "series go on with each new version"() {
    const first = Pin.merge(new Map(), [workflow("w", 3, { n: 1 }, { n: [[2, 0], [3, 1]] })]);
    const second = Pin.merge(first, [workflow("w", 4, { n: 5, m: 2 })]);
    assert.deepEqual(second.get("w").series, { n: [[2, 0], [3, 1], [4, 5]] });
    assert.deepEqual(Pin.merge(second, [workflow("w", 5, { m: 3 })]).get("w").series, { m: [[4, 2], [5, 3]] });
    assert.equal(Pin.needsSeries(second, [workflow("w", 5, {})]), false);
    assert.equal(Pin.needsSeries(second, [workflow("w", 6, {})]), true);
    assert.equal(Pin.needsSeries(second, [workflow("new", 1, {})]), false);
  },
  "names that every object inherits are names like others"() {
    const names = ["constructor", "__proto__", "__defineGetter__", "hasOwnProperty", "length"];
    const numbered = (n) => Object.fromEntries(names.map((name) => [name, n]));
    const first = Pin.merge(new Map(), [workflow("__proto__", 1, numbered(1))]);
    const second = Pin.merge(first, [workflow("__proto__", 2, numbered(2))]);
    const third = Pin.merge(second, [workflow("__proto__", 3, numbered(4))]);
    assert.deepEqual(Object.entries(third.get("__proto__").series), names.map((name) => [name, [[1, 1], [2, 2], [3, 4]]]));
    const { document } = world([]);
    for (const merged of [first, third]) {
      const card = Pin.drawWorkflow(document, merged.get("__proto__"), "id").at(-1);
      assert.equal(card.find("svg").length, merged === first ? 0 : names.length);
    }
  },
  "only changes of status are said aloud"() {
    const known = Pin.merge(new Map(), [workflow("a", 1, { status: "running" }), workflow("b", 1, { status: "x", n: 1 })]);
    const fresh = Pin.merge(known, [workflow("a", 2, { status: "failed" }), workflow("b", 2, { status: "x", n: 2 }), workflow("c", 1, { status: "new" })]);
    assert.equal(Pin.changesOf(known, fresh), "a: failed");
  },
  "pauses grow with failures and heed the API's wish"() {
    assert.deepEqual([0, 1, 3, 50].map((failures) => Pin.pauseAfter(failures, null)), [10000, 20000, 80000, 300000]);
    assert.deepEqual(["30", "1", "99999"].map((wish) => Pin.pauseAfter(1, wish)), [30000, 10000, 3600000]);
  },
  async "it shows a pin and comes back for more"() {
    const hostile = "<img src=x onerror=alert(1)>";
    const { page, get, timers, asked } = world([answered(workflow("w", 1, { status: "running", progress: 40, [hostile]: hostile }), workflow("v", 2, { n: 2 }, { n: [[1, 1], [2, 2]] }))]);
    await page.start();
    assert.equal(get("title").textContent, "Lager");
    const [card, other] = get("workflows").find("article");
    assert.deepEqual(card.find("h2").map((h) => h.textContent), ["w"]);
    assert.deepEqual(card.find("progress").map((p) => p.attributes.value), ["40"]);
    assert.deepEqual(card.find("dt").map((dt) => dt.textContent), [hostile]);
    assert.equal(card.find("img").length, 0);
    assert.match(other.find("svg")[0].attributes["aria-label"], /^n: up from 1 to 2/);
    assert.deepEqual([asked.length, asked[0].url, timers.length, timers[0].pause], [1, "/api/public/pins/p-1/overview?series=true", 1, 10000]);
  },
  async "it asks for a key, keeps it in the tab and forgets it"() {
    const { page, get, asked, stored } = world([{ status: 404 }, answered(workflow("w", 1, { n: 1 })), { status: 404 }]);
    await page.start();
    assert.deepEqual([get("access").hidden, get("notice").hidden], [false, false]);
    await page.useKey("secret");
    assert.deepEqual([get("access").hidden, get("forget").hidden, stored.get("penstock-pin-key")], [true, false, "secret"]);
    assert.deepEqual(asked[1].headers, { Authorization: "Bearer secret" });
    assert.deepEqual([Element.focused, page.document.title], [get("workflows"), "Lager"]);
    await page.useKey("");
    assert.deepEqual([stored.size, get("workflows").find("article").length, get("title").textContent], [0, 0, "Pin"]);
    assert.deepEqual([Element.focused, page.document.title], [get("key"), "Pin"]);
  },
  async "a key that is refused is not tried again and again"() {
    const { page, get, timers } = world([{ status: 401 }], { key: "wrong" });
    await page.start();
    assert.equal(timers.length, 0);
    assert.match(get("notice").textContent, /not valid/);
  },
  async "what it shows stays while the network is away"() {
    const { page, get, timers } = world([answered(workflow("w", 1, { n: 1 }))]);
    await page.start();
    await page.refresh();
    assert.equal(get("workflows").find("article").length, 1);
    assert.deepEqual([get("notice").hidden, get("access").hidden, timers[timers.length - 1].pause], [false, true, 20000]);
  },
  async "paused, it asks no more"() {
    const { page, timers, get } = world([answered()]);
    await page.start();
    page.setPaused(true);
    assert.deepEqual([timers.length, get("pause").attributes["aria-pressed"], get("empty").hidden], [0, "true", false]);
    page.readAt = null;
    page.showTimes();
    assert.equal(get("freshness").textContent, "paused");
  },
};

(async () => {
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
})();
