"use strict";

const PinPage = (() => {
  const REFRESH_MS = 10000;
  const LONGEST_PAUSE_MS = 300000;
  const KEPT_POINTS = 100;
  const KEY_NAME = "penstock-pin-key";
  const SVG = "http://www.w3.org/2000/svg";
  const KINDS = {
    completed: "good", success: "good", succeeded: "good", done: "good", ok: "good", healthy: "good",
    failed: "bad", error: "bad", failure: "bad", critical: "bad",
    running: "busy", "in progress": "busy", in_progress: "busy", processing: "busy",
    pending: "idle", queued: "idle", waiting: "idle", paused: "idle", warning: "idle",
  };

  // -- what to show: no document here --------------------------------------------------------------------------------

  /** Where the API is and which pin this is, from an address such as `/stage/pins/p-1`. */
  function placeOf(pathname) {
    const at = pathname.lastIndexOf("/pins/");
    const segment = pathname.slice(at + "/pins/".length).split("/")[0];
    let pinId = segment;
    try { pinId = decodeURIComponent(segment); } catch { /* shown as it is */ }
    return { base: pathname.slice(0, Math.max(at, 0)), pinId };
  }

  function requestFor(place, key, withSeries) {
    const kind = key ? "pins" : "public/pins";
    const query = withSeries ? "?series=true" : "";
    return {
      url: `${place.base}/api/${kind}/${encodeURIComponent(place.pinId)}/overview${query}`,
      headers: key ? { Authorization: `Bearer ${key}` } : {},
    };
  }

  function statusOf(fields) {
    const found = fields.find(([path]) => path === "status");
    if (!found || typeof found[1] !== "string" || !found[1].trim()) return null;
    const text = found[1].trim();
    return { text, kind: own(KINDS, text.toLowerCase()) || "other" };
  }

  /** The member that an object has itself: names come from others, and may be those that every object inherits. */
  function own(object, name) {
    return Object.hasOwn(object, name) ? object[name] : undefined;
  }

  /** Percent, from a number or a text such as "75%"; null if there is none. */
  function progressOf(fields) {
    const found = fields.find(([path]) => path === "progress");
    if (!found) return null;
    const match = typeof found[1] === "string" ? /^\s*(\d+(?:\.\d+)?)\s*%?\s*$/.exec(found[1]) : null;
    const number = match ? Number(match[1]) : found[1];
    return typeof number === "number" && Number.isFinite(number) ? Math.min(100, Math.max(0, number)) : null;
  }

  function metricsOf(fields) {
    const progress = progressOf(fields);
    const status = statusOf(fields);
    return fields.filter(([path]) => !(path === "status" && status) && !(path === "progress" && progress !== null));
  }

  function format(value) {
    if (value === null) return "–";
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value !== "number") return value === "" ? "(empty)" : String(value);
    if (!Number.isFinite(value)) return String(value);
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e15 || size < 1e-6) return value.toExponential(3);
    return value.toLocaleString("en", { maximumFractionDigits: size >= 1000 ? 2 : 6 });
  }

  /** SVG path data of a line through the points, and of the area below it, in a box of this size. */
  function sparkline(points, width, height) {
    if (points.length < 2) return null;
    const values = points.map(([, value]) => value);
    const low = Math.min(...values);
    const high = Math.max(...values);
    const span = high - low;
    const first = points[0][0];
    const length = points[points.length - 1][0] - first || 1;
    const x = (version) => round(((version - first) / length) * width);
    const y = (value) => round(span > 0 && Number.isFinite(span) ? height - ((value - low) / span) * height : height / 2);
    const line = points.map(([version, value], i) => `${i ? "L" : "M"}${x(version)} ${y(value)}`).join("");
    return { line, area: `${line}L${round(width)} ${round(height)}L0 ${round(height)}Z` };
  }

  function round(number) {
    return Math.round(number * 100) / 100;
  }

  /** What a sparkline says to those who do not see it. */
  function describe(path, points) {
    const values = points.map(([, value]) => value);
    const [first, last] = [values[0], values[values.length - 1]];
    const way = last > first ? "up" : last < first ? "down" : "unchanged";
    return `${path}: ${way} from ${format(first)} to ${format(last)} over ${points.length} updates, `
      + `lowest ${format(Math.min(...values))}, highest ${format(Math.max(...values))}`;
  }

  /** What is known after a fresh answer, by workflow id; the numbers of a new version continue their series. */
  function merge(known, workflows) {
    const merged = new Map();
    for (const workflow of workflows) {
      const before = known.get(workflow.id);
      const fresh = Object.keys(workflow.series).length > 0;
      const series = fresh ? workflow.series : continued(before, workflow);
      merged.set(workflow.id, { ...workflow, series });
    }
    return merged;
  }

  function continued(before, workflow) {
    if (!before || before.version === workflow.version) return before ? before.series : {};
    const series = [];
    for (const [path, value] of workflow.fields) {
      if (typeof value !== "number") continue;
      const earlier = own(before.series, path) || numberAt(before, path);
      if (earlier.length) series.push([path, [...earlier, [workflow.version, value]].slice(-KEPT_POINTS)]);
    }
    return Object.fromEntries(series);
  }

  function numberAt(workflow, path) {
    const found = workflow.fields.find(([name]) => name === path);
    return found && typeof found[1] === "number" ? [[workflow.version, found[1]]] : [];
  }

  /** Whether versions were missed, or a workflow is new, so that only the kept history tells the series. */
  function needsSeries(known, workflows) {
    return workflows.some((workflow) => {
      const before = known.get(workflow.id);
      return !before ? workflow.version > 1 : workflow.version > before.version + 1;
    });
  }

  /** What to say aloud: changes of status alone, or a page that refreshes would never be quiet. */
  function changesOf(known, merged) {
    const said = [];
    for (const [id, workflow] of merged) {
      const before = known.get(id);
      const now = statusOf(workflow.fields);
      const then = before && statusOf(before.fields);
      if (before && now && (!then || then.text !== now.text)) said.push(`${id}: ${now.text}`);
    }
    return said.join(". ");
  }

  /** What an answer that is no success means, and whether a key may help. */
  function problemOf(status, hasKey) {
    if (status === 401) return { text: "This key is not valid, or was revoked.", asks: true };
    if (status === 403) return { text: "This key may not read this pin: it is somebody else's and not public.", asks: true };
    if (status === 404 && !hasKey) return { text: "There is no public pin here. If it is yours, enter a key.", asks: true };
    if (status === 404) return { text: "This pin does not exist.", asks: true };
    if (status === 429) return { text: "Too many requests; the page goes on by itself in a while.", asks: false };
    return { text: "The pin could not be read; the page tries again by itself.", asks: false };
  }

  function pauseAfter(failures, retryAfter) {
    const wished = Number(retryAfter) * 1000;
    if (wished > 0) return Math.min(Math.max(wished, REFRESH_MS), 3600000);
    return Math.min(REFRESH_MS * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS);
  }

  function ago(from, now) {
    const seconds = Math.max(0, Math.round((now - from) / 1000));
    if (!Number.isFinite(seconds)) return "";
    for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
      const count = Math.floor(seconds / size);
      if (count) return `${count} ${name}${count > 1 ? "s" : ""} ago`;
    }
    return seconds < 5 ? "just now" : `${seconds} seconds ago`;
  }

  // -- showing it ----------------------------------------------------------------------------------------------------

  function element(document, name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function drawTrend(document, path, points) {
    const shape = sparkline(points, 100, 30);
    const svg = document.createElementNS(SVG, "svg");
    const attributes = { viewBox: "0 0 100 30", preserveAspectRatio: "none", role: "img", "aria-label": describe(path, points) };
    for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
    for (const [kind, data] of [["area", shape.area], ["line", shape.line]]) {
      const drawn = document.createElementNS(SVG, "path");
      drawn.setAttribute("class", kind);
      drawn.setAttribute("d", data);
      svg.append(drawn);
    }
    return svg;
  }

  function drawMetric(document, path, value, points) {
    const row = element(document, "div", "metric");
    row.append(element(document, "dt", "", path), element(document, "dd", "", format(value)));
    if (points && points.length > 1) {
      const trend = element(document, "dd", "trend");
      trend.append(drawTrend(document, path, points));
      row.append(trend);
    }
    return row;
  }

  function drawProgress(document, id, progress) {
    const bar = element(document, "div", "bar");
    const meter = element(document, "progress");
    meter.setAttribute("max", "100");
    meter.setAttribute("value", String(progress));
    meter.setAttribute("aria-label", `Progress of ${id}`);
    const text = element(document, "span", "", `${format(Math.round(progress * 10) / 10)} %`);
    bar.append(meter, text);
    return bar;
  }

  /** The whole of a workflow's card; `headingId` names it to screen readers. */
  function drawWorkflow(document, workflow, headingId) {
    const head = element(document, "div", "head");
    const title = element(document, "h2", "", workflow.id.trim() ? workflow.id : "(blank)");
    title.id = headingId;
    head.append(title);
    const status = statusOf(workflow.fields);
    if (status) head.append(element(document, "p", `status ${status.kind}`, status.text));
    const when = element(document, "p", "when", "Updated ");
    const time = element(document, "time", "", workflow.updated_at);
    time.setAttribute("datetime", workflow.updated_at);
    time.setAttribute("title", workflow.updated_at);
    when.append(time);
    const parts = [head, when];
    const progress = progressOf(workflow.fields);
    if (progress !== null) parts.push(drawProgress(document, workflow.id, progress));
    const list = element(document, "dl");
    const metrics = metricsOf(workflow.fields);
    list.append(...metrics.map(([path, value]) => drawMetric(document, path, value, own(workflow.series, path))));
    if (metrics.length) parts.push(list);
    const rest = workflow.fields_total - workflow.fields.length;
    if (rest > 0) parts.push(element(document, "p", "rest", `and ${rest} more`));
    return parts;
  }

  class Page {
    constructor(window) {
      this.window = window;
      this.document = window.document;
      this.place = placeOf(window.location.pathname);
      this.known = new Map();
      this.cards = new Map();
      this.failures = 0;
      this.paused = false;
      this.asking = 0;
      this.readAt = null;
      this.seriesAt = 0;
    }

    get(id) {
      return this.document.getElementById(id);
    }

    start() {
      this.get("access").addEventListener("submit", (event) => {
        event.preventDefault();
        this.useKey(this.get("key").value.trim());
      });
      this.get("forget").addEventListener("click", () => this.useKey(""));
      this.get("pause").addEventListener("click", () => this.setPaused(!this.paused));
      this.document.addEventListener("visibilitychange", () => this.goOn(0));
      this.window.setInterval(() => this.showTimes(), 5000);
      return this.refresh();
    }

    key() {
      try { return this.window.sessionStorage.getItem(KEY_NAME) || ""; } catch { return this.keptKey || ""; }
    }

    async useKey(key) {
      this.keptKey = key;
      try {
        if (key) this.window.sessionStorage.setItem(KEY_NAME, key);
        else this.window.sessionStorage.removeItem(KEY_NAME);
      } catch { /* a tab that may not store keeps it for as long as the page is open */ }
      this.get("key").value = "";
      this.clear();
      await this.refresh();
      // What had the focus may be hidden now, and a keyboard would have to start again from the top.
      this.get(this.get("access").hidden ? "workflows" : "key").focus();
    }

    clear() {
      this.known = new Map();
      for (const card of this.cards.values()) card.remove();
      this.cards.clear();
      this.failures = 0;
      this.readAt = null;
      for (const id of ["description", "tags", "empty", "more"]) this.get(id).hidden = true;
      this.get("title").textContent = "Pin";
      this.document.title = "Pin";
    }

    setPaused(paused) {
      this.paused = paused;
      this.get("pause").setAttribute("aria-pressed", String(paused));
      this.goOn(0);
    }

    goOn(pause) {
      this.window.clearTimeout(this.timer);
      if (this.paused || this.document.visibilityState === "hidden") return;
      this.timer = this.window.setTimeout(() => this.refresh(), pause);
    }

    async refresh() {
      const asked = ++this.asking;
      let pause = REFRESH_MS;
      try {
        const answer = await this.ask(this.known.size === 0);
        if (asked !== this.asking) return;
        if (answer.ok) await this.take(answer, asked);
        else pause = this.fail(answer.status, answer.headers.get("retry-after"));
      } catch {
        if (asked !== this.asking) return;
        pause = this.fail(0, null);
      }
      if (pause !== null) this.goOn(pause);
    }

    ask(withSeries) {
      const { url, headers } = requestFor(this.place, this.key(), withSeries);
      return this.window.fetch(url, { headers, credentials: "omit", cache: "no-cache" });
    }

    async take(answer, asked) {
      let { data } = await answer.json();
      if (this.known.size && needsSeries(this.known, data.workflows) && Date.now() - this.seriesAt > 60000) {
        this.seriesAt = Date.now();
        const again = await this.ask(true);
        if (again.ok) ({ data } = await again.json());
      }
      if (asked !== this.asking) return;
      this.failures = 0;
      this.readAt = Date.now();
      this.show(data);
    }

    fail(status, retryAfter) {
      this.failures += 1;
      const problem = problemOf(status, this.key() !== "");
      const notice = this.get("notice");
      if (notice.textContent !== problem.text) notice.textContent = problem.text;
      notice.hidden = false;
      this.get("access").hidden = !problem.asks;
      this.get("forget").hidden = this.key() === "";
      if (problem.asks) {
        const failures = this.failures;
        this.clear();
        this.failures = failures;
      }
      this.showTimes();
      return problem.asks && this.key() ? null : pauseAfter(this.failures, retryAfter);
    }

    show(data) {
      const merged = merge(this.known, data.workflows);
      const said = changesOf(this.known, merged);
      this.showPin(data.pin);
      this.showWorkflows(merged);
      this.get("notice").hidden = true;
      this.get("notice").textContent = "";
      this.get("access").hidden = true;
      this.get("forget").hidden = this.key() === "";
      this.get("empty").hidden = merged.size > 0;
      const rest = data.total - merged.size;
      this.get("more").hidden = rest <= 0;
      this.get("more").textContent = `and ${rest} more workflows`;
      if (said) this.get("announcer").textContent = said;
      this.known = merged;
      this.showTimes();
    }

    showPin(pin) {
      const { title, description, tags } = pin.metadata;
      this.document.title = title;
      this.get("title").textContent = title;
      this.get("description").textContent = description;
      this.get("description").hidden = !description;
      this.get("tags").replaceChildren(...tags.map((tag) => element(this.document, "li", "", tag)));
      this.get("tags").hidden = tags.length === 0;
    }

    showWorkflows(merged) {
      for (const [id, card] of this.cards) {
        if (!merged.has(id)) {
          card.remove();
          this.cards.delete(id);
        }
      }
      // Cards stay where they first appeared: a list that reorders itself cannot be read.
      for (const [id, workflow] of merged) {
        const before = this.known.get(id);
        const card = this.cards.get(id) || this.addCard(id);
        if (!before || before.version !== workflow.version) {
          card.replaceChildren(...drawWorkflow(this.document, workflow, card.getAttribute("aria-labelledby")));
        }
      }
    }

    addCard(id) {
      const card = element(this.document, "article");
      card.setAttribute("aria-labelledby", `workflow-${this.cards.size}-${this.asking}`);
      this.cards.set(id, card);
      this.get("workflows").append(card);
      return card;
    }

    showTimes() {
      const now = Date.now();
      for (const time of this.document.querySelectorAll("time")) {
        const text = ago(Date.parse(time.getAttribute("datetime")), now);
        if (time.textContent !== text) time.textContent = text;
      }
      const fresh = this.readAt === null ? "" : `Read ${ago(this.readAt, now)}`;
      this.get("freshness").textContent = [fresh, this.paused ? "paused" : ""].filter(Boolean).join(", ");
    }
  }

  return {
    placeOf, requestFor, statusOf, progressOf, metricsOf, format, sparkline, describe, merge, needsSeries, changesOf,
    problemOf, pauseAfter, ago, drawWorkflow, Page,
  };
})();

if (typeof module === "object") module.exports = PinPage;
else new PinPage.Page(window).start();
