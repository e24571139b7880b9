// How the workspace fares: runs by the hour, what failed of late, how far the installation lags.

import { get, poll } from "../core/api.js";
import { h, replace, s } from "../core/dom.js";
import { addTexts, dateTime, duration, number, t } from "../core/i18n.js";
import { badge, emptyState, link, section, since, table } from "../core/widgets.js";
import texts from "../lang/overview.js";
import { addressTo } from "./kit.js";

addTexts(texts);

const OUTCOMES = [["success", "good"], ["failed", "bad"], ["cancelled", "other"], ["running", "busy"]];
const CHART = { height: 180, left: 34, bottom: 20, top: 8 };

export async function show(page) {
  let seen = null;
  const body = h("div", { class: "stack" });
  await look();
  replace(page.root, h("h1", {}, t("nav.overview")), body);
  await poll(look, page.signal, { fastest: 10000, slowest: 60000 });

  async function look() {
    const { data } = await get("v1/overview", { signal: page.signal });
    const text = JSON.stringify({ ...data, at: null });
    if (text === seen) return "same";
    // The table that somebody reads stays open.
    const open = body.querySelector("details")?.open;
    seen = text;
    replace(body, figures(data), chartCard(data, open), failures(data.failures), data.installation ? installation(data.installation) : null);
    return "changed";
  }
}

const total = (hours, outcome) => hours.reduce((sum, hour) => sum + hour[outcome], 0);

function figures({ hours }) {
  const [good, bad, live] = ["success", "failed", "running"].map((outcome) => total(hours, outcome));
  const rate = good + bad ? number(good / (good + bad), { style: "percent", maximumFractionDigits: 1 }) : "–";
  return h("div", { class: "figures" },
    figure(t("overview.succeeded"), number(good), "#/runs?status=success"),
    figure(t("overview.failed"), number(bad), "#/runs?status=failed", bad ? "bad" : ""),
    figure(t("overview.live"), number(live), "#/runs?status=running"),
    figure(t("overview.rate"), rate));
}

function figure(label, value, href, look = "") {
  const inside = [h("span", { class: "quiet small" }, label), h("span", { class: `figure ${look}` }, value)];
  return href ? h("a", { class: "card", href }, inside) : h("div", { class: "card" }, inside);
}

function installation(kinds) {
  return section(t("overview.installation"), table({
    caption: t("overview.installation"),
    rows: Object.entries(kinds),
    columns: [
      { label: t("overview.kind"), cell: ([kind]) => t(`overview.kind.${kind}`) },
      { label: t("overview.lag"), kind: "number", cell: ([, lag]) => lag.overdue_seconds === null ? t("overview.unknown") : lag.overdue_seconds < 1 ? t("overview.none") : warn(duration(lag.overdue_seconds * 1000), lag.overdue_seconds > 120) },
      { label: t("overview.waiting"), kind: "number", cell: ([, { messages }]) => (messages ? number(messages.waiting) : t("overview.unknown")) },
      { label: t("overview.inFlight"), kind: "number", cell: ([, { messages }]) => (messages ? number(messages.in_flight) : "–") },
      { label: t("overview.delayed"), kind: "number", cell: ([, { messages }]) => (messages ? number(messages.delayed) : "–") },
      { label: t("overview.dead"), kind: "number", cell: ([, lag]) => (lag.dead_letters === null ? t("overview.unknown") : warn(number(lag.dead_letters), lag.dead_letters > 0)) },
    ],
  }));
}

const warn = (text, isBad) => (isBad ? h("strong", { class: "bad-text" }, text) : text);

function chartCard(data, open) {
  const cut = data.truncated ? h("p", { class: "notice" }, t("overview.cut", { from: dateTime(data.counted_from) })) : null;
  const details = h("details", { open }, h("summary", {}, t("overview.asTable")), hourTable(data.hours));
  return section(t("overview.hours"), cut, h("div", { class: "legend" }, OUTCOMES.map(([outcome, look]) => h("span", { class: look }, t(`kit.outcome.${outcome}`)))), chart(data.hours), details);
}

const hourText = (at) => dateTime(at, { hour: "2-digit", minute: "2-digit" });

function chart(hours) {
  const most = Math.max(4, ...hours.map((hour) => OUTCOMES.reduce((sum, [outcome]) => sum + hour[outcome], 0)));
  const [room, floor] = [CHART.height - CHART.bottom - CHART.top, CHART.height - CHART.bottom];
  // Drawn to the width there is, so that a phone's letters are no smaller.
  const width = Math.min(Math.max(document.documentElement.clientWidth - 90, 260), 720);
  const step = (width - CHART.left) / hours.length;
  const every = width < 500 ? 8 : 4;
  const label = t("overview.summary", { good: total(hours, "success"), bad: total(hours, "failed") });
  const lines = [0, 0.5, 1].map((part) => s("g", {},
    s("line", { x1: CHART.left, x2: width, y1: floor - part * room, y2: floor - part * room, class: "line" }),
    s("text", { x: CHART.left - 6, y: floor - part * room + 4, "text-anchor": "end" }, number(Math.round(most * part)))));
  const bars = hours.map((hour, index) => {
    let y = floor;
    const parts = OUTCOMES.map(([outcome, look]) => {
      const height = (hour[outcome] / most) * room;
      y -= height;
      return height ? s("rect", { class: look, x: CHART.left + index * step + 2, y, width: step - 4, height }) : null;
    });
    const tick = index % every === every - 1 ? s("text", { x: Math.min(CHART.left + (index + 0.5) * step, width - 18), y: CHART.height - 4, "text-anchor": "middle" }, hourText(hour.at)) : null;
    return s("g", {}, s("title", {}, `${hourText(hour.at)}: ${OUTCOMES.map(([outcome]) => `${t(`kit.outcome.${outcome}`)} ${hour[outcome]}`).join(", ")}`), s("rect", { class: "hit", x: CHART.left + index * step, y: CHART.top, width: step, height: room }), parts, tick);
  });
  return s("svg", { class: "chart", role: "img", "aria-label": label, viewBox: `0 0 ${width} ${CHART.height}` }, lines, bars);
}

function hourTable(hours) {
  return table({
    caption: t("overview.hours"),
    rows: [...hours].reverse(),
    columns: [{ label: t("overview.hour"), cell: (hour) => dateTime(hour.at, { weekday: "short", hour: "2-digit", minute: "2-digit" }) },
      ...OUTCOMES.map(([outcome]) => ({ label: t(`kit.outcome.${outcome}`), kind: "number", cell: (hour) => number(hour[outcome]) }))],
  });
}

function failures(runs) {
  if (!runs.length) return section(t("overview.failures"), emptyState(t("overview.noFailures")));
  return section(t("overview.failures"), table({
    caption: t("overview.failures"),
    rows: runs,
    rowHref: (run) => addressTo("runs", run.id),
    columns: [
      { label: t("overview.workflow"), cell: (run) => link(addressTo("runs", run.id), run.workflow_name || run.workflow_id) },
      { label: t("overview.status"), cell: (run) => badge(run.state) },
      { label: t("overview.started"), cell: (run) => since(run.started_at) },
      { label: t("overview.duration"), kind: "number", cell: (run) => duration(run.duration) },
    ],
  }));
}
