// Workflows of every dialect: the list, and one with its graph, its runs and its definition.

import { get, post, put } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { drawGraph } from "../core/graph.js";
import { addTexts, t } from "../core/i18n.js";
import { jsonView } from "../core/json.js";
import { actionButton, badge, button, confirm, dialog, emptyState, ending, errorText, facts, field, idText, jsonField, link, pagedList, select, since, tabs, time, toast } from "../core/widgets.js";
import texts from "../lang/workflows.js";
import { bulkRetry } from "./bulk_retry.js";
import { addressTo, card, enc, head } from "./kit.js";
import { runList } from "./run_list.js";

addTexts(texts);

const DIALECTS = ["all", "exeoflow", "twinit", "pipedream", "celigo"];
const STATUSES = ["", "active", "inactive"];
const PAGE = 20;
const MOST_SEARCHED = 1000;
const SWITCHED = new Set(["exeoflow", "pipedream"]);

export async function show(page) {
  return page.parts.length ? showOne(page, page.parts[0]) : showList(page);
}

function showList(page) {
  const search = h("input", { type: "search", value: page.query.get("q") || "", placeholder: t("workflows.search"), oninput: later(refresh) });
  const status = select(STATUSES.map((each) => [each, each ? t(`status.${each}`) : t("kit.all")]), { value: page.query.get("status") || "", onchange: refresh });
  const dialect = select(DIALECTS.map((each) => [each, each === "all" ? t("kit.all") : each]), { value: page.query.get("dialect") || "all", onchange: refresh });
  const holder = h("div");
  replace(page.root, h("h1", {}, t("nav.workflows")),
    card(h("div", { class: "filters" }, field(t("kit.name"), search), field(t("workflows.status"), status), field(t("workflows.dialect"), dialect)), holder));
  refresh();

  function refresh() {
    page.remember({ q: search.value, status: status.value, dialect: dialect.value === "all" ? "" : dialect.value });
    const filters = { status: status.value, dialect: dialect.value };
    const wanted = search.value.trim().toLowerCase();
    replace(holder, pagedList({
      caption: t("nav.workflows"),
      signal: page.signal,
      empty: emptyState(wanted || status.value ? t("workflows.noneFound") : t("workflows.none")),
      load: ({ page: number }) => (wanted ? found(filters, wanted, page.signal) : listed(filters, number, page.signal)),
      rowHref: (workflow) => addressTo("workflows", workflow.id),
      columns: [
        { label: t("kit.name"), kind: "main", cell: (workflow) => [link(addressTo("workflows", workflow.id), workflow.name || workflow.id), workflow.description ? h("div", { class: "quiet small" }, workflow.description.slice(0, 160)) : null] },
        { label: t("workflows.status"), cell: (workflow) => badge(workflow.status) },
        { label: t("workflows.dialect"), cell: (workflow) => workflow.dialect },
        { label: t("workflows.version"), kind: "number", cell: (workflow) => workflow.version },
        { label: t("workflows.updated"), cell: (workflow) => since(workflow.updated_at) },
      ],
    }));
  }
}

async function listed(filters, page, signal) {
  const { data } = await get("v1/workflows", { query: { ...filters, page, limit: PAGE }, signal });
  return { rows: data.workflows, ...data.pagination };
}

// The API does not search by name; a workspace has few enough workflows to look through them here.
async function found(filters, wanted, signal) {
  const rows = [];
  for (let page = 1; page <= MOST_SEARCHED / 100; page++) {
    const { data } = await get("v1/workflows", { query: { ...filters, page, limit: 100 }, signal });
    rows.push(...data.workflows.filter(({ id, name }) => name.toLowerCase().includes(wanted) || id.toLowerCase() === wanted));
    if (page >= data.pagination.pages) break;
  }
  return { rows, page: 1, pages: 1, total: rows.length };
}

function later(work) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 250);
  };
}

