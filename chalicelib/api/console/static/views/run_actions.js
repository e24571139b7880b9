// What can be done with a run, and the form that answers a step that waits.

import { post } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { schemaForm } from "../core/form.js";
import { pathOf } from "../core/graph.js";
import { t } from "../core/i18n.js";
import { actionButton, confirm, dialog, ending, errorText, section, toast } from "../core/widgets.js";
import { addressTo } from "./kit.js";

const LIVE = new Set(["queued", "running", "waiting", "paused"]);
const RETRYABLE = new Set(["failed", "cancelled", "timed_out"]);

export function actions(page, run) {
  const { state } = run.now;
  const live = LIVE.has(state);
  return [
    RETRYABLE.has(state) ? actionButton(t("runs.retry"), () => same(run, "retry", { mode: "failed" }, "runs.retried"), { kind: "primary", title: t("runs.retryWhy") }) : null,
    live && state !== "paused" ? actionButton(t("runs.pause"), () => same(run, "pause", undefined, "runs.paused")) : null,
    state === "paused" ? actionButton(t("runs.resume"), () => same(run, "resume", undefined, "runs.resumed"), { kind: "primary" }) : null,
    live ? actionButton(t("runs.cancel"), () => sure("runs.cancel", "runs.cancelWhy", () => same(run, "cancel", undefined, "runs.cancelled")), { kind: "danger" }) : null,
    live ? null : actionButton(t("runs.again"), () => again(page, run), { title: t("runs.againWhy") }),
    actionButton(t("runs.replay"), () => replay(page, run)),
  ];
}

// For the step that is looked at; of containers' bodies nothing can be begun anew by itself.
export function stepActions(page, run, path) {
  const isRoot = run.graph.nodes.some(({ id }) => id === path);
  if (!isRoot || LIVE.has(run.now.state)) return null;
  return h("div", { class: "row" }, actionButton(t("runs.rerun"), () => sure("runs.rerun", "runs.rerunWhy", () => same(run, "rerun", { node_id: path }, "runs.retried"))));
}

async function sure(title, why, work) {
  if (await confirm({ title: t(title), message: t(why), action: t(title), danger: true })) await work();
}

async function same(run, command, body, said) {
  await post(`${run.path}/${command}`, body);
  toast(t(said));
  run.watch();
}

async function again(page, run) {
  if (!(await confirm({ title: t("runs.again"), message: t("runs.againWhy"), action: t("runs.again") }))) return;
  const { data } = await post(`${run.path}/retry`, { mode: "new" });
  page.go(addressTo("runs", data.execution_id));
}

async function replay(page, run) {
  const started = await dialog(t("runs.replay"), (close) => {
    const choice = (value, checked) => h("label", { class: "row" }, h("input", { type: "radio", name: "version", value, checked }), t(`runs.replay.${value}`, { version: run.graph.version }));
    const form = h("div", { class: "stack", role: "radiogroup", "aria-label": t("runs.version") }, choice("newest", true), choice("same", false));
    return [h("p", {}, t("runs.replayWhy")), form, ending(close, actionButton(t("runs.replay"), async () => {
      const version = form.querySelector("input:checked").value;
      close((await post(`${run.path}/replay`, { version })).data.execution_id);
    }, { kind: "primary" }))];
  });
  if (started) page.go(addressTo("runs", started));
}

export function answerForm(page, run) {
  const keys = LIVE.has(run.now.state) ? run.now.waits_for_answer : [];
  // What somebody has begun to fill in stays while the same steps wait.
  const known = run.answers ||= new Map();
  for (const key of [...known.keys()]) if (!keys.includes(key)) known.delete(key);
  for (const key of keys) if (!known.has(key)) known.set(key, oneForm(run, key));
  return [...known.values()];
}

function oneForm(run, key) {
  const step = run.now.steps.find((each) => each.key === key);
  const schema = nodeOf(run.graph, pathOf(key))?.config?.form;
  const form = schemaForm(schema);
  const problem = h("p", { class: "problem", role: "alert" });
  const send = actionButton(t("runs.answer"), async () => {
    replace(problem);
    let value;
    try {
      value = form.read();
    } catch {
      return;
    }
    try {
      await same(run, "input", { node_id: key, value }, "runs.answered");
    } catch (error) {
      replace(problem, errorText(error));
    }
  }, { kind: "primary" });
  const shown = section(t("runs.waitsFor", { step: step?.node_name || key }), form.element, problem, h("div", { class: "row" }, send));
  shown.classList.add("answer");
  return shown;
}

function nodeOf(graph, path) {
  const id = path.slice(path.lastIndexOf("/") + 1);
  const search = ({ nodes }) => nodes.find((node) => node.id === id) || nodes.flatMap((node) => Object.values(node.bodies || {})).map(search).find(Boolean);
  return search(graph);
}
