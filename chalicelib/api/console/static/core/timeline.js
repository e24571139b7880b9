// The steps of a run over time: a row for each, its attempts as bars, pauses between them as lines, rounds of a loop or map
// below it when they are asked for.

import { h, replace } from "./dom.js";
import { duration, t, word } from "./i18n.js";
import { LOOKS } from "./widgets.js";

const LEAST_SPAN = 20;
const CONTAINERS = new Set(["loop", "map"]);

// timeline({onChoose(step), loadRounds(key) → steps, place(key) → number}) → element with update({steps, started_ms, end_ms}) and choose(key).
export function timeline({ onChoose, loadRounds, place }) {
  const axis = h("div", { class: "axis", "aria-hidden": "true" });
  const list = h("ol", { class: "timeline" });
  const element = h("div", {}, axis, list);
  const open = new Map();
  let last = null;
  let chosen = null;

  element.update = (run) => {
    last = run;
    // Not under somebody's finger: the next look shows it.
    if (list.matches(":active")) return;
    const span = Math.max(run.end_ms - run.started_ms, LEAST_SPAN);
    replace(axis, [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, duration(span * part))));
    const shown = rows(run.steps.filter(({ key }) => ![...open.keys()].some((each) => key.startsWith(`${each}.`))), place);
    replace(list, shown.flatMap((group) => [row(group, run, span, depthOf(group.key)), ...roundRows(group, run, span)]));
  };

  element.choose = (key) => {
    chosen = key;
    for (const each of list.querySelectorAll("button.step")) each.classList.toggle("chosen", each.dataset.key === key);
  };

  // What was opened is asked for again when the run has moved on.
  element.refreshRounds = () => Promise.all([...open.keys()].map(async (key) => open.set(key, await loadRounds(key)))).then(() => last && element.update(last));

  function row({ key, attempts }, run, span, depth) {
    const newest = attempts[attempts.length - 1];
    const look = LOOKS[newest.state] || "other";
    const took = (newest.finished_ms ?? run.end_ms) - attempts[0].started_ms;
    const tries = newest.attempt > 1 ? `${newest.attempt}× · ` : "";
    const button = h("button", { type: "button", class: `step ${key === chosen ? "chosen" : ""}`, data: { key }, onclick: () => onChoose(newest) },
      h("span", { class: `dot ${look}`, "aria-hidden": "true" }),
      h("span", { class: "step-name" }, newest.node_name || newest.node_id),
      h("span", { class: "unseen" }, `, ${word("status", newest.state)}, ${t("timeline.attempts", { n: newest.attempt })}, ${t("timeline.after", { offset: duration(attempts[0].started_ms - run.started_ms) })}, `),
      h("span", { class: "quiet small nowrap" }, tries, duration(took)));
    const bars = h("span", { class: "bars", "aria-hidden": "true" }, attempts.flatMap((attempt, index) => [pauseBefore(attempts, index, run, span), bar(attempt, run, span)]));
    return h("li", { style: { "--depth": String(depth) } }, h("div", { class: "step-cell" }, CONTAINERS.has(newest.node_type) && !isInRound(key) ? opener(key) : null, button), bars);
  }

  function opener(key) {
    const isOpen = open.has(key);
    return h("button", { type: "button", class: "bare", data: { key: `${key} ` }, "aria-expanded": String(isOpen), "aria-label": t("timeline.rounds"), title: t("timeline.rounds"), onclick: async () => {
      if (isOpen) open.delete(key);
      else open.set(key, await loadRounds(key));
      element.update(last);
    } }, isOpen ? "▾" : "▸");
  }

  function roundRows({ key, attempts }, run, span) {
    const steps = open.get(key);
    if (!steps) return [];
    if (!steps.length) return [h("li", { class: "quiet small" }, t("timeline.noRounds"))];
    const rounds = new Map();
    for (const step of steps) {
      const index = roundOf(step.key, key);
      if (!rounds.has(index)) rounds.set(index, []);
      rounds.get(index).push(step);
    }
    const counted = attempts[0].node_type === "map" ? 1 : 0;
    return [...rounds].flatMap(([index, inside]) => [
      h("li", { class: "round quiet small" }, t("timeline.round", { index: Number(index) + counted })),
      ...rows(inside, place).map((group) => row(group, run, span, depthOf(group.key))),
    ]);
  }

  return element;
}

const depthOf = (key) => key.split("/").length - 1;
// The API tells the rounds of those containers that a run has once.
const isInRound = (key) => /\.\d+\//.test(key);
const roundOf = (key, container) => key.slice(container.length).match(/\.(\d+)\//)?.[1] ?? "0";

// One row for each step, those in containers below them, in an order in which they may run.
function rows(steps, place) {
  const groups = new Map();
  for (const step of steps) {
    if (!groups.has(step.key)) groups.set(step.key, []);
    groups.get(step.key).push(step);
  }
  for (const attempts of groups.values()) attempts.sort((one, other) => one.started_ms - other.started_ms || (one.superseded ? -1 : 1));
  const sorted = [...groups].map(([key, attempts]) => ({ key, attempts, place: place(key), begun: attempts[0].started_ms }));
  return sorted.sort((one, other) => one.place - other.place || one.begun - other.begun);
}

const percent = (ms, span) => `${Math.min(Math.max((ms / span) * 100, 0), 100)}%`;

function bar(step, run, span) {
  const end = step.finished_ms ?? run.end_ms;
  const text = `${word("status", step.state)} · ${duration(end - step.started_ms)}`;
  return h("span", {
    class: `bar ${LOOKS[step.state] || "other"} ${step.superseded ? "superseded" : ""}`, title: text,
    style: { left: percent(step.started_ms - run.started_ms, span), width: percent(Math.max(end - step.started_ms, 0), span) },
  });
}

function pauseBefore(attempts, index, run, span) {
  const before = attempts[index - 1];
  const gap = before && attempts[index].started_ms - (before.finished_ms ?? attempts[index].started_ms);
  if (!gap || gap <= 0) return null;
  return h("span", { class: "pause", title: t("timeline.pause", { time: duration(gap) }), style: { left: percent(before.finished_ms - run.started_ms, span), width: percent(gap, span) } });
}
