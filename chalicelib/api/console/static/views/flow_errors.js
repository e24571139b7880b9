// The errors of one step of a flow: looked at, corrected, tried again, resolved.

import { LIVE, flowAndNames, jobCard } from "./flows.js";
import { actionButton, addressTo, call, card, code, confirm, dialog, dialogButton, enc, ending, failed, get, h, head, jsonField, link, pages, post, put, replace, since, t, tabs, toast, watcher } from "./kit.js";

const MOST_SHOWN = 50;
const MOST_AT_ONCE = 1000;

export async function showErrors(page, flowId, stepId) {
  const [flow, names] = await flowAndNames(page, flowId);
  const retried = h("div", { "aria-live": "polite" });
  const step = {
    path: `v1/flows/${enc(flowId)}/${enc(stepId)}`, names, retried, reloads: {},
    read: (path, query) => get(path, { query, signal: page.signal }),
    watch: watcher(page, (error) => replace(retried, failed(error)), { fastest: 800 }),
  };
  const list = (kind) => ({ id: kind, label: t(`flows.${kind}`), show: () => errorList(page, step, kind) });
  replace(page.root, head(page, ["flows", link(addressTo("flows", flowId), flow.name)], names.get(stepId) || stepId), retried,
    card(tabs(t("flows.openErrors"), [list("errors"), list("resolved")], { onSelect: (tab) => step.reloads[tab]?.() })));
}

function errorList(page, step, kind) {
  const isOpen = kind === "errors";
  const chosen = new Set();
  const count = h("span", { class: "quiet small", role: "status" });
  // What it does with the chosen ones rests while there are none.
  const forChosen = (key, work, options) => actionButton(t(key), () => work([...chosen]).finally(choose), { ...options, data: { chosen: "" } });
  const bar = h("div", { class: "row" }, isOpen ? [
    forChosen("flows.retryChosen", (ids) => retry(step, ids, reload), { kind: "primary" }),
    forChosen("flows.resolve", (errors) => put(`${step.path}/resolved`, { errors }).then(reload)),
    actionButton(t("flows.retryAll"), () => retryAll(step, reload)),
  ] : forChosen("flows.reopen", (errors) => call("DELETE", `${step.path}/resolved`, { body: { errors } }).then(reload)), count);
  const list = pages(page, `flows.${kind}`, isOpen ? "flows.noErrors" : "flows.noResolved", [
    ["", (each) => h("input", { type: "checkbox", "aria-label": t("flows.choose", { message: each.message.slice(0, 80) }), checked: chosen.has(each.errorId), onchange: ({ target }) => {
      chosen[target.checked ? "add" : "delete"](each.errorId);
      choose();
    } })],
    ["flows.message", (each) => [h("p", {}, each.message), h("p", { class: "quiet small" }, `${each.source} · ${each.code} · ${each.classification}`)], "main"],
    ["flows.traceKey", ({ traceKey }) => (traceKey ? code(traceKey) : "–")],
    [isOpen ? "flows.occurred" : "flows.resolved", (each) => since(isOpen ? each.occurredAt : each.resolvedAt)],
    ["flows.job", ({ _flowJobId: job }) => link(addressTo("runs", job), t("flows.asRun"))],
    ["", (each) => (isOpen && each.retryDataKey ? actionButton(t("flows.data"), () => edit(step, each, reload)) : null), "actions"],
  ], null, async ({ cursor }) => {
    const found = await step.read(`${step.path}/${kind}`, { limit: MOST_SHOWN, after: cursor });
    return { rows: found[kind], next: found.nextPageURL ? new URL(found.nextPageURL).searchParams.get("after") : null };
  });
  step.reloads[kind] = reload;
  choose();
  return h("div", { class: "stack" }, bar, list);

  function choose() {
    count.textContent = t("flows.chosen", { n: chosen.size });
    for (const each of bar.querySelectorAll("[data-chosen]")) each.disabled = !chosen.size;
  }

  function reload() {
    chosen.clear();
    choose();
    return list.reload();
  }
}

async function retryAll(step, reload) {
  const { errors } = await step.read(`${step.path}/errors`, { limit: MOST_AT_ONCE });
  const ids = errors.filter(({ retriable }) => retriable).map(({ errorId }) => errorId);
  if (!ids.length) toast(t("flows.noneToRetry"), "bad");
  else if (await confirm({ title: t("flows.retryAll"), message: t("flows.retryAllWhy", { n: ids.length }), action: t("flows.retryAll") })) await retry(step, ids, reload);
}

// Begins the job, and shows it until it has ended.
async function retry(step, errorIds, reload) {
  const { _jobId: id } = await post(`${step.path}/retry`, { errorIds });
  step.watch.start(async () => {
    const job = await step.read(`v1/jobs/${enc(id)}/family`);
    replace(step.retried, card(jobCard(job, step.names, () => {})));
    if (LIVE.has(job.status)) return "changed";
    await reload();
    return false;
  });
}

// The record as it failed, which may be put right before it is tried again.
async function edit(step, error, reload) {
  const path = `${step.path}/${enc(error.retryDataKey)}/data`;
  const { data, stage } = await step.read(path);
  const again = await dialog(t("flows.data"), (close) => {
    const record = jsonField(t("flows.record"), data, { rows: 14, hint: stage });
    const place = h("div");
    const save = (key, then, kind) => dialogButton(key, place, async () => {
      await put(path, { data: record.read() });
      close(then);
    }, kind);
    return [h("p", { class: "bad-text" }, error.message), record, place, ending(close, save("kit.save", "saved", ""), save("flows.saveRetry", "retry"))];
  }, { wide: true });
  if (again === "retry") await retry(step, [error.errorId], reload);
  else if (again) toast(t("flows.saved"));
}
