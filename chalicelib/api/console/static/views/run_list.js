// A list of runs with its filters, for the view of runs and for a workflow.

import { get } from "../core/api.js";
import { append, h, replace } from "../core/dom.js";
import { addTexts, duration, t } from "../core/i18n.js";
import { badge, button, emptyState, field, link, pagedList, select, since } from "../core/widgets.js";
import texts from "../lang/runs.js";
import { addressTo, instant, timeField } from "./kit.js";

addTexts(texts);

const STATUSES = ["", "running", "success", "failed", "cancelled"];
const PAGE = 20;

// `workflow_id` pins the list to one workflow. What is asked for stands in the address.
export function runList(page, { workflow_id = null, showWorkflow = true } = {}) {
  const status = select(STATUSES.map((each) => [each, each ? t(`kit.outcome.${each}`) : t("kit.all")]), { value: page.query.get("status") || "", onchange: refresh });
  const workflow = h("input", { type: "search", value: page.query.get("workflow") || "", placeholder: "wf_…", onchange: refresh, spellcheck: "false" });
  const from = timeField(page.query.get("from"), { onchange: refresh });
  const to = timeField(page.query.get("to"), { onchange: refresh });
  const holder = h("div");
  let list = null;
  const filters = h("div", { class: "filters" }, field(t("runs.status"), status), showWorkflow ? field(t("runs.workflowId"), workflow) : null, field(t("runs.from"), from), field(t("runs.to"), to),
    button(t("kit.refresh"), () => list.reload()));
  refresh();
  return append(h("div", { class: "stack" }), [filters, holder]);

  function refresh() {
    const wanted = { status: status.value, workflow: workflow.value.trim(), from: from.value, to: to.value };
    page.remember(showWorkflow ? wanted : { ...wanted, workflow: "" });
    const query = { status: wanted.status, workflow_id: workflow_id || wanted.workflow, from: instant(from), to: instant(to) };
    list = pagedList({
      caption: t("nav.runs"),
      signal: page.signal,
      empty: emptyState(Object.values(wanted).some(Boolean) ? t("runs.noneFound") : t("runs.none")),
      load: async ({ page: number }) => {
        const { data } = await get("v1/executions", { query: { ...query, page: number, limit: PAGE }, signal: page.signal });
        return { rows: data.executions, ...data.pagination };
      },
      rowHref: (run) => addressTo("runs", run.id),
      columns: [
        { label: t("runs.status"), cell: (run) => badge(run.state) },
        showWorkflow ? { label: t("runs.workflow"), kind: "main", cell: (run) => link(addressTo("runs", run.id), run.workflow_name || run.workflow_id) } : null,
        { label: t("runs.run"), kind: showWorkflow ? "optional" : null, cell: (run) => (showWorkflow ? h("code", { class: "quiet" }, run.id) : link(addressTo("runs", run.id), h("code", {}, run.id))) },
        { label: t("runs.started"), cell: (run) => since(run.started_at) },
        { label: t("runs.duration"), kind: "number", cell: (run) => duration(run.duration) },
      ].filter(Boolean),
    });
    replace(holder, list);
  }
}
