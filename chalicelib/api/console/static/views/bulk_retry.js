// Retrying everything of a workflow that failed since a time, with a bar that tells how far it has come.

import { get, poll, post } from "../core/api.js";
import { h, replace } from "../core/dom.js";
import { addTexts, t } from "../core/i18n.js";
import { actionButton, badge, dialog, ending, field, link } from "../core/widgets.js";
import texts from "../lang/bulk_retry.js";
import { addressTo, enc, instant, localTime, timeField } from "./kit.js";

addTexts(texts);

const DAY = 86_400_000;

export function bulkRetry(workflowId, page) {
  const left = new AbortController();
  const { signal } = page;
  let begun = false;
  signal.addEventListener("abort", () => left.abort(), { once: true });
  return dialog(t("bulk.title"), (close) => {
    const since = timeField(localTime(Date.now() - DAY).slice(0, 16), { required: true });
    const until = timeField();
    const body = h("div", { class: "stack" });
    const start = actionButton(t("bulk.start"), async () => {
      if (!since.reportValidity()) return;
      const asked = { workflow_id: workflowId, since: instant(since), ...(until.value && { until: instant(until) }) };
      begun = true;
      await watch((await post("v1/executions/bulk-retry", asked)).data, body, left.signal);
    }, { kind: "primary" });
    replace(body, h("p", {}, t("bulk.why")), h("div", { class: "filters" }, field(t("bulk.since"), since), field(t("bulk.until"), until, t("bulk.untilHint"))),
      ending(close, start));
    return body;
  }).then(() => {
    left.abort();
    // The list behind is an old one now.
    if (begun && !signal.aborted) page.go(location.hash);
  });
}

async function watch(first, body, signal) {
  const bar = h("progress", { "aria-label": t("bulk.title") });
  const said = h("p", { role: "status" });
  const state = h("div", { class: "row" });
  replace(body, state, bar, said, h("p", {}, link(addressTo("runs", first.id), t("bulk.asRun"))));
  let seen = -1;
  const tell = (bulk) => {
    bar.max = Math.max(bulk.total, 1);
    bar.value = bulk.finished_at ? bar.max : bulk.processed;
    replace(state, badge(bulk.state));
    said.textContent = t("bulk.progress", { done: bulk.processed, total: bulk.total, retried: bulk.retried, skipped: bulk.skipped });
  };
  tell(first);
  await poll(async () => {
    const { data } = await get(`v1/executions/bulk-retry/${enc(first.id)}`, { signal });
    tell(data);
    const moved = data.processed !== seen;
    seen = data.processed;
    return data.finished_at ? false : moved ? "changed" : "same";
  }, signal, { fastest: 1500 });
}
