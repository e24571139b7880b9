// One run: where it stands, as a graph and over time, what each step was given and gave, and what can be done with it.

import { get } from "../core/api.js";
import { append, h, replace } from "../core/dom.js";
import { drawGraph, pathOf } from "../core/graph.js";
import { addTexts, duration, t, word } from "../core/i18n.js";
import { jsonView } from "../core/json.js";
import { timeline } from "../core/timeline.js";
import { announce, badge, emptyState, facts, failed, idText, link, loading, section, tabs, time } from "../core/widgets.js";
import texts from "../lang/runs.js";
import { actions, answerForm, stepActions } from "./run_actions.js";
import { StepRecords, logs } from "./step_records.js";
import { addressTo, card, code, enc, head, lazily, watcher } from "./kit.js";

addTexts(texts);

const ENDED = new Set(["succeeded", "failed", "cancelled", "timed_out"]);
const CONTAINERS = new Set(["loop", "map", "fork"]);
const MOST_CONTAINERS = 5;
const WORST = ["running", "failed", "unknown", "waiting", "succeeded"];

export async function showRun(page, id) {
  const path = `v1/executions/${enc(id)}`;
  const ask = (below = "", query) => get(path + below, { signal: page.signal, query });
  const [{ data: graph }, { data: first }] = await Promise.all([ask("/graph"), ask("/timeline")]);
  const records = new StepRecords(ask);
  const run = { id, path, graph, now: first, seenAt: performance.now(), chosen: null };
  const parts = frame(page, run, records, ask);

  function update(data) {
    const changed = JSON.stringify({ ...data, now_ms: 0 }) !== JSON.stringify({ ...run.now, now_ms: 0 });
    if (changed && data.state !== run.now.state) announce(t("runs.nowIs", { state: word("status", data.state) }));
    run.now = data;
    run.seenAt = performance.now();
    if (changed) {
      records.forget();
      parts.refresh();
    }
    parts.tick();
    return changed;
  }

  // A run with many steps is read less often: each look reads all of them.
  const looking = watcher(page, (error) => append(parts.top, failed(error, run.watch)), { fastest: 1200 + 5 * first.steps.length });
  run.watch = () => looking.start(async () => {
    const changed = update((await ask("/timeline")).data);
    return ENDED.has(run.now.state) ? false : changed ? "changed" : "same";
  });

  parts.refresh();
  parts.tick();
  const wanted = page.query.get("step");
  if (wanted) parts.choose(wanted);
  if (!ENDED.has(first.state)) run.watch();
}

function frame(page, run, records, ask) {
  const [heading, answers] = [0, 1].map(() => h("div", { class: "stack" }));
  const top = h("div", { class: "stack" }, heading, answers);
  let shownStep = null;
  const took = h("span");
  const drawing = drawGraph(run.graph, { label: t("runs.graph"), onChoose: (path) => choose(keyAt(path) || path), share: 0.57 });
  const rounds = new Map();
  const loadRounds = async (key) => {
    rounds.set(key, (await ask("/timeline", { container: key })).data.steps);
    mark();
    return rounds.get(key);
  };
  const line = timeline({ onChoose: (step) => choose(step.key), loadRounds, place: (key) => drawing.paths.get(pathAt(key)) ?? 0 });
  const step = h("div", { class: "stack" });
  const inspector = tabs(t("runs.details"), [
    { id: "step", label: t("runs.step"), show: () => step },
    { id: "input", label: t("runs.input"), show: () => lazily(async () => jsonView((await ask("/input")).data.input, { label: t("runs.input") })) },
    { id: "output", label: t("runs.output"), show: () => lazily(async () => jsonView((await ask("/output")).data.output, { label: t("runs.output") })) },
    { id: "logs", label: t("runs.logs"), show: () => lazily(async () => logs((await ask("/logs")).data.logs) || emptyState(t("runs.noLogs"))) },
    { id: "records", label: t("runs.records"), show: () => records.list((key) => choose(key)) },
  ]);
  replace(step, emptyState(t("runs.chooseStep")));
  replace(page.root, top, h("div", { class: "run-panes" },
    h("div", { class: "stack" }, run.graph.nodes.length ? section(t("runs.graph"), drawing) : null, section(t("runs.timeline"), line)),
    h("aside", { class: "card", "aria-label": t("runs.details") }, inspector)));

  const keyAt = (path) => run.now.steps.find(({ key }) => pathOf(key, (each) => drawing.paths.has(each)) === path)?.key;
  const pathAt = (key) => pathOf(key, (each) => drawing.paths.has(each));

  function choose(key) {
    run.chosen = key;
    page.remember({ step: key });
    line.choose(key);
    drawing.choose(pathAt(key));
    inspector.choose("step");
    showStep();
  }

  async function showStep() {
    const key = run.chosen;
    shownStep = stepNow();
    replace(step, loading());
    try {
      const shown = await records.show(key, nodeAt(run.graph, pathAt(key)));
      if (run.chosen === key) replace(step, shown, stepActions(page, run, pathAt(key)));
    } catch (error) {
      if (error.name !== "AbortError") replace(step, failed(error, showStep));
    }
  }

  function refresh() {
    replace(heading, header(page, run, took), problem(run, choose));
    const forms = answerForm(page, run);
    // Not under somebody's hands.
    if (forms.length !== answers.childNodes.length || forms.some((form, at) => form !== answers.childNodes[at])) replace(answers, forms);
    rounds.clear();
    inspector.forget(["output", "logs", "records"]);
    mark();
    line.refreshRounds().then(showBodies).catch(() => { /* the next look asks again */ });
    if (run.chosen && shownStep !== stepNow()) showStep();
  }

  // What there is to be shown of the chosen step; attempts that stay as they are stay on the page.
  function stepNow() {
    return JSON.stringify([run.chosen, run.now.state, run.now.steps.filter(({ key }) => key === run.chosen)]);
  }

  function mark() {
    const inside = [...rounds.values()].flat().filter((each) => !run.now.steps.some(({ key }) => key === each.key));
    drawing.mark(states([...run.now.steps, ...inside], pathAt));
  }

  // What went on in bodies is drawn when the run is over, or when somebody has asked for the rounds.
  async function showBodies() {
    if (!ENDED.has(run.now.state)) return;
    const containers = run.now.steps.filter(({ node_type, superseded }) => CONTAINERS.has(node_type) && !superseded).slice(0, MOST_CONTAINERS);
    for (const { key } of containers) if (!rounds.has(key)) await loadRounds(key);
  }

  function keepTime() {
    const end = run.now.finished_ms ?? run.now.now_ms + Math.round(performance.now() - run.seenAt);
    took.textContent = duration(end - run.now.started_ms);
  }

  function tick() {
    const end = run.now.finished_ms ?? run.now.now_ms;
    keepTime();
    line.update({ steps: run.now.steps, started_ms: run.now.started_ms, end_ms: Math.max(end, ...run.now.steps.map((each) => each.finished_ms || 0)) });
  }

  const clock = setInterval(keepTime, 1000);
  page.signal.addEventListener("abort", () => clearInterval(clock), { once: true });
  return { top: heading, refresh, tick, choose };
}

