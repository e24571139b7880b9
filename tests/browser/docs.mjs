// Drives the page of the API's document in headless Chromium: node docs.mjs <base url> <out dir>
import assert from "node:assert/strict";
import { SIZES, assertAccessible, assertFits, launch, newPage } from "./chromium.mjs";

const [base, out] = process.argv.slice(2);
const browser = await launch();
const problems = [];
const OPERATION = "exeoflow_create_webhook";

for (const size of Object.keys(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    const name = `docs-${size}-${colorScheme}`;
    const page = await newPage(browser, base, problems, { size, colorScheme });
    await page.goto(`${base}/docs#${OPERATION}`);

    // An address that names an operation opens it.
    await page.waitForSelector(`#${OPERATION}[open] pre`);
    await assertFits(page, name);
    await assertAccessible(page, name);
    await page.screenshot({ path: `${out}/${name}.png` });
    const curl = await page.locator(`#${OPERATION} pre`).last().textContent();
    assert.ok(curl.startsWith(`curl -X POST '${base}/v1/webhooks' -H "Authorization: Bearer $KEY"`), curl);

    // The keyboard finds the search, and the search what it is asked for.
    await page.locator("#main").focus();
    await page.keyboard.press("/");
    await page.keyboard.type("redeliver");
    assert.equal(await page.textContent("#found"), "1 operation");
    assert.equal(await page.locator("#operations details.item:visible").count(), 1);

    // What was found stays found when it is opened.
    await page.locator("#contents a:visible").click();
    await page.waitForSelector("#operations details.item[open]:visible h3");
    assert.equal(await page.textContent("#found"), "1 operation");
    await page.locator("#search").focus();
    await page.keyboard.press("Escape");
    assert.equal(await page.textContent("#found"), "");

    // A type leads to its schema.
    await page.evaluate(() => { location.hash = "#schema-Exeoflow.Node"; });
    await page.waitForSelector('[id="schema-Exeoflow.Node"][open] table');
    await assertFits(page, `${name}, a schema`);
    await page.context().close();
  }
}

await browser.close();
assert.deepEqual(problems, []);
console.log("docs: as it should be");
