// What every view is made of: badges, times, tables, lists with pages, dialogs, tabs, and the states of a view.

import { whenStale } from "./api.js";
import { append, h, replace, s, uniqueId } from "./dom.js";
import { ago, dateTime, t, word } from "./i18n.js";

// How a word of the API's looks: good, bad, busy, idle, other. Add what a view of yours shows.
export const LOOKS = {
  success: "good", succeeded: "good", active: "good", delivered: "good", completed: "good", enabled: "good", finished: "good",
  failed: "bad", timed_out: "bad", dead_letter: "bad", dead: "bad", error: "bad", unknown: "bad", exhausted: "bad",
  running: "busy", queued: "busy", pending: "busy", delivering: "busy", retrying: "busy",
  waiting: "idle", paused: "idle", held: "idle", canceled: "other", canceling: "busy", inactive: "other", cancelled: "other", disabled: "other", skipped: "other",
};

// A status as a coloured word; `label` instead of the dictionary's text for it.
export function badge(status, label = word("status", status)) {
  return h("span", { class: `badge ${LOOKS[status] || "other"}` }, label);
}

export function time(value, options) {
  if (!value) return h("span", { class: "quiet" }, "–");
  const iso = new Date(value).toISOString();
  return h("time", { datetime: iso, title: iso }, dateTime(value, options));
}

// "3 minutes ago", with the exact time for those who ask; kept up by the shell.
export function since(value) {
  if (!value) return h("span", { class: "quiet" }, "–");
  return h("time", { class: "ago", datetime: new Date(value).toISOString(), title: dateTime(value) }, ago(value));
}

export function keepTimes() {
  for (const element of document.querySelectorAll("time.ago")) element.textContent = ago(element.dateTime);
}

export function button(label, onclick, { kind = "", title, disabled, pressed, ...rest } = {}) {
  return h("button", { type: "button", class: kind, title, disabled, "aria-pressed": pressed, ...rest, onclick }, label);
}

// Does `work` once at a time: the button rests meanwhile, and what the API refuses is told.
export function actionButton(label, work, options = {}) {
  const made = button(label, async () => {
    const held = document.activeElement === made;
    made.disabled = true;
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") toast(errorText(error), "bad");
    } finally {
      made.disabled = false;
      if (held && document.activeElement === document.body) made.focus({ preventScroll: true });
    }
  }, options);
  return made;
}

export const link = (href, ...children) => h("a", { href }, children);

// An id in full, with a button that copies it.
export function idText(id) {
  return h("span", { class: "id" }, h("code", {}, id), copyButton(id));
}

export function copyButton(text, label = t("copy")) {
  return h("button", { type: "button", class: "bare", title: label, "aria-label": `${label}: ${String(text).slice(0, 60)}`, onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast(t("copied"));
    } catch {
      toast(t("copy.failed"), "bad");
    }
  } }, s("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, s("path", { d: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1" })));
}

// facts([["Label", node or text], …]); entries whose value is null are left out.
export function facts(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: "facts" }, shown.map(([label, value]) => h("div", {}, h("dt", {}, label), h("dd", {}, value))));
}

export function section(title, ...children) {
  const id = uniqueId("section");
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), children);
}

// columns: [{label, cell(row) → node or text, kind: "number" | "actions" | "main"}]. On a phone each row is a card.
export function table({ caption, columns, rows, rowHref }) {
  const body = rows.map((row) => {
    const cells = columns.map(({ label, cell, kind }) => h("td", { class: kind, data: { label } }, cell(row)));
    const attributes = rowHref ? { onclick: (event) => followRow(event, rowHref(row)), class: "clickable" } : {};
    return h("tr", attributes, cells);
  });
  const heads = columns.map(({ label, kind }) => h("th", { scope: "col", class: kind }, label));
  return h("div", { class: "scroller" }, h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, heads)), h("tbody", {}, body)));
}

// The row's link is for the keyboard; a click anywhere else in the row does the same.
function followRow(event, href) {
  if (event.target.closest("a, button, input, select, label") || getSelection().toString()) return;
  location.hash = href;
}

