// The console's frame: sign in, navigation, the router, shortcuts. docs/console.md tells how a view is written.

import { forget, get, signIn, signOut, signedIn, whenSignedOut } from "./core/api.js";
import { h, replace } from "./core/dom.js";
import { LANGUAGES, addTexts, currentLanguage, setLanguage, t } from "./core/i18n.js";
import { button, dialog, errorText, failed, keepTimes, liveRegions, loading, select } from "./core/widgets.js";
import texts from "./lang/core.js";

addTexts(texts);

const VIEWS = ["overview", "workflows", "runs", "events", "webhooks", "schedules", "sources", "flows", "pins"];
const GO_KEYS = { o: "overview", w: "workflows", r: "runs", e: "events", d: "webhooks", s: "schedules", q: "sources", f: "flows", p: "pins" };
const THEMES = ["auto", "light", "dark"];
const THEME = "penstock.theme";

let leave = new AbortController();
let me = null;

function stored(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = THEMES.includes(theme) ? theme : "auto";
  try { localStorage.setItem(THEME, theme); } catch { /* for this page only */ }
}

function frame() {
  document.documentElement.lang = currentLanguage();
  const main = h("main", { id: "main", tabindex: "-1" });
  const nav = h("nav", { id: "nav", "aria-label": t("nav.label") }, h("ul", {}, VIEWS.map((name) => h("li", {}, h("a", { href: `#/${name}`, data: { view: name } }, t(`nav.${name}`))))));
  const menu = button(t("nav.menu"), () => toggleMenu(), { kind: "menu", "aria-expanded": "false", "aria-controls": "nav" });
  const header = h("header", {},
    h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
    signedIn() ? menu : null,
    h("a", { class: "brand", href: "#/overview" }, "Penstock"),
    h("div", { class: "row settings" },
      select(THEMES.map((theme) => [theme, t(`theme.${theme}`)]), { "aria-label": t("theme"), value: document.documentElement.dataset.theme, onchange: (event) => applyTheme(event.target.value) }),
      select(Object.entries(LANGUAGES), { "aria-label": t("language"), value: currentLanguage(), onchange: (event) => changeLanguage(event.target.value) }),
      button("?", help, { title: t("help"), "aria-label": t("help") }),
      signedIn() ? h("span", { class: "who quiet", id: "who" }, whoText()) : null,
      signedIn() ? button(t("sign.out"), () => signOut()) : null));
  replace(document.body, header, signedIn() ? nav : null, main, liveRegions());
  document.body.classList.toggle("guest", !signedIn());
}

function toggleMenu(open = !document.body.classList.contains("menu-open")) {
  document.body.classList.toggle("menu-open", open);
  document.querySelector("header .menu")?.setAttribute("aria-expanded", String(open));
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function changeLanguage(language) {
  setLanguage(language);
  start();
}

const whoText = () => (me ? `${me.username || me.email || me.id}${me.orgs?.[0] ? ` · ${me.orgs[0].orgname || me.orgs[0].name}` : ""}` : "");

async function whoAmI() {
  if (me === null) me = (await get("v1/users/me")).data;
  const who = document.getElementById("who");
  if (who) who.textContent = whoText();
}

function askForKey(reason) {
  const key = h("input", { type: "password", name: "key", autocomplete: "off", required: true, spellcheck: "false", id: "key" });
  const problem = h("p", { class: "problem", role: "alert" }, reason ? t(`sign.${reason}`) : "");
  const submit = h("button", { type: "submit", class: "primary" }, t("sign.in"));
  async function enter(event) {
    event.preventDefault();
    const secret = key.value.trim();
    // Of other characters a browser makes no header.
    if (!/^[!-~]+$/.test(secret)) return replace(problem, t("sign.expired"));
    submit.disabled = true;
    replace(problem);
    signIn(secret);
    try {
      me = (await get("v1/users/me")).data;
      start();
    } catch (error) {
      if (error.status !== 401) {
        forget();
        replace(problem, errorText(error));
      }
      submit.disabled = false;
    }
    return undefined;
  }
  const form = h("form", { class: "card sign", onsubmit: enter }, h("h1", {}, t("sign.title")), h("p", {}, t("sign.why")),
    h("label", { for: "key" }, t("sign.key")), key, problem, submit);
  replace(document.getElementById("main"), form);
  document.title = `${t("sign.title")} – Penstock`;
  key.focus();
}

whenSignedOut((reason) => {
  me = null;
  leave.abort();
  frame();
  askForKey(reason);
});

function readAddress() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...parts] = path.split("/").map(decode);
  return { name: name || "overview", parts: parts.filter((part) => part !== ""), query: new URLSearchParams(query) };
}

