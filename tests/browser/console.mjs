// Drives the console in headless Chromium: node console.mjs <base url> <what there is, as JSON> <key> <out dir>
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { assertAccessible, assertFits, launch, newPage } from "./chromium.mjs";

const [base, sceneText, key, out] = process.argv.slice(2);
const scene = JSON.parse(sceneText);
const problems = [];
const browser = await launch();

const MODES = {
  light: { colorScheme: "light", locale: "en-GB" },
  dark: { colorScheme: "dark", locale: "de-AT" },
  phone: { size: "phone", colorScheme: "light", locale: "de-AT", hasTouch: true },
};
const VIEWS = {
  overview: ["#/overview", ".chart"],
  workflows: ["#/workflows", "tbody tr"],
  workflow: [`#/workflows/${scene.order}`, ".graph .node"],
  "workflow-runs": [`#/workflows/${scene.order}?tab=runs`, "tbody tr"],
  "workflow-twinit": [`#/workflows/${scene.meter}`, ".graph .node"],
  runs: ["#/runs", "tbody tr"],
  "run-failed": [`#/runs/${scene.failed}?step=stock`, ".attempt"],
  "run-waiting": [`#/runs/${scene.waiting}`, ".answer"],
  "run-succeeded": [`#/runs/${scene.succeeded}`, ".timeline li"],
  "workflow-nested": [`#/workflows/${scene.nested}`, ".graph .node"],
  "run-nested": [`#/runs/${scene.nested_run}`, ".timeline li"],
  "run-hostile": [`#/runs/${scene.hostile_run}?step=x`, ".attempt"],
};

async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

async function open(hash, options = {}) {
  const page = await newPage(browser, base, problems, { ...MODES.light, ...options });
  await page.goto(`${base}/console${hash}`);
  return page;
}

async function enter(page) {
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("#nav", { state: "attached" });
}

async function check(page, name) {
  await page.evaluate(() => window.scrollTo(0, 0));
  await assertFits(page, name);
  await page.screenshot({ path: `${out}/console-${name}.png`, fullPage: true });
  await assertAccessible(page, name);
}

const heading = (page) => page.textContent("main h1");

// Every view in every mode: it fits, and everybody can use it.
for (const [mode, options] of Object.entries(MODES)) {
  const page = await open("#/overview", options);
  await page.waitForSelector("#key");
  await check(page, `sign-in-${mode}`);
  await enter(page);
  for (const [name, [hash, ready]] of Object.entries(VIEWS)) {
    await page.goto(`${base}/console${hash}`);
    await page.waitForSelector(ready);
    await check(page, `${name}-${mode}`);
  }
  assert.equal(await page.locator("img, b, script:not([src])").count(), 0, "data became elements");
  await page.context().close();
}

// A deep link survives signing in; a key that is wrong, and one that ceases to be valid, lead back to the form.
{
  const page = await open(`#/runs/${scene.failed}?step=stock`);
  await page.fill("#key", "ключ");
  await page.keyboard.press("Enter");
  await page.locator(".problem", { hasText: "not valid" }).waitFor();
  await page.fill("#key", "nonsense-key");
  await page.keyboard.press("Enter");
  await page.locator(".problem", { hasText: "not valid" }).waitFor();
  await enter(page);
  await page.waitForSelector(".attempt");
  assert.equal(await heading(page), "Check an order");
  await page.reload();
  await page.waitForSelector(".attempt");
  const other = await open("#/overview");
  await other.waitForSelector("#key");
  await other.context().close();
  await page.evaluate(() => sessionStorage.setItem("penstock.key", "revoked"));
  await page.reload();
  await page.waitForSelector("#key");
  assert.match(page.url(), /#\/runs\/exec_.*step=stock/);
  await page.context().close();
}

// The graph by keys; a step chosen in it; the failed run taken up again, live.
{
  const page = await open(`#/runs/${scene.failed}`);
  await enter(page);
  await page.waitForSelector(".graph .node.bad");
  const box = () => page.getAttribute(".graph", "viewBox");
  const before = await box();
  await page.focus(".graph");
  await page.keyboard.press("+");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await box(), before);
  await page.keyboard.press("0");
  assert.equal(await box(), before);
  await page.focus(".graph .node.bad");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".attempt .notice.bad");
  assert.match(page.url(), /step=stock/);
  await page.click("text=Retry from failed step");
  await page.waitForSelector("h1 + .badge.good");
  await page.locator(".graph .node.good", { hasText: "Confirm" }).waitFor();
  await page.focus("[aria-label='Show or hide rounds']");
  await page.keyboard.press("Enter");
  await page.locator(".timeline li.round").first().waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.ariaExpanded), "true", "the focus is lost");
  await check(page, "run-retried-light");
  await page.context().close();
}

