// What the drivers share: a browser that reaches this host alone, pages that report what goes wrong in them, and axe-core.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const here = createRequire(import.meta.url);
const { chromium } = (process.env.PLAYWRIGHT_CORE ? createRequire(`${process.env.PLAYWRIGHT_CORE}/`) : here)("playwright-core");

export const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 900 } };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });

// A page of a context of its own; what scripts throw, log as an error, or ask of others is added to `problems`.
export async function newPage(browser, base, problems, { size = "desktop", ...options } = {}) {
  const context = await browser.newContext({ viewport: SIZES[size], reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) problems.push(`asked ${request.url()}`);
  });
  return page;
}

export async function assertFits(page, name) {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${name} scrolls sideways by ${overflow}`);
}

let axe = null;

// Nothing serious or critical, by the rules of WCAG 2.2 AA and axe's best practices.
export async function assertAccessible(page, name) {
  axe ??= readFileSync(here.resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = grave.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 5).map(({ html }) => html.slice(0, 300)).join("\n    ")}`);
  assert.equal(grave.length, 0, `${name} is not for everybody:\n  ${told.join("\n  ")}`);
}
