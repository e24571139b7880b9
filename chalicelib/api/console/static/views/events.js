// Events: whose streams there are, and one of them with its payloads, its listeners and the runs that it began.

import { eventStream } from "./event_stream.js";
import { addressTo, ask, button, card, code, codeLink, enc, field, h, head, idColumn, idText, link, localTime, named, replace, rowsOf, section, stateColumn, t, viewOf } from "./kit.js";

const MOST_EMITTERS = 100;

export const show = (page) => (page.parts.length ? showStream(page, page.parts[0]) : showEmitters(page));

async function showEmitters(page) {
  const [{ workflows }, sources] = await Promise.all([ask(page, "v1/workflows", { dialect: "all", limit: MOST_EMITTERS }), allSources(page)]);
  const emitters = [...sources, ...workflows];
  const search = h("input", { type: "search", value: page.query.get("q") || "", oninput: list });
  const holder = h("div");
  replace(page.root, h("h1", {}, t("nav.events")), card(h("div", { class: "filters" }, field(t("events.search"), search)), holder));
  list();

  function list() {
    page.remember({ q: search.value });
    const rows = emitters.filter(({ id, name }) => `${name} ${id}`.toLowerCase().includes(search.value.trim().toLowerCase()));
    replace(holder, rowsOf("nav.events", "events.noEmitters", rows, [
      named("events"),
      ["events.kind", ({ id }) => t(viewOf(id) === "sources" ? "kit.source" : "kit.workflow")],
      idColumn,
      stateColumn(({ status, active }) => status || (active ? "active" : "inactive")),
    ], ({ id }) => addressTo("events", id)));
  }
}

// A user's own, and those of the workspace.
export async function allSources(page) {
  const me = await ask(page, "v1/users/me");
  const lists = await Promise.all(["users/me", `workspaces/${enc(me.orgs[0].id)}`].map((owner) => ask(page, `v1/${owner}/sources`, { limit: MOST_EMITTERS })));
  const byId = new Map(lists.flat().map((each) => [each.id, each]));
  return [...byId.values()].sort((one, other) => other.created_at - one.created_at);
}

async function showStream(page, id) {
  const view = viewOf(id);
  const base = `v1/${view}/${enc(id)}`;
  const emitter = await ask(page, view === "sources" ? base : `${base}/graph`);
  const name = emitter.name || emitter.workflow_name || id;
  const subscriptions = await ask(page, "v1/users/me/subscriptions");
  const globs = [id, view === "sources" ? "dc_*" : "p_*"];
  const listeners = subscriptions.filter((each) => globs.includes(each.emitter_id) || each.emitter_id.startsWith("o_"));
  const names = new Set(["", "$errors", ...(view === "sources" ? ["$logs"] : []), ...listeners.map((each) => each.event_name || "")]);
  const channel = h("input", { type: "search", value: page.query.get("channel") || "", onchange: refresh, spellcheck: "false" });
  const known = h("div", { class: "row" }, [...names].map((each) => button(each || t("kit.all"), () => {
    channel.value = each;
    refresh();
  }, { data: { channel: each } })));
  const holder = h("div");
  replace(page.root, head(page, "events", name, link(addressTo(view, id), t(view === "sources" ? "kit.source" : "kit.workflow"))), idText(id),
    card(h("div", { class: "filters" }, field(t("kit.channel"), channel), known), holder),
    section(t("events.listeners"), rowsOf("events.listeners", "events.noListeners", listeners, [
      ["events.listener", ({ listener_id: each }) => codeLink(viewOf(each), each), "main"],
      ["kit.channel", ({ event_name: each }) => each || t("kit.default")],
      ["kit.emitter", ({ emitter_id: each }) => code(each)],
    ])));
  refresh();

  function refresh() {
    const wanted = channel.value.trim();
    page.remember({ channel: wanted });
    for (const each of known.children) each.setAttribute("aria-pressed", String(each.dataset.channel === wanted));
    replace(holder, eventStream(page, base, { channel: wanted, more: (event) => follows(event, listeners) }));
  }
}

// The run that an event tells of; and of each workflow that heard it, the runs that began within a minute.
function follows({ event, metadata, indexed_at_ms: at }, listeners) {
  const run = event?.data?.run_id ?? event?.run_id;
  const heard = listeners.filter(({ listener_id: id, event_name: name }) => viewOf(id) === "workflows" && (name || "") === metadata.name);
  return h("div", { class: "row" }, run ? link(addressTo("runs", run), t("events.run")) : null, heard.map(({ listener_id: id }) =>
    link(`#/runs?${new URLSearchParams({ workflow: id, from: localTime(at), to: localTime(at + 60_000) })}`, t("events.runsOf", { id }))));
}