// A run of one's own: what is no JSON is told beside the field, and the run is shown when it has begun.
{
  const page = await open(`#/workflows/${scene.order}`);
  await enter(page);
  await page.click("text=Run now …");
  await page.fill("dialog textarea", "{");
  await page.click("dialog >> text=Start");
  await page.locator("dialog .problem", { hasText: "no valid JSON" }).waitFor();
  await check(page, "run-now-light");
  await page.fill("dialog textarea", '{"id": "X-1", "total": 5}');
  await page.click("dialog >> text=Start");
  await page.waitForURL(/#\/runs\/exec_/);
  await page.waitForSelector("h1 + .badge.good");
  await page.click("text=Output");
  await page.locator(".json .string", { hasText: "X-1" }).waitFor();
  await page.context().close();
}

// A person's answer, from a form; what the form refuses is told.
{
  const page = await open(`#/runs/${scene.waiting}`);
  await enter(page);
  await page.fill(".answer input[type=number]", "40");
  await page.check(".answer input[type=checkbox]");
  await page.selectOption(".answer select", { label: "high" });
  await page.click("text=Send answer");
  await page.waitForSelector("h1 + .badge.good");
  assert.equal(await page.locator(".answer").count(), 0);
  await page.context().close();
}

// What is typed while the run goes on stays under one's hands, and a form that is no schema is answered with JSON; when
// the API does not answer, that is said, and taken back when it does.
{
  const started = await api("POST", `/v1/workflows/${scene.busy}/execute`, { input: {} });
  const run = `/v1/executions/${started.data.execution_id}`;
  const page = await open(`#${run.replace("/v1/executions", "/runs")}`);
  await enter(page);
  await page.waitForSelector(".answer textarea.code");
  await page.focus(".answer input[type=text]");
  for (const word of ["one ", "two ", "three"]) {
    const looked = page.waitForResponse((answer) => answer.url().endsWith(`${run}/timeline`));
    await page.keyboard.type(word);
    await looked;
    await page.waitForTimeout(50);
  }
  assert.equal(await page.inputValue(".answer input[type=text]"), "one two three");
  await page.route(`**${run}/timeline`, (route) => route.fulfill({ status: 503, body: "" }));
  await page.locator(".toast.bad", { hasText: "may be old" }).waitFor();
  await check(page, "run-stale-light");
  await page.unroute(`**${run}/timeline`);
  await page.locator(".toast.bad", { hasText: "may be old" }).waitFor({ state: "hidden" });
  await page.context().close();
  await api("POST", `${run}/cancel`);
}

// Everything that failed is retried at once, and the bar says how far that is.
{
  const page = await open(`#/workflows/${scene.order}?tab=runs`);
  await enter(page);
  await page.click("text=Retry failed runs …");
  await check(page, "bulk-retry-light");
  await page.click("dialog >> text='Retry'");
  await page.waitForSelector("dialog .badge.good");
  assert.match(await page.textContent("dialog [role=status]"), /2 of 2 runs: 2 retried/);
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 1 && !document.querySelector("tbody .badge.bad"));
  await page.context().close();
}

// A key sees what its scopes allow, and is told what they do not, inside the dialog where it was tried.
{
  const made = await api("POST", "/v1/keys", { name: "looker", scopes: ["executions:read", "workflows:read"] });
  const page = await open(`#/runs?workflow=${scene.order}`);
  await page.fill("#key", made.data.secret);
  await page.keyboard.press("Enter");
  await page.waitForSelector("tbody tr");
  await page.click("text=Retry failed runs …");
  await page.click("dialog >> text='Retry'");
  await page.locator("dialog .toast.bad", { hasText: "does not allow this" }).waitFor();
  await check(page, "refused-light");
  await page.goto(`${base}/console#/sources`);
  await page.locator(".state.bad", { hasText: "does not allow this" }).waitFor();
  await page.context().close();
}

