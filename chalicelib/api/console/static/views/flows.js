// Flows: their schedules, last runs and open errors; and one flow with its steps and jobs.

import texts from "../lang/flows.js";
import { showErrors } from "./flow_errors.js";
import { about, actionButton, addTexts, addressTo, announce, asking, badge, button, call, card, code, codeLink, dateTime, enc, failed, field, form, get, h, head, idText, instant, link, loading, PAGE, pages, post, put, replace, rowsOf, section, since, stateColumn, t, timeField, watcher, word } from "./kit.js";

addTexts(texts);

export const LIVE = new Set(["queued", "running", "retrying", "canceling"]);
const stateOf = ({ disabled }) => (disabled ? "disabled" : "enabled");
const schedule = (flow) => flow.schedule && [code(flow.schedule), ` ${flow.timezone || "UTC"}`];
const errorCount = (count, ...parts) => h("a", { class: count ? "badge bad" : "quiet", href: addressTo("flows", ...parts), "aria-label": `${t("flows.openErrors")}: ${count}` }, String(count));

export async function show(page) {
  const [id, step] = page.parts;
  if (step) return showErrors(page, id, step);
  if (id) return showFlow(page, id);
  const read = (path, query) => get(path, { query, signal: page.signal });
  return replace(page.root, h("h1", {}, t("nav.flows")), card(pages(page, "nav.flows", "flows.none", [
    ["kit.name", (flow) => link(addressTo("flows", flow._id), flow.name), "main"],
    stateColumn(stateOf),
    ["flows.schedule", (flow) => schedule(flow) || "–"],
    ["flows.lastRun", ({ lastExecutedAt: at }) => since(at)],
    ["flows.openErrors", (flow) => errorCount(flow.errors, flow._id), "number"],
  ], (flow) => addressTo("flows", flow._id), async ({ page: at }) => {
    const flows = (await read("v1/flows", { limit: PAGE, skip: (at - 1) * PAGE || null })) || [];
    const rows = await Promise.all(flows.map(async (flow) => {
      const { flowErrors } = await read(`v1/flows/${enc(flow._id)}/errors`);
      return { ...flow, errors: flowErrors.reduce((sum, { numError }) => sum + numError, 0) };
    }));
    return { rows, next: flows.length === PAGE ? "more" : null };
  })));
}

// A flow, and by the ids of its exports and imports their names.
export async function flowAndNames(page, id) {
  const path = `v1/flows/${enc(id)}`;
  const [flow, inner] = await Promise.all([path, `${path}/descendants`].map((each) => get(each, { signal: page.signal })));
  return [flow, new Map([...inner.exports, ...inner.imports].map((each) => [each._id, each.name]))];
}

async function showFlow(page, id) {
  const path = `v1/flows/${enc(id)}`;
  const [flow, names] = await flowAndNames(page, id);
  const read = (below) => get(path + below, { signal: page.signal });
  const steps = h("div", {}, loading());
  const latest = h("div", { class: "stack" }, loading());
  const earlier = jobs(page, id);
  const watch = watcher(page, (error) => replace(latest, failed(error, look)), { fastest: 800, slowest: 10_000 });
  let before = "";
  replace(page.root, head(page, "flows", flow.name, badge(stateOf(flow)),
    button(t("flows.run"), () => run(path, look), { kind: "primary" }),
    actionButton(t(flow.disabled ? "flows.enable" : "flows.disable"), async () => {
      await call("PATCH", path, { body: [{ op: "replace", path: "/disabled", value: !flow.disabled }] });
      await showFlow(page, id);
    }), link(addressTo("workflows", id), t("flows.graph"))),
  card(about([
    ["kit.id", idText(id)],
    ["flows.schedule", schedule(flow) || null],
    ["flows.next", flow._runNextFlowIds?.length ? flow._runNextFlowIds.map((each) => codeLink("flows", each)) : null],
  ])),
  section(t("flows.latest"), latest), section(t("flows.steps"), steps), section(t("flows.jobs"), earlier));
  look();

  // Fast while a job is under way; slowly for those that a schedule or somebody else begins.
  function look() {
    watch.start(async () => {
      const now = (await read("/jobs/latest")) || [];
      const text = JSON.stringify(now);
      if (text === before) return now.some(({ status }) => LIVE.has(status)) ? "changed" : "same";
      const { flowErrors } = await read("/errors");
      const counts = new Map(flowErrors.map((each) => [each._expOrImpId, each.numError]));
      if (before) {
        announce(now.map(({ status }) => word("status", status)).join(", "));
        earlier.reload();
      }
      before = text;
      replace(latest, now.length ? now.map((job) => jobCard(job, names, look)) : t("flows.noJobs"));
      replace(steps, stepList(flow, names, (step) => errorCount(counts.get(step) || 0, id, step)));
      return "changed";
    });
  }
}

