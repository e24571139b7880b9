// What is recorded of a run's steps: each attempt with what went in, what came out, its error and its logs. Fetched when
// somebody looks, page by page.

import { h, replace } from "../core/dom.js";
import { dateTime, duration, t } from "../core/i18n.js";
import { jsonView } from "../core/json.js";
import { actionButton, badge, emptyState, facts, time } from "../core/widgets.js";

const PAGE = 50;
const MOST_PAGES = 20;

// Null if there are none.
export const logs = (lines) => (lines.length ? h("ol", { class: "log" }, lines.map(({ timestamp, level, node_id: node, message }) => h("li", {},
  h("time", { datetime: timestamp, class: "quiet" }, dateTime(timestamp, { timeStyle: "medium" })),
  h("span", { class: level === "error" ? "bad-text" : "quiet" }, node ? `${level} · ${node}` : level),
  h("span", {}, message)))) : null);

export class StepRecords {
  // `ask` calls the API below the run's address.
  constructor(ask) {
    this.ask = ask;
    this.forget();
  }

  // The run has moved on: what was fetched may be old.
  forget() {
    this.found = [];
    this.cursor = null;
    this.done = false;
  }

  async more() {
    const { data } = await this.ask("/steps", { limit: PAGE, cursor: this.cursor });
    this.found.push(...data.steps);
    this.cursor = data.next_cursor;
    this.done = data.next_cursor === null;
  }

  // Every attempt of a step, newest first; and what the graph says of its node.
  async show(key, node) {
    for (let page = 0; page < MOST_PAGES && !this.done; page++) await this.more();
    const attempts = this.found.filter((step) => step.key === key).sort((one, other) => other.started_at.localeCompare(one.started_at) || other.attempt - one.attempt);
    const name = attempts[0]?.node_name || node?.name || key;
    return h("div", { class: "stack" }, h("h3", {}, name),
      facts([[t("runs.node"), h("code", {}, key)], [t("runs.type"), node?.type ?? null], [t("runs.atMostOnce"), node?.at_most_once ? t("runs.yes") : null]]),
      attempts.length ? attempts.map((attempt, index) => this.attempt(attempt, index === 0)) : emptyState(this.done ? t("runs.noRecord") : t("runs.notFound")),
      node?.config ? h("details", {}, h("summary", {}, t("runs.config")), jsonView(node.config, { label: t("runs.config"), depth: 1 })) : null);
  }

  attempt(step, isNewest) {
    const values = [["runs.input", step.input], ["runs.output", step.output]].map(([label, value]) => h("details", { open: isNewest }, h("summary", {}, t(label)), value === null ? h("p", { class: "quiet" }, t("runs.nothing")) : jsonView(value, { label: t(label) })));
    return h("details", { class: "attempt", open: isNewest },
      h("summary", {}, t("runs.attempt", { n: step.attempt }), " ", badge(step.state)),
      h("div", { class: "stack" },
        facts([[t("runs.started"), time(step.started_at)], [t("runs.duration"), duration(step.duration)]]),
        step.error ? this.error(step.error) : null, values,
        step.logs.length ? h("details", {}, h("summary", {}, t("runs.logs")), logs(step.logs)) : null));
  }

  error(error) {
    const text = typeof error === "string" ? error : error.message;
    return h("div", { class: "notice bad" }, h("p", {}, text), error.status ? h("p", { class: "small" }, t("runs.httpStatus", { status: error.status })) : null, error.body ? h("pre", { class: "excerpt" }, error.body) : null);
  }

  // All of it as a list, in the order of its keys.
  list(onChoose) {
    const holder = h("ol", { class: "records" });
    const own = new StepRecords(this.ask);
    const button = actionButton(t("runs.more"), add);
    const element = h("div", { class: "stack" }, holder, button);
    async function add() {
      const before = own.found.length;
      await own.more();
      holder.append(...own.found.slice(before).map((step) => h("li", {}, h("button", { type: "button", class: "link", onclick: () => onChoose(step.key) }, step.key), " ", badge(step.state), h("span", { class: "quiet small" }, ` ${t("runs.attempt", { n: step.attempt })} · ${duration(step.duration)}`))));
      button.hidden = own.done;
      if (own.done && !own.found.length) replace(element, emptyState(t("runs.noRecord")));
    }
    button.click();
    return element;
  }
}