// A list with pages. load({page, cursor}) → {rows, next} where `next` is a cursor, or {rows, page, pages, total}.
// Returns the element; its `reload()` shows the present page again.
export function pagedList({ columns, caption, load, empty, rowHref, signal }) {
  const body = h("div", { "aria-busy": "true" });
  const status = h("p", { class: "quiet", role: "status" });
  const earlier = button(t("page.earlier"), () => turn(-1));
  const later = button(t("page.later"), () => turn(1));
  const element = h("div", { class: "list" }, body, h("div", { class: "row between pager" }, status, h("div", { class: "row" }, earlier, later)));
  const cursors = [null];
  let at = 0;
  let last = null;

  async function show() {
    body.setAttribute("aria-busy", "true");
    if (!body.hasChildNodes()) replace(body, loading());
    try {
      last = await load({ page: at + 1, cursor: cursors[at] });
    } catch (error) {
      if (error.name !== "AbortError") replace(body, failed(error, show));
      return;
    } finally {
      body.removeAttribute("aria-busy");
    }
    if (signal?.aborted) return;
    if (last.next) cursors[at + 1] = last.next;
    const hasLater = last.next ? true : at + 1 < (last.pages || 0);
    replace(body, last.rows.length ? table({ caption, columns, rows: last.rows, rowHref }) : empty || emptyState(t("empty")));
    earlier.disabled = at === 0;
    later.disabled = !hasLater;
    element.lastChild.hidden = at === 0 && !hasLater && last.total === undefined;
    status.textContent = last.total === undefined ? t("page.number", { page: at + 1 }) : t("page.total", { n: last.total, page: at + 1, pages: Math.max(last.pages, 1) });
  }

  function turn(step) {
    at = Math.max(0, at + step);
    show().then(() => element.scrollIntoView({ block: "nearest" }));
  }

  element.reload = show;
  show();
  return element;
}

export const loading = () => h("p", { class: "state", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), t("loading"));

export const emptyState = (text, ...more) => h("div", { class: "state" }, h("p", {}, text), more);

export function failed(error, again) {
  const id = error.requestId ? h("p", { class: "quiet small" }, t("error.request", { id: error.requestId })) : null;
  return h("div", { class: "state bad", role: "alert" }, h("p", {}, errorText(error)), id, again ? button(t("again"), again) : null);
}

// Our words for what is refused everywhere, and what the API said where that tells more.
export function errorText(error) {
  const known = error.code ? word("error", error.code) : error.code;
  if (known === error.code) {
    const said = error.message || t("error.unknown");
    if (error.status === 404) return t("error.NOT_FOUND");
    if (error.status !== 403) return said;
    return said === "forbidden" ? t("error.FORBIDDEN") : `${t("error.FORBIDDEN")} (${said})`;
  }
  return error.code === "VALIDATION_ERROR" || error.code === "INPUT_REJECTED" ? `${known}: ${error.message}` : known;
}

const stale = h("div", { class: "toast bad", role: "status", hidden: true });
const toasts = h("div", { class: "toasts" });
const polite = h("div", { class: "unseen", role: "status", "aria-live": "polite" });

export const liveRegions = () => [append(toasts, [stale]), polite];

whenStale((error) => {
  stale.hidden = !error;
  replace(stale, error && t("error.stale", { why: errorText(error) }));
});

// Says something to screen readers alone.
export function announce(text) {
  polite.textContent = text;
}

export function toast(text, kind = "good") {
  const shown = h("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" }, h("span", {}, text),
    h("button", { type: "button", class: "bare", "aria-label": t("close"), onclick: () => shown.remove() }, "×"));
  (document.querySelector("dialog[open]") ?? toasts).append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 12000 : 5000);
}

// A modal dialog. `build(close)` gives its content; the promise gives what `close` was called with, null if dismissed.
export function dialog(title, build, { wide = false } = {}) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const id = uniqueId("dialog");
    let result = null;
    const element = h("dialog", { "aria-labelledby": id, class: wide ? "wide" : null });
    const close = (value = null) => {
      result = value;
      element.close();
    };
    append(element, [
      h("div", { class: "row between" }, h("h2", { id }, title), h("button", { type: "button", class: "bare", "aria-label": t("close"), onclick: () => close() }, "×")),
      build(close),
    ]);
    element.addEventListener("click", (event) => event.target === element && close());
    element.addEventListener("close", () => {
      element.remove();
      before?.focus?.();
      resolve(result);
    });
    document.body.append(element);
    element.showModal();
  });
}