async function run(path, look) {
  const from = timeField();
  const begun = await form("flows.run", "flows.run", field(t("flows.startDate"), from, t("flows.startDateHint")), () => post(`${path}/run`, from.value ? { export: { startDate: instant(from) } } : {}));
  if (begun) look();
}

const idOf = (each) => each._exportId || each._importId;
const counters = ["Success", "Ignore", "Error", "Resolved", "OpenError"].map((each) => [`flows.num${each}`, (job) => String(job[`num${each}`]), "number"]);

// A job with what each of its steps has done. `again` looks at it once more.
export function jobCard(job, names, again) {
  return h("div", { class: "stack" },
    h("div", { class: "row between" },
      h("div", { class: "row" }, badge(job.status), job.type === "retry" ? h("span", { class: "tag" }, t("flows.type.retry")) : null, since(job.startedAt || job.createdAt), link(addressTo("runs", job._id), t("flows.asRun"))),
      LIVE.has(job.status) ? asking("flows.cancel", t("flows.cancelWhy"), () => put(`v1/jobs/${enc(job._id)}/cancel`, {}).then(again)) : null),
    rowsOf("flows.latest", "flows.noJobs", job.children, [
      ["flows.step", (each) => names.get(idOf(each)) || idOf(each), "main"], stateColumn(({ status }) => status), ...counters,
      ["flows.pages", (each) => String(each.numPagesGenerated || each.numPagesProcessed), "number"],
    ]));
}

function jobs(page, id) {
  return pages(page, "flows.jobs", "flows.noJobs", [
    ["flows.began", (job) => link(addressTo("runs", job._id), dateTime(job.createdAt)), "main"],
    stateColumn(({ status }) => status), ["flows.type", ({ type }) => word("flows.type", type)], ...counters,
  ], (job) => addressTo("runs", job._id), async () => ({ rows: ((await get("v1/jobs", { query: { _flowId: id }, signal: page.signal })) || []).slice(0, PAGE) }));
}

function stepList({ pageGenerators = [], pageProcessors = [], routers = [], _exportId, _importId }, names, errors) {
  const one = (each, kind) => h("li", {}, h("span", { class: "row" }, h("span", { class: "tag" }, t(`flows.kind.${kind}`)), names.get(idOf(each)) || idOf(each), errors(idOf(each))));
  const processors = (list) => list.map((each) => one(each, each.type === "import" ? "import" : "lookup"));
  const nameOf = (id) => routers.find((each) => each.id === id)?.name || id;
  return h("ol", { class: "steps" },
    (_exportId ? [{ _exportId }] : pageGenerators).map((each) => one(each, "generator")), processors(_importId ? [{ _importId, type: "import" }] : pageProcessors),
    routers.map(({ id, routeRecordsTo, branches }) => h("li", {},
      h("span", { class: "row" }, h("span", { class: "tag" }, t("flows.kind.router")), nameOf(id), h("span", { class: "quiet small" }, t(routeRecordsTo === "all_matching_branches" ? "flows.all" : "flows.first"))),
      h("ul", {}, branches.map((branch, index) => h("li", {}, branch.name || t("flows.branch", { number: index + 1 }), branch.nextRouterId ? ` → ${nameOf(branch.nextRouterId)}` : null,
        h("ol", { class: "steps" }, processors(branch.pageProcessors || []))))))));
}
