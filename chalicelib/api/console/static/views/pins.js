// Pins: what a user's automations push to be looked at, and what was pushed before.

import texts from "../lang/pins.js";
import { about, actionButton, addTexts, addressTo, ask, badge, BASE, button, card, dialog, emptyState, enc, facts, get, h, head, idColumn, idText, jsonView, lazily, link, number, PAGE, pages, post, replace, s, section, since, t, time, watcher } from "./kit.js";

addTexts(texts);

const visibility = ({ is_public: isPublic }) => badge(isPublic ? "active" : "inactive", t(isPublic ? "pins.public" : "pins.private"));

export async function show(page) {
  if (page.parts.length) return showPin(page, page.parts[0]);
  return replace(page.root, h("h1", {}, t("nav.pins")), card(pages(page, "nav.pins", "pins.none", [
    ["kit.name", ({ id, metadata }) => link(addressTo("pins", id), metadata.title || id), "main"],
    ["kit.state", ({ metadata }) => visibility(metadata)],
    ["pins.tags", ({ metadata }) => metadata.tags.join(", ") || "–"],
    idColumn,
    ["pins.updated", ({ metadata }) => since(metadata.updated_at || metadata.created_at)],
  ], ({ id }) => addressTo("pins", id), async ({ page: at }) => {
    const { pins, total } = await ask(page, "api/pins", { offset: (at - 1) * PAGE, limit: PAGE });
    return { rows: pins, total, page: at, pages: Math.ceil(total / PAGE) };
  })));
}

async function showPin(page, id) {
  const path = `api/pins/${enc(id)}`;
  const cards = h("div", { class: "grid" });
  const read = () => ask(page, `${path}/overview`, { series: true });
  const first = await read();
  const { metadata } = first.pin;
  let seen = "";
  replace(page.root, head(page, "pins", metadata.title || id, visibility(metadata), link(new URL(`pins/${enc(id)}`, BASE).href, t("pins.page")), actionButton(t(metadata.is_public ? "pins.unpublish" : "pins.publish"), async () => {
    await post(`${path}/${metadata.is_public ? "unpublish" : "publish"}`, {});
    await showPin(page, id);
  })), card(about([["kit.id", idText(id)], ["pins.description", metadata.description || null], ["pins.tags", metadata.tags.join(", ") || null], ["kit.created", time(metadata.created_at)]])), cards);
  draw(first);
  watcher(page, () => {}, { fastest: 5000 }).start(async () => (draw(await read()) ? "changed" : "same"));

  function draw({ workflows, total }) {
    const text = JSON.stringify(workflows);
    if (text === seen) return false;
    seen = text;
    replace(cards, workflows.length ? workflows.map((each) => workflowCard(page, id, each)) : emptyState(t("pins.empty")), total > workflows.length ? h("p", { class: "quiet" }, t("pins.more", { count: total - workflows.length })) : null);
    return true;
  }
}

function workflowCard(page, pin, { id, version, updated_at: at, fields, series }) {
  const status = fields.find(([path]) => path === "status")?.[1];
  const shown = fields.filter(([path]) => path !== "status").map(([path, value]) => [path, h("span", { class: "row" }, typeof value === "number" ? number(value) : String(value), line(series[path]))]);
  return section(id, h("div", { class: "row between" }, typeof status === "string" ? badge(status.toLowerCase()) : null, h("span", { class: "quiet small" }, t("pins.version", { version }), " ", since(at)), button(t("pins.history"), () => history(page, pin, id))), facts(shown));
}

function line(values) {
  if (!values || values.length < 3) return null;
  const numbers = values.map(([, each]) => each);
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const points = numbers.map((each, index) => `${(index / (numbers.length - 1)) * 78 + 1},${17 - ((each - least) / (most - least || 1)) * 16}`);
  return s("svg", { viewBox: "0 0 80 18", class: "spark", role: "img", "aria-label": t("pins.course", { least, most }) }, s("polyline", { points: points.join(" ") }));
}

const history = (page, pin, id) => dialog(t("pins.historyOf", { id }), () => lazily(async () => {
  const { history: versions } = await get(`api/workflow-data/${enc(pin)}/${enc(id)}`, { query: { history: PAGE }, signal: page.signal });
  return versions.map(({ version, updated_at: at, data }, index) => h("details", { open: index === 0 }, h("summary", {}, t("pins.version", { version }), " ", since(at)), jsonView(data)));
}), { wide: true });