// The buttons below a dialog, the way out first.
export const ending = (close, ...actions) => h("div", { class: "row end" }, button(t("cancel"), () => close()), actions);

// Asks before something is done; true if it is to be. `danger` for what cannot be taken back.
export async function confirm({ title, message, action, danger = false }) {
  const answer = await dialog(title, (close) => [
    h("p", {}, message),
    h("div", { class: "row end" }, button(t("cancel"), () => close(), { autofocus: danger }), button(action, () => close(true), { kind: danger ? "danger" : "primary", autofocus: !danger })),
  ]);
  return answer === true;
}

// [{id, label, show() → node}]; what a tab shows is made when it is first chosen, and again after `forget(ids)`.
export function tabs(label, entries, { selected = entries[0].id, onSelect } = {}) {
  const prefix = uniqueId("tab");
  const made = new Map();
  const panels = h("div", { class: "panels" });
  const buttons = entries.map(({ id, label: text }) => h("button", {
    type: "button", role: "tab", id: `${prefix}-${id}`, "aria-controls": `${prefix}-${id}-panel`, onclick: () => choose(id),
  }, text));
  const bar = h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: move }, buttons);

  let current = null;

  function choose(id, focus = false) {
    current = id;
    entries.forEach((entry, index) => {
      const chosen = entry.id === id;
      buttons[index].setAttribute("aria-selected", String(chosen));
      buttons[index].tabIndex = chosen ? 0 : -1;
      if (chosen && focus) buttons[index].focus();
      if (chosen && !made.has(id)) {
        made.set(id, h("div", { role: "tabpanel", id: `${prefix}-${id}-panel`, "aria-labelledby": `${prefix}-${id}`, tabindex: "0" }, entry.show()));
        panels.append(made.get(id));
      }
      if (made.has(entry.id)) made.get(entry.id).hidden = !chosen;
    });
    onSelect?.(id);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    choose(entries[(at + step + entries.length) % entries.length].id, true);
  }

  const element = h("div", {}, bar, panels);
  element.choose = choose;
  element.forget = (ids) => {
    for (const id of ids) made.get(id)?.remove();
    for (const id of ids) made.delete(id);
    choose(current);
  };
  choose(entries.some(({ id }) => id === selected) ? selected : entries[0].id);
  return element;
}

// A labelled control. `control` is an input, select or textarea.
export function field(label, control, hint) {
  const id = control.id || uniqueId("field");
  control.id = id;
  const hinted = hint ? h("p", { class: "quiet small", id: `${id}-hint` }, hint) : null;
  if (hinted) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, hinted);
}

// options: [[value, label], …]
export function select(options, { value, onchange, ...rest } = {}) {
  const made = h("select", { ...rest, onchange }, options.map(([each, label]) => h("option", { value: each }, label)));
  made.value = value ?? options[0][0];
  return made;
}

// A text field for JSON. `read()` gives the value, or throws after it has said beside the field what is wrong.
export function jsonField(label, value, { rows = 8, hint, objectOnly = false } = {}) {
  const problem = h("p", { class: "problem", role: "alert" });
  const area = h("textarea", { rows, spellcheck: "false", class: "code", autocomplete: "off", oninput: () => {
    problem.textContent = "";
    area.removeAttribute("aria-invalid");
  } });
  area.value = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const element = h("div", {}, field(label, area, hint), problem);
  element.read = () => {
    try {
      const parsed = JSON.parse(area.value);
      if (objectOnly && (parsed === null || typeof parsed !== "object" || Array.isArray(parsed))) throw new Error(t("json.object"));
      return parsed;
    } catch (error) {
      area.setAttribute("aria-invalid", "true");
      problem.textContent = t("json.invalid", { why: error.message });
      area.focus();
      throw error;
    }
  };
  return element;
}
