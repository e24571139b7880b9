// Runs: the list, and one of them (run.js).

import { h, replace } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { bulkRetry } from "./bulk_retry.js";
import { button } from "../core/widgets.js";
import { showRun } from "./run.js";
import { runList } from "./run_list.js";

export async function show(page) {
  if (page.parts.length) return showRun(page, page.parts[0]);
  const workflow = page.query.get("workflow");
  replace(page.root,
    h("div", { class: "row between" }, h("h1", {}, t("nav.runs")), workflow ? button(t("bulk.title"), () => bulkRetry(workflow, page)) : null),
    h("div", { class: "card" }, runList(page)));
  return undefined;
}
