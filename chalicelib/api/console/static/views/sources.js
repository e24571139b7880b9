// Sources: what is deployed, in which state, what it emitted, logged and failed at, and trying it out.

import texts from "../lang/sources.js";
import { eventStream } from "./event_stream.js";
import { allSources } from "./events.js";
import { about, actionButton, addTexts, addressTo, ask, asking, badge, button, card, code, created, dialog, enc, failed, h, head, idColumn, idText, jsonField, jsonView, loading, named, post, put, replace, rowsOf, seconds, section, stateColumn, t, tabs } from "./kit.js";

addTexts(texts);

const stateOf = ({ active }) => (active ? "active" : "inactive");

export async function show(page) {
  if (page.parts.length) return showSource(page, page.parts[0]);
  const rows = await allSources(page);
  return replace(page.root, h("h1", {}, t("nav.sources")), card(rowsOf("nav.sources", "sources.none", rows, [
    named("sources"), stateColumn(stateOf), ["sources.trigger", (each) => triggers(each) || "–"], idColumn, created,
  ], ({ id }) => addressTo("sources", id))));
}

// How each timer and address among the configured props starts the code.
function triggers({ configured_props: props }) {
  return Object.values(props).map((value) => {
    if (value?.interval_seconds) return t("kit.every", { seconds: value.interval_seconds });
    return value?.cron || (value?.endpoint_url ? "HTTP" : null);
  }).filter(Boolean).join(", ");
}

async function showSource(page, id) {
  const path = `v1/sources/${enc(id)}`;
  const source = await ask(page, path);
  const component = await ask(page, `v1/components/${enc(source.component_id)}`).catch((error) => {
    if (error.status !== 404) throw error;
    return null;
  });
  const urls = Object.values(source.configured_props).map((value) => value?.endpoint_url).filter(Boolean);
  const turn = async () => {
    await put(path, { active: !source.active });
    await showSource(page, id);
  };
  const tab = (name, show_) => ({ id: name, label: t(`sources.${name}`), show: show_ });
  replace(page.root,
    head(page, "sources", source.name, badge(stateOf(source)), button(t("sources.test"), () => tryOut(page, path, urls.length > 0)),
      source.active ? asking("sources.deactivate", t("sources.deactivateWhy"), turn) : actionButton(t("sources.activate"), turn)),
    card(about([
      ["kit.id", idText(id)],
      ["sources.component", component ? [`${component.name} ${component.version} `, idText(component.id)] : code(source.component_id)],
      ["sources.trigger", triggers(source) || null],
      ["sources.address", urls.length ? urls.map(idText) : null],
      ["kit.created", seconds(source.created_at)],
      ["sources.missing", component?.missing_modules.join(", ") || null],
    ])),
    card(tabs(source.name, [
      tab("events", () => eventStream(page, path)),
      tab("errors", () => eventStream(page, path, { channel: "$errors" })),
      tab("logs", () => eventStream(page, path, { channel: "$logs", line: logLine })),
      tab("props", () => jsonView(source.configured_props, { label: t("sources.props") })),
      component ? tab("code", () => h("pre", { class: "excerpt", tabindex: "0" }, component.code)) : null,
    ].filter(Boolean), { selected: page.query.get("tab") || "events", onSelect: (chosen) => page.remember({ tab: chosen }) })));
}

const logLine = ({ event }) => [h("span", { class: event?.level === "error" ? "tag bad-text" : "tag" }, event?.level || "log"), h("span", { class: "line" }, String(event?.m ?? JSON.stringify(event)).slice(0, 200))];

// What the code would do with an event, of which nothing is kept.
function tryOut(page, path, isHttp) {
  const example = isHttp ? { method: "POST", path: "/", query: {}, headers: {}, body: {} } : { timestamp: Math.floor(Date.now() / 1000) };
  return dialog(t("sources.test"), () => {
    const input = jsonField(t("sources.testEvent"), example, { hint: t("sources.testHint") });
    const result = h("div", { class: "stack", "aria-live": "polite" });
    const run = actionButton(t("sources.testRun"), async () => {
      const event = input.read();
      replace(result, loading());
      await post(`${path}/test`, { event }, { signal: page.signal }).then(({ data }) => replace(result, outcome(data)), (error) => replace(result, failed(error)));
    }, { kind: "primary" });
    return [input, h("div", { class: "row end" }, run), result];
  }, { wide: true });
}

function outcome({ emits, logs, db, error, response }) {
  return [
    error ? h("div", { class: "notice bad", role: "alert" }, h("strong", {}, error.code), ` ${error.msg}`, error.stack ? h("pre", { class: "excerpt" }, error.stack) : null) : h("p", { class: "notice good" }, t("sources.emitted", { n: emits.length })),
    emits.length ? section(t("sources.events"), jsonView(emits, { depth: 3 })) : null,
    logs.length ? section(t("sources.logs"), h("ol", { class: "events" }, logs.map((event) => h("li", { class: "row" }, logLine({ event }))))) : null,
    Object.keys(db).length ? section(t("sources.db"), jsonView(db)) : null,
    response ? section(t("sources.response"), jsonView(response)) : null,
  ];
}
