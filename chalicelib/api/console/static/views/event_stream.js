// A stream of events, newest first: what one emitter said, on one channel or on all.

import texts from "../lang/events.js";
import { actionButton, addTexts, announce, append, ask, button, dateTime, emptyState, enc, failed, h, idText, jsonView, loading, PAGE, replace, since, t, watcher } from "./kit.js";

addTexts(texts);

const MOST_SHOWN = 300;

// `base` is the emitter's path. `line(event)` sums an event up, `more(event)` stands below an opened one.
export function eventStream(page, base, { channel = "", line = summary, more = () => null } = {}) {
  const list = h("ol", { class: "events" });
  const state = h("div", {}, loading());
  const older = actionButton(t("events.older"), async () => add(await read({ after: list.lastChild.dataset.id }), false), { hidden: true });
  const live = button(t("events.follow"), toggle, { pressed: "false" });
  const fail = (again) => (error) => error.name !== "AbortError" && replace(state, failed(error, again));
  const watch = watcher(page, fail(toggle), { fastest: 1500, slowest: 6000 });
  const read = (query) => ask(page, `${base}/${channel && `${enc(channel)}/`}event_summaries`, { limit: PAGE, expand: "event", ...query });
  load();
  return h("div", { class: "stack" }, h("div", { class: "row end" }, live), list, h("div", {}, state, older));

  function add(events, atTop) {
    list[atTop ? "prepend" : "append"](...events.map((event) => row(event, line, more)));
    // A page may be short because its events are large: only one without any is the end.
    if (!atTop) older.hidden = !events.length;
    while (atTop && list.childNodes.length > MOST_SHOWN) {
      list.lastChild.remove();
      older.hidden = false;
    }
    replace(state, list.hasChildNodes() ? null : emptyState(t("events.none")));
  }

  async function load() {
    try {
      const events = await read({});
      add(events, false);
      if (events.length && events.length < PAGE) older.hidden = !(await read({ after: events.at(-1).id, limit: 1 })).length;
    } catch (error) {
      fail(load)(error);
    }
  }

  async function newer() {
    const events = await read({ before: list.firstChild?.dataset.id, limit: 100 });
    if (!events.length) return "same";
    add(events, true);
    announce(t("events.arrived", { n: events.length }));
    return "changed";
  }

  function toggle() {
    const on = live.getAttribute("aria-pressed") === "false";
    live.setAttribute("aria-pressed", String(on));
    if (on) watch.start(newer);
    else watch.stop();
  }
}

function row(event, line, more) {
  const shown = h("div", { class: "stack" });
  const details = h("details", {}, h("summary", {}, since(event.indexed_at_ms), line(event)), shown);
  details.addEventListener("toggle", () => {
    if (details.open && !shown.hasChildNodes()) append(shown, [jsonView(event.event, { label: t("events.payload") }), h("div", { class: "row quiet small" }, idText(event.id), dateTime(event.indexed_at_ms)), more(event)]);
  });
  return h("li", { data: { id: event.id } }, details);
}

function summary({ event, metadata }) {
  const said = metadata.summary ?? event?.error?.msg ?? event?.type ?? JSON.stringify(event);
  return [metadata.name ? h("span", { class: "tag" }, metadata.name) : null, h("span", { class: "line" }, String(said).slice(0, 200))];
}
