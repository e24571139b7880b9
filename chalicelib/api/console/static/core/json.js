// JSON as a tree that opens member by member. Only what is open is built, so that large values cost nothing.

import { h } from "./dom.js";
import { bytes, t } from "./i18n.js";
import { copyButton } from "./widgets.js";

const MOST_MEMBERS = 100;
const LONGEST_TEXT = 400;

// `depth`: how many levels are open at first.
export function jsonView(value, { label = "JSON", depth = 2 } = {}) {
  if (value === undefined) return h("p", { class: "quiet" }, "–");
  const text = JSON.stringify(value, null, 2);
  const head = h("div", { class: "row between json-head" }, h("span", { class: "quiet small" }, bytes(new Blob([text]).size)), copyButton(text, t("copy.json")));
  return h("div", { class: "json", role: "group", "aria-label": label }, head, node(null, value, depth));
}

function node(name, value, depth) {
  const title = name === null ? null : [h("span", { class: "key" }, name), ": "];
  if (value === null || typeof value !== "object") return h("div", { class: "leaf" }, title, scalar(value));
  const entries = Array.isArray(value) ? value.map((each, index) => [index, each]) : Object.entries(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length) return h("div", { class: "leaf" }, title, h("span", { class: "quiet" }, open + close));
  const summary = h("summary", {}, title, h("span", { class: "quiet" }, `${open} ${t("json.members", { n: entries.length })} ${close}`));
  const details = h("details", {}, summary);
  const build = () => {
    if (details.childNodes.length === 1) details.append(members(entries, depth - 1));
  };
  details.addEventListener("toggle", build);
  if (depth > 0) {
    build();
    details.open = true;
  }
  return details;
}

function members(entries, depth) {
  const holder = h("div", { class: "members" });
  let shown = 0;
  const more = h("button", { type: "button", class: "link", onclick: add });
  function add() {
    const next = entries.slice(shown, shown + MOST_MEMBERS);
    more.remove();
    holder.append(...next.map(([key, value]) => node(String(key), value, depth)));
    shown += next.length;
    more.textContent = t("json.more", { n: entries.length - shown });
    if (shown < entries.length) holder.append(more);
  }
  add();
  return holder;
}

function scalar(value) {
  if (typeof value !== "string") return h("span", { class: value === null ? "quiet" : typeof value }, String(value));
  if (value.length <= LONGEST_TEXT) return h("span", { class: "string" }, JSON.stringify(value));
  const span = h("span", { class: "string" }, `${JSON.stringify(value.slice(0, LONGEST_TEXT))}…`);
  const whole = h("button", { type: "button", class: "link", onclick: () => {
    span.textContent = JSON.stringify(value);
    whole.remove();
  } }, t("json.whole", { n: value.length }));
  return h("span", {}, span, " ", whole);
}
