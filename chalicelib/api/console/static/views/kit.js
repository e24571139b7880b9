// What the views of events, webhooks, schedules, sources, flows and pins have in common; with it, they have the core.

import { ApiError, get, poll } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { addTexts, t } from "../core/i18n.js";
import { actionButton, badge, confirm, dialog, emptyState, facts, failed, link, loading, pagedList, since, table, time } from "../core/widgets.js";
import texts from "../lang/kit.js";

export * from "../core/api.js";
export * from "../core/dom.js";
export * from "../core/i18n.js";
export * from "../core/json.js";
export * from "../core/widgets.js";

addTexts(texts);

export const PAGE = 20;
export const enc = encodeURIComponent;
export const addressTo = (...parts) => `#/${parts.map(enc).join("/")}`;
export const seconds = (at) => (at ? time(at * 1000) : null);
export const code = (text) => h("code", {}, text);
export const codeLink = (view, id) => link(addressTo(view, id), code(id));
export const card = (...children) => h("div", { class: "card" }, children);
export const ask = async (page, path, query) => (await get(path, { query, signal: page.signal }))?.data;

// Where a thing with this id is shown.
export const viewOf = (id) => (id.startsWith("wh_") ? "webhooks" : id.startsWith("dc_") ? "sources" : "workflows");

// The way back, the name with its state, and what can be done. `view` is a view's name, or that and a link behind it.
export function head(page, view, name, state, ...actions) {
  const [first, below] = [view].flat();
  page.title(name);
  return [h("p", { class: "crumbs" }, link(`#/${first}`, t(`nav.${first}`)), below ? [" / ", below] : null),
    h("div", { class: "row between" }, h("div", { class: "row" }, h("h1", {}, name), state), h("div", { class: "row" }, actions))];
}

// Of facts and columns the keys of their texts are given. A column is [key, cell, kind].
export const about = (entries) => facts(entries.map(([key, value]) => [t(key), value]));
const withLabels = (columns) => columns.map(([key, cell, kind]) => ({ label: key && t(key), cell, kind }));
export const named = (view) => ["kit.name", ({ id, name }) => link(addressTo(view, id), name || id), "main"];
export const idColumn = ["kit.id", ({ id }) => h("code", { class: "quiet" }, id), "optional"];
export const created = ["kit.created", ({ created_at: at }) => since(typeof at === "number" ? at * 1000 : at)];
export const stateColumn = (of) => ["kit.state", (each) => badge(of(each))];

export function rowsOf(caption, none, rows, columns, rowHref) {
  return rows.length ? table({ caption: t(caption), rows, columns: withLabels(columns), rowHref }) : emptyState(t(none));
}

export function pages(page, caption, none, columns, rowHref, load) {
  return pagedList({ caption: t(caption), signal: page.signal, empty: emptyState(t(none)), columns: withLabels(columns), rowHref, load });
}

// A button that asks first.
export function asking(key, why, work, danger = true) {
  return actionButton(t(key), async () => {
    if (await confirm({ title: t(key), message: why, action: t(key), danger })) await work();
  }, { kind: danger ? "danger" : "" });
}

// A dialog's button, whose refusal is told inside the dialog, in `place`. What a field does not take is told beside it.
export function dialogButton(key, place, work, kind = "primary") {
  return actionButton(t(key), async () => {
    try {
      await work();
    } catch (error) {
      if (error instanceof ApiError) replace(place, failed(error));
      else if (!place.closest("dialog").querySelector("[aria-invalid]")) throw error;
    }
  }, { kind });
}

// A dialog of fields. `read` gives what the dialog is closed with, or nothing while that is not right yet.
export function form(title, action, fields, read) {
  const place = h("div");
  return dialog(t(title), (close) => [fields, place, h("div", { class: "row end" }, dialogButton(action, place, async () => {
    const value = await read();
    if (value) close(value);
  }))]);
}

// A time field is in the user's own zone; the API wants one that says where.
export const timeField = (value, more) => h("input", { type: "datetime-local", value: value || "", ...more });
export const localTime = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
export function instant({ value }) {
  const at = new Date(value);
  return value && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}

// An element that fills itself by `make`, and says why if that fails.
export function lazily(make) {
  const holder = h("div", { class: "stack" }, loading());
  const load = () => make().then((made) => replace(holder, made), (error) => error.name !== "AbortError" && replace(holder, failed(error, load)));
  load();
  return holder;
}

// Polls that are begun anew: the one before ends, and all do when the page is left. A failure is handed over.
export function watcher(page, onFailure, bounds) {
  let now = null;
  const stop = () => now?.abort();
  page.signal.addEventListener("abort", stop, { once: true });
  return {
    stop,
    start(look) {
      stop();
      now = new AbortController();
      poll(look, now.signal, bounds).catch((error) => error.name !== "AbortError" && onFailure(error));
    },
  };
}
