// One receiver of events: its state and secret, whom it hears, and what was sent to it.

import { about, actionButton, addressTo, ask, asking, badge, button, card, code, codeLink, dialog, enc, field, form, get, h, head, idText, instant, link, PAGE, pages, post, remove, replace, rowsOf, seconds, section, select, since, t, timeField, toast, word } from "./kit.js";

const STATUSES = ["", "dead", "pending", "held", "succeeded"];
const addressOf = ({ webhook_id: id, id: delivery }) => addressTo("webhooks", id, delivery);

export async function showEndpoint(page, id) {
  const path = `v1/webhooks/${enc(id)}`;
  const [endpoint, subscriptions] = await Promise.all([ask(page, path), ask(page, "v1/users/me/subscriptions")]);
  const { status, status_reason: reason, headers, rate_limit: rate } = endpoint;
  const again = () => showEndpoint(page, id);
  replace(page.root,
    head(page, "webhooks", endpoint.name || id, badge(status), ...actions(page, path, endpoint, again)),
    status === "active" ? null : h("p", { class: status === "disabled" ? "notice bad" : "notice" }, t(`webhooks.is.${status}`), reason ? ` (${reason})` : null),
    card(about([
      ["webhooks.url", idText(endpoint.url)],
      ["kit.id", idText(id)],
      ["webhooks.description", endpoint.description],
      ["webhooks.failingSince", seconds(endpoint.failing_since)],
      ["webhooks.types", endpoint.event_types.join(", ") || t("kit.all")],
      ["webhooks.rate", rate && `${rate}/s`],
      ["webhooks.headers", Object.keys(headers).length ? code(Object.entries(headers).map((each) => each.join(": ")).join("; ")) : null],
      ["kit.created", seconds(endpoint.created_at)],
    ])),
    section(t("webhooks.deliveries"), deliveries(page, path)),
    section(t("webhooks.hears"), hears(id, subscriptions.filter((each) => each.listener_id === id), again)));
}

function actions(page, path, { status }, again) {
  const turn = status === "active" ? "pause" : "resume";
  return [
    actionButton(t("webhooks.test"), async () => page.go(addressOf((await post(`${path}/test`, {})).data))),
    actionButton(t(`kit.${turn}`), async () => {
      const { data } = await post(`${path}/${turn}`);
      if (data.released) toast(t("webhooks.released", { n: data.released }));
      await again();
    }),
    button(t("webhooks.recover"), () => recover(page, path, again)),
    asking("webhooks.secret", t("webhooks.secretWhy"), async () => tell((await get(`${path}/secret`)).data), false),
    asking("webhooks.rotate", t("webhooks.rotateWhy"), async () => tell((await post(`${path}/secret/rotate`, {})).data)),
    asking("kit.delete", t("webhooks.deleteWhy"), async () => {
      await remove(path);
      page.go("#/webhooks");
    }),
  ];
}

const tell = ({ secret, previous_secret_expires_at: until }) => dialog(t("webhooks.secretTitle"), () => [
  idText(secret), h("p", {}, t("webhooks.keep")), until ? h("p", {}, t("webhooks.oldUntil"), " ", seconds(until)) : null]);

function deliveries(page, path) {
  const status = select(STATUSES.map((each) => [each, each ? word("status", each) : t("kit.all")]), { value: page.query.get("status") || "", onchange: refresh });
  const [from, to] = ["from", "to"].map((name) => timeField(page.query.get(name), { onchange: refresh }));
  const holder = h("div");
  let list = null;
  refresh();
  return h("div", { class: "stack" }, h("div", { class: "filters" }, field(t("kit.state"), status), field(t("kit.from"), from), field(t("kit.to"), to), button(t("kit.refresh"), () => list.reload())), holder);

  function refresh() {
    page.remember({ status: status.value, from: from.value, to: to.value });
    list = pages(page, "webhooks.deliveries", "webhooks.noDeliveries", [
      ["kit.state", (each) => badge(each.status)],
      ["webhooks.type", (each) => link(addressOf(each), each.type), "main"],
      ["kit.created", (each) => since(each.created_at * 1000)],
      ["webhooks.attempts", (each) => each.attempt_count, "number"],
      ["webhooks.answer", ({ last_attempt: last }) => (last ? last.status ?? last.error : "–")],
      ["webhooks.next", ({ next_attempt_at: at }) => since(at && at * 1000)],
    ], addressOf, async ({ cursor }) => {
      const query = { status: status.value, since: instant(from), until: instant(to), limit: PAGE, cursor };
      const { data, page_info: info } = await get(`${path}/deliveries`, { query, signal: page.signal });
      return { rows: data, next: info.next_cursor };
    });
    replace(holder, list);
  }
}

async function recover(page, path, again) {
  const from = timeField("", { required: true });
  const to = timeField();
  const done = await form("webhooks.recover", "webhooks.recover", [h("p", {}, t("webhooks.recoverWhy")), field(t("kit.from"), from), field(t("kit.to"), to)],
    async () => from.reportValidity() && (await post(`${path}/recover`, { since: instant(from), until: instant(to) || null })).data);
  if (!done) return;
  toast(t("webhooks.recovered", { n: done.recovered }));
  if (done.execution_id) page.go(addressTo("runs", done.execution_id));
  else await again();
}

function hears(id, subscriptions, again) {
  const emitter = h("input", { placeholder: "wf_… dc_… p_*", spellcheck: "false", required: true });
  const channel = h("input", { spellcheck: "false" });
  const change = (key, work) => actionButton(t(key), async () => {
    if (await work() !== false) await again();
  });
  return [
    rowsOf("webhooks.hears", "webhooks.hearsNobody", subscriptions, [
      ["kit.emitter", ({ emitter_id: each }) => codeLink("events", each), "main"],
      ["kit.channel", ({ event_name: name }) => name || t("kit.default")],
      ["", (each) => change("webhooks.unsubscribe", () => remove("v1/subscriptions", { query: { ...each, id: null } })), "actions"],
    ]),
    h("div", { class: "filters" }, field(t("kit.emitter"), emitter), field(t("kit.channel"), channel), change("webhooks.subscribe", () => emitter.reportValidity()
      && post("v1/subscriptions", { emitter_id: emitter.value.trim(), event_name: channel.value.trim() || null, listener_id: id }))),
  ];
}