async function showOne(page, id) {
  const path = `v1/workflows/${enc(id)}`;
  const { data: workflow } = await get(`${path}/graph`, { signal: page.signal });
  const reload = () => showOne(page, id);
  const isActive = workflow.status === "active";
  const graph = drawGraph(workflow, { label: t("workflows.graphOf", { name: workflow.workflow_name }), onChoose: (path_, node) => showNode(node, graph, path_) });
  const runs = () => h("div", { class: "stack" },
    h("div", { class: "row end" }, button(t("bulk.title"), () => bulkRetry(id, page))),
    runList(page, { workflow_id: id, showWorkflow: false }));
  replace(page.root,
    head(page, "workflows", workflow.workflow_name || id, badge(workflow.status),
      button(t("workflows.run"), () => runNow(page, path), { kind: "primary" }),
      SWITCHED.has(workflow.dialect) ? actionButton(t(isActive ? "workflows.deactivate" : "workflows.activate"), () => setActive(workflow, path, !isActive).then((done) => done && reload())) : null,
      workflow.dialect === "celigo" ? link(addressTo("flows", id), t("workflows.asFlow")) : null),
    workflow.description ? h("p", { class: "quiet" }, workflow.description) : null,
    card(facts([
      [t("workflows.id"), idText(id)], [t("workflows.dialect"), workflow.dialect], [t("workflows.version"), String(workflow.version)],
      [t("kit.created"), time(workflow.created_at)], [t("workflows.updated"), time(workflow.updated_at)],
    ])),
    card(tabs(t("workflows.views"), [
      { id: "graph", label: t("workflows.graph"), show: () => (workflow.nodes.length ? graph : emptyState(t("workflows.noNodes"))) },
      { id: "runs", label: t("nav.runs"), show: runs },
      { id: "definition", label: t("workflows.definition"), show: () => jsonView({ nodes: workflow.nodes, edges: workflow.edges }, { label: t("workflows.definition") }) },
    ], { selected: page.query.get("tab") || "graph", onSelect: (tab) => page.remember({ tab: tab === "graph" ? "" : tab }) })));
}

async function setActive(workflow, path, wanted) {
  if (!wanted && !(await confirm({ title: t("workflows.deactivate"), message: t("workflows.deactivateWhy"), action: t("workflows.deactivate") }))) return false;
  if (workflow.dialect === "pipedream") await put(path, { active: wanted });
  else await post(`${path}/status`, { status: wanted ? "active" : "inactive" });
  toast(t(wanted ? "workflows.activated" : "workflows.deactivated"));
  return true;
}

function showNode(node, graph, path) {
  graph.choose(path);
  const rest = { ...node };
  for (const shown of ["id", "type", "name", "config", "bodies"]) delete rest[shown];
  dialog(node.name || node.id, () => [
    facts([[t("workflows.node"), h("code", {}, node.id)], [t("workflows.type"), node.type], ...Object.entries(rest).map(([name, value]) => [name, String(value)])]),
    node.config ? jsonView(node.config, { label: t("workflows.config"), depth: 3 }) : h("p", { class: "quiet" }, t("workflows.noConfig")),
  ], { wide: true }).then(() => graph.choose(null));
}

// The key makes one run of what is sent twice.
function runNow(page, path) {
  const key = `console-${Date.now().toString(36)}-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  dialog(t("workflows.run"), (close) => {
    const input = jsonField(t("workflows.input"), {}, { rows: 10, objectOnly: true, hint: t("workflows.inputHint") });
    const problem = h("p", { class: "problem", role: "alert" });
    const start = actionButton(t("workflows.start"), async () => {
      problem.textContent = "";
      let value;
      try {
        value = input.read();
      } catch {
        return;
      }
      try {
        const { data } = await post(`${path}/execute`, { input: value }, { headers: { "Idempotency-Key": key } });
        close(data.execution_id);
      } catch (error) {
        problem.textContent = errorText(error);
      }
    }, { kind: "primary" });
    return [input, problem, ending(close, start)];
  }).then((runId) => runId && page.go(addressTo("runs", runId)));
}