// What is not there is told in the page's language, whichever API was asked; a page of something in between is no answer.
{
  const page = await open("#/webhooks/wh_nothere");
  await enter(page);
  for (const view of ["webhooks/wh_nothere", "schedules/sch_nothere", "sources/dc_nothere"]) {
    await page.goto(`${base}/console#/${view}`);
    await page.locator(".state.bad", { hasText: "There is no such thing." }).waitFor();
  }
  await page.route("**/v1/executions?**", (route) => route.fulfill({ contentType: "text/html", body: "<h1>Welcome to our network</h1>" }));
  await page.goto(`${base}/console#/runs`);
  await page.locator(".state.bad", { hasText: "cannot be reached" }).waitFor();
  await page.context().close();
}

// Of a graph that is shown in part, the part with the step that the address names.
{
  const nodes = Array.from({ length: 60 }, (_, at) => ({ id: `n${at}`, type: at ? "noop" : "trigger" }));
  const connections = nodes.slice(1).map(({ id }, at) => ({ from: `n${at}`, to: id }));
  const { data } = await api("POST", "/v1/workflows", { name: "A long way", nodes, connections });
  await api("POST", `/v1/workflows/${data.id}/status`, { status: "active" });
  const started = await api("POST", `/v1/workflows/${data.id}/execute`, { input: {} });
  const page = await open(`#/runs/${started.data.execution_id}?step=n59`);
  await enter(page);
  const inSight = () => page.waitForFunction(() => {
    const [graph, node] = [".graph", ".graph .node.chosen"].map((each) => document.querySelector(each)?.getBoundingClientRect());
    return node && node.top >= graph.top && node.bottom <= graph.bottom;
  });
  await inSight();
  await page.locator("button.step", { hasText: /^n0,/ }).click();
  await inSight();
  await page.context().close();
}

// Cancelling asks first; pausing and resuming do not.
{
  const started = await api("POST", `/v1/workflows/${scene.approval}/execute`, { input: {} });
  const page = await open(`#/runs/${started.data.execution_id}`);
  await enter(page);
  await page.waitForSelector(".answer");
  await page.click("text='Pause'");
  await page.click("text='Resume'");
  await page.click("text='Cancel run'");
  await page.click("dialog >> text='Cancel'");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.click("text='Cancel run'");
  await page.click("dialog button.danger");
  await page.locator("h1 + .badge", { hasText: "cancelled" }).waitFor();
  await page.context().close();
}

// Shortcuts, the help, both languages, colours, and the way out.
{
  const page = await open("#/overview");
  await page.waitForSelector("#key");
  await enter(page);
  await page.waitForSelector(".chart");
  await page.keyboard.press("g");
  await page.keyboard.press("w");
  await page.waitForURL(/#\/workflows/);
  await page.waitForSelector("tbody tr");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("/");
  await page.keyboard.type("refund");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  assert.match(page.url(), /q=refund/);
  await page.focus("#main");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog .keys");
  await check(page, "help-light");
  await page.keyboard.press("Escape");
  await page.selectOption("header select >> nth=1", "de");
  await page.locator("h1", { hasText: "Workflows" }).waitFor();
  assert.equal(await page.getAttribute("html", "lang"), "de");
  await page.selectOption("header select >> nth=0", "dark");
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(16, 18, 24)");
  await page.reload();
  await page.waitForSelector("text=Abmelden");
  await page.goto(`${base}/console#/nowhere`);
  await page.locator("h1", { hasText: "Nicht gefunden" }).waitFor();
  await page.click("text=Abmelden");
  await page.waitForSelector("#key");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.context().close();
}

// On a phone the menu opens and closes, and a view chosen in it closes it.
{
  const page = await open("#/overview", MODES.phone);
  await page.waitForSelector("#key");
  await enter(page);
  await page.waitForSelector(".chart");
  await page.click("text=Menü");
  await check(page, "menu-phone");
  await page.click("#nav >> text=Läufe");
  await page.waitForSelector("#nav", { state: "hidden" });
  await page.context().close();
}

const events = new URL("./console_events.mjs", import.meta.url);
if (existsSync(events)) await (await import(events)).drive({ open, enter, check, assert, api, base, key, scene, MODES });

await browser.close();
const unexpected = problems.filter((problem) => !/status of (40[0134]|503)/.test(problem));
assert.deepEqual(unexpected, []);
console.log("the console works");
