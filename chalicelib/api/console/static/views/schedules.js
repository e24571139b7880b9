// Schedules: what starts workflows again and again, when it does so next, and why then.

import texts from "../lang/schedules.js";
import { about, actionButton, addTexts, addressTo, ask, asking, badge, button, card, code, codeLink, dialog, dialogButton, enc, field, h, head, idText, jsonField, jsonView, lazily, link, pages, post, remove, replace, rowsOf, section, select, since, stateColumn, t, time, viewOf } from "./kit.js";

addTexts(texts);

const OVERLAPS = ["allow", "skip", "queue"];
const CATCH_UPS = ["none", "last", "all"];
const stateOf = ({ enabled }) => (enabled ? "active" : "paused");
const timing = ({ cron, interval_seconds: every, timezone }) => (cron ? [code(cron), ` ${timezone}`] : t("kit.every", { seconds: every }));
// What a source's timer starts is no run of its own.
const lastRun = ({ workflow_id: started, last_execution_id: id, last_run_at: at }) => (id && viewOf(started) === "workflows" ? link(addressTo("runs", id), since(at)) : since(at));
const startedBy = ({ workflow_id: id }) => codeLink(viewOf(id), id);

export async function show(page) {
  if (page.parts.length) return showSchedule(page, page.parts[0]);
  const workflow = page.query.get("workflow");
  return replace(page.root,
    h("div", { class: "row between" }, h("h1", {}, t("nav.schedules")), button(t("schedules.new"), () => create(page, workflow), { kind: "primary" })),
    card(pages(page, "nav.schedules", "schedules.none", [
      ["kit.name", (each) => [link(addressTo("schedules", each.id), each.name || each.id), each.managed ? [" ", h("span", { class: "tag" }, t("schedules.managed"))] : null], "main"],
      stateColumn(stateOf),
      ["schedules.when", timing],
      ["schedules.starts", startedBy, "optional"],
      ["schedules.next", ({ next_run_at: at }) => since(at)],
      ["schedules.last", lastRun],
    ], ({ id }) => addressTo("schedules", id), async ({ page: number }) => {
      const data = await ask(page, "v1/schedules", { page: number, workflow_id: workflow });
      return { rows: data.schedules, ...data.pagination };
    })));
}

async function showSchedule(page, id) {
  const path = `v1/schedules/${enc(id)}`;
  const found = await ask(page, path);
  const turn = found.enabled ? "pause" : "resume";
  const actions = [actionButton(t(`kit.${turn}`), async () => {
    await post(`${path}/${turn}`);
    await showSchedule(page, id);
  }), asking("kit.delete", t("schedules.deleteWhy"), async () => {
    await remove(path);
    page.go("#/schedules");
  })];
  replace(page.root,
    head(page, "schedules", found.name || id, badge(stateOf(found)), ...(found.managed ? [] : actions)),
    found.managed ? h("p", { class: "notice" }, t("schedules.managedWhy")) : null,
    card(about([
      ["schedules.when", timing(found)],
      ["schedules.starts", startedBy(found)],
      ["kit.id", idText(id)],
      ["schedules.overlap", t(`schedules.overlap.${found.overlap}`)],
      ["schedules.catchUp", t(`schedules.catchUp.${found.catch_up}`)],
      ["schedules.skipped", found.skipped ? String(found.skipped) : null],
      ["schedules.last", lastRun(found)],
    ]), Object.keys(found.input || {}).length ? jsonView(found.input, { label: t("schedules.input") }) : null),
    section(t("schedules.upcoming"), found.enabled ? null : h("p", { class: "quiet" }, t("schedules.wouldBe")),
      lazily(async () => fires(await ask(page, `${path}/upcoming`, { count: 10 })))));
}

const fires = ({ upcoming, timezone }) => rowsOf("schedules.upcoming", "schedules.never", upcoming, [
  ["schedules.yours", ({ at }) => time(at), "main"],
  ["schedules.there", ({ local }) => `${local.slice(0, 19).replace("T", " ")} ${timezone} (${local.slice(19)})`],
  ["schedules.why", ({ reason }) => h("span", { class: "quiet small" }, reason)],
]);

async function create(page, workflow) {
  const { workflows } = await ask(page, "v1/workflows", { limit: 100 });
  const made = await dialog(t("schedules.new"), (close) => newSchedule(page, workflow, workflows, close), { wide: true });
  if (made) page.go(addressTo("schedules", made.id));
}

function newSchedule(page, workflow, workflows, close) {
  const which = h("input", { required: true, list: "workflows", value: workflow || "", spellcheck: "false", placeholder: "wf_…" });
  const name = h("input", { maxlength: 255 });
  const fields = {
    cron: field(t("schedules.cron"), h("input", { required: true, spellcheck: "false", value: "0 7 * * MON-FRI" }), t("schedules.cronHint")),
    interval_seconds: field(t("schedules.interval"), h("input", { type: "number", min: 1, required: true, value: 3600 })),
  };
  const value = h("div", {}, fields.cron);
  const kind = select([["cron", t("schedules.cron")], ["interval_seconds", t("schedules.interval")]], { onchange: () => { replace(value, fields[kind.value]); } });
  const zone = h("input", { list: "zones", required: true, value: Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC", spellcheck: "false" });
  const overlap = select(OVERLAPS.map((each) => [each, t(`schedules.overlap.${each}`)]));
  const catchUp = select(CATCH_UPS.map((each) => [each, t(`schedules.catchUp.${each}`)]));
  const input = jsonField(t("schedules.input"), {}, { rows: 3, objectOnly: true });
  const seen = h("div", { "aria-live": "polite" });
  const read = () => {
    const control = value.querySelector("input");
    return control.reportValidity() && zone.reportValidity() && { [kind.value]: kind.value === "cron" ? control.value : Number(control.value), timezone: zone.value };
  };
  const preview = dialogButton("schedules.preview", seen, async () => {
    const when = read();
    if (when) replace(seen, fires((await post("v1/schedules/preview", when, { query: { count: 5 }, signal: page.signal })).data)).scrollIntoView({ block: "nearest" });
  }, "");
  const save = dialogButton("kit.save", seen, async () => {
    const when = which.reportValidity() && read();
    if (when) close((await post("v1/schedules", { ...when, workflow_id: which.value.trim(), name: name.value, overlap: overlap.value, catch_up: catchUp.value, input: input.read() })).data);
  });
  const options = (id, values) => h("datalist", { id }, values.map((each) => h("option", { value: each.id || each }, each.name)));
  return [
    options("workflows", workflows), options("zones", Intl.supportedValuesOf("timeZone")),
    h("div", { class: "grid" }, field(t("kit.workflow"), which), field(t("kit.name"), name), field(t("schedules.when"), kind), value, field(t("schedules.zone"), zone), field(t("schedules.overlap"), overlap), field(t("schedules.catchUp"), catchUp)),
    input, seen, h("div", { class: "row end" }, preview, save),
  ];
}
