// Drives the page of a pin in headless Chromium: node drive.mjs <base url> <public pin> <private pin> <key> <out dir>
import assert from "node:assert/strict";
import { launch, newPage } from "./chromium.mjs";

const [base, publicPin, privatePin, key, out] = process.argv.slice(2);
const SIZES = ["phone", "desktop"];

async function api(method, path, body) {
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

const push = (pin, workflow, data) => api("PUT", `/api/workflow-data/${pin}/${encodeURIComponent(workflow)}`, { data });

const browser = await launch();
const problems = [];

async function open(pin, size, colorScheme) {
  const page = await newPage(browser, base, problems, { size, colorScheme });
  await page.goto(`${base}/pins/${pin}`);
  return page;
}

// Everybody sees a public pin, in every size and scheme, without scrolling sideways.
for (const size of SIZES) {
  for (const scheme of ["light", "dark"]) {
    const page = await open(publicPin, size, scheme);
    await page.waitForSelector("article");
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(overflow <= 0, `${size} scrolls sideways by ${overflow}`);
    assert.ok((await page.locator("svg[role=img]").count()) > 0, "no sparkline");
    assert.ok((await page.locator("progress").count()) > 0, "no progress bar");
    await page.screenshot({ path: `${out}/public-${size}-${scheme}.png`, fullPage: true });
    await page.context().close();
  }
}

// It refreshes by itself, says a change of status aloud, and stops when asked to.
{
  const page = await open(publicPin, "desktop", "light");
  await page.waitForSelector("article");
  const cards = await page.locator("article").count();
  await push(publicPin, "nightly-inventory", { status: "completed", progress: 100, rows: 5120, metrics: { cpu: 3.5 } });
  await page.waitForFunction(() => document.getElementById("announcer").textContent.includes("nightly-inventory: completed"),
    null, { timeout: 15000 });
  assert.equal(await page.locator("article").count(), cards);
  await page.click("#pause");
  await push(publicPin, "nightly-inventory", { status: "failed", progress: 12, rows: 1 });
  await page.waitForTimeout(11000);
  const inventory = page.locator("article", { has: page.locator("h2", { hasText: "nightly-inventory" }) });
  assert.equal(await inventory.locator(".status").textContent(), "completed");
  await page.click("#pause");
  await inventory.locator(".status.bad").waitFor();
  await page.context().close();
}

// A private pin wants a key; the key stays in the tab, and no longer.
{
  const page = await open(privatePin, "phone", "light");
  await page.waitForSelector("#access:not([hidden])");
  assert.match(await page.textContent("#notice"), /no public pin/);
  await page.screenshot({ path: `${out}/private-phone-light.png`, fullPage: true });
  await page.fill("#key", "nonsense-key");
  await page.click("#access button");
  await page.waitForFunction(() => document.getElementById("notice").textContent.includes("not valid"));
  await page.fill("#key", key);
  await page.keyboard.press("Enter");
  await page.waitForSelector("article");
  assert.equal(await page.locator("img, script[src], b").count(), 0, "data became elements");
  assert.match(await page.textContent("#workflows"), /<img src=x onerror=alert\(1\)>/);
  await page.reload();
  await page.waitForSelector("article");
  await page.screenshot({ path: `${out}/private-phone-key.png`, fullPage: true });
  await page.click("#forget");
  await page.waitForSelector("#access:not([hidden])");
  assert.equal(await page.locator("article").count(), 0);
  const other = await open(privatePin, "phone", "light");
  await other.waitForSelector("#access:not([hidden])");
  await page.context().close();
}

// What screen readers are told.
{
  const page = await open(publicPin, "desktop", "light");
  await page.waitForSelector("article");
  const tree = await page.locator("body").ariaSnapshot();
  for (const wanted of ["heading", "progressbar", "img", "article", "button \"Pause updates\""]) assert.ok(tree.includes(wanted), `${wanted} is not in\n${tree}`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
}

await browser.close();
const unexpected = problems.filter((problem) => !/status of 40[14]/.test(problem));
assert.deepEqual(unexpected, []);
console.log("the page works");
