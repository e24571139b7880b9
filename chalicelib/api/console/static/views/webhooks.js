// Webhooks: receivers of events, addresses that start workflows, and one delivery with its attempts.

import texts from "../lang/webhooks.js";
import { showEndpoint } from "./endpoint.js";
import { about, actionButton, addTexts, addressTo, announce, append, ask, badge, button, card, code, codeLink, created, duration, enc, failed, field, form, get, h, head, idText, jsonView, lazily, link, named, PAGE, pages, post, replace, rowsOf, seconds, section, since, stateColumn, t, tabs, time, watcher, word } from "./kit.js";

addTexts(texts);

const FINAL = new Set(["succeeded", "dead"]);

export async function show(page) {
  const [id, delivery] = page.parts;
  if (delivery) return showDelivery(page, id, delivery);
  if (id) return showEndpoint(page, id);
  return replace(page.root,
    h("div", { class: "row between" }, h("h1", {}, t("nav.webhooks")), button(t("webhooks.register"), () => register(page), { kind: "primary" })),
    card(tabs(t("nav.webhooks"), [
      { id: "out", label: t("webhooks.outbound"), show: () => endpoints(page) },
      { id: "in", label: t("webhooks.inbound"), show: () => lazily(() => hooks(page)) },
    ], { selected: page.query.get("tab") || "out", onSelect: (tab) => page.remember({ tab }) })));
}

function endpoints(page) {
  return pages(page, "webhooks.outbound", "webhooks.none", [
    named("webhooks"), ["webhooks.url", ({ url }) => code(url)], stateColumn(({ status }) => status), created,
  ], ({ id }) => addressTo("webhooks", id), async ({ cursor }) => {
    const { data, page_info: info } = await get("v1/users/me/webhooks", { query: { limit: PAGE, after: cursor }, signal: page.signal });
    // A list tells only which are active; whether another is paused or was disabled, it says itself.
    const rows = await Promise.all(data.map((each) => (each.active ? { ...each, status: "active" } : ask(page, `v1/webhooks/${enc(each.id)}`))));
    return { rows, next: data.length === PAGE ? info.end_cursor : null };
  });
}

async function hooks(page) {
  const { webhooks } = await ask(page, "v1/webhooks");
  return rowsOf("webhooks.inbound", "webhooks.noneInbound", webhooks, [
    ["kit.name", ({ id, name }) => name || id, "main"],
    ["webhooks.url", ({ method, url }) => h("span", { class: "row" }, h("span", { class: "tag" }, method), idText(url))],
    ["kit.workflow", ({ workflow_id: id }) => codeLink("workflows", id)],
    created,
  ]);
}

async function register(page) {
  const url = h("input", { type: "url", required: true, placeholder: "https://…" });
  const name = h("input", { maxlength: 255 });
  const made = await form("webhooks.register", "kit.save", [field(t("webhooks.url"), url), field(t("kit.name"), name)],
    async () => url.reportValidity() && (await post("v1/webhooks", { url: url.value, name: name.value || null })).data);
  if (made) page.go(addressTo("webhooks", made.id));
}

async function showDelivery(page, endpoint, id) {
  const path = `v1/webhooks/${enc(endpoint)}/deliveries/${enc(id)}`;
  let shown = await ask(page, path);
  const top = h("div", { class: "stack" });
  const watch = watcher(page, (error) => append(top, failed(error, follow)));
  replace(page.root, top, section(t("webhooks.body"), jsonView(shown.payload, { label: t("webhooks.body"), depth: 3 })));
  draw();
  follow();

  function draw() {
    const again = actionButton(t("webhooks.redeliver"), async () => {
      await post(`${path}/redeliver`);
      shown = await ask(page, path);
      draw();
      follow();
    }, { kind: "primary", disabled: shown.status === "held" });
    replace(top, head(page, ["webhooks", codeLink("webhooks", endpoint)], shown.type, badge(shown.status), again), card(summary(shown)), section(t("webhooks.attempts"), attempts(shown.attempts)));
  }

  // For as long as something is to come.
  function follow() {
    watch.start(async () => {
      if (FINAL.has(shown.status)) return false;
      const now = await ask(page, path);
      const changed = JSON.stringify(now) !== JSON.stringify(shown);
      shown = now;
      if (changed) {
        announce(word("status", now.status));
        draw();
      }
      return changed ? "changed" : "same";
    });
  }
}

function summary({ emitter_id: emitter, event_name: channel, ...each }) {
  return about([
    ["kit.id", idText(each.id)],
    ["webhooks.reason", each.reason],
    ["kit.created", seconds(each.created_at)],
    ["webhooks.finished", seconds(each.finished_at)],
    ["webhooks.next", each.next_attempt_at && since(each.next_attempt_at * 1000)],
    ["kit.emitter", emitter && link(addressTo("events", emitter) + (channel ? `?channel=${enc(channel)}` : ""), code(emitter))],
    ["kit.channel", emitter && (channel || t("kit.default"))],
  ]);
}

const attempts = (made) => rowsOf("webhooks.attempts", "webhooks.noAttempts", [...made].reverse(), [
  ["webhooks.number", ({ number }) => number, "number"],
  ["webhooks.at", ({ at_ms: at }) => time(at)],
  ["webhooks.answer", ({ status }) => badge(status >= 200 && status < 300 ? "succeeded" : "failed", status ? `HTTP ${status}` : t("webhooks.noAnswer"))],
  ["webhooks.latency", ({ latency_ms: ms }) => duration(ms), "number"],
  ["webhooks.excerpt", ({ error, excerpt }) => [error ? h("p", { class: "bad-text" }, error) : null, excerpt ? h("pre", { class: "excerpt" }, excerpt) : null]],
]);