function decode(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

let first = true;
async function route() {
  leave.abort();
  leave = new AbortController();
  toggleMenu(false);
  document.querySelectorAll("dialog[open]").forEach((open) => open.close());
  if (!signedIn()) return askForKey(null);
  const { name, parts, query } = readAddress();
  const { signal } = leave;
  const main = document.getElementById("main");
  const root = h("div", { class: `view view-${name}` }, loading());
  replace(main, root);
  for (const anchor of document.querySelectorAll("#nav a")) {
    if (anchor.dataset.view === name) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  // The first view of a visit leaves the focus where the browser has it, at the skip link.
  if (!first) main.focus({ preventScroll: true });
  if (!first) scrollTo(0, 0);
  first = false;
  const page = { root, parts, query, signal, go, remember: (values) => signal.aborted || remember(values), title: (text) => { if (!signal.aborted) document.title = `${text} – Penstock`; } };
  page.title(VIEWS.includes(name) ? t(`nav.${name}`) : t("missing.title"));
  try {
    if (!VIEWS.includes(name)) return replace(root, h("h1", {}, t("missing.title")), h("p", {}, t("missing.text")));
    const [view] = await Promise.all([load(name), whoAmI()]);
    if (!signal.aborted) await view.show(page);
  } catch (error) {
    if (!signal.aborted && error.name !== "AbortError" && error.status !== 401) replace(root, failed(error, route));
  }
}

// After an update the old console's modules may be gone.
async function load(name) {
  try {
    return await import(`./views/${name}.js`);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new Error(t("error.load"), { cause: error });
  }
}

function go(address, { replace: inPlace = false } = {}) {
  if (location.hash === address) return route();
  if (!inPlace) {
    location.hash = address;
    return undefined;
  }
  history.replaceState(null, "", address);
  return route();
}

function remember(values) {
  const { name, parts, query } = readAddress();
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === "") query.delete(key);
    else query.set(key, value);
  }
  const path = [name, ...parts.map(encodeURIComponent)].join("/");
  const text = query.toString();
  history.replaceState(null, "", `#/${path}${text ? `?${text}` : ""}`);
}

function help() {
  if (document.querySelector("dialog[open]")) return;
  const keys = [["?", t("help")], ["/", t("help.search")], ["Esc", t("help.escape")], ...Object.entries(GO_KEYS).map(([key, view]) => [`g ${key}`, t(`nav.${view}`)]), ["+ − 0", t("help.zoom")], ["← ↑ → ↓", t("help.pan")]];
  dialog(t("help"), () => h("dl", { class: "keys" }, keys.map(([key, text]) => h("div", {}, h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, text)))));
}

let goes = 0;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
  if (event.key === "?") help();
  else if (event.key === "/" && signedIn()) {
    const search = document.querySelector("main input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
  } else if (event.key === "g") goes = Date.now();
  else if (Date.now() - goes < 1500 && event.key in GO_KEYS && signedIn()) go(`#/${GO_KEYS[event.key]}`);
  else if (event.key === "Escape") toggleMenu(false);
});

function start() {
  frame();
  route();
}

applyTheme(stored(THEME) || "auto");
setInterval(keepTimes, 15000);
addEventListener("hashchange", route);
start();