function header(page, run, took) {
  const { now, graph } = run;
  const workflow = link(addressTo("workflows", graph.workflow_id), now.workflow_name || graph.workflow_id);
  const runLink = (id) => link(addressTo("runs", id), code(id));
  const children = graph.child_execution_ids;
  return [
    head(page, "runs", now.workflow_name || run.id, badge(now.state), actions(page, run)),
    card(facts([
      [t("runs.run"), idText(run.id)],
      [t("runs.workflow"), workflow],
      [t("runs.version"), `${graph.version}${graph.dialect ? ` · ${graph.dialect}` : ""}`],
      [t("runs.started"), time(now.started_ms)],
      [t("runs.duration"), took],
      [t("runs.trigger"), word("runs.trigger", graph.trigger)],
      [t("runs.createdBy"), graph.created_by],
      [t("runs.scheduledFor"), graph.scheduled_at && time(graph.scheduled_at)],
      [t("runs.deadline"), graph.deadline_at && !now.finished_ms ? time(graph.deadline_at) : null],
      [t("runs.cause"), graph.cause && t("runs.causeText", { event: graph.cause.event_id, emitter: graph.cause.emitter_id })],
      [t("runs.parent"), graph.parent_execution_id && runLink(graph.parent_execution_id)],
      [t("runs.children"), children.length ? h("details", {}, h("summary", {}, String(children.length)), h("ul", {}, children.slice(0, 100).map((each) => h("li", {}, runLink(each))))) : null],
    ])),
    now.truncated ? h("p", { class: "notice" }, t("runs.truncated")) : null,
  ];
}

function problem(run, choose) {
  const { error } = run.now;
  if (!error) return null;
  const at = run.now.steps.find((step) => step.node_id === error.node_id && !step.superseded);
  return h("div", { class: "notice bad", role: "alert" }, h("strong", {}, t("runs.failedBecause")), " ", error.message, " ",
    at ? h("button", { type: "button", class: "link", onclick: () => choose(at.key) }, t("runs.atStep", { step: at.node_name })) : null);
}

// Of steps in rounds, the state that needs looking at first, and how many there were.
function states(steps, pathAt) {
  const found = new Map();
  for (const step of steps.filter((each) => !each.superseded)) {
    const path = pathAt(step.key);
    const before = found.get(path);
    const state = before && WORST.indexOf(before.state) < WORST.indexOf(step.state) ? before.state : step.state;
    const count = (before?.count || 0) + 1;
    const note = count > 1 ? `${count}×` : step.finished_ms ? duration(step.finished_ms - step.started_ms) : step.attempt > 1 ? t("timeline.attempts", { n: step.attempt }) : "";
    found.set(path, { state, count, note });
  }
  return found;
}

function nodeAt(graph, path) {
  let at = graph;
  const parts = path.split("/");
  for (const part of parts.slice(0, -1)) {
    const container = at.nodes.find(({ id }) => part.startsWith(`${id}.`));
    at = container?.bodies?.[part.slice(container.id.length + 1)];
    if (!at) return null;
  }
  return at.nodes.find(({ id }) => id === parts[parts.length - 1]) || null;
}
